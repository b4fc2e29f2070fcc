#include "ledger/exports/tiles.h"

#include <bit>
#include <utility>

#include "ledger/exports/layout.h"

namespace chancery::exports {
namespace {

constexpr unsigned kTileHeight = 8;

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

}  // namespace chancery::exports
