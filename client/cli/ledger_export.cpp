#include <chrono>
#include <iostream>
#include <stdexcept>

#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/escape.h"
#include "client/cli/ledger_reader.h"
#include "client/cli/options.h"
#include "ledger/exports/exports.h"

namespace chancery::cli {
namespace {

// "exporting: 120,000 of 1,000,000 entries", a few times a second, when a person looks on.
class Progress {
 public:
  void show(std::uint64_t entries, std::uint64_t of) {
    const auto now = Clock::now();
    if (!shown_to_person_ || now - last_ < std::chrono::milliseconds(200)) {
      return;
    }
    last_ = now;
    std::cerr << "\rexporting: " << entries << " of " << of << " entries\x1b[K" << std::flush;
  }
  ~Progress() {
    if (last_ != Clock::time_point()) {
      std::cerr << "\r\x1b[K";
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_to_person_ = ::isatty(STDERR_FILENO) == 1;
  Clock::time_point last_;
};

exports::Result run(LedgerReader& ledger, const std::string& out, const std::string& policies) {
  Progress progress;
  const exports::Source source = ledger.export_source();
  return exports::write_export(
      source, {out, policies, [&](std::uint64_t entries, std::uint64_t of) { progress.show(entries, of); }});
}

}  // namespace

int ledger_export(Arguments arguments) {
  auto options = options_of(
      arguments, "[--policies DIR] DIR|SOCKET OUT",
      "Writes a ledger into the folder OUT, as plain files that anybody can check without this program and "
      "without a secret: its entries up to the newest checkpoint, hashes, checkpoints, keys, and what "
      "explains "
      "them. No details are in it. If OUT is an earlier export of the same ledger, it is brought up to date. "
      "DIR is the ledger's folder, SOCKET that of a running chancery-ledgerd. `chancery ledger verify OUT` "
      "checks it.");
  options.add_options()(
      "policies",
      "add the policies that the hub has kept in DIR (they name officers and accounts: for auditors only)",
      cxxopts::value<std::string>(), "DIR");
  options.add_options("hidden")("where", "", cxxopts::value<std::string>())("out", "",
                                                                            cxxopts::value<std::string>());
  options.parse_positional({"where", "out"});
  const auto parsed =
      parse(options, arguments,
            "chancery ledger export --policies /var/lib/chancery/policies /run/chancery-ledger/socket audit");
  if (!parsed) {
    return kOk;
  }
  const std::string where = value_of(*parsed, "where", "");
  const std::string out = value_of(*parsed, "out", "");
  if (where.empty() || out.empty()) {
    throw std::invalid_argument(
        "export which ledger to where? Give its folder or socket, then the folder to write.");
  }
  const auto ledger = open_ledger(where, "");
  const exports::Result result = run(*ledger, out, value_of(*parsed, "policies", ""));
  std::cout << "Exported " << result.entries << " entries of " << escaped(result.origin) << " to " << out
            << ": " << result.files << " files, " << result.written_files << " of them written now ("
            << result.written_bytes << " bytes).\n";
  return kOk;
}

}  // namespace chancery::cli
