#include "policies/seal/recipient.h"

#include <algorithm>

#include "policies/seal/bech32.h"
#include "policies/seal/hybrid.h"
#include "policies/seal/primitives.h"

namespace chancery::seal {
namespace {

struct Encoding {
  KeyKind kind;
  std::string_view name;
  std::string_view recipient;  // Bech32 prefixes
  std::string_view identity;
  std::size_t recipient_size;
};

constexpr std::array kEncodings{
    Encoding{KeyKind::x25519, "X25519", "age", "age-secret-key-", 32},
    Encoding{KeyKind::mlkem768x25519, "mlkem768x25519", "age1pq", "age-secret-key-pq-", kHybridPublicSize},
};

const Encoding& encoding_of(KeyKind kind) { return *std::ranges::find(kEncodings, kind, &Encoding::kind); }

bool usable(KeyKind kind, Bytes key) {
  if (kind == KeyKind::mlkem768x25519) {
    return hybrid_usable(key);
  }
  Key any;
  any.bytes.fill(1);
  return x25519(any.bytes, key).has_value();
}

}  // namespace

std::string_view name_of(KeyKind kind) { return encoding_of(kind).name; }

std::optional<Recipient> Recipient::parse(std::string_view text) {
  auto decoded = bech32_decode(text);
  if (!decoded || decoded->upper) {
    return std::nullopt;
  }
  const auto encoding = std::ranges::find(kEncodings, decoded->prefix, &Encoding::recipient);
  if (encoding == kEncodings.end() || decoded->bytes.size() != encoding->recipient_size ||
      !usable(encoding->kind, decoded->bytes)) {
    return std::nullopt;
  }
  Recipient recipient;
  recipient.kind_ = encoding->kind;
  recipient.text_ = text;
  recipient.key_ = std::move(decoded->bytes);
  return recipient;
}

Identity Identity::generate(KeyKind kind) {
  Identity identity;
  identity.kind_ = kind;
  fill_random(identity.secret_);
  return identity;
}

std::optional<Identity> Identity::parse(std::string_view text) {
  auto decoded = bech32_decode(text);
  if (!decoded || !decoded->upper) {
    return std::nullopt;
  }
  const auto encoding = std::ranges::find(kEncodings, decoded->prefix, &Encoding::identity);
  if (encoding == kEncodings.end() || decoded->bytes.size() != 32) {
    return std::nullopt;
  }
  Identity identity;
  identity.kind_ = encoding->kind;
  std::ranges::copy(decoded->bytes, identity.secret_.begin());
  wipe(decoded->bytes);
  return identity;
}

Identity::~Identity() { wipe(secret_); }

std::string Identity::text() const {
  std::string text = bech32_encode(encoding_of(kind_).identity, secret_);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

Recipient Identity::recipient() const {
  Recipient recipient;
  recipient.kind_ = kind_;
  if (kind_ == KeyKind::mlkem768x25519) {
    recipient.key_ = hybrid_public(secret_);
  } else {
    const auto key = x25519_public(secret_);
    recipient.key_.assign(key.begin(), key.end());
  }
  recipient.text_ = bech32_encode(encoding_of(kind_).recipient, recipient.key_);
  return recipient;
}

}  // namespace chancery::seal
