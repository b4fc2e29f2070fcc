#include <algorithm>
#include <array>
#include <stdexcept>

#include <boost/endian/conversion.hpp>
#include <botan/base64.h>
#include <botan/ed25519.h>
#include <botan/exceptn.h>
#include <botan/hex.h>
#include <botan/ml_dsa.h>
#include <botan/pubkey.h>
#include <botan/system_rng.h>

#include "ledger/note/note.h"
#include "ledger/note/text.h"

namespace chancery::note {
namespace {

constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kTimeBytes = 8;
constexpr std::uint64_t kMaxTime = (std::uint64_t{1} << 63) - 1;

// What differs between the types.
struct Scheme {
  KeyType type;
  std::size_t key_bytes;
  const char* padding;  // Botan's word for the variant
};
constexpr std::array kSchemes{Scheme{KeyType::ed25519, 32, "Pure"}, Scheme{KeyType::ml_dsa_44, 1312, ""}};

const Scheme* find_scheme(std::uint8_t type) {
  const auto found = std::ranges::find(kSchemes, static_cast<KeyType>(type), &Scheme::type);
  return found == kSchemes.end() ? nullptr : &*found;
}

const Scheme& scheme_of(KeyType type) { return *find_scheme(static_cast<std::uint8_t>(type)); }

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string typed(KeyType type, std::span<const std::uint8_t> public_key) {
  return std::string(1, static_cast<char>(type)).append(text_of(public_key));
}

// SHA-256(name || LF || type || key), of which the first four bytes are the id.
std::uint32_t key_id(std::string_view name, KeyType type, std::span<const std::uint8_t> public_key) {
  const merkle::Hash hash = merkle::sha256_of(std::string(name) + "\n" + typed(type, public_key));
  return boost::endian::load_big_u32(hash.data());
}

std::string hex_id(std::uint32_t id) {
  std::array<std::uint8_t, kKeyIdBytes> bytes{};
  boost::endian::store_big_u32(bytes.data(), id);
  return Botan::hex_encode(bytes.data(), bytes.size(), false);
}

std::string big_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  boost::endian::store_big_u64(bytes.data(), number);
  return std::string(text_of(bytes));
}

std::string with_length(std::string_view name) {
  return std::string(1, static_cast<char>(name.size())).append(name);
}

// What an ML-DSA-44 cosignature is over (tlog-cosignature, "ML-DSA-44 signed message"), or nullopt if the
// text of the note is no checkpoint.
std::optional<std::string> cosigned_message(std::string_view cosigner, std::uint64_t time,
                                            std::string_view text) {
  constexpr std::size_t kMaxName = 255;
  constexpr std::uint64_t kFirstLeaf = 0;
  const auto checkpoint = parse_checkpoint(text);
  if (!checkpoint || checkpoint->origin.size() > kMaxName || cosigner.size() > kMaxName || time > kMaxTime) {
    return std::nullopt;
  }
  std::string message("subtree/v1\n\0", 12);
  message += with_length(cosigner) + big_endian(time) + with_length(checkpoint->origin);
  message += big_endian(kFirstLeaf) + big_endian(checkpoint->size);
  return message.append(text_of(checkpoint->root));
}

std::unique_ptr<Botan::Public_Key> botan_key(KeyType type, std::span<const std::uint8_t> bytes) {
  if (type == KeyType::ed25519) {
    return std::make_unique<Botan::Ed25519_PublicKey>(bytes);
  }
  return std::make_unique<Botan::ML_DSA_PublicKey>(bytes, Botan::ML_DSA_Mode::ML_DSA_4x4);
}

// By a key of small order anybody can make signatures that hold, and libraries differ on the keys that are
// refused here: what encodes no point canonically, the neutral element, and what is not of the prime-order
// subgroup.
bool is_sound_ed25519(std::span<const std::uint8_t> bytes, const Botan::Public_Key& key) {
  constexpr std::array<std::uint8_t, 32> kNeutral{1};  // y = 1; x = 0 has no sign, whatever its bit
  std::array<std::uint8_t, 32> y{};
  std::ranges::copy(bytes, y.begin());
  y.back() &= 0x7F;
  const bool below_p =
      y.front() < 0xED || y.back() != 0x7F ||
      std::any_of(y.begin() + 1, y.end() - 1, [](std::uint8_t byte) { return byte != 0xFF; });
  constexpr bool kStrong = false;
  return below_p && y != kNeutral && key.check_key(Botan::system_rng(), kStrong);
}

std::unique_ptr<Botan::Private_Key> private_key(KeyType type,
                                                const Botan::secure_vector<std::uint8_t>& seed) {
  if (type == KeyType::ed25519) {
    return std::make_unique<Botan::Ed25519_PrivateKey>(seed);
  }
  return std::make_unique<Botan::ML_DSA_PrivateKey>(seed, Botan::ML_DSA_Mode::ML_DSA_4x4);
}

}  // namespace

VerifierKey::VerifierKey(KeyType type, std::string name, std::span<const std::uint8_t> public_key)
    : type_(type), name_(std::move(name)), public_key_(public_key.begin(), public_key.end()) {
  if (!is_key_name(name_) || public_key.size() != scheme_of(type).key_bytes) {
    throw std::invalid_argument("a verifier key needs a name without spaces or '+', and " +
                                std::to_string(scheme_of(type).key_bytes) + " bytes of key");
  }
  id_ = key_id(name_, type, public_key);
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
  const Scheme* scheme = bytes && !bytes->empty() ? find_scheme(bytes->front()) : nullptr;
  if (!is_key_name(name) || scheme == nullptr || bytes->size() != 1 + scheme->key_bytes) {
    return std::nullopt;
  }
  VerifierKey key(scheme->type, std::string(name), std::span(*bytes).subspan(1));
  return key.text() == vkey ? std::optional(std::move(key)) : std::nullopt;
}

std::string VerifierKey::text() const {
  return name_ + "+" + hex_id(id_) + "+" + Botan::base64_encode(bytes_of(typed(type_, public_key_)));
}

bool VerifierKey::verify(std::string_view text, std::span<const std::uint8_t> signature) const {
  std::optional<std::string> message;
  if (type_ == KeyType::ed25519) {
    message = text;
  } else if (signature.size() > kTimeBytes) {
    message = cosigned_message(name_, boost::endian::load_big_u64(signature.data()), text);
    signature = signature.subspan(kTimeBytes);
  }
  if (!message) {
    return false;
  }
  try {
    const auto key = botan_key(type_, public_key_);
    if (type_ == KeyType::ed25519 && !is_sound_ed25519(public_key_, *key)) {
      return false;
    }
    Botan::PK_Verifier verifier(*key, scheme_of(type_).padding);
    return verifier.verify_message(bytes_of(*message), signature);
  } catch (const Botan::Exception&) {  // bytes that are no key or no signature
    return false;
  }
}

struct SigningKey::State {
  State(KeyType type, std::string name, Botan::secure_vector<std::uint8_t> secret)
      : seed(std::move(secret)),
        key(private_key(type, seed)),
        verifier(type, std::move(name), key->raw_public_key_bits()) {}

  Botan::secure_vector<std::uint8_t> seed;
  std::unique_ptr<Botan::Private_Key> key;
  VerifierKey verifier;
};

SigningKey::SigningKey() = default;
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;

SigningKey SigningKey::generate(KeyType type, std::string name) {
  return from_seed(type, std::move(name), Botan::system_rng().random_vec(kSeedBytes));
}

SigningKey SigningKey::from_seed(KeyType type, std::string name, std::span<const std::uint8_t> seed) {
  if (seed.size() != kSeedBytes) {
    throw std::invalid_argument("the seed of a signing key has 32 bytes");
  }
  SigningKey key;
  key.state_ = std::make_unique<State>(type, std::move(name),
                                       Botan::secure_vector<std::uint8_t>(seed.begin(), seed.end()));
  return key;
}

const VerifierKey& SigningKey::verifier() const { return state_->verifier; }

std::vector<std::uint8_t> SigningKey::seed() const { return Botan::unlock(state_->seed); }

std::vector<std::uint8_t> SigningKey::sign(std::string_view text, std::uint64_t time) const {
  const KeyType type = state_->verifier.type();
  Botan::PK_Signer signer(*state_->key, Botan::system_rng(), scheme_of(type).padding);
  if (type == KeyType::ed25519) {
    return signer.sign_message(bytes_of(text), Botan::system_rng());
  }
  const auto message = cosigned_message(state_->verifier.name(), time, text);
  if (!message) {
    throw std::invalid_argument(
        "an ML-DSA-44 key signs checkpoints only, of logs whose name has at most 255 bytes");
  }
  const auto signature = signer.sign_message(bytes_of(*message), Botan::system_rng());
  const std::string line = big_endian(time).append(text_of(signature));
  return {line.begin(), line.end()};
}

}  // namespace chancery::note
