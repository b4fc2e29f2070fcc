#include "ledger/opening/opening.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <stdexcept>

#include <botan/aead.h>
#include <botan/base64.h>
#include <botan/exceptn.h>
#include <botan/mac.h>
#include <botan/mem_ops.h>
#include <botan/system_rng.h>

namespace chancery::opening {
namespace {

constexpr std::string_view kCommitLabel = "chancery/commit/v1";
constexpr std::string_view kLinePrefix = "open ";
constexpr std::size_t kNonceBytes = 24;
constexpr std::size_t kTagBytes = 16;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void update_with_length(Botan::MessageAuthenticationCode& mac, std::span<const std::uint8_t> bytes) {
  mac.update_be(static_cast<std::uint32_t>(bytes.size()));
  mac.update(bytes);
}

// What ties a sealed opening to its place: seq, big-endian, and the field.
std::vector<std::uint8_t> place(std::uint64_t seq, std::string_view field) {
  std::vector<std::uint8_t> bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(seq >> shift));
  }
  bytes.insert(bytes.end(), field.begin(), field.end());
  return bytes;
}

std::unique_ptr<Botan::AEAD_Mode> xchacha(Botan::Cipher_Dir direction) {
  // With a nonce of 24 bytes Botan's ChaCha20Poly1305 is XChaCha20-Poly1305.
  return Botan::AEAD_Mode::create_or_throw("ChaCha20Poly1305", direction);
}

std::optional<std::string> decode(std::string_view text) {
  try {
    const auto decoded = Botan::base64_decode(text, false);
    if (Botan::base64_encode(decoded) == text) {
      return std::string(decoded.begin(), decoded.end());
    }
  } catch (const Botan::Exception&) {  // not base64: an ordinary answer here
  }
  return std::nullopt;
}

// Takes what stands before the next space; nullopt if there is none.
std::optional<std::string_view> take_word(std::string_view& rest) {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view word = rest.substr(0, space);
  rest.remove_prefix(space + 1);
  return word;
}

std::optional<std::uint64_t> parse_seq(std::string_view text) {
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && seq >> 63 == 0 && std::to_string(seq) == text ? std::optional(seq) : std::nullopt;
}

}  // namespace

Salt random_salt() {
  Salt salt;
  Botan::system_rng().randomize(salt.data(), salt.size());
  return salt;
}

Hash commitment(const Opening& opening, std::string_view origin, const entry::EventId& id,
                std::string_view field) {
  thread_local const auto mac = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-256)");
  mac->set_key(opening.salt.data(), opening.salt.size());
  update_with_length(*mac, bytes_of(kCommitLabel));
  update_with_length(*mac, bytes_of(origin));
  update_with_length(*mac, id);
  update_with_length(*mac, bytes_of(field));
  update_with_length(*mac, bytes_of(opening.value));
  Hash result;
  mac->final(result.data());
  mac->clear();
  return result;
}

bool opens(const Opening& opening, const Hash& expected, std::string_view origin, const entry::EventId& id,
           std::string_view field) {
  return commitment(opening, origin, id, field) == expected;
}

std::string format_line(const OpeningLine& line) {
  const auto value = bytes_of(line.opening.value);
  return std::string(kLinePrefix) + std::to_string(line.seq) + " " + line.field + " " +
         Botan::base64_encode(line.opening.salt) + " " + Botan::base64_encode(value) + "\n";
}

std::optional<OpeningLine> parse_line(std::string_view line) {
  if (line.ends_with('\n')) {
    line.remove_suffix(1);
  }
  if (!line.starts_with(kLinePrefix)) {
    return std::nullopt;
  }
  line.remove_prefix(kLinePrefix.size());
  const auto seq_text = take_word(line);
  const auto field = take_word(line);
  const auto salt_text = take_word(line);
  if (!seq_text || !field || !salt_text) {
    return std::nullopt;
  }
  const auto seq = parse_seq(*seq_text);
  const auto salt = decode(*salt_text);
  auto value = decode(line);
  OpeningLine result;
  if (!seq || !entry::is_key(*field) || !salt || salt->size() != result.opening.salt.size() || !value) {
    return std::nullopt;
  }
  result.seq = *seq;
  result.field = *field;
  std::copy(salt->begin(), salt->end(), result.opening.salt.begin());
  result.opening.value = *std::move(value);
  return result;
}

EpochKey EpochKey::generate() {
  std::array<std::uint8_t, 32> bytes;
  Botan::system_rng().randomize(bytes.data(), bytes.size());
  EpochKey key(bytes);
  Botan::secure_scrub_memory(bytes.data(), bytes.size());
  return key;
}

EpochKey::EpochKey(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != bytes_.size()) {
    throw std::invalid_argument("an epoch key has 32 bytes");
  }
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

EpochKey::~EpochKey() { Botan::secure_scrub_memory(bytes_.data(), bytes_.size()); }

std::vector<std::uint8_t> EpochKey::seal(std::uint64_t seq, std::string_view field,
                                         const Opening& opening) const {
  std::vector<std::uint8_t> sealed(kNonceBytes);
  Botan::system_rng().randomize(sealed.data(), sealed.size());
  Botan::secure_vector<std::uint8_t> content(opening.salt.begin(), opening.salt.end());
  content.insert(content.end(), opening.value.begin(), opening.value.end());

  const auto cipher = xchacha(Botan::Cipher_Dir::Encryption);
  cipher->set_key(bytes_.data(), bytes_.size());
  cipher->set_associated_data(place(seq, field));
  cipher->start(sealed.data(), kNonceBytes);
  cipher->finish(content);
  sealed.insert(sealed.end(), content.begin(), content.end());
  return sealed;
}

std::optional<Opening> EpochKey::unseal(std::uint64_t seq, std::string_view field,
                                        std::span<const std::uint8_t> sealed) const {
  if (sealed.size() < kNonceBytes + sizeof(Salt) + kTagBytes) {
    return std::nullopt;
  }
  Botan::secure_vector<std::uint8_t> content(sealed.begin() + kNonceBytes, sealed.end());
  const auto cipher = xchacha(Botan::Cipher_Dir::Decryption);
  cipher->set_key(bytes_.data(), bytes_.size());
  cipher->set_associated_data(place(seq, field));
  cipher->start(sealed.data(), kNonceBytes);
  try {
    cipher->finish(content);
  } catch (const Botan::Invalid_Authentication_Tag&) {
    return std::nullopt;
  }
  Opening opening;
  std::copy_n(content.begin(), opening.salt.size(), opening.salt.begin());
  opening.value.assign(content.begin() + sizeof(Salt), content.end());
  return opening;
}

}  // namespace chancery::opening
