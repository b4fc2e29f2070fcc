#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "ledger/log/keys.h"
#include "ledger/opening/entry_seal.h"

namespace chancery::log {

// The seals of the epochs in use, each with its key from the key folder: the present one and, while an
// erasure goes on, the next one. Keys that change are noticed. Not thread-safe: the writer and the readers
// have one each. Throws log::Error for a key file that is not as it should be.
class Epochs {
 public:
  explicit Epochs(const KeyFolder& folder) : folder_(folder) {}

  // What new entries are sealed with: the next key if there is one, else the present one. Makes the key where
  // there is none; its file is on disk when this returns.
  opening::EntrySeal& sealing(std::uint64_t epoch);
  // The openings of an entry; nullopt when the keys of its epoch are gone, or are not what it was sealed
  // with.
  [[nodiscard]] std::optional<std::vector<opening::FieldOpening>> unseal(
      std::uint64_t seq, std::span<const std::uint8_t> sealed);

  // nullptr when there is no such key.
  opening::EntrySeal* present(std::uint64_t epoch);
  opening::EntrySeal* next(std::uint64_t epoch);

 private:
  struct Seals {
    std::optional<opening::EntrySeal> next;
    std::optional<opening::EntrySeal> present;
  };
  Seals& find(std::uint64_t epoch);
  const KeyFolder& folder_;
  std::uint64_t changes_ = 0;  // of the folder, that are in seals_
  std::map<std::uint64_t, Seals> seals_;
};

}  // namespace chancery::log
