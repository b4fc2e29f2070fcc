#include "ledger/entry/seqs.h"

#include <algorithm>
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

std::string format_seqs(std::vector<std::uint64_t> seqs) {
  std::ranges::sort(seqs);
  std::vector<SeqRange> ranges;
  for (const std::uint64_t seq : seqs) {
    if (ranges.empty() || ranges.back().last != seq) {
      ranges.push_back({seq, seq});
    }
  }
  return format_ranges(ranges);
}

std::string format_ranges(std::span<const SeqRange> ranges) {
  std::string text;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const std::uint64_t first = ranges[i].first;
    while (i + 1 < ranges.size() && ranges[i + 1].first == ranges[i].last + 1) {
      ++i;
    }
    text += (text.empty() ? "" : ",") + std::to_string(first);
    if (ranges[i].last != first) {
      text += "-" + std::to_string(ranges[i].last);
    }
  }
  return text;
}

bool covers(std::span<const SeqRange> ranges, std::uint64_t seq) {
  const auto range = std::ranges::lower_bound(ranges, seq, {}, &SeqRange::last);
  return range != ranges.end() && range->first <= seq;
}

bool overlap(std::span<const SeqRange> some, std::span<const SeqRange> others) {
  return std::ranges::any_of(some, [&](const SeqRange& one) {
    const auto other = std::ranges::lower_bound(others, one.first, {}, &SeqRange::last);
    return other != others.end() && other->first <= one.last;
  });
}

}  // namespace chancery::entry
