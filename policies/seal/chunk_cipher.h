#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "policies/seal/stream.h"

namespace chancery::seal {

// The cipher of single chunks, keyed once. One thread at a time. No allocation per chunk.
class ChunkCipher {
 public:
  ChunkCipher(Direction direction, const Key& payload_key);
  ~ChunkCipher();

  // Encrypts all but the last kTag bytes in place and puts the tag there.
  void seal(std::span<std::uint8_t> chunk, std::uint64_t number, bool last);

  // Decrypts all but the tag in place. False when the tag does not hold: `chunk` is as it was before.
  [[nodiscard]] bool open(std::span<std::uint8_t> chunk, std::uint64_t number, bool last);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::seal
