#include "daemon/transfer/byte_set.h"

#include <algorithm>
#include <iterator>

namespace chancery::transfer {

void ByteSet::add(std::uint64_t from, std::uint64_t to) {
  if (from >= to) return;
  auto next = intervals_.upper_bound(from);
  if (next != intervals_.begin() && std::prev(next)->second >= from) {
    if (next == intervals_.end() || next->first > to) {  // as nearly always: one of them grows
      std::uint64_t& end = std::prev(next)->second;
      end = std::max(end, to);
      return;
    }
    --next;
  }
  while (next != intervals_.end() && next->first <= to) {
    from = std::min(from, next->first);
    to = std::max(to, next->second);
    next = intervals_.erase(next);
  }
  intervals_[from] = to;
}

bool ByteSet::covers(std::uint64_t size) const {
  return intervals_.size() == 1 && intervals_.begin()->first == 0 && intervals_.begin()->second >= size;
}

bool ByteSet::contains(std::uint64_t number) const {
  const auto next = intervals_.upper_bound(number);
  return next != intervals_.begin() && std::prev(next)->second > number;
}

std::uint64_t ByteSet::first_missing() const {
  return intervals_.empty() || intervals_.begin()->first != 0 ? 0 : intervals_.begin()->second;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> ByteSet::missing(std::uint64_t end) const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> result;
  std::uint64_t from = 0;
  for (const auto& [first, last] : intervals_) {
    if (first >= end) break;
    if (from < first) result.emplace_back(from, first);
    from = last;
  }
  if (from < end) result.emplace_back(from, end);
  return result;
}

}  // namespace chancery::transfer
