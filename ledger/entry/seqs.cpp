#include "ledger/entry/seqs.h"

#include <charconv>

namespace chancery::entry {
namespace {

std::optional<SeqRange> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  if (!first || dash == std::string_view::npos) {
    return first ? std::optional(SeqRange{*first, *first}) : std::nullopt;
  }
  const auto last = parse_number(text.substr(dash + 1));
  return last && *last > *first ? std::optional(SeqRange{*first, *last}) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool leading_zero = text.size() > 1 && text[0] == '0';
  if (error != std::errc() || end != text.data() + text.size() || leading_zero || value >> 63 != 0) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::vector<SeqRange>> parse_seqs(std::string_view text) {
  std::vector<SeqRange> ranges;
  while (true) {
    const std::size_t comma = text.find(',');
    const auto range = parse_range(text.substr(0, comma));
    if (!range || (!ranges.empty() && range->first <= ranges.back().last)) {
      return std::nullopt;
    }
    ranges.push_back(*range);
    if (comma == std::string_view::npos) {
      return ranges;
    }
    text.remove_prefix(comma + 1);
  }
}

}  // namespace chancery::entry
