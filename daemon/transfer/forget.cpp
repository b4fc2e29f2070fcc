#include "daemon/transfer/projection.h"

namespace chancery::transfer {

// What is left is what apply() makes of entries whose openings are gone.
void Projection::forget(std::span<const entry::SeqRange> seqs) {
  for (auto& [id, transfer] : transfers_) {
    for (Step& step : transfer.steps) {
      if (!entry::covers(seqs, step.seq)) continue;
      step.account.clear();
      step.openings_of_sender = step.openings_of_own = 0;
      if (step.event.starts_with("file.")) forget_outcome(transfer);
    }
  }
  for (auto& [object, delivery] : deliveries_)
    if (entry::covers(seqs, delivery.seq)) forget_delivery(delivery);
}

void Projection::forget_outcome(Transfer& transfer) {
  const std::string name = "erased-" + transfer.id;
  const auto folder = sent_.find({transfer.agency, transfer.route});
  if (folder != sent_.end() && transfer.name != name) {
    const auto newest = folder->second.newest.find(transfer.name);
    if (newest != folder->second.newest.end()) {
      const auto shown = folder->second.in_order.find(newest->second);
      if (shown != folder->second.in_order.end() && shown->second == transfer.id) {
        folder->second.newest[name] = newest->second;
        folder->second.newest.erase(newest);
      }
    }
  }
  transfer.name = name;
  transfer.account.clear();
  transfer.size = 0;
  transfer.sha256.clear();
  if (transfer.outcome != Outcome::accepted) transfer.reason = "(erased)";
}

void Projection::forget_delivery(Delivery& delivery) {
  const auto folder = waiting_.find({delivery.agency, delivery.route});
  bool waits = false;
  if (folder != waiting_.end()) {
    const auto shown = folder->second.find(delivery.shown_name);
    waits = shown != folder->second.end() && shown->second == delivery.object;
    if (waits) folder->second.erase(shown);
  }
  delivery.shown_name = free_name(delivery, "erased-" + delivery.transfer);
  if (waits) folder->second[delivery.shown_name] = delivery.object;
}

}  // namespace chancery::transfer
