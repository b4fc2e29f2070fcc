#include "daemon/transfer/projection.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <mutex>

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
std::string plain(const entry::Event& event, const std::string& key) {
  const auto found = event.plain.find(key);
  return found == event.plain.end() || found->second == "-" ? std::string() : found->second;
}

std::optional<std::string> committed(const entry::Event& event, const std::string& key) {
  const auto found = event.committed.find(key);
  if (found == event.committed.end()) return std::nullopt;
  return found->second;
}

std::size_t content_hash(const Transfer& transfer) {
  return std::hash<std::string>()(transfer.agency + ' ' + transfer.route + ' ' + transfer.sha256);
}

constexpr const char* kErased = "(erased)";

std::string name_of(const entry::Event& event, const std::string& transfer) {
  return committed(event, "name").value_or("erased-" + transfer);
}

void add_step(Transfer& transfer, std::uint64_t seq, Micros time, const entry::Event& event,
              const std::string& agency) {
  Step step{seq, time, event.name, agency, committed(event, "account").value_or(""), 0, 0, 0};
  const auto of = [&](unsigned parties) {
    return static_cast<std::uint32_t>(receipt::openings_bytes(seq, event, parties));
  };
  step.entry_bytes = static_cast<std::uint32_t>(receipt::entry_bytes(seq, event));
  step.openings_of_sender = of(entry::kSender);
  step.openings_of_own = of(parties_to(transfer, step, agency));
  transfer.steps.push_back(std::move(step));
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

void Projection::apply(std::uint64_t seq, Micros time, const entry::Event& event) {
  const std::unique_lock lock(mutex_);
  if (applied_.contains(seq)) return;
  applied_.add(seq, seq + 1);
  if (event.name == "file.accepted") return apply_outcome(seq, time, event, Outcome::accepted);
  if (event.name == "file.refused") return apply_outcome(seq, time, event, Outcome::refused);
  if (event.name == "file.abandoned") return apply_outcome(seq, time, event, Outcome::abandoned);
  if (event.name == "delivery.made") return apply_delivery(seq, time, event);
  if (event.name.starts_with("delivery.") || event.name == "object.disposed")
    return apply_step(seq, time, event);
  if (event.name == "log.genesis" || event.name.starts_with("log.key."))
    log_keys_[seq] = {seq, time, event.name};
  if (event.name == "erasure.begun" || event.name == "detail.erased")
    return forget(entry::parse_seqs(plain(event, "seqs")).value_or(std::vector<entry::SeqRange>{}));
  if (event.name == "policy.activated") activation_.policy = plain(event, "policy");
  if (event.name == "route.state") activation_.route_states[plain(event, "route")] = plain(event, "to");
}

void Projection::apply_outcome(std::uint64_t seq, Micros time, const entry::Event& event, Outcome outcome) {
  Transfer transfer;
  transfer.id = plain(event, "transfer");
  transfer.agency = plain(event, "agency");
  transfer.route = plain(event, "route");
  transfer.name = name_of(event, transfer.id);
  transfer.account = committed(event, "account").value_or("");
  transfer.size = number(committed(event, "size").value_or("0"));
  transfer.sha256 = committed(event, "sha256").value_or("");
  transfer.outcome = outcome;
  transfer.code = plain(event, "code");
  if (outcome != Outcome::accepted) transfer.reason = committed(event, "reason").value_or(kErased);
  transfer.count = std::max<std::uint64_t>(1, number(plain(event, "count")));
  transfer.time = time;
  add_step(transfer, seq, time, event, transfer.agency);
  index(transfer.agency, time, transfer.id);
  if (outcome == Outcome::accepted) {
    apply_sent(seq, transfer);
    count(accepted_from_[transfer.agency], transfer);
    count(accepted_through_[transfer.route], transfer);
  }
  Transfer& stored = transfers_[transfer.id];
  stored = std::move(transfer);
  if (outcome == Outcome::accepted && !stored.sha256.empty() && earlier(stored) == nullptr)
    contents_.emplace(content_hash(stored), &stored);
}

const Transfer* Projection::earlier(const Transfer& transfer) const {
  if (transfer.sha256.empty()) return nullptr;
  const auto [from, to] = contents_.equal_range(content_hash(transfer));
  const auto found = std::find_if(from, to, [&](const auto& one) {
    return one.second->sha256 == transfer.sha256 && one.second->agency == transfer.agency &&
           one.second->route == transfer.route && one.second->id != transfer.id;
  });
  return found == to ? nullptr : found->second;
}

// What is known of the earlier one is looked up each time, so that nothing of it is left when it is erased.
Transfer Projection::shown(const Transfer& transfer) const {
  Transfer result = transfer;
  if (const Transfer* first = earlier(transfer)) result.same = {first->id, first->name, first->time};
  return result;
}

// Every timezone's days begin at a quarter of an hour. Only today's are asked for.
void Projection::count(Quarters& quarters, const Transfer& transfer) {
  constexpr Micros kQuarter = 15LL * 60 * 1'000'000;
  constexpr Micros kKept = 200 * kQuarter;  // two days, and a little
  Tally& tally = quarters[transfer.time - transfer.time % kQuarter];
  ++tally.files;
  tally.bytes += transfer.size;
  quarters.erase(quarters.begin(), quarters.lower_bound(quarters.rbegin()->first - kKept));
}

Tally Projection::since(const std::map<std::string, Quarters, std::less<>>& of, std::string_view id,
                        Micros since) {
  Tally sum;
  const auto found = of.find(id);
  if (found == of.end()) return sum;
  for (auto i = found->second.lower_bound(since); i != found->second.end(); ++i) {
    sum.files += i->second.files;
    sum.bytes += i->second.bytes;
  }
  return sum;
}

Tally Projection::accepted_from(std::string_view agency, Micros since) const {
  const std::shared_lock lock(mutex_);
  return Projection::since(accepted_from_, agency, since);
}

Tally Projection::accepted_through(std::string_view route, Micros since) const {
  const std::shared_lock lock(mutex_);
  return Projection::since(accepted_through_, route, since);
}

// A batch that became known late can be older than what is there.
void Projection::apply_sent(std::uint64_t seq, const Transfer& transfer) {
  Folder& folder = sent_[{transfer.agency, transfer.route}];
  const auto [newest, first] = folder.newest.try_emplace(transfer.name, seq);
  if (!first) {
    if (newest->second > seq) return;
    folder.in_order.erase(newest->second);
    newest->second = seq;
  }
  folder.in_order[seq] = transfer.id;
}

// STEM~ID8.EXT.age while another NAME.age waits: the later one of two gets the longer name, in the ledger's
// order, so a rebuilt projection shows the same names.
std::string Projection::free_name(const Delivery& delivery, const std::string& name) const {
  const auto folder = waiting_.find({delivery.agency, delivery.route});
  const auto taken = [&](const std::string& candidate) {
    return folder != waiting_.end() && folder->second.contains(candidate);
  };
  if (!taken(name + ".age")) return name + ".age";
  const std::size_t dot = name.rfind('.');
  const std::size_t stem = dot == std::string::npos || dot == 0 ? name.size() : dot;
  for (const std::size_t digits : {std::size_t{8}, delivery.transfer.size()}) {
    std::string candidate =
        name.substr(0, stem) + '~' + delivery.transfer.substr(0, digits) + name.substr(stem) + ".age";
    if (!taken(candidate)) return candidate;
  }
  return delivery.object + ".age";
}

void Projection::apply_delivery(std::uint64_t seq, Micros time, const entry::Event& event) {
  Delivery delivery;
  delivery.object = plain(event, "object");
  delivery.transfer = plain(event, "transfer");
  delivery.agency = plain(event, "agency");
  delivery.route = plain(event, "route");
  delivery.sealed_size = number(plain(event, "sealed-size"));
  delivery.sealed_sha256 = plain(event, "sealed-sha256");
  delivery.made = time;
  delivery.seq = seq;
  delivery.shown_name = free_name(delivery, name_of(event, delivery.transfer));
  if (const auto transfer = transfers_.find(delivery.transfer); transfer != transfers_.end()) {
    transfer->second.recipients.push_back(delivery.agency);
    add_step(transfer->second, seq, time, event, delivery.agency);
  }
  index(delivery.agency, time, delivery.transfer);
  waiting_[{delivery.agency, delivery.route}][delivery.shown_name] = delivery.object;
  deliveries_[delivery.object] = std::move(delivery);
}

void Projection::apply_step(std::uint64_t seq, Micros time, const entry::Event& event) {
  const auto found = deliveries_.find(plain(event, "object"));
  if (found == deliveries_.end()) return;
  Delivery& delivery = found->second;
  if (event.name == "delivery.collected") delivery.collected = true;
  if (event.name == "object.disposed") delivery.disposed = true;
  if (event.name == "delivery.acknowledged" || event.name == "delivery.recalled" ||
      event.name == "delivery.expired") {
    if (event.name == "delivery.acknowledged") delivery.acknowledged = time;
    const auto folder = waiting_.find({delivery.agency, delivery.route});
    // Its name may be a later delivery's by now: two sessions can acknowledge the same one.
    if (folder != waiting_.end()) {
      const auto shown = folder->second.find(delivery.shown_name);
      if (shown != folder->second.end() && shown->second == delivery.object) folder->second.erase(shown);
    }
  }
  if (const auto transfer = transfers_.find(delivery.transfer); transfer != transfers_.end())
    add_step(transfer->second, seq, time, event, delivery.agency);
}

void Projection::index(std::string_view agency, Micros time, const std::string& transfer) {
  if (agency.empty()) return;
  auto& list = months_[std::string(agency)][entry::format_time(time).substr(0, 7)];
  if (list.empty() || list.back() != transfer) list.push_back(transfer);
}

std::uint64_t Projection::applied() const {
  const std::shared_lock lock(mutex_);
  return applied_.first_missing();
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> Projection::not_applied(std::uint64_t size) const {
  const std::shared_lock lock(mutex_);
  return applied_.missing(size);
}

std::vector<LogKeyStep> Projection::log_keys() const {
  const std::shared_lock lock(mutex_);
  std::vector<LogKeyStep> result;
  for (const auto& [seq, step] : log_keys_) result.push_back(step);
  return result;
}

std::vector<Transfer> Projection::sent(std::string_view agency, std::string_view route, Micros since) const {
  const std::shared_lock lock(mutex_);
  std::vector<Transfer> result;
  const auto folder = sent_.find({std::string(agency), std::string(route)});
  if (folder == sent_.end()) return result;
  const auto& in_order = folder->second.in_order;
  for (auto sent = in_order.rbegin(); sent != in_order.rend(); ++sent) {
    const Transfer& transfer = transfers_.at(sent->second);
    if (transfer.time < since) break;  // the ledger's times never go backwards
    result.push_back(transfer);
  }
  return result;
}

std::optional<Transfer> Projection::find_sent(std::string_view agency, std::string_view route,
                                              std::string_view name, Micros since) const {
  const std::shared_lock lock(mutex_);
  const auto folder = sent_.find({std::string(agency), std::string(route)});
  if (folder == sent_.end()) return std::nullopt;
  const auto found = folder->second.newest.find(name);
  if (found == folder->second.newest.end()) return std::nullopt;
  const Transfer& transfer = transfers_.at(folder->second.in_order.at(found->second));
  if (transfer.time < since) return std::nullopt;
  return transfer;
}

std::vector<Delivery> Projection::waiting(std::string_view agency, std::string_view route) const {
  const std::shared_lock lock(mutex_);
  std::vector<Delivery> result;
  const auto folder = waiting_.find({std::string(agency), std::string(route)});
  if (folder == waiting_.end()) return result;
  for (const auto& [name, object] : folder->second) result.push_back(deliveries_.at(object));
  return result;
}

std::optional<Delivery> Projection::find_waiting(std::string_view agency, std::string_view route,
                                                 std::string_view shown_name) const {
  const std::shared_lock lock(mutex_);
  const auto folder = waiting_.find({std::string(agency), std::string(route)});
  if (folder == waiting_.end()) return std::nullopt;
  const auto found = folder->second.find(shown_name);
  if (found == folder->second.end()) return std::nullopt;
  return deliveries_.at(found->second);
}

std::vector<std::string> Projection::months(std::string_view agency) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::string> result;
  if (const auto found = months_.find(agency); found != months_.end())
    for (const auto& [month, ids] : found->second) result.push_back(month);
  return result;
}

std::vector<Transfer> Projection::outcomes(std::string_view agency, std::string_view month) const {
  const std::shared_lock lock(mutex_);
  std::vector<Transfer> result;
  const auto found = months_.find(agency);
  if (found == months_.end()) return result;
  const auto ids = found->second.find(month);
  if (ids == found->second.end()) return result;
  for (const std::string& id : ids->second) result.push_back(shown(transfers_.at(id)));
  return result;
}

std::optional<Transfer> Projection::find_transfer(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  const auto found = transfers_.find(std::string(id));
  if (found == transfers_.end()) return std::nullopt;
  return shown(found->second);
}

bool Projection::knows_object(std::string_view object) const {
  const std::shared_lock lock(mutex_);
  return deliveries_.contains(std::string(object));
}

bool Projection::keeps_object(std::string_view object) const {
  const std::shared_lock lock(mutex_);
  const auto found = deliveries_.find(std::string(object));
  return found != deliveries_.end() && !found->second.disposed;
}

std::vector<Delivery> Projection::disposable(Micros time) const {
  const std::shared_lock lock(mutex_);
  std::vector<Delivery> result;
  for (const auto& [object, delivery] : deliveries_)
    if (!delivery.disposed && delivery.acknowledged && *delivery.acknowledged < time)
      result.push_back(delivery);
  return result;
}

Activation Projection::activation() const {
  const std::shared_lock lock(mutex_);
  return activation_;
}

}  // namespace chancery::transfer
