#include "client/cli/ledger_summary.h"

#include <boost/endian/conversion.hpp>

#include "ledger/entry/seqs.h"

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

// The time in the note's ML-DSA-44 line: the signature of no other kind is as long.
entry::Micros time_signed(const note::Note& note) {
  constexpr std::size_t kMlDsaBytes = 8 + 2420;
  for (const note::SignatureLine& line : note.signatures) {
    if (line.signature.size() == kMlDsaBytes) {
      return static_cast<entry::Micros>(boost::endian::load_big_u64(line.signature.data()) &
                                        0xFF'FFFF'FFFFULL) *
             1'000'000;
    }
  }
  return 0;
}

}  // namespace

LedgerSummary summarise(LedgerReader& ledger, LedgerFilter& filter) {
  LedgerSummary summary;
  entry::EntryView view;
  ledger.visit(0, [&](std::uint64_t, std::string_view text, const verify::Openings*) {
    if (!entry::parse_into(text, view) && filter.passes(view)) {
      add(summary, view);
    }
    return true;
  });
  ledger.source().checkpoints([&](std::uint64_t size, std::string_view bytes) {
    const auto parsed = note::parse_note(bytes);
    if (const auto* note = std::get_if<note::Note>(&parsed)) {
      summary.checkpoints.push_back({size, time_signed(*note)});
    }
    return true;
  });
  return summary;
}

}  // namespace chancery::cli
