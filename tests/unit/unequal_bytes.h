#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chancery {

// The same bytes each time, no part of which is like another: what is lost, doubled or out of order shows.
inline std::vector<std::uint8_t> unequal_bytes(std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  std::uint32_t state = 1;
  for (auto& byte : bytes)
    byte = static_cast<std::uint8_t>((state = state * 1'664'525U + 1'013'904'223U) >> 24U);
  return bytes;
}

}  // namespace chancery
