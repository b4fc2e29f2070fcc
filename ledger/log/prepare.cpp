#include "ledger/log/prepare.h"

#include <algorithm>

#include <botan/system_rng.h>

namespace chancery::log {
namespace {

std::optional<std::string> refusal(const entry::Event& event, entry::Author author) {
  if (auto wrong = entry::check_event(event)) return wrong;
  if (entry::find_event(event.name)->author != author) return "this caller may not append " + event.name;
  return std::nullopt;
}

// All the randomness an entry needs in one draw: a call to the system for each field would cost more than the
// hashing.
std::vector<std::uint8_t> draw(std::size_t fields) {
  std::vector<std::uint8_t> bytes(fields * opening::Salt{}.size() + opening::Nonce{}.size());
  Botan::system_rng().randomize(bytes);
  return bytes;
}

}  // namespace

std::variant<Prepared, std::string> prepare(entry::Event event, entry::Author author,
                                            std::string_view origin) {
  if (auto why = refusal(event, author)) return *std::move(why);
  Prepared prepared;
  entry::Entry entry;
  entry.id = event.id;
  entry.event = event.name;
  entry.plain = event.plain;
  if (!event.committed.empty()) {
    const auto random = draw(event.committed.size());
    auto next = random.begin();
    std::vector<opening::FieldOpening> openings;
    openings.reserve(event.committed.size());
    for (const auto& [field, value] : event.committed) {
      opening::FieldOpening& one = openings.emplace_back(field, opening::Opening{{}, value});
      std::copy_n(next, one.opening.salt.size(), one.opening.salt.begin());
      next += static_cast<std::ptrdiff_t>(one.opening.salt.size());
      entry.commitments.emplace_hint(entry.commitments.end(), field,
                                     opening::commitment(one.opening, origin, event.id, field));
    }
    std::copy_n(next, prepared.nonce.size(), prepared.nonce.begin());
    prepared.packed = opening::pack(openings);
  }
  prepared.body = entry.body();
  if (prepared.body.size() > entry::kMaxEntryBytes - entry::kMaxHeadBytes) {
    return "the entry would be longer than 65,535 bytes";
  }
  prepared.event = std::move(event);
  return prepared;
}

}  // namespace chancery::log
