#include "ledger/log/epochs.h"

namespace chancery::log {
namespace {

constexpr std::size_t kMostRemembered = 32;

}  // namespace

opening::EntrySeal* Epochs::find(std::uint64_t epoch) {
  const auto known = seals_.find(epoch);
  if (known != seals_.end()) return &known->second;
  const auto key = read_epoch_key(folder_, epoch);
  return key ? &remember(epoch, *key) : nullptr;
}

opening::EntrySeal& Epochs::find_or_make(std::uint64_t epoch) {
  opening::EntrySeal* seal = find(epoch);
  return seal != nullptr ? *seal : remember(epoch, create_epoch_key(folder_, epoch));
}

opening::EntrySeal& Epochs::remember(std::uint64_t epoch, const opening::EpochKey& key) {
  if (seals_.size() >= kMostRemembered) seals_.erase(seals_.begin());
  return seals_.insert_or_assign(epoch, opening::EntrySeal(key)).first->second;
}

}  // namespace chancery::log
