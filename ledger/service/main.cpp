// chancery-ledgerd: owns the ledger, and serves it over a local socket.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include <cxxopts.hpp>
#include <pwd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "ledger/confine/confine.h"
#include "ledger/service/journal.h"
#include "ledger/service/server.h"

namespace {

using chancery::service::Priority;
using chancery::service::say;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// A user by name or by number.
uid_t user_of(const std::string& text) {
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error == std::errc() && end == text.data() + text.size()) return uid;
  const passwd* user = ::getpwnam(text.c_str());  // before there are threads
  if (user == nullptr) throw std::runtime_error("there is no user " + text + "; systemd-sysusers makes them");
  return user->pw_uid;
}

cxxopts::Options flags() {
  cxxopts::Options options("chancery-ledgerd",
                           "Owns the ledger: writes it, signs its checkpoints, serves it locally.\n"
                           "\nExample: chancery-ledgerd --ledger L --keys K --socket L.sock "
                           "--origin hub.example.org/ledger\n");
  const std::string uid = std::to_string(::geteuid());
  auto add = options.add_options();
  add("ledger", "folder of the ledger", cxxopts::value<std::string>());
  add("keys", "folder of the key files", cxxopts::value<std::string>());
  add("socket", "path of the socket to serve", cxxopts::value<std::string>());
  add("origin", "name of the ledger, such as hub.example.org/ledger", cxxopts::value<std::string>());
  add("hub-uid", "user of chanceryd, a name or a number", cxxopts::value<std::string>()->default_value(uid));
  add("admin-uid", "user of the administrator", cxxopts::value<std::string>()->default_value(uid));
  add("h,help", "show this");
  return options;
}

int serve(const cxxopts::ParseResult& given) {
  chancery::service::ServerOptions place;
  place.socket = given["socket"].as<std::string>();
  place.hub_uid = user_of(given["hub-uid"].as<std::string>());
  place.admin_uid = user_of(given["admin-uid"].as<std::string>());

  chancery::log::Options options;
  options.folder = given["ledger"].as<std::string>();
  options.keys = given["keys"].as<std::string>();
  options.origin = given["origin"].as<std::string>();
  options.alarm = [](bool writable, const std::string& what) {
    say(writable ? Priority::warning : Priority::error, what);
  };
  chancery::log::Log log(options);
  const auto head = log.head();

  chancery::service::Server server(log, place);
  std::uint64_t watchdog = 0;
  if (::sd_watchdog_enabled(0, &watchdog) > 0) {
    server.watch(std::chrono::milliseconds(watchdog / 2000), [] { chancery::service::notify("WATCHDOG=1"); });
  }
  say(Priority::info, options.origin + " has " + std::to_string(head.size) + " entries; serving");
  chancery::service::notify("READY=1");
  server.run(true);
  say(Priority::info, "stopped at " + std::to_string(log.head().size) + " entries");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  auto options = flags();
  try {
    chancery::confine::give_up_what_a_daemon_never_needs();
    const auto given = options.parse(count, arguments);
    if (given.count("help") > 0) return std::puts(options.help().c_str()) < 0 ? kFailed : 0;
    for (const char* name : {"ledger", "keys", "socket", "origin"}) {
      if (given.count(name) == 0) {
        say(Priority::error, std::string("--") + name + " is missing; --help shows an example");
        return kUsage;
      }
    }
    return serve(given);
  } catch (const cxxopts::exceptions::exception& error) {
    say(Priority::error, std::string(error.what()) + "; see --help");
    return kUsage;
  } catch (const std::exception& error) {
    say(Priority::error, error.what());
    return kFailed;
  }
}
