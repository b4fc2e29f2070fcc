#pragma once

#include <functional>
#include <string>

#include "ledger/log/log.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/writer.h"

namespace chancery::log {

inline constexpr std::size_t kMaxGoodKeys = 8;      // of a kind at once: a note has 64 lines at most
inline constexpr std::size_t kMaxReasonBytes = 4096;

// Adds keys to those that sign and ends them, step by step: docs/ledger-service.md, "Rotating keys". On the
// writer's thread only.
class Rotation {
 public:
  Rotation(store::Store& store, LogKeys& keys, Writer& writer)
      : store_(store), keys_(keys), writer_(writer) {}

  // Does not throw.
  KeyChanged apply(const KeyChange& change);

 private:
  struct Ending {
    const char* event;
    entry::EventId id;
    std::size_t which;
    std::optional<std::uint64_t> last_trusted_size;  // nullopt: the entry's own seq
    const std::string& reason;
  };
  KeyChanged apply(const AddKey& add);
  KeyChanged apply(const RetireKey& retire);
  KeyChanged apply(const RevokeKey& revoke);
  KeyChanged end(const Ending& ending);
  // The entry of that id, if it is there.
  std::optional<KeyChanged> repeated(const entry::EventId& id, std::string_view event) const;
  std::uint64_t next_size() const { return writer_.head().size + 1; }
  // Whether another key of its kind is good for checkpoints of that size.
  bool has_other(std::size_t which, std::uint64_t size) const;
  // Drops the kept checkpoints above `last` that only that key is good for. Answers the size of the largest
  // one that must stay, if there is any; then none is dropped.
  std::optional<std::uint64_t> drop_above(std::size_t which, std::uint64_t last);
  std::string hint_after_revoking(std::size_t which, std::uint64_t last) const;

  store::Store& store_;
  LogKeys& keys_;
  Writer& writer_;
};

}  // namespace chancery::log
