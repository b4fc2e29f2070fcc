#include <algorithm>

#include <botan/hex.h>

#include "daemon/transfer/projection_state.h"

namespace chancery::transfer {

namespace {

std::string hex(const std::optional<entry::Hash>& hash) {
  return hash ? Botan::hex_encode(*hash, false) : std::string();
}

// What a map has for a key, or null: also when there is no key, because its name was never seen.
template <typename Map>
const typename Map::mapped_type* find_in(const Map& map, const std::optional<typename Map::key_type>& key) {
  const auto found = key ? map.find(*key) : map.end();
  return found == map.end() ? nullptr : &found->second;
}

// "2026-11"
std::string text_of(std::int32_t month) {
  std::string text = std::to_string(month / 12);
  text.insert(0, text.size() < 4 ? 4 - text.size() : 0, '0');
  const std::int32_t in_year = month % 12 + 1;
  return text + (in_year < 10 ? "-0" : "-") + std::to_string(in_year);
}

}  // namespace

Transfer Projection::State::transfer_of(Index index) const {
  const TransferRecord& record = transfers[index];
  Transfer transfer;
  transfer.id = entry::to_hex(record.id);
  transfer.agency = names.text(record.agency);
  transfer.route = names.text(record.route);
  transfer.name = record.name;
  transfer.account = names.text(record.account);
  transfer.size = record.size;
  transfer.sha256 = hex(record.sha256);
  transfer.outcome = record.outcome;
  transfer.code = names.text(record.code);
  if (const auto reason = reasons.find(index); reason != reasons.end()) transfer.reason = reason->second;
  transfer.count = record.count;
  transfer.time = record.time;
  for (Index at = record.first_step; at != kNone; at = steps[at].next) {
    const StepRecord& step = steps[at];
    transfer.steps.push_back({step.seq, step.time, names.text(step.event), names.text(step.agency),
                              names.text(step.account), step.entry_bytes, step.openings_of_sender,
                              step.openings_of_own});
    if (transfer.steps.back().event == "delivery.made")
      transfer.recipients.push_back(transfer.steps.back().agency);
  }
  return transfer;
}

// What is known of the earlier one is looked up each time, so that nothing of it is left when it is erased.
Transfer Projection::State::shown(Index index) const {
  Transfer result = transfer_of(index);
  const TransferRecord& record = transfers[index];
  const auto folder = sent.find({record.agency, record.route});
  if (record.outcome != Outcome::accepted || !record.sha256 || folder == sent.end()) return result;
  const Index first = folder->second.first.find(*record.sha256);
  if (first != kNone && first != index)
    result.same = {entry::to_hex(transfers[first].id), transfers[first].name, transfers[first].time};
  return result;
}

Delivery Projection::State::delivery_of(Index index) const {
  const DeliveryRecord& record = deliveries[index];
  Delivery delivery;
  delivery.object = entry::to_hex(record.object);
  delivery.transfer = entry::to_hex(record.transfer);
  delivery.agency = names.text(record.agency);
  delivery.route = names.text(record.route);
  delivery.shown_name = record.shown_name;
  delivery.sealed_size = record.sealed_size;
  delivery.sealed_sha256 = hex(record.sealed_sha256);
  delivery.made = record.made;
  delivery.collected = record.collected;
  delivery.acknowledged = record.acknowledged;
  delivery.disposed = record.disposed;
  delivery.seq = record.seq;
  return delivery;
}

std::optional<Projection::State::Folder> Projection::State::find_folder(std::string_view agency,
                                                                        std::string_view route) const {
  const auto one = names.find(agency);
  const auto other = names.find(route);
  return one && other ? std::optional(Folder{*one, *other}) : std::nullopt;
}

Tally Projection::State::since(const std::map<Names::Id, Quarters>& of, std::string_view id,
                               Micros since) const {
  Tally sum;
  const Quarters* const quarters = find_in(of, names.find(id));
  if (quarters == nullptr) return sum;
  for (auto i = quarters->lower_bound(since); i != quarters->end(); ++i) {
    sum.files += i->second.files;
    sum.bytes += i->second.bytes;
  }
  return sum;
}

Tally Projection::accepted_from(std::string_view agency, Micros since) const {
  const std::shared_lock lock(state_->mutex);
  return state_->since(state_->accepted_from, agency, since);
}

Tally Projection::accepted_through(std::string_view route, Micros since) const {
  const std::shared_lock lock(state_->mutex);
  return state_->since(state_->accepted_through, route, since);
}

std::uint64_t Projection::applied() const {
  const std::shared_lock lock(state_->mutex);
  return state_->applied.first_missing();
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Projection::not_applied(std::uint64_t size) const {
  const std::shared_lock lock(state_->mutex);
  return state_->applied.missing(size);
}

std::vector<LogKeyStep> Projection::log_keys() const {
  const std::shared_lock lock(state_->mutex);
  std::vector<LogKeyStep> result;
  for (const auto& [seq, step] : state_->log_keys) result.push_back(step);
  return result;
}

std::vector<Transfer> Projection::sent(std::string_view agency, std::string_view route, Micros since) const {
  const State& state = *state_;
  const std::shared_lock lock(state.mutex);
  std::vector<Transfer> result;
  const Sent* const sent = find_in(state.sent, state.find_folder(agency, route));
  if (sent == nullptr) return result;
  for (auto one = sent->in_order.rbegin(); one != sent->in_order.rend(); ++one) {
    const TransferRecord& transfer = state.transfers[*one];
    if (transfer.time < since) break;  // the ledger's times never go backwards
    if (sent->newest.find(transfer.name) == *one) result.push_back(state.transfer_of(*one));
  }
  return result;
}

std::optional<Transfer> Projection::find_sent(std::string_view agency, std::string_view route,
                                              std::string_view name, Micros since) const {
  const State& state = *state_;
  const std::shared_lock lock(state.mutex);
  const Sent* const sent = find_in(state.sent, state.find_folder(agency, route));
  const Index found = sent == nullptr ? kNone : sent->newest.find(name);
  if (found == kNone || state.transfers[found].time < since) return std::nullopt;
  return state.transfer_of(found);
}

std::vector<Delivery> Projection::waiting(std::string_view agency, std::string_view route) const {
  const State& state = *state_;
  const std::shared_lock lock(state.mutex);
  std::vector<Delivery> result;
  const State::Waiting* const waiting = find_in(state.waiting, state.find_folder(agency, route));
  if (waiting == nullptr) return result;
  for (const Index delivery : *waiting) result.push_back(state.delivery_of(delivery));
  std::sort(result.begin(), result.end(),
            [](const Delivery& one, const Delivery& other) { return one.shown_name < other.shown_name; });
  return result;
}

std::optional<Delivery> Projection::find_waiting(std::string_view agency, std::string_view route,
                                                 std::string_view shown_name) const {
  const State& state = *state_;
  const std::shared_lock lock(state.mutex);
  const State::Waiting* const waiting = find_in(state.waiting, state.find_folder(agency, route));
  const Index found = waiting == nullptr ? kNone : waiting->find(shown_name);
  return found == kNone ? std::nullopt : std::optional(state.delivery_of(found));
}

std::vector<std::string> Projection::months(std::string_view agency) const {
  const State& state = *state_;
  const std::shared_lock lock(state.mutex);
  std::vector<std::string> result;
  const auto* const months = find_in(state.months, state.names.find(agency));
  if (months == nullptr) return result;
  for (const auto& [month, transfers] : *months) result.push_back(text_of(month));
  return result;
}

std::vector<Transfer> Projection::outcomes(std::string_view agency, std::string_view month) const {
  const State& state = *state_;
  const std::shared_lock lock(state.mutex);
  std::vector<Transfer> result;
  const auto* const months = find_in(state.months, state.names.find(agency));
  if (months == nullptr) return result;
  for (const auto& [number, transfers] : *months)
    if (text_of(number) == month)
      for (const Index transfer : transfers) result.push_back(state.shown(transfer));
  return result;
}

std::optional<Transfer> Projection::find_transfer(std::string_view id) const {
  const std::shared_lock lock(state_->mutex);
  const auto bytes = entry::id_from_hex(id);
  const Index found = bytes ? state_->by_id.find(*bytes) : kNone;
  return found == kNone ? std::nullopt : std::optional(state_->shown(found));
}

bool Projection::knows_object(std::string_view object) const {
  const std::shared_lock lock(state_->mutex);
  const auto id = entry::id_from_hex(object);
  return id && state_->by_object.find(*id) != kNone;
}

bool Projection::keeps_object(std::string_view object) const {
  const std::shared_lock lock(state_->mutex);
  const auto id = entry::id_from_hex(object);
  const Index found = id ? state_->by_object.find(*id) : kNone;
  return found != kNone && !state_->deliveries[found].disposed;
}

std::vector<Delivery> Projection::disposable(Micros time) const {
  const std::shared_lock lock(state_->mutex);
  std::vector<Delivery> result;
  for (Index i = 0; i < state_->deliveries.size(); ++i) {
    const DeliveryRecord& delivery = state_->deliveries[i];
    if (!delivery.disposed && delivery.acknowledged && *delivery.acknowledged < time)
      result.push_back(state_->delivery_of(i));
  }
  return result;
}

Activation Projection::activation() const {
  const std::shared_lock lock(state_->mutex);
  return state_->activation;
}

}  // namespace chancery::transfer
