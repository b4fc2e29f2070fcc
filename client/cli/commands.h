#pragma once

#include <span>
#include <string_view>

// The commands of the `chancery` program. To add one: a file NAME.cpp with its function, a declaration here,
// and a row in commands.cpp. Everything else (help, suggestions, errors) follows from the row.
namespace chancery::cli {

// What every command exits with; scripts rely on it.
inline constexpr int kOk = 0;  // done
inline constexpr int kRefused =
    1;  // done, and the answer is no: findings, a denial, a proof that does not hold
inline constexpr int kFailed = 2;  // could not be done: a usage mistake, a missing file, damaged input

// The command's words as argument 0, then its own arguments: what cxxopts takes. Never empty.
using Arguments = std::span<const char* const>;

// A command answers with one of the exit codes above. What it could not do, it throws as a std::exception
// whose text is one sentence for a person, with a hint when they can act; main() prints it and exits with
// kFailed.
struct Command {
  std::string_view name;  // one word to three ("ledger key list")
  std::string_view summary;
  int (*run)(Arguments);
};

std::span<const Command> commands();

// Runs the command named by `arguments` (argument 0 is the program's name). Throws as a Command does.
int dispatch(Arguments arguments);

// `--help` and `--version` of the program itself, and `chancery help COMMAND`.
int help(Arguments arguments);

int keygen(Arguments arguments);
int seal(Arguments arguments);
int open(Arguments arguments);
int init(Arguments arguments);
int run(Arguments arguments);
int policy_check(Arguments arguments);

int ledger_verify(Arguments arguments);
int ledger_show(Arguments arguments);
int ledger_hold(Arguments arguments);
int erase(Arguments arguments);
int ledger_prove(Arguments arguments);
int ledger_key_list(Arguments arguments);
int ledger_key_add(Arguments arguments);
int ledger_key_retire(Arguments arguments);
int ledger_key_revoke(Arguments arguments);
int ledger_key_policy(Arguments arguments);
int report_ledger(Arguments arguments);
int ledger_export(Arguments arguments);

int receipt_verify(Arguments arguments);

}  // namespace chancery::cli
