#include "policies/seal/bech32.h"

#include <algorithm>
#include <array>

namespace chancery::seal {
namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kChecksum = 6;

// One step of the BCH code of BIP 173 over GF(32), for each five-bit value.
std::uint32_t polymod_step(std::uint32_t state, std::uint8_t value) {
  constexpr std::array<std::uint32_t, 5> kGenerator{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                    0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = ((state & 0x1ffffff) << 5) ^ value;
  for (unsigned i = 0; i < kGenerator.size(); ++i) {
    if ((top >> i) & 1) {
      state ^= kGenerator[i];
    }
  }
  return state;
}

std::uint32_t polymod(std::string_view prefix, std::span<const std::uint8_t> values) {
  std::uint32_t state = 1;
  for (const char c : prefix) {
    state = polymod_step(state, static_cast<std::uint8_t>(static_cast<unsigned char>(c) >> 5));
  }
  state = polymod_step(state, 0);
  for (const char c : prefix) {
    state = polymod_step(state, static_cast<std::uint8_t>(c & 31));
  }
  for (const std::uint8_t value : values) {
    state = polymod_step(state, value);
  }
  return state;
}

// Regroups bits. Going to octets (pad = false), what is left over must be fewer than five bits, all zero.
std::optional<std::vector<std::uint8_t>> regroup(std::span<const std::uint8_t> in, unsigned from, unsigned to,
                                                 bool pad) {
  std::vector<std::uint8_t> out;
  out.reserve(in.size() * from / to + 1);
  const std::uint32_t mask = (1U << to) - 1;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t value : in) {
    bits = ((bits << from) | value) & 0xffff;
    count += from;
    while (count >= to) {
      count -= to;
      out.push_back(static_cast<std::uint8_t>((bits >> count) & mask));
    }
  }
  const std::uint32_t left = bits & ((1U << count) - 1);
  if (!pad) {
    return count < from && left == 0 ? std::optional(std::move(out)) : std::nullopt;
  }
  if (count > 0) {
    out.push_back(static_cast<std::uint8_t>((left << (to - count)) & mask));
  }
  return out;
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

}  // namespace

std::optional<Bech32> bech32_decode(std::string_view text) {
  Bech32 result;
  result.upper = std::ranges::any_of(text, is_upper);
  if (result.upper && std::ranges::any_of(text, is_lower)) {
    return std::nullopt;
  }
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; });
  const std::size_t separator = lower.rfind('1');
  if (separator == std::string::npos || separator == 0 || lower.size() - separator - 1 < kChecksum ||
      std::ranges::any_of(lower, [](char c) { return c < 33 || c > 126; })) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> values;
  values.reserve(lower.size() - separator);
  for (const char c : std::string_view(lower).substr(separator + 1)) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) {
      return std::nullopt;
    }
    values.push_back(static_cast<std::uint8_t>(value));
  }
  result.prefix = lower.substr(0, separator);
  if (polymod(result.prefix, values) != 1) {
    return std::nullopt;
  }
  auto bytes = regroup(std::span(values).first(values.size() - kChecksum), 5, 8, false);
  if (!bytes) {
    return std::nullopt;
  }
  result.bytes = std::move(*bytes);
  return result;
}

std::string bech32_encode(std::string_view prefix, std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> values = *regroup(bytes, 8, 5, true);
  const std::size_t size = values.size();
  values.resize(size + kChecksum);
  const std::uint32_t checksum = polymod(prefix, values) ^ 1;
  for (std::size_t i = 0; i < kChecksum; ++i) {
    values[size + i] = static_cast<std::uint8_t>((checksum >> (5 * (kChecksum - 1 - i))) & 31);
  }
  std::string text(prefix);
  text += '1';
  for (const std::uint8_t value : values) {
    text += kAlphabet[value];
  }
  return text;
}

}  // namespace chancery::seal
