#include "policies/seal/primitives.h"

#include <botan/aead.h>
#include <botan/base64.h>
#include <botan/exceptn.h>
#include <botan/kdf.h>
#include <botan/mac.h>
#include <botan/mem_ops.h>
#include <botan/pubkey.h>
#include <botan/system_rng.h>
#include <botan/x25519.h>

namespace chancery::seal {

void wipe(std::span<std::uint8_t> bytes) noexcept { Botan::secure_scrub_memory(bytes.data(), bytes.size()); }

void fill_random(std::span<std::uint8_t> bytes) { Botan::system_rng().randomize(bytes); }

Key hkdf(Bytes key_material, Bytes salt, std::string_view info) {
  const auto kdf = Botan::KDF::create_or_throw("HKDF(SHA-256)");
  const std::vector<std::uint8_t> label(info.begin(), info.end());
  const auto derived = kdf->derive_key(32, key_material, salt, label);
  return Key(std::span(derived).first<32>());
}

std::array<std::uint8_t, 32> hmac_sha256(const Key& key, std::string_view text) {
  const auto hmac = Botan::MessageAuthenticationCode::create_or_throw("HMAC(SHA-256)");
  hmac->set_key(key.bytes);
  hmac->update(std::string(text));
  std::array<std::uint8_t, 32> tag{};
  hmac->final(tag);
  return tag;
}

bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && Botan::constant_time_compare(a.data(), b.data(), a.size());
}

std::array<std::uint8_t, 32> x25519_public(Bytes secret) {
  const Botan::X25519_PrivateKey key(Botan::secure_vector<std::uint8_t>(secret.begin(), secret.end()));
  const auto bits = key.raw_public_key_bits();
  std::array<std::uint8_t, 32> out{};
  std::ranges::copy(bits, out.begin());
  return out;
}

std::optional<Key> x25519(Bytes secret, Bytes share) {
  const Botan::X25519_PrivateKey key(Botan::secure_vector<std::uint8_t>(secret.begin(), secret.end()));
  Botan::secure_vector<std::uint8_t> shared;
  try {
    const Botan::PK_Key_Agreement agreement(key, Botan::system_rng(), "Raw");
    shared = agreement.derive_key(0, share).bits_of();
  } catch (const Botan::Invalid_Argument&) {  // how some versions of Botan refuse low order
    return std::nullopt;
  }
  constexpr std::array<std::uint8_t, 32> kZero{};
  if (shared.size() != 32 || equal(shared, kZero)) {
    return std::nullopt;
  }
  return Key(std::span<const std::uint8_t>(shared).first<32>());
}

std::vector<std::uint8_t> wrap_key(const Key& key, Bytes nonce, const FileKey& file_key) {
  const auto aead = Botan::AEAD_Mode::create_or_throw("ChaCha20Poly1305", Botan::Cipher_Dir::Encryption);
  aead->set_key(key.bytes);
  aead->start(nonce);
  Botan::secure_vector<std::uint8_t> buffer(file_key.bytes.begin(), file_key.bytes.end());
  aead->finish(buffer);
  return {buffer.begin(), buffer.end()};
}

std::optional<FileKey> unwrap_key(const Key& key, Bytes nonce, Bytes body) {
  if (body.size() != 32) {
    return std::nullopt;
  }
  const auto aead = Botan::AEAD_Mode::create_or_throw("ChaCha20Poly1305", Botan::Cipher_Dir::Decryption);
  aead->set_key(key.bytes);
  aead->start(nonce);
  Botan::secure_vector<std::uint8_t> buffer(body.begin(), body.end());
  try {
    aead->finish(buffer);
  } catch (const Botan::Invalid_Authentication_Tag&) {
    return std::nullopt;
  }
  return FileKey(std::span<const std::uint8_t>(buffer).first<16>());
}

std::string base64(Bytes bytes) {
  std::string text = Botan::base64_encode(bytes);
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text) {
  if (text.find('=') != std::string_view::npos) {
    return std::nullopt;
  }
  std::string padded(text);
  padded.resize((text.size() + 3) / 4 * 4, '=');
  return padded_base64_decode(padded);
}

std::optional<std::vector<std::uint8_t>> padded_base64_decode(std::string_view text) {
  try {
    const auto bytes = Botan::base64_decode(text.data(), text.size(), false);
    std::vector<std::uint8_t> out(bytes.begin(), bytes.end());
    if (Botan::base64_encode(out) !=
        text) {  // more than one text may decode to the same bytes; one is canonical
      return std::nullopt;
    }
    return out;
  } catch (const Botan::Exception&) {
    return std::nullopt;
  }
}

}  // namespace chancery::seal
