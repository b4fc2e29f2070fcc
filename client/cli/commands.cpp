#include "client/cli/commands.h"

#include <array>

namespace chancery::cli {
namespace {

constexpr std::array kCommands{
    Command{"init", "write a small working configuration to try", init},
    Command{"run", "run both daemons in the foreground", run},
    Command{"policy check", "find every mistake in a configuration", policy_check},
    Command{"keygen", "make a key pair to receive files with", keygen},
    Command{"seal", "seal a file to its recipients", seal},
    Command{"open", "open a sealed file", open},
    Command{"ledger verify", "check a whole ledger", ledger_verify},
    Command{"ledger show", "print a ledger's entries in words", ledger_show},
    Command{"ledger prove", "print a proof that an entry is in a ledger", ledger_prove},
    Command{"ledger key list", "list the keys that sign for a ledger", ledger_key_list},
    Command{"ledger key add", "make a further key that signs", ledger_key_add},
    Command{"ledger key retire", "end the use of a key", ledger_key_retire},
    Command{"ledger key revoke", "end the use of a key that others may have", ledger_key_revoke},
    Command{"ledger key policy", "print the log-policy of the present keys", ledger_key_policy},
    Command{"receipt verify", "check a receipt offline", receipt_verify},
    Command{"report ledger", "write a page about a ledger to read and print", report_ledger},
    Command{"ledger export", "copy a ledger into files that anybody can check", ledger_export},
    Command{"ledger hold", "forbid erasing entries, or allow it again", ledger_hold},
    Command{"erase", "erase personal details from the ledger for good", erase},
    Command{"help", "show what a command does", help},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace chancery::cli
