#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/object/beside.h"
#include "daemon/object/places.h"

namespace Botan {
class HashFunction;
}

namespace chancery::transfer {

// The SHA-256 of a file that comes in pieces of at most 256 KiB. After its first 8 MiB it is computed beside
// the caller, so that a large file that is sealed meanwhile uses two processors: what has come is hashed, 192
// KiB or one piece more, while the next is gathered, together less than 640 KiB. Where no place for that is
// left, a piece is hashed when it comes. Not thread-safe.
class Digest {
 public:
  explicit Digest(object::Places& places = shared_places());
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void update(std::vector<std::uint8_t> piece);

  // Hashes what is held, so that one that waits takes no memory; more may follow.
  void flush();

  // Of all of it, 64 hexadecimal digits in lower case. To be called once, at the end.
  std::string finish();

 private:
  static object::Places& shared_places();

  object::Places& places_;
  object::Place place_;  // while it holds pieces
  std::unique_ptr<Botan::HashFunction> hash_;
  std::uint64_t size_ = 0;  // of the file so far
  std::vector<std::vector<std::uint8_t>> pieces_;
  std::size_t held_ = 0;    // bytes of them
  object::Beside hashing_;  // is waited for before the rest goes
};

}  // namespace chancery::transfer
