#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chancery::opening {

// A length as u32be, as docs/ledger-format.md has it before every value.
inline void append_length(std::vector<std::uint8_t>& out, std::size_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(length >> shift));
}

}  // namespace chancery::opening
