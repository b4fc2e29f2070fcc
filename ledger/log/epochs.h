#pragma once

#include <cstdint>
#include <map>

#include "ledger/log/keys.h"
#include "ledger/opening/entry_seal.h"

namespace chancery::log {

// The seals of the epochs in use, each with its key from the key folder. Not thread-safe: the writer and the
// readers have one each.
class Epochs {
 public:
  explicit Epochs(const KeyFolder& folder) : folder_(folder) {}

  // nullptr when the key of that epoch is gone.
  opening::EntrySeal* find(std::uint64_t epoch);
  // Makes the key where there is none; its file is on disk when this returns.
  opening::EntrySeal& find_or_make(std::uint64_t epoch);

 private:
  opening::EntrySeal& remember(std::uint64_t epoch, const opening::EpochKey& key);
  const KeyFolder& folder_;
  std::map<std::uint64_t, opening::EntrySeal> seals_;
};

}  // namespace chancery::log
