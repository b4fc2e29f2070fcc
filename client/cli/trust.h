#pragma once

#include <vector>

#include "client/cli/options.h"
#include "ledger/note/note.h"

// The keys of a log as whoever verifies was given them: --key and --policy of every command that checks.
namespace chancery::cli {

void add_trust_options(cxxopts::Options& options);

// The keys of both options; empty when neither is given. Throws std::invalid_argument, with the place, for
// what is no key or no policy.
std::vector<note::VerifierKey> trusted_keys(const cxxopts::ParseResult& parsed);

}  // namespace chancery::cli
