#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ledger/opening/opening.h"

// How the openings of one entry are kept: all of them sealed as one value
// (docs/decisions/001-one-seal-per-entry.md).
namespace chancery::opening {

struct FieldOpening {
  std::string field;
  Opening opening;
};

using Nonce = std::array<std::uint8_t, 24>;

// The bytes that are sealed: for each field u8 length, field, salt, u32be length, value. Throws
// std::length_error for a field over 255 bytes.
std::vector<std::uint8_t> pack(std::span<const FieldOpening> openings);
[[nodiscard]] std::optional<std::vector<FieldOpening>> unpack(std::span<const std::uint8_t> bytes);

// Seals and unseals with one epoch's key: XChaCha20-Poly1305, the nonce in front, "chancery/openings/v1" and
// the entry's seq as associated data. Not thread-safe.
class EntrySeal {
 public:
  explicit EntrySeal(const EpochKey& key);
  ~EntrySeal();
  EntrySeal(EntrySeal&&) noexcept;
  EntrySeal& operator=(EntrySeal&&) noexcept;

  // `nonce` is fresh random bytes.
  std::vector<std::uint8_t> seal(std::uint64_t seq, const Nonce& nonce, std::span<const std::uint8_t> packed);
  // nullopt when the bytes are not the openings of this seq under this key.
  [[nodiscard]] std::optional<std::vector<FieldOpening>> unseal(std::uint64_t seq,
                                                                std::span<const std::uint8_t> sealed);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::opening
