#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/note/note.h"

// C2SP tlog-proof (v1): that some bytes are in a log, for checking offline. Pure, thread-safe.
namespace chancery::note {

struct Proof {
  std::string
      extra;  // here: the entry's bytes, whose leaf hash is what the path proves; empty: no extra line
  std::uint64_t index = 0;
  std::vector<merkle::Hash> path;
  std::string checkpoint;  // a signed note, verbatim

  std::string encode() const;
};

struct ProofError {
  std::size_t line = 0;  // from 1
  std::string reason;
};

// Accepts exactly what Proof::encode() writes. The checkpoint is taken as it is, unread.
[[nodiscard]] std::variant<Proof, ProofError> parse_proof(std::string_view bytes);

// Checks that the checkpoint is a note of this origin signed by one of `keys`, and that the path leads from
// the leaf hash of `entry` to its root. Returns what is wrong, or nullopt when all holds.
[[nodiscard]] std::optional<std::string> check_proof(const Proof& proof, std::string_view entry,
                                                     std::string_view origin,
                                                     std::span<const VerifierKey> keys);

}  // namespace chancery::note
