#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/merkle/merkle.h"

// C2SP signed-note (v1.0.0) and tlog-checkpoint (v1.0.0): keys, signatures, notes, checkpoints. Pure,
// thread-safe.
namespace chancery::note {

// A verifier key ("vkey"): NAME+HEX8+BASE64 of type byte and key. Only type 0x01 (Ed25519) verifies here;
// parse() answers nullopt for anything malformed, including a key id that does not match.
class VerifierKey {
 public:
  static std::optional<VerifierKey> parse(std::string_view vkey);
  static VerifierKey ed25519(std::string name, std::span<const std::uint8_t> public_key);

  const std::string& name() const { return name_; }
  std::uint32_t id() const { return id_; }
  std::string text() const;
  [[nodiscard]] bool verify(std::string_view message, std::span<const std::uint8_t> signature) const;

 private:
  VerifierKey() = default;
  std::string name_;
  std::uint32_t id_ = 0;
  std::vector<std::uint8_t> public_key_;
};

// An Ed25519 signing key. The seed never leaves it but by seed(), for writing it to its file.
class SigningKey {
 public:
  static SigningKey generate(std::string name);
  static SigningKey from_seed(std::string name, std::span<const std::uint8_t> seed);  // 32 bytes, else throws
  ~SigningKey();
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;

  const VerifierKey& verifier() const;
  std::vector<std::uint8_t> seed() const;
  std::vector<std::uint8_t> sign(std::string_view message) const;

 private:
  SigningKey();
  struct State;
  std::unique_ptr<State> state_;
};

struct SignatureLine {
  std::string name;
  std::uint32_t key_id = 0;
  std::vector<std::uint8_t> signature;
};

// A note: text that ends in a newline, and its signature lines. Not yet verified.
struct Note {
  std::string text;
  std::vector<SignatureLine> signatures;

  // The whole note as it is stored and sent.
  std::string encode() const;
};

struct NoteError {
  std::size_t offset = 0;
  std::string reason;
};

// Splits at the last empty line; UTF-8 without control characters but LF, canonical base64, at least one
// signature, at most 64 of them and 1 MiB in all.
[[nodiscard]] std::variant<Note, NoteError> parse_note(std::string_view bytes);

Note sign_note(std::string text, std::span<const SigningKey* const> keys);

enum class Signed { valid, unknown_key, bad_signature };

// `valid` if at least one of `keys` signed and no line that names one of `keys` fails.
[[nodiscard]] Signed verify_note(const Note& note, std::span<const VerifierKey> keys);

// A tree head as a log states it: the body of a C2SP tlog-checkpoint without extension lines.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  merkle::Hash root{};

  std::string body() const;
};

[[nodiscard]] std::optional<Checkpoint> parse_checkpoint(std::string_view body);

}  // namespace chancery::note
