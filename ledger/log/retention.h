#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ledger/store/store.h"

namespace chancery::log {

// Whether a log.anchor pins a checkpoint of that many entries, and this `note` if one is given; or an entry
// there is damaged.
[[nodiscard]] bool is_anchored(const store::Snapshot& snapshot, std::uint64_t size,
                               std::optional<std::string_view> note = std::nullopt);

// Finds the checkpoints that are kept no longer: all of the last day are, then those that a log.anchor pins,
// and always the newest. Not thread-safe.
class Retention {
 public:
  // At most kMaxBatch checkpoints are looked at, from where the last call ended, so that this is quick
  // however many there are. Throws store::Error for a damaged row.
  std::vector<store::CheckpointName> due(const store::Snapshot& snapshot, entry::Micros now);

 private:
  store::CheckpointName next_;
};

}  // namespace chancery::log
