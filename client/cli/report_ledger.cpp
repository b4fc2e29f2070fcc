#include <chrono>
#include <iostream>
#include <stdexcept>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/ledger_page.h"
#include "client/cli/ledger_reader.h"
#include "client/cli/options.h"
#include "client/cli/trust.h"

namespace chancery::cli {
namespace {

entry::Micros now() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

int report_ledger(Arguments arguments) {
  auto options = options_of(
      arguments, "--html FILE [--policy FILE | --key VKEY] [--since TIME] [--until TIME] DIR|SOCKET",
      "Writes one HTML page about a ledger that a person can read and print: totals, transfers by day and "
      "agency, refusals by reason, erasures, checkpoints and their gaps, and whether it verifies. It needs "
      "no "
      "network and holds no detail about a person. Exits with 0 if the ledger verifies, 1 with findings.");
  options.add_options()("html", "the page to write; - is standard output", cxxopts::value<std::string>(),
                        "FILE");
  add_trust_options(options);
  LedgerFilter::add_options(options);
  options.add_options("hidden")("where", "", cxxopts::value<std::string>());
  options.parse_positional({"where"});
  const auto parsed = parse(options, arguments,
                            "chancery report ledger --html october.html --policy log-policy --since 2026-10 "
                            "--until 2026-11 /var/lib/chancery-ledger");
  if (!parsed) {
    return kOk;
  }
  const std::string where = value_of(*parsed, "where", "");
  const std::string path = value_of(*parsed, "html", "");
  if (where.empty() || path.empty()) {
    throw std::invalid_argument("which ledger, and into which file? Give --html FILE, then the ledger.");
  }
  LedgerFilter filter(*parsed);
  const Trust trust = trust_of(*parsed);
  verify::Demands demands;
  demands.policy = trust.policy;
  const auto ledger = open_ledger(where, "");
  LedgerSummary summary;
  const verify::Report report =
      verify::check(summed_up(ledger->source(), filter, summary), trust.keys, demands);
  const std::string page = ledger_page(summary, report, where, !trust.keys.empty(), now());
  Output file(path);
  file.write({reinterpret_cast<const std::uint8_t*>(page.data()), page.size()});
  file.commit();
  if (!report.verified()) {
    std::cerr << "chancery: the ledger does not verify; the page says why.\n";
  }
  return report.verified() ? kOk : kRefused;
}

}  // namespace chancery::cli
