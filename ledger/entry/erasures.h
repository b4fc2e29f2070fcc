#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/entry/seqs.h"

namespace chancery::entry {

// What the entries of a ledger say of erased details (docs/ledger-format.md, "Openings"). Not thread-safe.
class Erasures {
 public:
  // Notes an entry; they come in order, and those of other events change nothing. Answers what is wrong with
  // its `seqs`, or that another erasure had not ended.
  [[nodiscard]] std::optional<std::string> add(const EntryView& entry);

  // The detail.erased entry that says that the details of entry `seq` are gone.
  [[nodiscard]] std::optional<std::uint64_t> erased_at(std::uint64_t seq) const;
  // Whether an erasure that has `seq` was begun and has not ended.
  [[nodiscard]] bool is_being_erased(std::uint64_t seq) const;

 private:
  struct Span {
    std::uint64_t last = 0;
    std::uint64_t at = 0;
  };
  struct Begun {
    std::uint64_t at = 0;
    std::string seqs, basis;
    std::vector<SeqRange> ranges;
  };
  void mark(const SeqRange& range, std::uint64_t at);

  std::map<std::uint64_t, Span> erased_;  // by its first entry; none overlap
  std::map<std::uint64_t, std::uint64_t>
      covered_;  // the same entries, first and last, in as few spans as there can be
  std::optional<Begun> begun_;
};

}  // namespace chancery::entry
