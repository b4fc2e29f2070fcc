#include <algorithm>
#include <stdexcept>

#include "daemon/tree/receipts.h"
#include "ledger/entry/entry.h"
#include "ledger/entry/event_table.h"
#include "ledger/exports/keys.h"
#include "ledger/note/note.h"
#include "ledger/note/proof.h"

namespace chancery::tree {

namespace {

constexpr std::uint64_t kBatch = 1024;

std::uint64_t size_of(const std::optional<std::string>& checkpoint) {
  const auto parsed = note::parse_note(checkpoint.value_or(""));
  const auto* signed_note = std::get_if<note::Note>(&parsed);
  const auto head = signed_note == nullptr ? std::nullopt : note::parse_checkpoint(signed_note->text);
  return head ? head->size : 0;
}

entry::Entry parsed(const std::string& text) {
  auto result = entry::parse(text);
  if (const auto* error = std::get_if<entry::ParseError>(&result))
    throw std::runtime_error("an entry of the ledger is damaged: " + error->reason);
  return std::get<entry::Entry>(std::move(result));
}

// genesis, add, retire or revoke
std::string word_of(const std::string& event) { return event.substr(event.rfind('.') + 1); }

}  // namespace

// The hub hears of its own entries as it appends them; of others', by looking at the gaps between those. What
// the hub appends itself is on its way.
void Receipts::catch_up(transfer::Exchange& exchange, std::uint64_t size) const {
  for (auto [from, to] : exchange.projection().not_applied(size)) {
    while (from < to) {
      const auto stored = evidence_.entries(from, static_cast<std::uint32_t>(std::min(kBatch, to - from)));
      if (stored.empty()) throw std::runtime_error("the ledger gave no entry " + std::to_string(from));
      for (const service::StoredEntry& one : stored) {
        const entry::Entry entry = parsed(one.text);
        const entry::EventRow* row = entry::find_event(entry.event);
        if (row != nullptr && row->author == entry::Author::hub) continue;
        entry::Event event{entry.id, entry.event, entry.plain, {}};
        for (const auto& [field, opening] : one.openings) event.committed[field] = opening.value;
        exchange.learn(entry.seq, entry.time, event);
      }
      from += stored.size();
    }
  }
}

std::vector<Receipts::Page> Receipts::log_keys(transfer::Exchange& exchange) const {
  const std::uint64_t size = size_of(evidence_.checkpoint());
  catch_up(exchange, size);
  std::vector<Page> pages;
  exports::PresentKeys present;
  entry::Micros changed = 0;
  for (const transfer::LogKeyStep& step : exchange.projection().log_keys()) {
    if (step.seq >= size) break;
    const std::string text = entry(step.seq).text;
    present.read(text);
    changed = step.time;
    const auto checkpoint = evidence_.checkpoint_from(step.seq + 1);
    const std::uint64_t covered = size_of(checkpoint);
    if (covered <= step.seq) continue;
    pages.push_back(
        {std::to_string(step.seq) + "." + word_of(step.event) + ".receipt",
         note::Proof{text, step.seq, evidence_.inclusion(step.seq, covered), *checkpoint}.encode(),
         step.time});
  }
  pages.push_back({"log-policy", present.log_policy(), changed});
  pages.push_back({"log-policy.ed25519", present.log_policy_ed25519(), changed});
  return pages;
}

}  // namespace chancery::tree
