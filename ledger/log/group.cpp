#include "ledger/log/group.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace chancery::log {
namespace {

Appended refused(std::string reason) { return {Outcome::refused, {}, {}, std::move(reason)}; }

std::string other_fields(const Prepared& entry) {
  return "id " + entry::to_hex(entry.id) + " is in the ledger with other fields";
}

std::map<std::string, std::string> values_of(const Prepared& entry) {
  std::map<std::string, std::string> values;
  for (auto& [field, opening] :
       opening::unpack(entry.packed).value_or(std::vector<opening::FieldOpening>{})) {
    values.emplace(std::move(field), std::move(opening.value));
  }
  return values;
}

bool same_keys(const std::map<std::string, merkle::Hash>& have,
               const std::map<std::string, std::string>& want) {
  return std::ranges::equal(
      have, want, {}, [](const auto& row) { return row.first; }, [](const auto& row) { return row.first; });
}

bool has_repeated_id(const std::vector<Prepared>& batch) {
  if (batch.size() < 2) return false;
  std::set<entry::EventId> ids;
  return !std::ranges::all_of(batch, [&](const Prepared& one) { return ids.insert(one.id).second; });
}

}  // namespace

std::size_t Group::IdHash::operator()(const entry::EventId& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data() + id.size() - sizeof hash, sizeof hash);
  return hash;
}

Group::Group(Chain& chain, Epochs& epochs, store::Snapshot before, std::string_view origin)
    : chain_(chain), epochs_(epochs), before_(std::move(before)), origin_(origin) {
  batch_.first_seq = chain.size();
}

std::optional<std::uint64_t> Group::find(const entry::EventId& id) const {
  const auto fresh = new_ids_.find(id);
  return fresh != new_ids_.end() ? std::optional(fresh->second) : before_.find(id);
}

Group::Place Group::place(const Prepared& entry, entry::Micros now) {
  const Place place{chain_.size(), chain_.append(entry, now, batch_)};
  batch_.openings.emplace_back();
  opening::EntrySeal& seal = epochs_.sealing(place.seq / opening::kEpochSize);
  if (!entry.packed.empty()) batch_.openings.back() = seal.seal(place.seq, entry.nonce, entry.packed);
  new_ids_.emplace(entry.id, place.seq);
  new_entries_.push_back(&entry);
  new_times_.push_back(place.time);
  return place;
}

const store::Batch& Group::finish() {
  batch_.root = chain_.root();
  return batch_;
}

Appended Group::add(const std::vector<Prepared>& batch, entry::Micros now) {
  if (has_repeated_id(batch)) return refused("the batch has the same id twice");
  const auto there =
      std::ranges::count_if(batch, [&](const Prepared& one) { return find(one.id).has_value(); });
  if (there == static_cast<std::ptrdiff_t>(batch.size())) return repeat(batch);
  if (there > 0) return refused("some ids of the batch are in the ledger already and others are not");
  Appended appended{Outcome::durable, {}, {}, {}};
  for (const Prepared& one : batch) {
    const Place where = place(one, now);
    appended.seqs.push_back(where.seq);
    appended.times.push_back(where.time);
  }
  return appended;
}

Appended Group::repeat(const std::vector<Prepared>& batch) const {
  Appended appended{Outcome::durable, {}, {}, {}};
  for (const Prepared& one : batch) {
    const auto answer = compare(*find(one.id), one);
    if (const auto* why = std::get_if<std::string>(&answer)) return refused(*why);
    appended.seqs.push_back(std::get<Place>(answer).seq);
    appended.times.push_back(std::get<Place>(answer).time);
  }
  return appended;
}

std::variant<Group::Place, std::string> Group::compare(std::uint64_t seq, const Prepared& entry) const {
  if (seq < batch_.first_seq) return compare_stored(seq, entry);
  const std::size_t at = seq - batch_.first_seq;
  const Prepared& other = *new_entries_[at];
  if (other.plain_part() != entry.plain_part() || values_of(other) != values_of(entry))
    return other_fields(entry);
  return Place{seq, new_times_[at]};
}

std::variant<Group::Place, std::string> Group::compare_stored(std::uint64_t seq,
                                                              const Prepared& entry) const {
  const auto parsed = entry::parse(before_.entry(seq));
  const auto* stored = std::get_if<entry::Entry>(&parsed);
  if (stored == nullptr) return "entry " + std::to_string(seq) + " is damaged";
  const std::string body = stored->body();
  const auto values = values_of(entry);
  if (std::string_view(body).substr(0, commitments_at(body)) != entry.plain_part() ||
      !same_keys(stored->commitments, values)) {
    return other_fields(entry);
  }
  if (values.empty()) return Place{seq, stored->time};
  const auto openings = epochs_.unseal(seq, before_.opening(seq));
  if (!openings || openings->size() != values.size()) {
    return "entry " + std::to_string(seq) + " has that id and details of it are erased: not comparable";
  }
  for (const auto& [field, opening] : *openings) {
    const auto value = values.find(field);
    const auto commitment = stored->commitments.find(field);
    if (value == values.end() || commitment == stored->commitments.end() ||
        !opening::opens({opening.salt, value->second}, commitment->second, origin_, entry.id, field)) {
      return other_fields(entry);
    }
  }
  return Place{seq, stored->time};
}

}  // namespace chancery::log
