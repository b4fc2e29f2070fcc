#include "ledger/exports/tiles.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "ledger/exports/error.h"
#include "ledger/exports/layout.h"

namespace chancery::exports {
namespace {

constexpr unsigned kTileHeight = 8;

// Whose stored hash an index is: merkle::stored_index() the other way round.
struct Node {
  unsigned level = 0;
  std::uint64_t n = 0;
};

Node node_at(std::uint64_t index) {
  std::uint64_t leaf = 0;  // the last one whose own hash is not behind the index
  for (std::uint64_t step = std::bit_floor(index / 2 + 1); step > 0; step /= 2) {
    if (merkle::stored_count(leaf + step) <= index) {
      leaf += step;
    }
  }
  const auto level = static_cast<unsigned>(index - merkle::stored_count(leaf));
  return {level, leaf >> level};
}

// Root of a power of two of hashes.
merkle::Hash root_of(std::vector<merkle::Hash> hashes) {
  for (; hashes.size() > 1; hashes.resize(hashes.size() / 2)) {
    for (std::size_t i = 0; i < hashes.size() / 2; ++i) {
      hashes[i] = merkle::node_hash(hashes[2 * i], hashes[2 * i + 1]);
    }
  }
  return hashes.front();
}

}  // namespace

TileCutter::TileCutter(std::uint64_t from, const merkle::NodeReader& read, Take take)
    : take_(std::move(take)), leaf_(from) {
  for (unsigned level = 1; from >> (kTileHeight * level) != 0; ++level) {
    const std::uint64_t end = from >> (kTileHeight * level);
    for (std::uint64_t n = end / kTileWidth * kTileWidth; n < end; ++n) {
      add(level, n, read(merkle::stored_index(kTileHeight * level, n)));
    }
  }
}

void TileCutter::add(unsigned level, std::uint64_t index, const merkle::Hash& hash) {
  std::string& tile = unfinished_[level];
  tile.append(hash.begin(), hash.end());
  if (tile.size() == kTileWidth * kHashBytes) {
    take_(level, index / kTileWidth, kTileWidth, tile);
    tile.clear();
  }
}

void TileCutter::add(std::span<const merkle::Hash> hashes) {
  for (const merkle::Hash& hash : hashes) {
    if (height_ % kTileHeight == 0) {
      add(height_ / kTileHeight, leaf_ >> height_, hash);
    }
    // A leaf completes as many nodes as its number, counted from 1, can be halved.
    if (height_ < static_cast<unsigned>(std::countr_zero(leaf_ + 1))) {
      ++height_;
    } else {
      height_ = 0;
      ++leaf_;
    }
  }
}

void TileCutter::finish() {
  for (const auto& [level, tile] : unfinished_) {
    if (!tile.empty()) {
      take_(level, (leaf_ >> (kTileHeight * level)) / kTileWidth, tile.size() / kHashBytes, tile);
    }
  }
}

merkle::NodeReader tile_reader(std::uint64_t size, std::function<std::string(const std::string& path)> read) {
  return [size, read = std::move(read)](std::uint64_t index) {
    const Node node = node_at(index);
    const unsigned level = node.level / kTileHeight;
    const std::uint64_t count = std::uint64_t{1} << (node.level % kTileHeight);
    const std::uint64_t first = node.n * count;  // of the hashes of that level
    const std::uint64_t tile = first / kTileWidth;
    const std::uint64_t width = std::min(kTileWidth, (size >> (kTileHeight * level)) - tile * kTileWidth);
    const std::string path = tile_path(level, tile, width);
    const std::string bytes = read(path);
    if (bytes.size() != width * kHashBytes) {
      throw Error(path + " does not have " + std::to_string(width) + " hashes.");
    }
    std::vector<merkle::Hash> hashes(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>((first % kTileWidth + i) * kHashBytes),
                  kHashBytes, hashes[i].begin());
    }
    return root_of(std::move(hashes));
  };
}

}  // namespace chancery::exports
