#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace chancery::seal {

// Overwrites with zeros in a way the compiler keeps.
void wipe(std::span<std::uint8_t> bytes) noexcept;

// Bytes that are wiped when they go.
template <std::size_t N>
struct Secret {
  Secret() = default;
  explicit Secret(std::span<const std::uint8_t, N> from) { std::ranges::copy(from, bytes.begin()); }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { wipe(bytes); }

  std::array<std::uint8_t, N> bytes{};
};

using FileKey = Secret<16>;  // age.md, "File key"
using Key = Secret<32>;

}  // namespace chancery::seal
