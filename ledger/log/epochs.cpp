#include "ledger/log/epochs.h"

namespace chancery::log {
namespace {

constexpr std::size_t kMostRemembered = 32;

std::optional<opening::EntrySeal> seal_with(const std::optional<opening::EpochKey>& key) {
  return key ? std::optional<opening::EntrySeal>(std::in_place, *key) : std::nullopt;
}

}  // namespace

Epochs::Seals& Epochs::find(std::uint64_t epoch) {
  if (const auto changes = folder_.changes(); changes != changes_) {
    seals_.clear();
    changes_ = changes;
  }
  const auto known = seals_.find(epoch);
  if (known != seals_.end()) return known->second;
  if (seals_.size() >= kMostRemembered) seals_.erase(seals_.begin());
  // In this order: a key that is put into its place meanwhile is seen.
  Seals seals;
  seals.next = seal_with(read_next_epoch_key(folder_, epoch));
  seals.present = seal_with(read_epoch_key(folder_, epoch));
  return seals_.emplace(epoch, std::move(seals)).first->second;
}

opening::EntrySeal* Epochs::present(std::uint64_t epoch) {
  Seals& seals = find(epoch);
  return seals.present ? &*seals.present : nullptr;
}

opening::EntrySeal* Epochs::next(std::uint64_t epoch) {
  Seals& seals = find(epoch);
  return seals.next ? &*seals.next : nullptr;
}

opening::EntrySeal& Epochs::sealing(std::uint64_t epoch) {
  Seals* seals = &find(epoch);
  if (!seals->next && !seals->present) {
    create_epoch_key(folder_, epoch);
    seals = &find(epoch);
  }
  return seals->next ? *seals->next : seals->present.value();
}

std::optional<std::vector<opening::FieldOpening>> Epochs::unseal(std::uint64_t seq,
                                                                 std::span<const std::uint8_t> sealed) {
  const std::uint64_t epoch = seq / opening::kEpochSize;
  // Again with the keys read anew: another process may have changed them.
  for (int attempt = 0; attempt < 2; ++attempt) {
    Seals& seals = find(epoch);
    for (auto* seal : {&seals.next, &seals.present}) {
      if (!*seal) continue;
      if (auto openings = (*seal)->unseal(seq, sealed)) return openings;
    }
    if (attempt == 0) seals_.erase(epoch);
  }
  return std::nullopt;
}

}  // namespace chancery::log
