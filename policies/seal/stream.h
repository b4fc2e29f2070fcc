#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "policies/seal/seal.h"
#include "policies/seal/secret.h"

// The payload of age.md: chunks of 64 KiB, each under ChaCha20-Poly1305 with its number and whether it is the
// last.
namespace chancery::seal {

inline constexpr std::size_t kChunk = std::size_t{64} * 1024;
inline constexpr std::size_t kTag = 16;

enum class Direction { seal, open };

// Takes plaintext and gives sealed chunks, or the other way. Chunks are worked on in place, in the caller's
// thread or in `threads` of its own; results reach the sink in order and in the caller's thread. Opening
// throws OpenError (payload) at the first chunk that does not hold, after the sink has had all before it.
class Stream {
 public:
  Stream(Direction direction, const Key& payload_key, const Sink& sink, unsigned threads);
  ~Stream();

  void update(std::span<const std::uint8_t> bytes);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::seal
