#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "ledger/merkle/merkle.h"

namespace chancery::exports {

// Cuts the stored hashes of a tree, as they come one after another, into tiles.
class TileCutter {
 public:
  // Given each tile when it is full, and at the end the partial ones.
  using Take =
      std::function<void(unsigned level, std::uint64_t index, std::uint64_t width, std::string_view bytes)>;

  // `from`: how many leaves went before, a multiple of 256. The hashes of unfinished tiles that belong to
  // these are read with `read`.
  TileCutter(std::uint64_t from, const merkle::NodeReader& read, Take take);

  // In stored order, from merkle::stored_count(from) on.
  void add(std::span<const merkle::Hash> hashes);
  // After the last: gives the partial tiles.
  void finish();

 private:
  void add(unsigned level, std::uint64_t index, const merkle::Hash& hash);

  Take take_;
  std::uint64_t leaf_;  // whose hash, or a node that it completes, comes next
  unsigned height_ = 0;
  std::map<unsigned, std::string> unfinished_;  // by level
};

// Reads stored hashes of a tree of `size` leaves from its tiles: those that tiles do not hold are computed
// from the ones below. `read` answers the bytes of a tile by its path, and may throw.
merkle::NodeReader tile_reader(std::uint64_t size, std::function<std::string(const std::string& path)> read);

}  // namespace chancery::exports
