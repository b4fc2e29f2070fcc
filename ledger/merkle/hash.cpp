#include <algorithm>
#include <memory>

#include <botan/hash.h>

#include "ledger/merkle/merkle.h"

namespace chancery::merkle {
namespace {

constexpr std::uint8_t kLeafPrefix = 0;
constexpr std::uint8_t kNodePrefix = 1;
constexpr std::size_t kBase64Length = 44;
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNotInAlphabet = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint8_t value_of(char character) { return kValues[static_cast<std::uint8_t>(character)]; }

// One hash object a thread, used by final() again from the start: making one costs more than hashing a node
// with it.
struct Sha256 {
  std::unique_ptr<Botan::HashFunction> hash = Botan::HashFunction::create_or_throw("SHA-256");

  void update(std::span<const std::uint8_t> bytes) const { hash->update(bytes.data(), bytes.size()); }
  Hash final() const {
    Hash result;
    hash->final(result.data());
    return result;
  }
};

const Sha256& sha256() {
  thread_local const Sha256 instance;
  return instance;
}

}  // namespace

Hash leaf_hash(std::span<const std::uint8_t> entry) {
  const Sha256& hash = sha256();
  hash.update(std::span(&kLeafPrefix, 1));
  hash.update(entry);
  return hash.final();
}

Hash leaf_hash(std::string_view entry) {
  return leaf_hash(std::span(reinterpret_cast<const std::uint8_t*>(entry.data()), entry.size()));
}

Hash node_hash(const Hash& left, const Hash& right) {
  std::array<std::uint8_t, 1 + 2 * sizeof(Hash)> bytes{kNodePrefix};
  std::copy(left.begin(), left.end(), bytes.begin() + 1);
  std::copy(right.begin(), right.end(), bytes.begin() + 1 + sizeof(Hash));
  return sha256_of(bytes);
}

Hash sha256_of(std::span<const std::uint8_t> bytes) {
  const Sha256& hash = sha256();
  hash.update(bytes);
  return hash.final();
}

Hash sha256_of(std::string_view bytes) {
  return sha256_of(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

Hash empty_root() { return sha256_of(std::string_view()); }

// The two functions below are our own because every entry has several hashes in base64 and Botan's are
// written to take the same time for any secret; these values are public.
std::string to_base64(const Hash& hash) {
  std::string text(kBase64Length, '=');
  char* out = text.data();
  for (std::size_t i = 0; i < 30; i += 3) {
    const unsigned bits = static_cast<unsigned>(hash[i] << 16 | hash[i + 1] << 8 | hash[i + 2]);
    for (int shift = 18; shift >= 0; shift -= 6) {
      *out++ = kAlphabet[(bits >> shift) & 63U];
    }
  }
  const unsigned bits = static_cast<unsigned>(hash[30] << 10 | hash[31] << 2);
  *out++ = kAlphabet[bits >> 12];
  *out++ = kAlphabet[(bits >> 6) & 63U];
  *out = kAlphabet[bits & 63U];
  return text;
}

bool is_base64(std::string_view text) {
  if (text.size() != kBase64Length || text.back() != '=') {
    return false;
  }
  unsigned all = 0;
  for (std::size_t i = 0; i < kBase64Length - 1; ++i) {
    all |= value_of(text[i]);
  }
  // 43 characters hold 258 bits: the last two must be zero, or another text would mean the same hash.
  return (all & 0xC0U) == 0 && (value_of(text[kBase64Length - 2]) & 3U) == 0;
}

std::optional<Hash> from_base64(std::string_view text) {
  if (!is_base64(text)) {
    return std::nullopt;
  }
  Hash hash;
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t out = 0;
  for (std::size_t i = 0; i < kBase64Length - 1; ++i) {
    bits = bits << 6 | value_of(text[i]);
    held += 6;
    if (held >= 8) {
      held -= 8;
      hash[out++] = static_cast<std::uint8_t>(bits >> held);
    }
  }
  return hash;
}

}  // namespace chancery::merkle
