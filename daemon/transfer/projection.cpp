#include "daemon/transfer/projection.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <mutex>

#include "daemon/transfer/projection_state.h"
#include "ledger/entry/event_table.h"
#include "ledger/receipt/receipt.h"

namespace chancery::transfer {

namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A plain field, "" when it is absent ("-" in the entry or not there).
std::string_view plain(const entry::EventView& event, std::string_view key) {
  const std::string_view value = event.plain_value(key).value_or("");
  return value == entry::kAbsent ? std::string_view() : value;
}

std::string_view committed(const entry::EventView& event, std::string_view key) {
  return event.committed_value(key).value_or("");
}

// As the entries have it, in lower-case hex.
std::optional<entry::Hash> digest(std::string_view hex) {
  if (hex.size() != 2 * entry::Hash().size()) return std::nullopt;
  entry::Hash hash{};
  for (std::size_t half : {std::size_t{0}, hash.size() / 2}) {
    const auto bytes = entry::id_from_hex(hex.substr(2 * half, hash.size()));
    if (!bytes) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), hash.begin() + static_cast<std::ptrdiff_t>(half));
  }
  return hash;
}

std::string name_of(const entry::EventView& event, const entry::EventId& transfer) {
  const auto name = event.committed_value("name");
  return name ? std::string(*name) : "erased-" + entry::to_hex(transfer);
}

}  // namespace

unsigned parties_to(const Transfer& transfer, const Step& step, std::string_view agency) {
  unsigned parties = transfer.agency == agency ? entry::kSender : entry::kNobody;
  if (step.agency == agency) {
    parties |= entry::kOwnAgency;
    if (step.event.starts_with("delivery.")) parties |= entry::kRecipient;
  }
  return parties;
}

Projection::Projection() : state_(std::make_unique<State>()) {}
Projection::~Projection() = default;

void Projection::apply(std::uint64_t seq, Micros time, const entry::EventView& event) {
  State& state = *state_;
  const std::unique_lock lock(state.mutex);
  if (state.applied.contains(seq)) return;
  state.applied.add(seq, seq + 1);
  const std::string_view name = event.name;
  if (name == "file.accepted") return state.apply_outcome(seq, time, event, Outcome::accepted);
  if (name == "file.refused") return state.apply_outcome(seq, time, event, Outcome::refused);
  if (name == "file.abandoned") return state.apply_outcome(seq, time, event, Outcome::abandoned);
  if (name == "delivery.made") return state.apply_delivery(seq, time, event);
  if (name.starts_with("delivery.") || name == "object.disposed") return state.apply_step(seq, time, event);
  if (name == "log.genesis" || name.starts_with("log.key."))
    state.log_keys[seq] = {seq, time, std::string(name)};
  if (name == "erasure.begun" || name == "detail.erased")
    return state.forget(entry::parse_seqs(plain(event, "seqs")).value_or(std::vector<entry::SeqRange>{}));
  if (name == "policy.activated") state.activation.policy = plain(event, "policy");
  if (name == "route.state")
    state.activation.route_states[std::string(plain(event, "route"))] = plain(event, "to");
}

void Projection::State::apply_outcome(std::uint64_t seq, Micros time, const entry::EventView& event,
                                      Outcome outcome) {
  const auto id = entry::id_from_hex(plain(event, "transfer"));
  if (!id) return;
  Index index = by_id.find(*id);
  if (index == kNone) {
    index = static_cast<Index>(transfers.size());
    transfers.emplace_back().id = *id;
    by_id.put(index);
  } else {  // what was known of it before is no more
    if (transfers[index].outcome == Outcome::accepted) remove_sent(index);
    transfers[index] = TransferRecord();
    transfers[index].id = *id;
    reasons.erase(index);
  }
  TransferRecord& transfer = transfers[index];
  transfer.agency = names.of(plain(event, "agency"));
  transfer.route = names.of(plain(event, "route"));
  transfer.name = name_of(event, *id);
  transfer.account = names.of(committed(event, "account"));
  transfer.size = number(committed(event, "size"));
  transfer.sha256 = digest(committed(event, "sha256"));
  transfer.outcome = outcome;
  transfer.code = names.of(plain(event, "code"));
  if (outcome != Outcome::accepted) reasons[index] = event.committed_value("reason").value_or(kErased);
  transfer.count = std::max<std::uint64_t>(1, number(plain(event, "count")));
  transfer.time = time;
  add_step(transfer, seq, time, event, transfer.agency);
  add_month(transfer.agency, time, index);
  if (outcome != Outcome::accepted) return;
  add_sent(index);
  count(accepted_from[transfer.agency], transfer);
  count(accepted_through[transfer.route], transfer);
}

void Projection::State::add_step(TransferRecord& transfer, std::uint64_t seq, Micros time,
                                 const entry::EventView& event, Names::Id agency) {
  const auto openings = [&](unsigned parties) {
    return static_cast<std::uint32_t>(receipt::openings_bytes(seq, event, parties));
  };
  unsigned own = entry::kOwnAgency;
  if (event.name.starts_with("delivery.")) own |= entry::kRecipient;
  if (transfer.agency == agency) own |= entry::kSender;
  StepRecord step;
  step.seq = seq;
  step.time = time;
  step.event = names.of(event.name);
  step.agency = agency;
  step.account = names.of(committed(event, "account"));
  step.entry_bytes = static_cast<std::uint32_t>(receipt::entry_bytes(seq, event));
  step.openings_of_sender = openings(entry::kSender);
  step.openings_of_own = openings(own);
  const auto index = static_cast<Index>(steps.size());
  steps.push_back(step);
  (transfer.first_step == kNone ? transfer.first_step : steps[transfer.last_step].next) = index;
  transfer.last_step = index;
}

// A batch that became known late can be older than what is there.
void Projection::State::add_sent(Index transfer) {
  Sent& folder =
      sent.try_emplace({transfers[transfer].agency, transfers[transfer].route}, transfers).first->second;
  auto place = folder.in_order.end();
  while (place != folder.in_order.begin() && seq_of(*std::prev(place)) > seq_of(transfer)) --place;
  folder.in_order.insert(place, transfer);
  index_sent(folder, transfer);
}

void Projection::State::remove_sent(Index transfer) {
  const auto folder = sent.find({transfers[transfer].agency, transfers[transfer].route});
  if (folder == sent.end()) return;
  std::erase(folder->second.in_order, transfer);
  index_again(folder->second);
}

void Projection::State::index_sent(Sent& folder, Index transfer) const {
  const TransferRecord& record = transfers[transfer];
  const Index newest = folder.newest.find(record.name);
  if (newest == kNone || seq_of(newest) < seq_of(transfer)) folder.newest.put(transfer);
  if (!record.sha256) return;
  const Index first = folder.first.find(*record.sha256);
  if (first == kNone || seq_of(first) > seq_of(transfer)) folder.first.put(transfer);
}

void Projection::State::index_again(Sent& folder) const {
  folder.newest.clear();
  folder.first.clear();
  for (const Index transfer : folder.in_order) index_sent(folder, transfer);
}

// Every timezone's days begin at a quarter of an hour. Only today's are asked for.
void Projection::State::count(Quarters& quarters, const TransferRecord& transfer) {
  constexpr Micros kQuarter = 15LL * 60 * 1'000'000;
  constexpr Micros kKept = 200 * kQuarter;  // two days, and a little
  Tally& tally = quarters[transfer.time - transfer.time % kQuarter];
  ++tally.files;
  tally.bytes += transfer.size;
  quarters.erase(quarters.begin(), quarters.lower_bound(quarters.rbegin()->first - kKept));
}

// STEM~ID8.EXT.age while another NAME.age waits: the later one of two gets the longer name, in the ledger's
// order, so a rebuilt projection shows the same names.
std::string Projection::State::free_name(const DeliveryRecord& delivery, const std::string& name) const {
  const auto folder = waiting.find({delivery.agency, delivery.route});
  const auto taken = [&](const std::string& candidate) {
    return folder != waiting.end() && folder->second.find(candidate) != kNone;
  };
  if (!taken(name + ".age")) return name + ".age";
  const std::size_t dot = name.rfind('.');
  const std::size_t stem = dot == std::string::npos || dot == 0 ? name.size() : dot;
  const std::string transfer = entry::to_hex(delivery.transfer);
  for (const std::size_t digits : {std::size_t{8}, transfer.size()}) {
    std::string candidate =
        name.substr(0, stem) + '~' + transfer.substr(0, digits) + name.substr(stem) + ".age";
    if (!taken(candidate)) return candidate;
  }
  return entry::to_hex(delivery.object) + ".age";
}

void Projection::State::apply_delivery(std::uint64_t seq, Micros time, const entry::EventView& event) {
  const auto object = entry::id_from_hex(plain(event, "object"));
  const auto id = entry::id_from_hex(plain(event, "transfer"));
  if (!object || !id || by_object.find(*object) != kNone) return;
  DeliveryRecord delivery;
  delivery.object = *object;
  delivery.transfer = *id;
  delivery.agency = names.of(plain(event, "agency"));
  delivery.route = names.of(plain(event, "route"));
  delivery.sealed_size = number(plain(event, "sealed-size"));
  delivery.sealed_sha256 = digest(plain(event, "sealed-sha256"));
  delivery.made = time;
  delivery.seq = seq;
  delivery.shown_name = free_name(delivery, name_of(event, *id));
  if (const Index transfer = by_id.find(*id); transfer != kNone) {
    add_step(transfers[transfer], seq, time, event, delivery.agency);
    add_month(delivery.agency, time, transfer);
  }
  const auto index = static_cast<Index>(deliveries.size());
  deliveries.push_back(std::move(delivery));
  by_object.put(index);
  waiting.try_emplace({deliveries[index].agency, deliveries[index].route}, deliveries)
      .first->second.put(index);
}

void Projection::State::apply_step(std::uint64_t seq, Micros time, const entry::EventView& event) {
  const auto object = entry::id_from_hex(plain(event, "object"));
  const Index index = object ? by_object.find(*object) : kNone;
  if (index == kNone) return;
  DeliveryRecord& delivery = deliveries[index];
  if (event.name == "delivery.collected") delivery.collected = true;
  if (event.name == "object.disposed") delivery.disposed = true;
  if (event.name == "delivery.acknowledged" || event.name == "delivery.recalled" ||
      event.name == "delivery.expired") {
    if (event.name == "delivery.acknowledged") delivery.acknowledged = time;
    // Its name may be a later delivery's by now: two sessions can acknowledge the same one.
    const auto folder = waiting.find({delivery.agency, delivery.route});
    if (folder != waiting.end()) folder->second.remove(index);
  }
  if (const Index transfer = by_id.find(delivery.transfer); transfer != kNone)
    add_step(transfers[transfer], seq, time, event, delivery.agency);
}

void Projection::State::add_month(Names::Id agency, Micros time, Index transfer) {
  if (agency == Names::kEmpty) return;
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(time))));
  const Month month = int{date.year()} * 12 + static_cast<Month>(unsigned{date.month()}) - 1;
  auto& list = months[agency][month];
  if (list.empty() || list.back() != transfer) list.push_back(transfer);
}

}  // namespace chancery::transfer
