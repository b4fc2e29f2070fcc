#pragma once

#include <optional>
#include <vector>

#include "client/cli/options.h"
#include "ledger/note/log_policy.h"

// What whoever verifies was given of a log: --key and --policy of every command that checks.
namespace chancery::cli {

void add_trust_options(cxxopts::Options& options);

struct Trust {
  std::vector<note::VerifierKey> keys;    // of both options; empty when neither is given
  std::optional<note::LogPolicy> policy;  // whose rule counts besides
};

// Throws std::invalid_argument, with the place, for what is no key or no policy.
Trust trust_of(const cxxopts::ParseResult& parsed);

}  // namespace chancery::cli
