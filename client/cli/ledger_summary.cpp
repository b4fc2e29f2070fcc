#include "client/cli/ledger_summary.h"

#include "ledger/entry/seqs.h"
#include "ledger/note/time_signed.h"

namespace chancery::cli {
namespace {

std::uint64_t number(const entry::EntryView& entry, std::string_view field) {
  return entry::parse_number(entry.plain_value(field).value_or("")).value_or(0);
}

std::string text_of(const entry::EntryView& entry, std::string_view field) {
  return std::string(entry.plain_value(field).value_or(""));
}

void add(LedgerSummary& summary, const entry::EntryView& entry) {
  if (summary.entries++ == 0) {
    summary.first_time = entry.time;
  }
  summary.last_time = entry.time;
  ++summary.events[std::string(entry.event)];
  if (entry.event == "file.accepted") {
    ++summary.accepted[entry::format_time(entry.time).substr(0, 10)][text_of(entry, "agency")];
  } else if (entry.event == "file.refused") {
    summary.refused[text_of(entry, "code")] += number(entry, "count");
  } else if (entry.event == "delivery.made") {
    summary.sealed_bytes += number(entry, "sealed-size");
  } else if (entry.event == "detail.erased") {
    summary.erasures.push_back({entry.seq, entry.time, text_of(entry, "seqs"), text_of(entry, "basis")});
  }
}

}  // namespace

verify::Source summed_up(verify::Source source, LedgerFilter& filter, LedgerSummary& summary) {
  source.checkpoints([&](std::uint64_t size, std::string_view bytes) {
    const auto parsed = note::parse_note(bytes);
    ++summary.checkpoints;
    const auto* note = std::get_if<note::Note>(&parsed);
    if (const auto seconds = note != nullptr ? note::time_signed(*note) : std::nullopt) {
      summary.signed_at.push_back({size, static_cast<entry::Micros>(*seconds) * 1'000'000});
    }
    return true;
  });
  source.entries = [entries = std::move(source.entries), &filter,
                    &summary](const verify::Source::VisitEntry& visit) {
    entry::EntryView view;
    entries([&](std::uint64_t seq, std::string_view text, const verify::Openings* openings) {
      if (!entry::parse_into(text, view) && filter.passes(view)) {
        add(summary, view);
      }
      return visit(seq, text, openings);
    });
  };
  return source;
}

}  // namespace chancery::cli
