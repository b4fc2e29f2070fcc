#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/seal/secret.h"

// The cryptography of age.md under the names it uses there; all of it is Botan's. Pure but for fill_random.
namespace chancery::seal {

using Bytes = std::span<const std::uint8_t>;

void fill_random(std::span<std::uint8_t> bytes);

// HKDF-SHA-256 with 32 bytes of output.
Key hkdf(Bytes key_material, Bytes salt, std::string_view info);

std::array<std::uint8_t, 32> hmac_sha256(const Key& key, std::string_view text);

bool equal(Bytes a, Bytes b);  // in constant time

std::array<std::uint8_t, 32> x25519_public(Bytes secret);

// nullopt when the result is all zeros, which age.md forbids: `share` is a point of low order.
std::optional<Key> x25519(Bytes secret, Bytes share);

// ChaCha20-Poly1305 of a file key, tag appended.
std::vector<std::uint8_t> wrap_key(const Key& key, Bytes nonce, const FileKey& file_key);

// nullopt when the tag does not hold or the body is not 32 bytes.
std::optional<FileKey> unwrap_key(const Key& key, Bytes nonce, Bytes body);

// Base 64 as age headers have it: no padding, canonical. nullopt otherwise.
std::string base64(Bytes bytes);
std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text);

// The same with padding, as in armor.
std::optional<std::vector<std::uint8_t>> padded_base64_decode(std::string_view text);

}  // namespace chancery::seal
