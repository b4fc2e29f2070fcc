#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Recipients and identities of the age v1 format (C2SP age.md): X25519 ("age1…", "AGE-SECRET-KEY-1…") and the
// hybrid post-quantum mlkem768x25519 ("age1pq1…", "AGE-SECRET-KEY-PQ-1…"). Pure and thread-safe.
namespace chancery::seal {

enum class KeyKind { x25519, mlkem768x25519 };

// The name of the kind in age.md: "X25519" or "mlkem768x25519".
std::string_view name_of(KeyKind kind);

// A public key to which files are sealed.
class Recipient {
 public:
  // nullopt unless `text` is a canonical recipient of a kind we know whose key is usable.
  static std::optional<Recipient> parse(std::string_view text);

  KeyKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  std::span<const std::uint8_t> key() const { return key_; }

 private:
  Recipient() = default;
  friend class Identity;
  KeyKind kind_ = KeyKind::x25519;
  std::string text_;
  std::vector<std::uint8_t> key_;
};

// A private key that opens what was sealed to its recipient. Wiped when destroyed.
class Identity {
 public:
  static Identity generate(KeyKind kind);

  // nullopt unless `text` is a canonical identity ("AGE-SECRET-KEY-…", upper case) of a kind we know.
  static std::optional<Identity> parse(std::string_view text);
  Identity(const Identity&) = default;
  Identity(Identity&&) = default;
  Identity& operator=(const Identity&) = default;
  Identity& operator=(Identity&&) = default;
  ~Identity();

  KeyKind kind() const { return kind_; }
  std::string text() const;
  Recipient recipient() const;
  std::span<const std::uint8_t> secret() const { return secret_; }

 private:
  Identity() = default;
  KeyKind kind_ = KeyKind::x25519;
  std::array<std::uint8_t, 32> secret_{};  // in place, so that no copy is left behind by a move
};

}  // namespace chancery::seal
