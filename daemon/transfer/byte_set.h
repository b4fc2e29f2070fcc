#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace chancery::transfer {

// A set of numbers (bytes of an object, entries of the ledger), as half-open intervals that never touch.
class ByteSet {
 public:
  void add(std::uint64_t from, std::uint64_t to);
  bool covers(std::uint64_t size) const;
  bool contains(std::uint64_t number) const;
  std::size_t intervals() const { return intervals_.size(); }

  // The least number that is not in the set.
  std::uint64_t first_missing() const;

  // The numbers below `end` that are not in it, as half-open intervals.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing(std::uint64_t end) const;

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;
};

}  // namespace chancery::transfer
