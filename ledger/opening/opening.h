#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry/entry.h"

// Commitments to what a person or a peer chose, and the openings that reveal them: docs/ledger-format.md,
// "Erasable details". Pure and thread-safe.
namespace chancery::opening {

using merkle::Hash;
using Salt = std::array<std::uint8_t, 32>;

// The salt and value behind one commitment.
struct Opening {
  Salt salt{};
  std::string value;
};

// HMAC-SHA-256(salt, LP("chancery/commit/v1") || LP(origin) || LP(id) || LP(field) || LP(value)), LP(x) =
// u32be(len) || x.
Hash commitment(const Opening& opening, std::string_view origin, const entry::EventId& id,
                std::string_view field);

[[nodiscard]] bool opens(const Opening& opening, const Hash& commitment, std::string_view origin,
                         const entry::EventId& id, std::string_view field);

// One line of a .openings file: "open SEQ FIELD base64(salt) base64(value)" LF.
struct OpeningLine {
  std::uint64_t seq = 0;
  std::string field;
  Opening opening;
};
std::string format_line(const OpeningLine& line);
[[nodiscard]] std::optional<OpeningLine> parse_line(std::string_view line);  // with or without the LF

// Entries [epoch * kEpochSize, (epoch + 1) * kEpochSize) have their openings sealed under one key.
inline constexpr std::uint64_t kEpochSize = 65536;

// The key under which an epoch's openings are sealed (entry_seal.h). Its bytes are wiped when it is
// destroyed.
class EpochKey {
 public:
  static EpochKey generate();
  explicit EpochKey(std::span<const std::uint8_t> bytes);  // 32 bytes, else throws std::invalid_argument
  ~EpochKey();
  EpochKey(const EpochKey&) = default;
  EpochKey& operator=(const EpochKey&) = default;

  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

}  // namespace chancery::opening
