#pragma once

#include <cstdint>
#include <string_view>

// What the reading and the writing of an entry's text share. Private to this module.
namespace chancery::entry {

inline constexpr std::string_view kMagic = "chancery/entry/v1\n";
inline constexpr std::string_view kCommitmentPrefix = "c.";
inline constexpr std::uint64_t kMaxSeq = (std::uint64_t{1} << 63) - 1;

// The value of a lower-case hex digit, or -1.
constexpr int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// Keys that a plain field may not have: the headers' and those that would read as a commitment.
constexpr bool is_reserved(std::string_view key) {
  return key.starts_with(kCommitmentPrefix) || key == "seq" || key == "prev" || key == "time" ||
         key == "id" || key == "event";
}

}  // namespace chancery::entry
