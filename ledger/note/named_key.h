#pragma once

#include <cstdint>
#include <optional>

#include "ledger/note/note.h"

namespace chancery::note {

inline constexpr std::size_t kMaxNamedKeys = 4096;  // of one ledger, in all

// A key that an entry of the log names, and how long it is good: docs/ledger-format.md, "Keys".
struct NamedKey {
  std::uint64_t seq = 0;  // of log.genesis or log.key.add
  VerifierKey key;
  std::optional<std::uint64_t> last_trusted_size;  // if it has ended

  bool has_ended_below(std::uint64_t size) const { return last_trusted_size && *last_trusted_size < size; }
  // Whether it may sign a checkpoint of that many entries.
  bool is_good_for(std::uint64_t size) const { return size > seq && !has_ended_below(size); }
};

}  // namespace chancery::note
