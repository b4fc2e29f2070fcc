#include "ledger/entry/erasures.h"

#include <utility>

namespace chancery::entry {

std::optional<std::string> Erasures::add(const EntryView& entry) {
  const bool begins = entry.event == "erasure.begun";
  const bool ends = entry.event == "detail.erased";
  const bool holds = entry.event == "hold.set" || entry.event == "hold.cleared";
  if (!begins && !ends && !holds) {
    return std::nullopt;
  }
  const std::string seqs(entry.plain_value("seqs").value_or(""));
  const std::string basis(entry.plain_value("basis").value_or(""));
  auto ranges = parse_seqs(seqs);
  if (!ranges || ranges->back().last >= entry.seq) {
    return "its seqs are not a list of earlier entries";
  }
  if (begins) {
    const auto other = std::exchange(begun_, Begun{entry.seq, seqs, basis, *std::move(ranges)});
    if (other)
      return "it begins an erasure, and that of entry " + std::to_string(other->at) + " had not ended";
  } else if (ends) {
    if (begun_ && begun_->seqs == seqs && begun_->basis == basis) {
      begun_.reset();
    }
    for (const SeqRange& range : *ranges) {
      mark(range, entry.seq);
    }
  }
  return std::nullopt;
}

// Only what no earlier entry has marked: the first one counts. What was marked before is passed over in one
// step however often it was, or erasures that each cover all before them would take time by their square.
void Erasures::mark(const SeqRange& range, std::uint64_t at) {
  std::uint64_t first = range.first;
  std::uint64_t last = range.last;
  auto each = covered_.upper_bound(first);
  if (each != covered_.begin() && std::prev(each)->second + 1 >= first) --each;
  std::uint64_t next = range.first;
  while (each != covered_.end() && each->first <= range.last + 1) {
    if (next < each->first) erased_.emplace(next, Span{each->first - 1, at});
    next = std::max(next, each->second + 1);
    first = std::min(first, each->first);
    last = std::max(last, each->second);
    each = covered_.erase(each);
  }
  if (next <= range.last) erased_.emplace(next, Span{range.last, at});
  covered_.emplace(first, last);
}

std::optional<std::uint64_t> Erasures::erased_at(std::uint64_t seq) const {
  const auto after = erased_.upper_bound(seq);
  if (after == erased_.begin() || std::prev(after)->second.last < seq) {
    return std::nullopt;
  }
  return std::prev(after)->second.at;
}

bool Erasures::is_being_erased(std::uint64_t seq) const { return begun_ && covers(begun_->ranges, seq); }

}  // namespace chancery::entry
