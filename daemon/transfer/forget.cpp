#include <set>

#include "daemon/transfer/projection_state.h"

namespace chancery::transfer {

// What is left is what apply() makes of entries whose openings are gone.
void Projection::State::forget(std::span<const entry::SeqRange> seqs) {
  std::set<Folder> changed;
  for (Index i = 0; i < transfers.size(); ++i) {
    TransferRecord& transfer = transfers[i];
    for (Index at = transfer.first_step; at != kNone; at = steps[at].next) {
      StepRecord& step = steps[at];
      if (!entry::covers(seqs, step.seq)) continue;
      step.account = Names::kEmpty;
      step.openings_of_sender = step.openings_of_own = 0;
      if (at != transfer.first_step) continue;
      forget_outcome(transfer, i);
      if (transfer.outcome == Outcome::accepted) changed.emplace(transfer.agency, transfer.route);
    }
  }
  for (const Folder& folder : changed) index_again(sent.at(folder));
  for (Index i = 0; i < deliveries.size(); ++i)
    if (entry::covers(seqs, deliveries[i].seq)) forget_delivery(deliveries[i], i);
}

void Projection::State::forget_outcome(TransferRecord& transfer, Index index) {
  transfer.name = "erased-" + entry::to_hex(transfer.id);
  transfer.account = Names::kEmpty;
  transfer.size = 0;
  transfer.sha256.reset();
  if (transfer.outcome != Outcome::accepted) reasons[index] = kErased;
}

void Projection::State::forget_delivery(DeliveryRecord& delivery, Index index) {
  const auto folder = waiting.find({delivery.agency, delivery.route});
  const bool waits = folder != waiting.end() && folder->second.find(delivery.shown_name) == index;
  if (waits) folder->second.remove(index);
  delivery.shown_name = free_name(delivery, "erased-" + entry::to_hex(delivery.transfer));
  if (waits) folder->second.put(index);
}

}  // namespace chancery::transfer
