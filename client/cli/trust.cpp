#include "client/cli/trust.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "ledger/note/log_policy.h"

namespace chancery::cli {
namespace {

std::vector<note::VerifierKey> keys_in_policy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    throw std::invalid_argument(path +
                                ": cannot be read; --policy takes the log-policy file you were given.");
  }
  const auto policy = note::parse_log_policy(text);
  if (const auto* wrong = std::get_if<note::LogPolicyError>(&policy)) {
    throw std::invalid_argument(path + ":" + std::to_string(wrong->line) + ": " + wrong->reason + ".");
  }
  auto keys = std::get<note::LogPolicy>(policy).keys();
  if (keys.empty()) {
    throw std::invalid_argument(path +
                                ": names no key, so it says nothing of whose ledger is the right one.");
  }
  return keys;
}

}  // namespace

void add_trust_options(cxxopts::Options& options) {
  options.add_options()("key", "a verifier key of the log, as you were given it; may be repeated",
                        cxxopts::value<Words>(), "VKEY");
  options.add_options()("policy",
                        "the log-policy file you were given (c2sp.org/tlog-policy): both keys of the log",
                        cxxopts::value<std::string>(), "FILE");
}

std::vector<note::VerifierKey> trusted_keys(const cxxopts::ParseResult& parsed) {
  std::vector<note::VerifierKey> keys;
  for (const std::string& vkey : values_of(parsed, "key")) {
    auto key = note::VerifierKey::parse(vkey);
    if (!key) {
      throw std::invalid_argument(
          "the key given with --key is not a verifier key, which looks like example.org/hub+1a2b3c4d+AQ...");
    }
    keys.push_back(*std::move(key));
  }
  const std::string path = value_of(parsed, "policy", "");
  if (!path.empty()) {
    const auto more = keys_in_policy(path);
    keys.insert(keys.end(), more.begin(), more.end());
  }
  return keys;
}

}  // namespace chancery::cli
