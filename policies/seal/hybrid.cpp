#include "policies/seal/hybrid.h"

#include <botan/exceptn.h>
#include <botan/hash.h>
#include <botan/kdf.h>
#include <botan/ml_kem.h>
#include <botan/pubkey.h>
#include <botan/system_rng.h>
#include <botan/xof.h>

namespace chancery::seal {
namespace {

constexpr std::size_t kMlKemKey = 1184;
constexpr std::size_t kMlKemCiphertext = 1088;
constexpr std::size_t kMlKemSeed = 64;
constexpr std::string_view kInfo = "age-encryption.org/mlkem768x25519";
// "HPKE", then the identifiers of KEM (0x647a), KDF (1) and AEAD (3).
constexpr std::string_view kSuite("HPKE\x64\x7a\x00\x01\x00\x03", 10);
// The label of the KEM's combiner.
constexpr std::string_view kCombiner = "\\.//^\\";

using SecretBytes = Botan::secure_vector<std::uint8_t>;

template <class Container>
void append(Container& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

template <class Container>
void append(Container& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// The two private keys that a seed stands for.
struct Expanded {
  explicit Expanded(Bytes seed) : full(kMlKemSeed + 32) {
    const auto xof = Botan::XOF::create_or_throw("SHAKE-256");
    xof->update(seed);
    xof->output(full);
  }
  Botan::ML_KEM_PrivateKey ml_kem() const {
    return {std::span(full).first(kMlKemSeed), Botan::ML_KEM_Mode::ML_KEM_768};
  }
  Bytes x25519() const { return std::span(full).subspan(kMlKemSeed); }

  SecretBytes full;
};

SecretBytes combine(Bytes ml_kem_secret, Bytes x25519_secret, Bytes share, Bytes x25519_key) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-3(256)");
  hash->update(ml_kem_secret);
  hash->update(x25519_secret);
  hash->update(share);
  hash->update(x25519_key);
  hash->update(std::string(kCombiner));
  SecretBytes out(hash->output_length());
  hash->final(out);
  return out;
}

// RFC 9180, 4: LabeledExtract and LabeledExpand.
SecretBytes labeled_extract(Bytes salt, std::string_view label, Bytes key_material) {
  SecretBytes labeled;
  append(labeled, "HPKE-v1");
  append(labeled, kSuite);
  append(labeled, label);
  append(labeled, key_material);
  return Botan::KDF::create_or_throw("HKDF-Extract(SHA-256)")->derive_key(32, labeled, salt, Bytes());
}

SecretBytes labeled_expand(Bytes secret, std::string_view label, Bytes info, std::uint8_t length) {
  std::vector<std::uint8_t> labeled{0, length};
  append(labeled, "HPKE-v1");
  append(labeled, kSuite);
  append(labeled, label);
  append(labeled, info);
  return Botan::KDF::create_or_throw("HKDF-Expand(SHA-256)")->derive_key(length, secret, Bytes(), labeled);
}

struct Schedule {
  Key key;
  SecretBytes nonce;
};

// RFC 9180, 5.1: KeySchedule in base mode (no pre-shared key); the first message uses the base nonce as it
// is.
Schedule schedule(Bytes shared_secret) {
  std::vector<std::uint8_t> info;
  append(info, kInfo);
  std::vector<std::uint8_t> context{0};
  append(context, Bytes(labeled_extract({}, "psk_id_hash", {})));
  append(context, Bytes(labeled_extract({}, "info_hash", info)));
  const SecretBytes secret = labeled_extract(shared_secret, "secret", {});
  const SecretBytes key = labeled_expand(secret, "key", context, 32);
  return {Key(Bytes(key).first<32>()), labeled_expand(secret, "base_nonce", context, 12)};
}

}  // namespace

std::vector<std::uint8_t> hybrid_public(Bytes seed) {
  const Expanded expanded(seed);
  std::vector<std::uint8_t> key = expanded.ml_kem().raw_public_key_bits();
  append(key, Bytes(x25519_public(expanded.x25519())));
  return key;
}

bool hybrid_usable(Bytes public_key) {
  if (public_key.size() != kHybridPublicSize) {
    return false;
  }
  // The modulus check of FIPS 203, 7.2: 768 coefficients of twelve bits, each below q.
  for (std::size_t i = 0; i + 32 < kMlKemKey; i += 3) {
    const unsigned low = public_key[i] | (public_key[i + 1] & 15U) << 8;
    const unsigned high = public_key[i + 1] >> 4U | static_cast<unsigned>(public_key[i + 2]) << 4;
    if (low >= 3329 || high >= 3329) {
      return false;
    }
  }
  Key any;
  any.bytes.fill(1);
  return x25519(any.bytes, public_key.subspan(kMlKemKey)).has_value();
}

HybridWrapped hybrid_wrap(Bytes public_key, const FileKey& file_key) {
  const Bytes x25519_key = public_key.subspan(kMlKemKey);
  const Botan::ML_KEM_PublicKey ml_kem(public_key.first(kMlKemKey), Botan::ML_KEM_Mode::ML_KEM_768);
  Botan::PK_KEM_Encryptor encryptor(ml_kem, "Raw");
  const Botan::KEM_Encapsulation encapsulation = encryptor.encrypt(Botan::system_rng(), 32);
  Key ephemeral;
  fill_random(ephemeral.bytes);
  const auto share = x25519_public(ephemeral.bytes);
  const auto shared = x25519(ephemeral.bytes, x25519_key);
  if (!shared) {
    throw std::invalid_argument("the recipient's key has a point of low order");
  }
  const SecretBytes secret = combine(encapsulation.shared_key(), shared->bytes, share, x25519_key);
  const Schedule keys = schedule(secret);
  HybridWrapped wrapped{encapsulation.encapsulated_shared_key(), wrap_key(keys.key, keys.nonce, file_key)};
  append(wrapped.encapsulated, Bytes(share));
  return wrapped;
}

HybridAnswer hybrid_unwrap(Bytes seed, Bytes encapsulated, Bytes body, FileKey& file_key) {
  const Expanded expanded(seed);
  const Bytes share = encapsulated.subspan(kMlKemCiphertext);
  const auto shared = x25519(expanded.x25519(), share);
  if (!shared) {
    return HybridAnswer::low_order;
  }
  const Botan::ML_KEM_PrivateKey ml_kem = expanded.ml_kem();
  Botan::PK_KEM_Decryptor decryptor(ml_kem, Botan::system_rng(), "Raw");
  const SecretBytes ml_kem_secret = decryptor.decrypt(encapsulated.first(kMlKemCiphertext), 32, {});
  const auto x25519_key = x25519_public(expanded.x25519());
  const Schedule keys = schedule(combine(ml_kem_secret, shared->bytes, share, x25519_key));
  const auto opened = unwrap_key(keys.key, keys.nonce, body);
  if (!opened) {
    return HybridAnswer::no_match;
  }
  file_key = *opened;
  return HybridAnswer::opened;
}

}  // namespace chancery::seal
