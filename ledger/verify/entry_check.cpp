#include "ledger/verify/entry_check.h"

#include <algorithm>
#include <bit>

#include "ledger/entry/event_table.h"
#include "ledger/entry/seqs.h"

namespace chancery::verify {

void EntryCheck::add(const Chunk& chunk) {
  std::uint64_t seq = chunk.first_seq;
  for (const Chunk::Row& row : chunk.rows) {
    add_entry(seq++, chunk.text(row), row);
  }
}

void EntryCheck::add_entry(std::uint64_t seq, std::string_view text, const Chunk::Row& row) {
  ++counts_.entries;
  if (const auto error = entry::parse_into(text, view_)) {
    findings_.add(seq, "not an entry: " + error->reason + " (byte " + std::to_string(error->offset) + ")");
  } else {
    if (seq == 0) {
      check_genesis();
    }
    check_place(seq);
    check_fields(seq);
    note_log_event(seq);
    if (const auto wrong = erasures_.add(view_)) {
      findings_.add(seq, *wrong);
    }
    check_openings(seq, row);
    last_time_ = std::max(last_time_, view_.time);
    places_.push_back({std::bit_cast<std::array<std::uint64_t, 2>>(view_.id), seq});
  }
  prev_ = row.leaf;
}

std::string EntryCheck::plain(std::string_view key) const {
  return std::string(view_.plain_value(key).value_or(std::string_view()));
}

void EntryCheck::check_genesis() {
  first_time_ = view_.time;
  if (view_.event != "log.genesis") {
    findings_.add(0, "the first entry is " + std::string(view_.event) + ", not log.genesis");
    return;
  }
  events_.origin = plain("origin");
  prev_ = entry::genesis_prev(events_.origin);
  for (const auto& [field, type] :
       {std::pair{"vkey", note::KeyType::ed25519}, std::pair{"mldsa-vkey", note::KeyType::ml_dsa_44}}) {
    if (const auto key = log_key(0, field, type)) {
      events_.keys.push_back({0, *key, std::nullopt});
    }
  }
}

std::optional<note::VerifierKey> EntryCheck::log_key(std::uint64_t seq, std::string_view field,
                                                     std::optional<note::KeyType> type) {
  auto key = note::VerifierKey::parse(plain(field));
  if (!key || key->name() != events_.origin || key->type() != type.value_or(key->type())) {
    findings_.add(seq, "its " + std::string(field) + " is not a key of that kind under the log's origin");
    return std::nullopt;
  }
  return key;
}

void EntryCheck::check_place(std::uint64_t seq) {
  if (view_.seq != seq) {
    findings_.add(seq, "it says that it is entry " + std::to_string(view_.seq));
  }
  if (view_.prev != merkle::to_base64(prev_)) {
    findings_.add(seq, seq == 0 ? "its prev is not that of its origin"
                                : "its prev is not the hash of entry " + std::to_string(seq - 1) +
                                      " as it is here: one of the two was changed");
  }
  if (view_.time < last_time_) {
    findings_.add(seq, "its time is before that of an earlier entry");
  }
}

void EntryCheck::check_fields(std::uint64_t seq) {
  const entry::EventRow* row = entry::find_event(view_.event);
  if (row == nullptr) {
    ++counts_.unknown_events;
  } else if (const auto wrong = entry::check_fields(view_, *row)) {
    findings_.add(seq, "not a " + std::string(view_.event) + ": " + *wrong);
  }
  if (view_.event == "log.genesis" && seq != 0) {
    findings_.add(seq, "a second log.genesis");
  }
}

void EntryCheck::note_log_event(std::uint64_t seq) {
  if (entry::find_event(view_.event) == nullptr) {
    return;  // whatever its name is like: it is verified like any other
  }
  if (view_.event.starts_with("log.key.")) {
    note_key(seq);
  } else if (view_.event == "log.anchor") {
    const auto size = entry::parse_number(plain("size"));
    const auto root = merkle::from_base64(plain("root"));
    if (!size || !root || *size > seq) {
      findings_.add(seq, "its size and root are not those of an earlier tree head");
      return;
    }
    events_.anchors.push_back({seq, *size, *root, plain("note-sha256")});
  }
}

void EntryCheck::note_key(std::uint64_t seq) {
  const auto key = log_key(seq, "vkey", std::nullopt);
  if (!key) {
    return;
  }
  const auto known = std::ranges::find(events_.keys, *key, &note::NamedKey::key);
  if (view_.event == "log.key.add") {
    if (plain("last-trusted-size") != "-") {
      findings_.add(seq, "it adds a key and ends it at once: its last-trusted-size is not -");
    }
    if (known != events_.keys.end()) {
      findings_.add(seq, "it adds a key that entry " + std::to_string(known->seq) + " has named already");
    } else if (events_.keys.size() >= note::kMaxNamedKeys) {
      findings_.add(seq, "it adds a key, and a ledger names at most 4,096");
    } else {
      events_.keys.push_back({seq, *key, std::nullopt});
    }
    return;
  }
  const auto size = entry::parse_number(plain("last-trusted-size"));
  if (known == events_.keys.end() || !size || *size > seq) {
    findings_.add(seq,
                  "it ends the use of a key that was never added, or does not say at which size before it");
    return;
  }
  known->last_trusted_size = std::min(*size, known->last_trusted_size.value_or(*size));
}

void EntryCheck::check_openings(std::uint64_t seq, const Chunk::Row& row) {
  if (!row.openings) {
    counts_.withheld += view_.commitments.size();
    return;
  }
  std::uint64_t found = 0;
  for (const opening::FieldOpening& one : *row.openings) {
    const auto committed = std::ranges::find(view_.commitments, std::string_view(one.field),
                                             [](const auto& pair) { return pair.first; });
    if (committed == view_.commitments.end()) {
      findings_.add(seq, "an opening for the field " + one.field + ", which it has not");
      continue;
    }
    ++found;
    const auto commitment = merkle::from_base64(committed->second);
    if (!commitment || !opening::opens(one.opening, *commitment, events_.origin, view_.id, one.field)) {
      findings_.add(seq, "the opening of " + one.field + " does not match what was committed to");
    } else {
      ++counts_.opened;
    }
  }
  if (found < view_.commitments.size()) {
    missing_.push_back({seq, view_.commitments.size() - found});
  }
}

void EntryCheck::finish() {
  std::ranges::sort(places_, {}, &Place::id);
  for (std::size_t i = 1; i < places_.size(); ++i) {
    if (places_[i].id == places_[i - 1].id) {
      const auto [first, second] = std::minmax(places_[i].seq, places_[i - 1].seq);
      findings_.add(second, "it has the id of entry " + std::to_string(first));
    }
  }
  for (const Missing& missing : missing_) {
    if (const auto at = erasures_.erased_at(missing.seq)) {
      counts_.erased += missing.fields;
      counts_.erased_at[*at] += missing.fields;
    } else if (erasures_.is_being_erased(missing.seq)) {
      counts_.being_erased += missing.fields;
    } else {
      findings_.add(missing.seq, std::to_string(missing.fields) +
                                     " of its details are missing, and no entry says that they were erased");
    }
  }
}

void EntryCheck::report(Report& report) const {
  report.entries = counts_.entries;
  report.first_time = first_time_;
  report.last_time = last_time_;
  report.unknown_events = counts_.unknown_events;
  report.opened = counts_.opened;
  report.withheld = counts_.withheld;
  report.erased = counts_.erased;
  report.erased_at = counts_.erased_at;
  report.being_erased = counts_.being_erased;
}

}  // namespace chancery::verify
