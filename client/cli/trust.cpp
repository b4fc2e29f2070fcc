#include "client/cli/trust.h"

#include <fstream>
#include <iterator>
#include <stdexcept>
namespace chancery::cli {
namespace {

note::LogPolicy read_policy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    throw std::invalid_argument(path +
                                ": cannot be read; --policy takes the log-policy file you were given.");
  }
  auto policy = note::parse_log_policy(text);
  if (const auto* wrong = std::get_if<note::LogPolicyError>(&policy)) {
    throw std::invalid_argument(path + ":" + std::to_string(wrong->line) + ": " + wrong->reason + ".");
  }
  if (std::get<note::LogPolicy>(policy).keys().empty()) {
    throw std::invalid_argument(path +
                                ": names no key, so it says nothing of whose ledger is the right one.");
  }
  return std::get<note::LogPolicy>(std::move(policy));
}

}  // namespace

void add_trust_options(cxxopts::Options& options) {
  options.add_options()("key", "a verifier key of the log, as you were given it; may be repeated",
                        cxxopts::value<Words>(), "VKEY");
  options.add_options()(
      "policy",
      "the log-policy file you were given (c2sp.org/tlog-policy): the keys of the log, and which of them "
      "must sign",
      cxxopts::value<std::string>(), "FILE");
}

Trust trust_of(const cxxopts::ParseResult& parsed) {
  Trust trust;
  for (const std::string& vkey : values_of(parsed, "key")) {
    auto key = note::VerifierKey::parse(vkey);
    if (!key) {
      throw std::invalid_argument(
          "the key given with --key is not a verifier key, which looks like example.org/hub+1a2b3c4d+AQ...");
    }
    trust.keys.push_back(*std::move(key));
  }
  const std::string path = value_of(parsed, "policy", "");
  if (!path.empty()) {
    trust.policy = read_policy(path);
    const auto more = trust.policy->keys();
    trust.keys.insert(trust.keys.end(), more.begin(), more.end());
  }
  return trust;
}

}  // namespace chancery::cli
