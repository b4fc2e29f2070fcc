#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/note/note.h"

// C2SP tlog-policy: which keys a checkpoint must be signed by, in a file that is given to those who verify.
// Pure, thread-safe.
namespace chancery::note {

struct LogPolicy {
  // A witness (its key) or a group (at least `threshold` of its members), under the name it has in the file.
  struct Cosigner {
    std::string name;
    std::optional<VerifierKey> key;
    std::size_t threshold = 0;
    std::vector<std::size_t> members;  // indexes of earlier cosigners
  };
  std::vector<VerifierKey> logs;
  std::vector<Cosigner> cosigners;
  std::optional<std::size_t> quorum;  // nullopt: none

  // Every key in it: of logs and of witnesses.
  std::vector<VerifierKey> keys() const;
  // Whether those of its keys that have signed are not enough: none of its logs (a policy may list none, for
  // those who know the log from elsewhere), or not its quorum. Answers what is missing, or nullopt.
  using HasSigned = std::function<bool(const VerifierKey&)>;
  [[nodiscard]] std::optional<std::string> refuses(const HasSigned& has_signed) const;
  // The same of a note, in which no line of a key of the policy may be false either.
  [[nodiscard]] std::optional<std::string> refuses(const Note& note) const;
};

struct LogPolicyError {
  std::size_t line = 0;  // from 1; 0: of the file as a whole
  std::string reason;
};

// At most 64 KiB. Logs are Ed25519 keys, witnesses are ML-DSA-44 keys; a witness of the older Ed25519
// cosignature (type 0x04) is refused by name rather than passed over.
[[nodiscard]] std::variant<LogPolicy, LogPolicyError> parse_log_policy(std::string_view text);

// The policy of one log: any one of its Ed25519 keys, and (unless `with_quorum` is false, for tools that do
// not know ML-DSA) any one of its ML-DSA-44 keys. `keys`: at least one Ed25519 key, and one ML-DSA-44 key
// when there is a quorum.
std::string format_log_policy(std::span<const VerifierKey> keys, bool with_quorum);

}  // namespace chancery::note
