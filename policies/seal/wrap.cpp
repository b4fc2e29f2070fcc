#include "policies/seal/wrap.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "policies/seal/hybrid.h"
#include "policies/seal/primitives.h"
#include "policies/seal/seal.h"

namespace chancery::seal {
namespace {

constexpr std::string_view kX25519Info = "age-encryption.org/v1/X25519";
constexpr std::array<std::uint8_t, 12> kZeroNonce{};
constexpr std::size_t kBodySize = 32;

[[noreturn]] void bad(KeyKind kind, const std::string& what) {
  throw OpenError(Failure::header,
                  "the header has a stanza of type " + std::string(name_of(kind)) + " " + what);
}

Key x25519_wrap_key(const Key& shared, Bytes share, Bytes recipient) {
  std::vector<std::uint8_t> salt(share.begin(), share.end());
  salt.insert(salt.end(), recipient.begin(), recipient.end());
  return hkdf(shared.bytes, salt, kX25519Info);
}

Stanza x25519_wrap(Bytes recipient, const FileKey& file_key) {
  Key ephemeral;
  fill_random(ephemeral.bytes);
  const auto share = x25519_public(ephemeral.bytes);
  const auto shared = x25519(ephemeral.bytes, recipient);
  if (!shared) {
    throw std::invalid_argument("the recipient's key is a point of low order");
  }
  return {{std::string(name_of(KeyKind::x25519)), base64(share)},
          wrap_key(x25519_wrap_key(*shared, share, recipient), kZeroNonce, file_key)};
}

// The public value in a stanza of this kind; everything about its form is checked before any key is used.
std::vector<std::uint8_t> checked_share(KeyKind kind, const Stanza& stanza) {
  const std::size_t size = kind == KeyKind::x25519 ? 32 : kHybridEncapsulatedSize;
  if (stanza.arguments.size() != 2) {
    bad(kind, "with the wrong number of arguments");
  }
  auto share = base64_decode(stanza.arguments[1]);
  if (!share || share->size() != size) {
    bad(kind, "with a malformed argument");
  }
  if (stanza.body.size() != kBodySize) {
    bad(kind, "with a body of the wrong size");
  }
  return std::move(*share);
}

std::optional<FileKey> x25519_unwrap(Bytes secret, Bytes share, Bytes body) {
  const auto shared = x25519(secret, share);
  if (!shared) {
    bad(KeyKind::x25519, "with a share of low order");
  }
  return unwrap_key(x25519_wrap_key(*shared, share, x25519_public(secret)), kZeroNonce, body);
}

std::optional<FileKey> hybrid_unwrap_stanza(Bytes secret, Bytes share, Bytes body) {
  FileKey file_key;
  switch (hybrid_unwrap(secret, share, body, file_key)) {
    case HybridAnswer::opened:
      return file_key;
    case HybridAnswer::low_order:
      bad(KeyKind::mlkem768x25519, "with a share of low order");
    case HybridAnswer::no_match:
      break;
  }
  return std::nullopt;
}

}  // namespace

Stanza wrap(const Recipient& recipient, const FileKey& file_key) {
  if (recipient.kind() == KeyKind::x25519) {
    return x25519_wrap(recipient.key(), file_key);
  }
  HybridWrapped wrapped = hybrid_wrap(recipient.key(), file_key);
  return {{std::string(name_of(recipient.kind())), base64(wrapped.encapsulated)}, std::move(wrapped.body)};
}

std::optional<FileKey> unwrap(const Identity& identity, std::span<const Stanza> stanzas) {
  std::optional<FileKey> found;
  for (const Stanza& stanza : stanzas) {
    if (stanza.arguments[0] != name_of(identity.kind())) {
      continue;
    }
    const auto share = checked_share(identity.kind(), stanza);
    if (!found) {
      found = identity.kind() == KeyKind::x25519
                  ? x25519_unwrap(identity.secret(), share, stanza.body)
                  : hybrid_unwrap_stanza(identity.secret(), share, stanza.body);
    }
  }
  return found;
}

void require_lone_scrypt(std::span<const Stanza> stanzas) {
  const bool scrypt =
      std::ranges::any_of(stanzas, [](const Stanza& s) { return s.arguments[0] == "scrypt"; });
  if (scrypt && stanzas.size() != 1) {
    throw OpenError(Failure::header, "the header mixes a passphrase with other ways to open the file");
  }
}

std::string describe(std::span<const Stanza> stanzas) {
  std::map<std::string, std::size_t> kinds;
  for (const Stanza& stanza : stanzas) {
    ++kinds[stanza.arguments[0]];
  }
  std::string text;
  for (const auto& [kind, count] : kinds) {
    text += text.empty() ? "" : " and ";
    text += std::to_string(count) + " " + kind + (count == 1 ? " key" : " keys");
  }
  return text;
}

}  // namespace chancery::seal
