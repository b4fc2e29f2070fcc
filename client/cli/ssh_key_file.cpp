#include "client/cli/ssh_key_file.h"

#include <cstdint>
#include <span>
#include <string_view>

#include <botan/auto_rng.h>
#include <botan/base64.h>
#include <botan/ed25519.h>
#include <botan/mem_ops.h>

namespace chancery::cli {
namespace {

using Secret = Botan::secure_vector<std::uint8_t>;

constexpr std::string_view kAlgorithm = "ssh-ed25519";
constexpr std::size_t kBlock = 8;     // what an unencrypted private section is padded to
constexpr std::size_t kColumns = 70;  // of base64, as ssh-keygen writes it

// The wire's types (RFC 4251, section 5).
void put_number(Secret& out, std::uint32_t number) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    out.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}

void put_string(Secret& out, std::span<const std::uint8_t> bytes) {
  put_number(out, static_cast<std::uint32_t>(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_string(Secret& out, std::string_view text) {
  put_number(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

Secret public_blob(std::span<const std::uint8_t> key) {
  Secret blob;
  put_string(blob, kAlgorithm);
  put_string(blob, key);
  return blob;
}

// The part that a passphrase would encrypt.
Secret private_section(const Botan::Ed25519_PrivateKey& pair, const std::string& comment,
                       std::uint32_t check) {
  Secret section;
  put_number(section, check);  // twice: how a reader notices a wrong passphrase
  put_number(section, check);
  put_string(section, kAlgorithm);
  put_string(section, pair.public_key_bits());
  put_string(section, pair.raw_private_key_bits());  // the seed, and the public key again
  put_string(section, comment);
  for (std::uint8_t padding = 1; section.size() % kBlock != 0; ++padding) {
    section.push_back(padding);
  }
  return section;
}

std::string armored(const Secret& bytes) {
  const std::string base64 = Botan::base64_encode(bytes.data(), bytes.size());
  std::string text = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  for (std::size_t at = 0; at < base64.size(); at += kColumns) {
    text += base64.substr(at, kColumns) + "\n";
  }
  return text + "-----END OPENSSH PRIVATE KEY-----\n";
}

}  // namespace

SshKeyPair make_ssh_key(const std::string& comment) {
  Botan::AutoSeeded_RNG random;
  const Botan::Ed25519_PrivateKey pair(random);
  const Secret blob = public_blob(pair.public_key_bits());
  const Secret check = random.random_vec<Secret>(4);

  Secret file;
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  file.insert(file.end(), kMagic.begin(), kMagic.end());
  put_string(file, "none");  // cipher
  put_string(file, "none");  // key derivation
  put_string(file, "");      // its options
  put_number(file, 1);       // keys
  put_string(file, blob);
  put_string(file, private_section(pair, comment,
                                   (std::uint32_t{check[0]} << 24U) | (std::uint32_t{check[1]} << 16U) |
                                       (std::uint32_t{check[2]} << 8U) | std::uint32_t{check[3]}));
  return {armored(file),
          std::string(kAlgorithm) + " " + Botan::base64_encode(blob.data(), blob.size()) + " " + comment};
}

}  // namespace chancery::cli
