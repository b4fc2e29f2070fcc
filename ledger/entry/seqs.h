#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chancery::entry {

struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// The ranges of a field `seqs` ("12,15-18"), or nullopt unless each is a decimal number without leading zeros
// or two of them, the second larger, and all are in ascending order. Never empty.
[[nodiscard]] std::optional<std::vector<SeqRange>> parse_seqs(std::string_view text);

// The shortest such text for these entries, in any order and perhaps repeated; empty for none.
std::string format_seqs(std::vector<std::uint64_t> seqs);
// The same for ranges in ascending order.
std::string format_ranges(std::span<const SeqRange> ranges);

// Whether ranges as parse_seqs() answers them have an entry, or one in common.
[[nodiscard]] bool covers(std::span<const SeqRange> ranges, std::uint64_t seq);
[[nodiscard]] bool overlap(std::span<const SeqRange> some, std::span<const SeqRange> others);

// A decimal number below 2^63 without leading zeros.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace chancery::entry
