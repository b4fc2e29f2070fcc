#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// What the reading and the writing of an entry's text share. Private to this module.
namespace chancery::entry {

inline constexpr std::string_view kMagic = "chancery/entry/v1\n";
inline constexpr std::string_view kCommitmentPrefix = "c.";
inline constexpr std::uint64_t kMaxSeq = (std::uint64_t{1} << 63) - 1;

// The value of each byte as a lower-case hex digit, or kNoDigit.
inline constexpr std::uint8_t kNoDigit = 0xFF;
inline constexpr std::array<std::uint8_t, 256> kHexValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 16; ++i) {
    values[static_cast<std::uint8_t>("0123456789abcdef"[i])] = i;
  }
  return values;
}();

// Keys that a plain field may not have: the headers' and those that would read as a commitment.
constexpr bool is_reserved(std::string_view key) {
  return key.starts_with(kCommitmentPrefix) || key == "seq" || key == "prev" || key == "time" ||
         key == "id" || key == "event";
}

}  // namespace chancery::entry
