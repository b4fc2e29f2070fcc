#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace chancery::entry {

struct SeqRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// The ranges of a field `seqs` ("12,15-18"), or nullopt unless each is a decimal number without leading zeros
// or two of them, the second larger, and all are in ascending order.
std::optional<std::vector<SeqRange>> parse_seqs(std::string_view text);

// A decimal number below 2^63 without leading zeros.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace chancery::entry
