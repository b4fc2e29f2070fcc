#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "policies/seal/primitives.h"

// HPKE (RFC 9180, base mode, HKDF-SHA256, ChaCha20Poly1305) over the KEM MLKEM768-X25519
// (draft-ietf-hpke-pq-03, also known as X-Wing), for the one message age.md sends with it: a file key.
namespace chancery::seal {

inline constexpr std::size_t kHybridPublicSize = 1216;        // ML-KEM-768 key, then X25519 key
inline constexpr std::size_t kHybridEncapsulatedSize = 1120;  // ML-KEM-768 ciphertext, then X25519 share

std::vector<std::uint8_t> hybrid_public(Bytes seed);  // of 32 bytes

// Whether both halves of a key pass the checks their standards ask for (FIPS 203, 7.2; no point of low
// order).
bool hybrid_usable(Bytes public_key);

struct HybridWrapped {
  std::vector<std::uint8_t> encapsulated;
  std::vector<std::uint8_t> body;
};

HybridWrapped hybrid_wrap(Bytes public_key, const FileKey& file_key);

// no_match: this seed does not open it. low_order: the X25519 share must be refused (age.md, RFC 7748 6.1).
enum class HybridAnswer { opened, no_match, low_order };
HybridAnswer hybrid_unwrap(Bytes seed, Bytes encapsulated, Bytes body, FileKey& file_key);

}  // namespace chancery::seal
