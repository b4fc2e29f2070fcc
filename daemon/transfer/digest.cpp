#include "daemon/transfer/digest.h"

#include <algorithm>
#include <utility>

#include <botan/hash.h>
#include <botan/hex.h>
#include <botan/mem_ops.h>

namespace chancery::transfer {

namespace {
constexpr std::uint64_t kInPlace = std::uint64_t{8} * 1024 * 1024;  // so that small files hold nothing
constexpr std::size_t kAtOnce = std::size_t{192} * 1024;  // less than one WRITE of OpenSSH's, 255 KiB
constexpr std::size_t kLeast = 4096;  // what a piece counts for, lest a million of a byte each are held

// Nobody needs a piece's plain text after this.
void hash_and_wipe(Botan::HashFunction& hash, std::vector<std::uint8_t>& piece) {
  hash.update(piece);
  Botan::secure_scrub_memory(piece.data(), piece.size());
}

}  // namespace

Digest::Digest(object::Places& places)
    : places_(places), hash_(Botan::HashFunction::create_or_throw("SHA-256")) {}
Digest::~Digest() = default;

object::Places& Digest::shared_places() {
  static object::Places places(object::kPlaces);
  return places;
}

void Digest::update(std::vector<std::uint8_t> piece) {
  size_ += piece.size();
  if (size_ <= kInPlace) return hash_and_wipe(*hash_, piece);
  if (!place_) place_ = object::take_place(places_);
  if (!place_) return hash_and_wipe(*hash_, piece);
  held_ += std::max(piece.size(), kLeast);
  pieces_.push_back(std::move(piece));
  if (held_ < kAtOnce) return;
  held_ = 0;
  hashing_.run([hash = hash_.get(), pieces = std::exchange(pieces_, {})]() mutable {
    for (auto& each : pieces) hash_and_wipe(*hash, each);
  });
}

void Digest::flush() {
  hashing_.wait();
  for (auto& each : pieces_) hash_and_wipe(*hash_, each);
  pieces_ = {};
  held_ = 0;
  place_.reset();
}

std::string Digest::finish() {
  flush();
  return Botan::hex_encode(hash_->final_stdvec(), false);
}

}  // namespace chancery::transfer
