#pragma once

#include <vector>

#include "ledger/store/store.h"

namespace chancery::log {

// Whether a log.anchor pins the checkpoint of that many entries (or an entry there is damaged).
[[nodiscard]] bool is_anchored(const store::Snapshot& snapshot, std::uint64_t size);

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
