#pragma once

#include <string>

#include "client/cli/ledger_summary.h"
#include "ledger/verify/verify.h"

namespace chancery::cli {

// One self-contained HTML page (no script, nothing from elsewhere) that a person can read and print: what the
// ledger adds up to, and whether it verifies. `where` is how the reader names the ledger, `pinned` whether
// the keys were given; `made` is the time of making it, and the only thing in it that is not the ledger's.
std::string ledger_page(const LedgerSummary& summary, const verify::Report& report, const std::string& where,
                        bool pinned, entry::Micros made);

}  // namespace chancery::cli
