#include <algorithm>
#include <iostream>
#include <stdexcept>

#include <boost/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/escape.h"
#include "client/cli/ledger_filter.h"
#include "client/cli/ledger_reader.h"
#include "client/cli/options.h"
#include "client/cli/sentence.h"
#include "ledger/entry/entry.h"

namespace chancery::cli {
namespace {

namespace json = boost::json;

// The value behind a commitment, if it was given and matches.
std::optional<std::string> detail(const entry::EntryView& entry, const verify::Openings* openings,
                                  std::string_view origin, std::string_view field) {
  if (openings == nullptr) {
    return std::nullopt;
  }
  const auto opened = std::ranges::find(*openings, field, &opening::FieldOpening::field);
  const auto committed =
      std::ranges::find(entry.commitments, field, [](const auto& pair) { return pair.first; });
  if (opened == openings->end() || committed == entry.commitments.end()) {
    return std::nullopt;
  }
  const auto commitment = merkle::from_base64(committed->second);
  const bool matches = commitment && opening::opens(opened->opening, *commitment, origin, entry.id, field);
  return matches ? std::optional(opened->opening.value) : std::nullopt;
}

// What is known of an entry besides its text.
struct Known {
  std::string origin;
  entry::Erasures erasures;
};

void print_words(const entry::EntryView& entry, const verify::Openings* openings, const Known& known) {
  const auto erased_at = known.erasures.erased_at(entry.seq);
  const auto field = [&](std::string_view key) -> std::optional<std::string> {
    if (const auto plain = entry.plain_value(key)) {
      return *plain == entry::kAbsent ? std::nullopt : std::optional(std::string(*plain));
    }
    const auto value = detail(entry, openings, known.origin, key);
    if (!value && erased_at) {
      return "(erased at seq " + std::to_string(*erased_at) + ")";
    }
    return value && !value->empty() ? std::optional(escaped(*value)) : std::nullopt;
  };
  const std::string time = entry::format_time(entry.time);
  std::cout << entry.seq << "  " << time.substr(0, 10) << " " << time.substr(11, 8) << " UTC  "
            << sentence(entry.event, field) << "\n";
}

void print_json(const entry::EntryView& entry, std::string_view text, const verify::Openings* openings,
                const Known& known) {
  json::object plain;
  for (const auto& [key, value] : entry.plain) {
    plain[key] = value;
  }
  json::object details;
  for (const auto& [key, commitment] : entry.commitments) {
    const auto value = detail(entry, openings, known.origin, key);
    details[key] = value ? json::value(as_utf8(*value)) : json::value(nullptr);
  }
  json::object object = {{"seq", entry.seq},
                         {"time", entry::format_time(entry.time)},
                         {"id", entry::to_hex(entry.id)},
                         {"event", entry.event},
                         {"plain", std::move(plain)},
                         {"details", std::move(details)},
                         {"hash", merkle::to_base64(merkle::leaf_hash(text))}};
  if (const auto erased_at = known.erasures.erased_at(entry.seq)) {
    object["erased_at"] = *erased_at;
  }
  std::cout << json::serialize(object) << "\n";
}

// What commitments are bound to; empty when the first entry does not say, and then no detail will match.
std::string origin_of(LedgerReader& ledger) {
  const std::string genesis = ledger.size() > 0 ? ledger.entry(0) : std::string();
  entry::EntryView view;
  return entry::parse_into(genesis, view) ? "" : std::string(view.plain_value("origin").value_or(""));
}

}  // namespace

int ledger_show(Arguments arguments) {
  auto options =
      options_of(arguments,
                 "[--since TIME] [--until TIME] [--from ID] [--to ID] [--transfer ID] [--event NAME] "
                 "[--json] DIR|SOCKET|EXPORT",
                 "Prints the entries of a ledger, one a line, in words or as JSON. Details (names of "
                 "files, accounts, reasons) are in the words where this user may read them: as the "
                 "administrator, from the socket of the running service, or with its key files. Times are "
                 "UTC. A detail that is gone for good is said to be erased, with the entry that says so. "
                 "Without filters, all of them.");
  LedgerFilter::add_options(options);
  options.add_options()("keys", "folder of the service's key files, to open the details in DIR with",
                        cxxopts::value<std::string>(), "KEYDIR");
  options.add_options()("json", "print one JSON object a line");
  options.add_options("hidden")("where", "", cxxopts::value<std::string>());
  options.parse_positional({"where"});
  const auto parsed =
      parse(options, arguments,
            "chancery ledger show --from st-marys --to council --since 2026-10 --until 2026-11 DIR\n"
            "  chancery ledger show --event file.refused DIR\n"
            "  chancery ledger show --event detail.erased --event erasure.begun DIR");
  if (!parsed) {
    return kOk;
  }
  const std::string where = value_of(*parsed, "where", "");
  if (where.empty()) {
    throw std::invalid_argument("which ledger? Name its folder, or the socket of the running service.");
  }
  LedgerFilter filter(*parsed);
  const bool as_json = parsed->count("json") != 0;

  const auto ledger = open_ledger(where, value_of(*parsed, "keys", ""));
  const Known known{origin_of(*ledger), erasures_of(*ledger)};
  bool damaged = false;
  entry::EntryView view;
  ledger->visit(0, [&](std::uint64_t seq, std::string_view text, const verify::Openings* openings) {
    if (const auto error = entry::parse_into(text, view)) {
      std::cerr << "chancery: entry " << seq << " is damaged: " << error->reason << "\n";
      damaged = true;
    } else if (filter.passes(view)) {
      as_json ? print_json(view, text, openings, known) : print_words(view, openings, known);
    }
    return true;
  });
  return damaged ? kRefused : kOk;
}

}  // namespace chancery::cli
