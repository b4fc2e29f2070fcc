#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <exception>
#include <span>

#include <botan/base64.h>
#include <botan/hash.h>

#include "policies/agreement/agreement.h"

namespace chancery::agreement {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kMaxBase64 = 4096;  // an RSA key of 16,384 bits has 2,800
constexpr std::size_t kLeastRsaBits = 2048;
constexpr std::size_t kMostRsaBits = 16384;

// Takes a `string` of RFC 4251, section 5, off the front; nullopt if it is cut short.
std::optional<Bytes> take_string(Bytes& blob) {
  if (blob.size() < 4) {
    return std::nullopt;
  }
  const std::size_t length = (std::size_t{blob[0]} << 24U) | (std::size_t{blob[1]} << 16U) |
                             (std::size_t{blob[2]} << 8U) | std::size_t{blob[3]};
  if (length > blob.size() - 4) {
    return std::nullopt;
  }
  const Bytes value = blob.subspan(4, length);
  blob = blob.subspan(4 + length);
  return value;
}

bool is_text(std::optional<Bytes> value, std::string_view text) {
  return value && std::ranges::equal(*value, text, [](std::uint8_t byte, char letter) {
           return byte == static_cast<std::uint8_t>(letter);
         });
}

// Bits of a positive `mpint` in its one shortest form; 0 for any other.
std::size_t bits_of(std::optional<Bytes> number) {
  if (!number || number->empty() || (*number)[0] >= 0x80) {
    return 0;
  }
  Bytes digits = *number;
  if (digits[0] == 0) {
    digits = digits.subspan(1);
    if (digits.empty() || digits[0] < 0x80) {
      return 0;
    }
  }
  return digits.size() * 8 - static_cast<std::size_t>(std::countl_zero(digits[0]));
}

bool is_odd(Bytes number) { return (number.back() & 1U) != 0; }

// What follows the algorithm's name in a blob, to its end. One row of the table below each.
bool is_ed25519(Bytes blob, std::string_view /*curve*/) {
  const auto key = take_string(blob);
  return key && key->size() == 32 && blob.empty();
}

bool is_ecdsa(Bytes blob, std::string_view curve) {
  const bool named = is_text(take_string(blob), curve);
  const auto point = take_string(blob);
  const std::size_t field = curve == "nistp256" ? 32 : curve == "nistp384" ? 48 : 66;
  return named && point && point->size() == 1 + 2 * field && (*point)[0] == 0x04 && blob.empty();
}

bool is_rsa(Bytes blob, std::string_view /*curve*/) {
  const auto exponent = take_string(blob);
  const auto modulus = take_string(blob);
  const std::size_t exponent_bits = bits_of(exponent);
  const std::size_t bits = bits_of(modulus);
  return exponent_bits >= 2 && exponent_bits <= 64 && is_odd(*exponent) && bits >= kLeastRsaBits &&
         bits <= kMostRsaBits && is_odd(*modulus) && blob.empty();
}

struct Algorithm {
  std::string_view name;
  std::string_view curve;
  bool (*holds)(Bytes, std::string_view);
};
constexpr std::array kAlgorithms{
    Algorithm{"ssh-ed25519", "", is_ed25519},
    Algorithm{"ecdsa-sha2-nistp256", "nistp256", is_ecdsa},
    Algorithm{"ecdsa-sha2-nistp384", "nistp384", is_ecdsa},
    Algorithm{"ecdsa-sha2-nistp521", "nistp521", is_ecdsa},
    Algorithm{"ssh-rsa", "", is_rsa},
};

// The bytes behind canonical, padded base64; empty for anything else.
std::vector<std::uint8_t> decode(const std::string& base64) {
  try {
    const auto bytes = Botan::base64_decode(base64, false);
    if (Botan::base64_encode(bytes.data(), bytes.size()) == base64) {
      return {bytes.begin(), bytes.end()};
    }
  } catch (const std::exception&) {  // not base64: the answer is no
  }
  return {};
}

std::string fingerprint_of(Bytes blob) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
  hash->update(blob.data(), blob.size());
  const auto digest = hash->final_stdvec();
  std::string text = Botan::base64_encode(digest.data(), digest.size());
  text.erase(text.find_last_not_of('=') + 1);
  return "SHA256:" + text;
}

}  // namespace

std::optional<PublicKey> PublicKey::parse(std::string_view line) {
  const std::size_t space = line.find(' ');
  const auto algorithm = std::ranges::find(kAlgorithms, line.substr(0, space), &Algorithm::name);
  if (space == std::string_view::npos || algorithm == kAlgorithms.end()) {
    return std::nullopt;
  }
  line.remove_prefix(space + 1);
  const std::string base64(line.substr(0, line.find(' ')));
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7F; };
  if (base64.size() > kMaxBase64 || std::ranges::any_of(line, is_control)) {
    return std::nullopt;
  }
  const std::vector<std::uint8_t> blob = decode(base64);
  Bytes rest = blob;
  if (!is_text(take_string(rest), algorithm->name) || !algorithm->holds(rest, algorithm->curve)) {
    return std::nullopt;
  }
  return PublicKey{std::string(algorithm->name), base64, fingerprint_of(blob)};
}

}  // namespace chancery::agreement
