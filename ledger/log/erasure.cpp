#include "ledger/log/erasure.h"

#include <algorithm>
#include <array>

#include <botan/system_rng.h>

namespace chancery::log {
namespace {

constexpr std::array<std::string_view, 4> kErasureBases = {"request", "retention", "order", "mistake"};
constexpr std::array<std::string_view, 3> kHoldBases = {"litigation", "inquiry", "order"};
constexpr std::size_t kMaxTextBytes = 4096;  // of a plain value; of a reference, an officer, a reason
constexpr std::size_t kMostRows = 1024;      // of one commit
constexpr std::size_t kMostBytes = std::size_t{8} << 20;
constexpr std::size_t kMostLookedAt = 4 * kMostRows;  // in one step
constexpr std::string_view kWrapping = "wrapping";
constexpr std::string_view kWrapped = "wrapped";

using Ranges = std::vector<entry::SeqRange>;

Appended refused(std::string why) { return {Outcome::refused, {}, {}, std::move(why)}; }
Appended busy(std::string why) { return {Outcome::busy, {}, {}, std::move(why)}; }

template <typename Words>
std::optional<std::string> not_a_basis(const std::string& basis, const Words& words) {
  if (std::ranges::find(words, basis) != words.end()) return std::nullopt;
  std::string all;
  for (const auto word : words) all += (all.empty() ? "" : ", ") + std::string(word);
  return "the basis must be one of " + all;
}

std::optional<std::string> not_a_text(const std::string& text, const std::string& what) {
  if (!text.empty() && text.size() <= kMaxTextBytes) return std::nullopt;
  return "the " + what + " must have 1 to 4,096 bytes";
}

// What is wrong with the entries asked for; `ranges` are theirs.
std::optional<std::string> not_entries(const std::optional<Ranges>& ranges, std::uint64_t size) {
  if (!ranges) return "the entries must be numbers and ranges in ascending order, such as 12,15-18";
  if (ranges->back().last >= size) {
    return "there is no entry " + std::to_string(ranges->back().last) + "; the ledger has " +
           std::to_string(size);
  }
  if (entry::format_ranges(*ranges).size() > kMaxTextBytes) {
    return "these are more single entries than one request can name; ask in parts";
  }
  return std::nullopt;
}

entry::Event event_of(const char* name, const std::string& seqs, const std::string& basis,
                      std::map<std::string, std::string> committed) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = name;
  event.plain = {{"basis", basis}, {"seqs", seqs}};
  event.committed = std::move(committed);
  return event;
}

std::string row_of(std::uint64_t begun, std::string_view stage) {
  return std::to_string(begun) + " " + std::string(stage);
}

std::string row_of(const std::vector<Hold>& holds) {
  std::string row;
  for (const Hold& hold : holds) row += hold.seqs + " " + hold.basis + "\n";
  return row;
}

// Whether any entry of the ranges has openings; whether any has something that they would open.
bool has_openings(const store::Snapshot& snapshot, const Ranges& ranges) {
  return std::ranges::any_of(ranges, [&](const entry::SeqRange& range) {
    bool found = false;
    snapshot.visit_openings(range.first, [&](std::uint64_t seq, std::span<const std::uint8_t>) {
      found = seq <= range.last;
      return false;
    });
    return found;
  });
}

bool has_commitments(const store::Snapshot& snapshot, const Ranges& ranges) {
  return std::ranges::any_of(ranges, [&](const entry::SeqRange& range) {
    bool found = false;
    snapshot.visit_entries(range.first, [&](std::uint64_t seq, std::string_view text) {
      found = commitments_at(text) < text.size();
      return !found && seq < range.last;
    });
    return found;
  });
}

}  // namespace

std::vector<Hold> read_holds(const store::Snapshot& snapshot) {
  std::vector<Hold> holds;
  const std::string row = snapshot.meta(kHoldsRow).value_or("");
  for (std::size_t at = 0; at < row.size();) {
    const std::size_t end = row.find('\n', at);
    const std::size_t space = row.find(' ', at);
    if (end == std::string::npos || space > end) {
      throw store::Error(store::Fault::damaged, "the row of the holds in meta is not as it should be");
    }
    holds.push_back({row.substr(at, space - at), row.substr(space + 1, end - space - 1)});
    at = end + 1;
  }
  return holds;
}

void Erasure::find() {
  if (!writer_.can_write()) return;
  try {
    const auto snapshot = store_.snapshot();
    const std::string row = snapshot.meta(kErasureRow).value_or("");
    if (row.empty()) return;
    const std::size_t space = row.find(' ');
    const auto begun = entry::parse_number(std::string_view(row).substr(0, space));
    const std::string_view stage = std::string_view(row).substr(space == row.npos ? row.size() : space + 1);
    if (!begun || (stage != kWrapping && stage != kWrapped)) {
      throw Error("the row of the erasure in meta is not as it should be");
    }
    now_ = read(snapshot, *begun);
    now_->stage = stage == kWrapped ? Stage::wrapped : Stage::wrapping;
  } catch (const std::exception& error) {
    writer_.refuse(std::string("the erasure that was interrupted cannot go on: ") + error.what());
  }
}

Erasure::UnderWay Erasure::read(const store::Snapshot& snapshot, std::uint64_t begun) {
  const auto parsed = entry::parse(snapshot.entry(begun));
  const auto* found = std::get_if<entry::Entry>(&parsed);
  if (found == nullptr || found->event != "erasure.begun") {
    throw Error("entry " + std::to_string(begun) + " is no erasure.begun");
  }
  UnderWay now;
  now.begun = begun;
  now.begun_at = found->time;
  now.seqs = found->plain.at("seqs");
  now.basis = found->plain.at("basis");
  now.ranges = entry::parse_seqs(now.seqs).value();
  for (const auto& [field, opening] :
       epochs_.unseal(begun, snapshot.opening(begun)).value_or(std::vector<opening::FieldOpening>{})) {
    if (field == "reference") now.reference = opening.value;
  }
  for (const entry::SeqRange& range : now.ranges) {
    const std::uint64_t last = range.last / opening::kEpochSize;
    for (std::uint64_t epoch = range.first / opening::kEpochSize; epoch <= last; ++epoch) {
      if (now.epochs.empty() || now.epochs.back() < epoch) now.epochs.push_back(epoch);
    }
  }
  return now;
}

std::optional<std::string> Erasure::why_not(const Erase& request, const std::optional<Ranges>& ranges) const {
  const auto snapshot = store_.snapshot();
  if (auto why = not_entries(ranges, snapshot.size())) return why;
  if (auto why = not_a_basis(request.basis, kErasureBases)) return why;
  if (auto why = not_a_text(request.reference, "reference")) return why;
  for (const Hold& hold : read_holds(snapshot)) {
    if (entry::overlap(*entry::parse_seqs(hold.seqs), *ranges)) {
      return "entries " + hold.seqs + " are on hold (" + hold.basis +
             "); while they are, nothing of them is erased";
    }
  }
  if (has_openings(snapshot, *ranges)) return std::nullopt;
  const std::string seqs = entry::format_ranges(*ranges);
  return has_commitments(snapshot, *ranges) ? "the details of entries " + seqs + " are erased already"
                                            : "entries " + seqs + " have no details to erase";
}

void Erasure::begin(const Erase& request, Log::Done done) {
  try {
    if (!writer_.can_write()) return done(busy("the ledger takes no entries: " + writer_.head().reason));
    if (now_) {
      return done(busy("the erasure that entry " + std::to_string(now_->begun) +
                       " began is not finished; ask again when it is"));
    }
    const auto ranges = entry::parse_seqs(request.seqs);
    if (auto why = why_not(request, ranges)) return done(refused(*std::move(why)));
    auto appended = writer_.append_own([&](std::uint64_t seq) {
      return Writer::Own{event_of("erasure.begun", entry::format_ranges(*ranges), request.basis,
                                  {{"reference", request.reference}}),
                         {{kErasureRow, row_of(seq, kWrapping)}}};
    });
    if (appended.outcome != Outcome::durable) return done(std::move(appended));
    now_ = read(store_.snapshot(), appended.seqs.front());
    now_->done = std::move(done);
  } catch (const std::exception& error) {
    writer_.refuse(error.what());
    done({Outcome::unknown, {}, {}, error.what()});
  }
}

bool Erasure::step() {
  if (!now_) return false;
  if (!writer_.can_write()) {
    answer({Outcome::unknown, {}, {}, "the ledger takes no entries: " + writer_.head().reason});
    return false;
  }
  if (!writer_.has_room(2 * kMostBytes)) return false;
  try {
    take_step();
    return now_.has_value();
  } catch (const store::Error& error) {
    if (error.fault() != store::Fault::full) writer_.refuse(error.what());
  } catch (const std::exception& error) {
    writer_.refuse(error.what());
  }
  return false;
}

void Erasure::take_step() {
  if (now_->stage == Stage::wrapping) return wrap();
  if (now_->epoch == now_->epochs.size()) return end();
  replace_epoch_key(folder_, now_->epochs[now_->epoch]);
  ++now_->epoch;
}

void Erasure::wrap() {
  UnderWay& now = *now_;
  store::Batch batch;
  if (now.epoch == now.epochs.size()) {
    batch.meta[kErasureRow] = row_of(now.begun, kWrapped);
    store_.commit(batch);
    now.stage = Stage::wrapped;
    now.epoch = 0;
    return;
  }
  const std::uint64_t epoch = now.epochs[now.epoch];
  const std::uint64_t end = (epoch + 1) * opening::kEpochSize;
  create_next_epoch_key(folder_, epoch);
  std::uint64_t next = end;
  std::uint64_t stuck = 0;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  store_.snapshot().visit_openings(
      std::max(now.row, epoch * opening::kEpochSize),
      [&](std::uint64_t seq, std::span<const std::uint8_t> sealed) {
        if (seq >= end) return false;
        if (looked_at == kMostLookedAt || batch.resealed.size() == kMostRows || bytes >= kMostBytes) {
          next = seq;
          return false;
        }
        ++looked_at;
        bytes += sealed.size();
        if (!wrap_row(seq, sealed, batch)) ++stuck;
        return true;
      });
  if (!batch.resealed.empty()) store_.commit(batch);
  now.row = next;
  now.stuck += stuck;
  if (next == end) ++now.epoch;
}

bool Erasure::wrap_row(std::uint64_t seq, std::span<const std::uint8_t> sealed, store::Batch& batch) {
  if (entry::covers(now_->ranges, seq)) {
    batch.resealed[seq] = {};
    return true;
  }
  const std::uint64_t epoch = seq / opening::kEpochSize;
  opening::EntrySeal& next = *epochs_.next(epoch);
  if (next.unseal(seq, sealed)) return true;
  opening::EntrySeal* const present = epochs_.present(epoch);
  const auto openings = present != nullptr ? present->unseal(seq, sealed) : std::nullopt;
  if (!openings) return false;
  opening::Nonce nonce{};
  Botan::system_rng().randomize(nonce);
  batch.resealed[seq] = next.seal(seq, nonce, opening::pack(*openings));
  return true;
}

void Erasure::end() {
  const UnderWay& now = *now_;
  Appended appended = writer_.append_own([&](std::uint64_t) {
    return Writer::Own{event_of("detail.erased", now.seqs, now.basis, {{"reference", now.reference}}),
                       {{kErasureRow, ""}}};
  });
  if (appended.outcome != Outcome::durable) return;
  appended.seqs.insert(appended.seqs.begin(), now.begun);
  appended.times.insert(appended.times.begin(), now.begun_at);
  if (now.stuck > 0 && alarm_) {
    alarm_(true, "in the erasure that entry " + std::to_string(now.begun) + " began the details of " +
                     std::to_string(now.stuck) +
                     " other entries could not be opened; see `chancery ledger verify`");
  }
  answer(std::move(appended));
  now_.reset();
}

void Erasure::abandon() {
  answer({Outcome::unknown, {}, {}, "the service is stopping; the erasure goes on after its next start"});
}

void Erasure::answer(Appended appended) {
  if (now_ && now_->done) std::exchange(now_->done, {})(std::move(appended));
}

Appended Erasure::change_hold(const HoldChange& change) {
  try {
    if (!writer_.can_write()) return busy("the ledger takes no entries: " + writer_.head().reason);
    const auto ranges = entry::parse_seqs(change.seqs);
    if (auto why = not_entries(ranges, store_.snapshot().size())) return refused(*std::move(why));
    if (auto why = not_a_basis(change.basis, kHoldBases)) return refused(*std::move(why));
    if (auto why = not_a_text(change.officer, "officer")) return refused(*std::move(why));
    if (auto why = not_a_text(change.reason, "reason")) return refused(*std::move(why));
    const std::string seqs = entry::format_ranges(*ranges);
    auto holds = read_holds(store_.snapshot());
    const auto same = std::ranges::find_if(
        holds, [&](const Hold& hold) { return hold.seqs == seqs && hold.basis == change.basis; });
    if (change.set && same != holds.end()) return refused("this hold is in force already");
    if (!change.set && same == holds.end()) {
      return refused("no hold on exactly these entries with this basis is in force");
    }
    if (change.set && holds.size() >= kMaxHolds) return refused("4,096 holds are in force already");
    if (change.set && now_ && entry::overlap(now_->ranges, *ranges)) {
      return refused("some of these entries are being erased since entry " + std::to_string(now_->begun));
    }
    if (change.set) {
      holds.push_back({seqs, change.basis});
    } else {
      holds.erase(same);
    }
    return writer_.append_own([&](std::uint64_t) {
      return Writer::Own{event_of(change.set ? "hold.set" : "hold.cleared", seqs, change.basis,
                                  {{"officer", change.officer}, {"reason", change.reason}}),
                         {{kHoldsRow, row_of(holds)}}};
    });
  } catch (const std::exception& error) {
    writer_.refuse(error.what());
    return busy(error.what());
  }
}

}  // namespace chancery::log
