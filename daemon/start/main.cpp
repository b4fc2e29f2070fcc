// chanceryd: the network side of the hub.
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <cxxopts.hpp>

#include "daemon/start/start.h"
#include "ledger/confine/confine.h"

namespace {

constexpr int kFailed = 2;

int run(int count, char** arguments) {
  cxxopts::Options options("chanceryd", "Chancery's network side: SFTP, policy, sealing, objects.");
  options.add_options()("config", "the directory of chancery.toml",
                        cxxopts::value<std::string>()->default_value("/etc/chancery"),
                        "DIR")("check", "read the configuration, report every mistake, and exit")(
      "version", "print the version and exit")("h,help", "print this help and exit");
  const auto given = options.parse(count, arguments);
  if (given.count("help") != 0) {
    std::cout
        << options.help() << "\nExample:\n  chanceryd --config /etc/chancery\n\n"
        << "SIGHUP reloads the policy, all of it or nothing; SIGTERM and SIGINT stop the hub in order.\n"
        << "Exit codes: 0 stopped in order, 2 could not start or go on.\n";
    return EXIT_SUCCESS;
  }
  if (given.count("version") != 0) {
    std::cout << "chanceryd " << CHANCERY_VERSION << "\n";
    return EXIT_SUCCESS;
  }
  const std::string directory = given["config"].as<std::string>();
  return given.count("check") != 0 ? chancery::start::check(directory) : chancery::start::serve(directory);
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    chancery::confine::give_up_what_a_daemon_never_needs();
    return run(count, arguments);
  } catch (const std::exception& error) {
    std::cerr << "chanceryd: " << error.what() << "\n";
    return kFailed;
  }
}
