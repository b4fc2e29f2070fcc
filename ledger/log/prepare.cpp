#include "ledger/log/prepare.h"

#include <algorithm>

#include <botan/system_rng.h>

namespace chancery::log {
namespace {

using Random = std::vector<std::uint8_t>;

std::optional<std::string> refusal(const entry::Event& event, entry::Author author) {
  if (auto wrong = entry::check_event(event)) return wrong;
  if (entry::find_event(event.name)->author != author) return "this caller may not append " + event.name;
  return std::nullopt;
}

// All the randomness a batch needs in one draw: a call to the system for each field would cost more than the
// hashing.
Random draw(const std::vector<entry::Event>& batch) {
  std::size_t bytes = batch.size() * opening::Nonce{}.size();
  for (const entry::Event& event : batch) bytes += event.committed.size() * opening::Salt{}.size();
  Random random(bytes);
  Botan::system_rng().randomize(random);
  return random;
}

template <typename Array>
void take(Random::const_iterator& random, Array& into) {
  std::copy_n(random, into.size(), into.begin());
  random += static_cast<std::ptrdiff_t>(into.size());
}

Prepared prepare_one(entry::Event& event, Random::const_iterator& random, std::string_view origin) {
  Prepared prepared;
  prepared.id = event.id;
  entry::Entry entry;
  entry.id = event.id;
  entry.event = std::move(event.name);
  entry.plain = std::move(event.plain);
  std::vector<opening::FieldOpening> openings;
  openings.reserve(event.committed.size());
  for (auto& [field, value] : event.committed) {
    opening::FieldOpening& one = openings.emplace_back(opening::FieldOpening{field, {{}, std::move(value)}});
    take(random, one.opening.salt);
    entry.commitments.emplace_hint(entry.commitments.end(), field,
                                   opening::commitment(one.opening, origin, event.id, field));
  }
  take(random, prepared.nonce);
  prepared.packed = opening::pack(openings);
  prepared.body = entry.body();
  prepared.plain_bytes = commitments_at(prepared.body);
  return prepared;
}

}  // namespace

std::size_t commitments_at(std::string_view text) {
  const std::size_t found = text.find("\nc.");  // no plain field's key begins so
  return found == std::string_view::npos ? text.size() : found + 1;
}

std::variant<std::vector<Prepared>, std::string> prepare(std::vector<entry::Event> batch,
                                                         entry::Author author, std::string_view origin) {
  for (const entry::Event& event : batch) {
    if (auto why = refusal(event, author)) return *std::move(why);
  }
  const Random random = draw(batch);
  auto next = random.begin();
  std::vector<Prepared> prepared;
  prepared.reserve(batch.size());
  for (entry::Event& event : batch) {
    const Prepared& one = prepared.emplace_back(prepare_one(event, next, origin));
    if (one.body.size() > entry::kMaxEntryBytes - entry::kMaxHeadBytes) {
      return "the entry would be longer than 65,535 bytes";
    }
  }
  return prepared;
}

}  // namespace chancery::log
