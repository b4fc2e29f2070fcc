#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "ledger/merkle/merkle.h"

// C2SP signed-note (v1.0.0), tlog-checkpoint (v1.0.0) and tlog-cosignature: keys, signatures, notes,
// checkpoints. Pure, thread-safe.
namespace chancery::note {

// The kinds of keys, by their type byte: a log's own (signed-note), and a cosigner's that commits to its name
// and is safe from quantum computers (tlog-cosignature).
enum class KeyType : std::uint8_t { ed25519 = 0x01, ml_dsa_44 = 0x06 };

// A verifier key ("vkey"): NAME+HEX8+BASE64 of type byte and key. parse() answers nullopt for anything
// malformed, including a type that is not one of the above and a key id that does not match.
class VerifierKey {
 public:
  static std::optional<VerifierKey> parse(std::string_view vkey);
  // Throws std::invalid_argument for a name that is none, or another length than the type's (32 or 1312).
  VerifierKey(KeyType type, std::string name, std::span<const std::uint8_t> public_key);

  KeyType type() const { return type_; }
  const std::string& name() const { return name_; }
  std::uint32_t id() const { return id_; }
  std::string text() const;
  bool operator==(const VerifierKey&) const = default;
  bool operator<(const VerifierKey& other) const {
    return std::tie(type_, name_, public_key_) < std::tie(other.type_, other.name_, other.public_key_);
  }

  // Whether a signature line's bytes sign the text of a note. An ML-DSA-44 key signs checkpoints only.
  [[nodiscard]] bool verify(std::string_view text, std::span<const std::uint8_t> signature) const;

 private:
  KeyType type_;
  std::string name_;
  std::uint32_t id_ = 0;
  std::vector<std::uint8_t> public_key_;
};

// A signing key. The seed never leaves it but by seed(), for writing it to its file.
class SigningKey {
 public:
  static constexpr std::size_t kSeedBytes = 32;  // of either type: RFC 8032's and FIPS 204's
  static SigningKey generate(KeyType type, std::string name);
  // Throws std::invalid_argument for another length.
  static SigningKey from_seed(KeyType type, std::string name, std::span<const std::uint8_t> seed);
  ~SigningKey();
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;

  const VerifierKey& verifier() const;
  std::vector<std::uint8_t> seed() const;
  // What follows the key id in a signature line. `time` (seconds since 1970) stands in an ML-DSA-44
  // signature, which is over the checkpoint in `text`: throws std::invalid_argument when there is none.
  std::vector<std::uint8_t> sign(std::string_view text, std::uint64_t time) const;

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

inline constexpr std::size_t kMaxNoteBytes = std::size_t{1} << 20;

struct NoteError {
  std::size_t offset = 0;
  std::string reason;
};

// Splits at the last empty line; UTF-8 without control characters but LF, canonical base64, at least one
// signature, at most 64 of them and kMaxNoteBytes in all.
[[nodiscard]] std::variant<Note, NoteError> parse_note(std::string_view bytes);

// `time`: of the signatures that have one, in seconds since 1970.
Note sign_note(std::string text, std::span<const SigningKey* const> keys, std::uint64_t time);

enum class Signed { valid, unknown_key, bad_signature };

// `valid` if of each type among `keys` at least one signed, and no line that names one of `keys` fails.
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
