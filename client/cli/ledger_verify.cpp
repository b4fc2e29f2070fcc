#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>

#include <boost/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/escape.h"
#include "client/cli/ledger_reader.h"
#include "client/cli/options.h"
#include "client/cli/trust.h"

namespace chancery::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::microseconds kAhead = std::chrono::hours(1);  // of this clock, that the hub's may be

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void print_details(const verify::Report& report) {
  std::cout << "  details       " << report.opened << " open and match, " << report.withheld << " withheld, "
            << report.erased << " erased";
  constexpr std::size_t kShown = 8;
  std::size_t shown = 0;
  for (const auto& [seq, fields] : report.erased_at) {
    if (shown == kShown) {
      std::cout << " and " << report.erased_at.size() - kShown << " more";
      break;
    }
    std::cout << (shown++ == 0 ? ", at seq " : ", ") << seq;
  }
  if (report.being_erased > 0) {
    std::cout << ", " << report.being_erased << " being erased";
  }
  std::cout << "\n";
}

// A key as people compare it: name and id, and the whole of one that is not too long.
void print_keys(const verify::Report& report, bool pinned) {
  if (report.keys.empty()) {
    return;
  }
  for (const std::string& vkey : report.keys) {
    constexpr std::size_t kShown = 160;
    std::cout << "  key           " << escaped(vkey.substr(0, kShown)) << (vkey.size() > kShown ? "..." : "")
              << "\n";
  }
  std::cout << "                "
            << (pinned
                    ? "as given with --key or --policy"
                    : "NOT PINNED: taken from the ledger itself. Compare them with those you were given, or "
                      "give these with --policy.")
            << "\n";
}

// What was read, lest the tables of a ledger be taken for an export.
std::string_view words_for(std::string_view kind) {
  return kind == "export"   ? "an export, every file of it"
         : kind == "folder" ? "the tables in a ledger's folder, and no other file there"
                            : "the running service";
}

void print(const verify::Report& report, std::string_view kind, bool pinned) {
  std::cout << (report.verified() ? "Verified: " : "NOT VERIFIED: ") << "the ledger "
            << escaped(report.origin) << "\n  read          " << words_for(kind) << "\n  entries       "
            << report.entries;
  if (report.entries > 0) {
    std::cout << ", from " << entry::format_time(report.first_time) << " to "
              << entry::format_time(report.last_time) << ", each re-hashed";
  }
  std::cout << "\n  root          " << merkle::to_base64(report.root) << "\n";
  if (report.stored_hashes > 0) {
    std::cout << "  stored hashes " << report.stored_hashes << " compared\n";
  }
  std::cout << "  checkpoints   " << report.checkpoints << " right";
  if (report.checkpoints > 0) {
    const std::uint64_t newer = report.entries - std::min(report.entries, report.covered);
    std::cout << "; the last covers " << report.covered << " entries"
              << (newer > 0 ? ", " + std::to_string(newer) + " newer ones are not signed for yet" : "");
  }
  std::cout << "\n";
  print_details(report);
  print_keys(report, pinned);
  if (report.unknown_events > 0) {
    std::cout << "  unknown       " << report.unknown_events
              << " entries of events that this version does not know\n";
  }
}

void print_findings(const verify::Report& report) {
  std::cout << counted(report.findings.size() + report.more_findings, "finding") << ":\n";
  for (const verify::Finding& finding : report.findings) {
    std::cout << "  " << (finding.seq ? "entry " + std::to_string(*finding.seq) + ": " : "")
              << escaped(finding.text) << "\n";
  }
  if (report.more_findings > 0) {
    std::cout << "  and " << report.more_findings << " more\n";
  }
}

json::object to_json(const verify::Report& report, std::string_view kind, bool pinned) {
  json::array findings;
  for (const verify::Finding& finding : report.findings) {
    findings.push_back({{"seq", finding.seq ? json::value(*finding.seq) : json::value(nullptr)},
                        {"text", as_utf8(finding.text)}});
  }
  json::array keys;
  for (const std::string& vkey : report.keys) {
    keys.emplace_back(as_utf8(vkey));
  }
  json::object erased_at;
  for (const auto& [seq, fields] : report.erased_at) {
    erased_at[std::to_string(seq)] = fields;
  }
  return {{"verified", report.verified()},
          {"origin", as_utf8(report.origin)},
          {"read", kind},
          {"entries", report.entries},
          {"root", merkle::to_base64(report.root)},
          {"first_time", entry::format_time(report.first_time)},
          {"last_time", entry::format_time(report.last_time)},
          {"stored_hashes", report.stored_hashes},
          {"checkpoints", report.checkpoints},
          {"covered", report.covered},
          {"opened", report.opened},
          {"withheld", report.withheld},
          {"erased", report.erased},
          {"erased_at", std::move(erased_at)},
          {"being_erased", report.being_erased},
          {"unknown_events", report.unknown_events},
          {"keys", std::move(keys)},
          {"keys_pinned", pinned},
          {"findings", std::move(findings)},
          {"more_findings", report.more_findings}};
}

// --newer-than and --max-age. Throws std::invalid_argument for what cannot be asked for.
verify::Demands demands_of(const cxxopts::ParseResult& parsed) {
  verify::Demands demands;
  for (const std::string& path : values_of(parsed, "newer-than")) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto parsed_note = note::parse_note(bytes);
    const auto* note = std::get_if<note::Note>(&parsed_note);
    if (!file || note == nullptr || !note::parse_checkpoint(note->text)) {
      throw std::invalid_argument(path +
                                  ": is not a checkpoint; --newer-than takes one that you kept, or the file "
                                  "`checkpoint` of an earlier export.");
    }
    demands.newer_than.push_back(std::move(bytes));
  }
  if (parsed.count("max-age") != 0) {
    const double hours = parsed["max-age"].as<double>();
    if (!(hours >= 0 && hours < 1e8)) {
      throw std::invalid_argument("--max-age takes hours, such as 3.");
    }
    const auto age = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::duration<double, std::ratio<3600>>(hours));
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    demands.not_before = (now - age).count();
    demands.not_after = (now + kAhead).count();
  }
  return demands;
}

}  // namespace

int ledger_verify(Arguments arguments) {
  auto options = options_of(
      arguments,
      "[--policy FILE | --key VKEY] [--newer-than FILE] [--max-age HOURS] [--keys KEYDIR] [--json] "
      "DIR|SOCKET|EXPORT",
      "Checks a ledger from the bytes of its entries: every hash, the chain, the tree, every checkpoint, the "
      "details that can be read. DIR is the ledger's folder, SOCKET that of a running chancery-ledgerd, "
      "EXPORT what `chancery ledger export` has written: then every byte of it is checked. Take from others "
      "an export, never a folder: LMDB believes its file, and one that was made to could harm this machine. "
      "Exits with 0 if all is right, 1 with findings, 2 if it cannot tell.");
  add_trust_options(options);
  options.add_options()(
      "keys", "folder of the service's key files: the details in DIR are opened and checked with it",
      cxxopts::value<std::string>(), "KEYDIR");
  options.add_options()(
      "newer-than",
      "a checkpoint you have from before, which the ledger must continue: finds one that was "
      "rolled back or rewritten; may be repeated",
      cxxopts::value<Words>(), "FILE");
  options.add_options()("max-age", "how many hours ago the last entry may have been made",
                        cxxopts::value<double>(), "HOURS");
  options.add_options()("json", "print one JSON object");
  options.add_options("hidden")("where", "", cxxopts::value<std::string>());
  options.parse_positional({"where"});
  const auto parsed = parse(options, arguments, "chancery ledger verify /var/lib/chancery-ledger");
  if (!parsed) {
    return kOk;
  }
  const std::string where = value_of(*parsed, "where", "");
  if (where.empty()) {
    throw std::invalid_argument("which ledger? Name its folder, or the socket of the running service.");
  }
  const Trust trust = trust_of(*parsed);
  const bool pinned = !trust.keys.empty();
  verify::Demands demands = demands_of(*parsed);
  demands.policy = trust.policy;
  const auto ledger = open_ledger(where, value_of(*parsed, "keys", ""));
  const verify::Report report = verify::check(ledger->source(), trust.keys, demands);
  if (parsed->count("json") != 0) {
    std::cout << json::serialize(to_json(report, ledger->kind(), pinned)) << "\n";
  } else {
    print(report, ledger->kind(), pinned);
    if (!report.verified()) {
      print_findings(report);
    }
  }
  return report.verified() ? kOk : kRefused;
}

}  // namespace chancery::cli
