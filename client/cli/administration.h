#pragma once

#include <string>
#include <vector>

#include "client/cli/options.h"
#include "ledger/service/client.h"

// What the administrator's commands have in common: which entries they are about, asking before, and what
// became of it.
namespace chancery::cli {

// Adds --transfer and --seqs.
void add_entry_options(cxxopts::Options& options);

// The entries that these options name, as "12,15-18": --seqs as it is, or all entries of --transfer that have
// details. Throws std::invalid_argument unless exactly one is given, and when the transfer has none.
std::string entries_asked_for(const cxxopts::ParseResult& parsed, const std::string& socket);

// The socket that was given. Throws std::invalid_argument when there is none.
std::string socket_of(const cxxopts::ParseResult& parsed);

// The value of an option that must be given.
std::string needed(const cxxopts::ParseResult& parsed, const std::string& option);

// Asks on a terminal, unless `yes`. False for any answer but "yes", and where there is no terminal to ask on.
bool confirmed(const std::string& question, bool yes);

// Prints why something was not done and answers the exit code; kOk when it was.
int outcome_of(const service::Appended& appended, const std::string& if_unknown);

}  // namespace chancery::cli
