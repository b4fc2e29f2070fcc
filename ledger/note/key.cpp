#include <algorithm>
#include <array>
#include <stdexcept>

#include <botan/base64.h>
#include <botan/ed25519.h>
#include <botan/hex.h>
#include <botan/pubkey.h>
#include <botan/system_rng.h>

#include "ledger/note/note.h"
#include "ledger/note/text.h"

namespace chancery::note {
namespace {

constexpr std::uint8_t kEd25519Type = 0x01;
constexpr std::size_t kEd25519KeyBytes = 32;
constexpr std::size_t kEd25519SeedBytes = 32;
constexpr std::size_t kKeyIdBytes = 4;

std::vector<std::uint8_t> typed(std::span<const std::uint8_t> public_key) {
  std::vector<std::uint8_t> bytes(1 + public_key.size(), kEd25519Type);
  std::copy(public_key.begin(), public_key.end(), bytes.begin() + 1);
  return bytes;
}

// SHA-256(name || LF || type || key), of which the first four bytes are the id.
std::uint32_t key_id(std::string_view name, std::span<const std::uint8_t> public_key) {
  const auto key = typed(public_key);
  std::vector<std::uint8_t> bytes(name.size() + 1 + key.size(), '\n');
  const auto after_name = std::copy(name.begin(), name.end(), bytes.begin());
  std::copy(key.begin(), key.end(), after_name + 1);
  const merkle::Hash hash = merkle::sha256_of(bytes);
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < kKeyIdBytes; ++i) {
    id = id << 8 | hash[i];
  }
  return id;
}

std::string hex_id(std::uint32_t id) {
  std::array<std::uint8_t, kKeyIdBytes> bytes{};
  for (std::size_t i = kKeyIdBytes; i-- > 0; id >>= 8) {
    bytes[i] = static_cast<std::uint8_t>(id);
  }
  return Botan::hex_encode(bytes.data(), bytes.size(), false);
}

}  // namespace

VerifierKey VerifierKey::ed25519(std::string name, std::span<const std::uint8_t> public_key) {
  if (!is_key_name(name) || public_key.size() != kEd25519KeyBytes) {
    throw std::invalid_argument("a verifier key needs a name without spaces or '+', and 32 bytes of key");
  }
  VerifierKey key;
  key.name_ = std::move(name);
  key.id_ = key_id(key.name_, public_key);
  key.public_key_.assign(public_key.begin(), public_key.end());
  return key;
}

std::optional<VerifierKey> VerifierKey::parse(std::string_view vkey) {
  // The base64 may have '+' in it, the name and the id may not.
  const std::size_t name_end = vkey.find('+');
  const std::size_t id_end = name_end == std::string_view::npos ? name_end : vkey.find('+', name_end + 1);
  if (id_end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view name = vkey.substr(0, name_end);
  const auto bytes = decode_base64(vkey.substr(id_end + 1));
  if (!is_key_name(name) || !bytes || bytes->size() != 1 + kEd25519KeyBytes ||
      bytes->front() != kEd25519Type) {
    return std::nullopt;
  }
  VerifierKey key = ed25519(std::string(name), std::span(*bytes).subspan(1));
  return key.text() == vkey ? std::optional(std::move(key)) : std::nullopt;
}

std::string VerifierKey::text() const {
  return name_ + "+" + hex_id(id_) + "+" + Botan::base64_encode(typed(public_key_));
}

bool VerifierKey::verify(std::string_view message, std::span<const std::uint8_t> signature) const {
  const Botan::Ed25519_PublicKey key(public_key_);
  Botan::PK_Verifier verifier(key, "Pure");
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
  return verifier.verify_message(bytes, signature);
}

struct SigningKey::State {
  State(std::string name, const Botan::Ed25519_PrivateKey& private_key)
      : key(private_key), verifier(VerifierKey::ed25519(std::move(name), key.raw_public_key_bits())) {}

  Botan::Ed25519_PrivateKey key;
  VerifierKey verifier;
};

SigningKey::SigningKey() = default;
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;

SigningKey SigningKey::generate(std::string name) {
  SigningKey key;
  key.state_ = std::make_unique<State>(std::move(name), Botan::Ed25519_PrivateKey(Botan::system_rng()));
  return key;
}

SigningKey SigningKey::from_seed(std::string name, std::span<const std::uint8_t> seed) {
  if (seed.size() != kEd25519SeedBytes) {
    throw std::invalid_argument("an Ed25519 seed has 32 bytes");
  }
  SigningKey key;
  key.state_ = std::make_unique<State>(
      std::move(name),
      Botan::Ed25519_PrivateKey(Botan::secure_vector<std::uint8_t>(seed.begin(), seed.end())));
  return key;
}

const VerifierKey& SigningKey::verifier() const { return state_->verifier; }

std::vector<std::uint8_t> SigningKey::seed() const {
  // Botan's raw private key is the seed followed by the public key.
  const auto bits = state_->key.raw_private_key_bits();
  return {bits.begin(), bits.begin() + kEd25519SeedBytes};
}

std::vector<std::uint8_t> SigningKey::sign(std::string_view message) const {
  Botan::PK_Signer signer(state_->key, Botan::system_rng(), "Pure");
  return signer.sign_message(reinterpret_cast<const std::uint8_t*>(message.data()), message.size(),
                             Botan::system_rng());
}

}  // namespace chancery::note
