#include "daemon/tree/receipts.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <variant>

#include "ledger/entry/entry.h"
#include "ledger/note/note.h"
#include "ledger/note/proof.h"
#include "ledger/receipt/receipt.h"
#include "policies/route/decide.h"
#include "policies/text/code_point.h"

namespace chancery::tree {

namespace {

constexpr std::size_t kMostHeld = 1024;      // checkpoints, of some 4 KiB
constexpr std::size_t kMostNameBytes = 160;  // of NAME, so that what follows fits into 255 bytes
constexpr std::size_t kIdDigits = 32;
constexpr std::chrono::seconds kLookAgain{10};  // whether the log's keys have changed

struct KindName {
  std::string_view event, kind;
};

// The events that have a receipt besides the transfer's own outcome.
constexpr std::array kKinds = {
    KindName{"delivery.made", "delivered"},      KindName{"delivery.opened", "opened"},
    KindName{"delivery.collected", "collected"}, KindName{"delivery.acknowledged", "acknowledged"},
    KindName{"delivery.expired", "expired"},     KindName{"delivery.recalled", "recalled"},
};

// ".KIND", or "" for the outcome itself; nullopt for what has no receipt. `used`: those given out before.
std::optional<std::string> kind_of(const transfer::Step& step, bool sender, std::set<std::string>& used) {
  std::string kind;
  const bool outcome = step.event.starts_with("file.") || (step.event == "delivery.made" && !sender);
  if (!outcome || used.contains(kind)) {
    const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                           [&](const KindName& one) { return one.event == step.event; });
    if (found == kKinds.end()) return std::nullopt;
    kind = "." + std::string(found->kind);
  }
  if (!used.insert(kind).second) kind += "-" + std::to_string(step.seq);
  return kind;
}

std::string_view cut(std::string_view name) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < name.size() && at <= kMostNameBytes; text::next_code_point(name, at))
    end = at;
  return name.size() <= kMostNameBytes ? name : name.substr(0, end);
}

}  // namespace

std::string receipt_stem(const transfer::Transfer& transfer) {
  const std::string_view name =
      route::name_mistake(transfer.name) ? "invalid-name" : std::string_view(transfer.name);
  return std::string(cut(name)) + "." + transfer.id;
}

// NAME.ID.EXTENSION or NAME.ID.KIND.EXTENSION.
std::string id_in(std::string_view name) {
  for (int words = 0; words < 2; ++words) {
    const std::size_t last = name.rfind('.');
    if (last == std::string_view::npos) break;
    name = name.substr(0, last);
    if (name.size() <= kIdDigits || name[name.size() - kIdDigits - 1] != '.') continue;
    const std::string_view id = name.substr(name.size() - kIdDigits);
    if (entry::id_from_hex(id)) return std::string(id);
  }
  return {};
}

struct Receipts::Held {
  std::string note;
  std::set<std::uint32_t> keys;  // ids of those that signed
};

bool Receipts::looked_lately() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (looked_ && now - *looked_ < kLookAgain) return true;
  looked_ = now;
  return false;
}

void Receipts::cover(std::uint64_t seq) {
  if (covering(seq) && looked_lately()) return;
  std::optional<std::string> note;
  try {
    note = evidence_.checkpoint();
  } catch (const std::exception&) {
    return;
  }
  const auto parsed = note::parse_note(note.value_or(""));
  const auto* signed_note = std::get_if<note::Note>(&parsed);
  const auto checkpoint = signed_note == nullptr ? std::nullopt : note::parse_checkpoint(signed_note->text);
  if (!checkpoint) return;
  auto held = std::make_shared<Held>(Held{*std::move(note), {}});
  for (const note::SignatureLine& line : signed_note->signatures) held->keys.insert(line.key_id);
  hold(seq, checkpoint->size, std::move(held));
}

// Only ever the largest is added, so the first that covers an entry stays the same one; but none is used any
// more that other keys signed than those of now.
void Receipts::hold(std::uint64_t seq, std::uint64_t size, std::shared_ptr<const Held> held) {
  const std::lock_guard lock(mutex_);
  looked_ = std::chrono::steady_clock::now();
  if (!held_.empty()) {
    const auto& [largest, newest] = *held_.rbegin();
    const bool same_keys = newest->keys == held->keys;
    if (size < largest || (same_keys && (size == largest || largest > seq))) return;
    if (!same_keys) held_.clear();
  }
  held_[size] = std::move(held);
  if (held_.size() > kMostHeld) held_.erase(held_.begin(), std::next(held_.begin(), kMostHeld / 2));
}

std::optional<Receipts::Covering> Receipts::covering(std::uint64_t seq) const {
  const std::lock_guard lock(mutex_);
  const auto found = held_.upper_bound(seq);
  if (found == held_.end()) return std::nullopt;
  return Covering{found->first, found->second};
}

std::vector<ReceiptFile> Receipts::of(const transfer::Transfer& transfer, std::string_view agency) const {
  std::vector<const transfer::Step*> steps;
  for (const transfer::Step& step : transfer.steps) steps.push_back(&step);
  std::sort(steps.begin(), steps.end(), [](const auto* one, const auto* two) { return one->seq < two->seq; });
  const std::string stem = receipt_stem(transfer);
  std::vector<ReceiptFile> files;
  std::set<std::string> used;
  for (const transfer::Step* step : steps) {
    const unsigned parties = transfer::parties_to(transfer, *step, agency);
    const auto kind = parties == 0 ? std::nullopt : kind_of(*step, transfer.agency == agency, used);
    const auto covering = kind ? this->covering(step->seq) : std::nullopt;
    if (!covering) continue;
    files.push_back(
        {stem + *kind + ".receipt", step->seq, parties, false,
         receipt::receipt_bytes(step->entry_bytes, step->seq, covering->size, covering->held->note.size()),
         step->time});
    files.push_back({stem + *kind + ".openings", step->seq, parties, true,
                     step->agency == agency ? step->openings_of_own : step->openings_of_sender, step->time});
  }
  return files;
}

service::StoredEntry Receipts::entry(std::uint64_t seq) const {
  auto found = evidence_.entries(seq, 1);
  if (found.empty()) throw std::runtime_error("the ledger has no entry " + std::to_string(seq));
  return std::move(found.front());
}

std::string Receipts::read(const ReceiptFile& file) const {
  const service::StoredEntry stored = entry(file.seq);
  if (file.openings) {
    const auto parsed = entry::parse(stored.text);
    if (!std::holds_alternative<entry::Entry>(parsed))
      throw std::runtime_error("entry " + std::to_string(file.seq) + " is damaged");
    return receipt::format_openings(file.seq, std::get<entry::Entry>(parsed).event, stored.openings,
                                    file.parties);
  }
  const auto covering = this->covering(file.seq);
  if (!covering) throw std::runtime_error("no checkpoint covers entry " + std::to_string(file.seq));
  return note::Proof{stored.text, file.seq, evidence_.inclusion(file.seq, covering->size),
                     covering->held->note}
      .encode();
}

}  // namespace chancery::tree
