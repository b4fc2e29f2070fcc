#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Bech32 (BIP 173) without its limit on length, as age.md has it.
namespace chancery::seal {

struct Bech32 {
  std::string prefix;  // the human-readable part, in lower case
  std::vector<std::uint8_t> bytes;
  bool upper = false;  // how it was written
};

// nullopt when mixed in case, when the checksum does not hold, or when the bytes are not a whole number of
// octets.
std::optional<Bech32> bech32_decode(std::string_view text);

// In lower case; `prefix` must be too.
std::string bech32_encode(std::string_view prefix, std::span<const std::uint8_t> bytes);

}  // namespace chancery::seal
