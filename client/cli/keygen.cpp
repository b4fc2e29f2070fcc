#include <ctime>
#include <iostream>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/options.h"
#include "policies/seal/recipient.h"

namespace chancery::cli {
namespace {

std::string identity_file(const seal::Identity& identity) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char created[32];
  std::strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string("# created: ") + created + "\n# public key: " + identity.recipient().text() + "\n" +
         identity.text() + "\n";
}

}  // namespace

int keygen(Arguments arguments) {
  auto options =
      options_of(arguments, "[--pq] [-o FILE]",
                 "Makes a key pair to receive files with. The identity is secret; the recipient (\"public "
                 "key\") is what senders seal to. `age` reads both.");
  options.add_options()("pq", "a post-quantum key (mlkem768x25519) in place of X25519");
  options.add_options()("o,output",
                        "write the identity to FILE, which must not exist, and print the recipient",
                        cxxopts::value<std::string>(), "FILE");
  const auto parsed = parse(options, arguments, "chancery keygen --pq -o council.key");
  if (!parsed) {
    return kOk;
  }
  const bool quantum = parsed->count("pq") != 0;
  const auto identity =
      seal::Identity::generate(quantum ? seal::KeyKind::mlkem768x25519 : seal::KeyKind::x25519);
  if (parsed->count("output") == 0) {
    std::cout << identity_file(identity) << std::flush;
    return kOk;
  }
  write_new_private((*parsed)["output"].as<std::string>(), identity_file(identity));
  std::cout << identity.recipient().text() << "\n";
  return kOk;
}

}  // namespace chancery::cli
