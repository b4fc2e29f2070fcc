#pragma once

#include <array>
#include <vector>

#include "ledger/entry/erasures.h"
#include "ledger/note/named_key.h"
#include "ledger/verify/findings.h"
#include "ledger/verify/pipeline.h"

namespace chancery::verify {

// What the entries state about the ledger itself, for checkpoints to be checked with.
struct LogEvents {
  struct Anchor {
    std::uint64_t seq = 0;
    std::uint64_t size = 0;
    merkle::Hash root{};
    std::string note_sha256;  // lower-case hex
  };
  std::string origin;
  std::vector<note::NamedKey> keys;  // the genesis entry's two first
  std::vector<Anchor> anchors;
};

// Reads what entries say, one after another: grammar, order, time, ids, fields, openings.
class EntryCheck {
 public:
  explicit EntryCheck(Findings& findings) : findings_(findings) {}

  void add(const Chunk& chunk);
  // After the last entry: what can only be known then.
  void finish();

  const LogEvents& log_events() const { return events_; }
  void report(Report& report) const;

 private:
  // An id as two numbers, which are compared faster than its bytes.
  struct Place {
    std::array<std::uint64_t, 2> id;
    std::uint64_t seq;
  };

  void add_entry(std::uint64_t seq, std::string_view text, const Chunk::Row& row);
  void check_genesis();
  void check_place(std::uint64_t seq);
  void check_fields(std::uint64_t seq);
  void note_log_event(std::uint64_t seq);
  // The key in a field, if it is one of this log and of `type` (nullopt: of either); else a finding.
  std::optional<note::VerifierKey> log_key(std::uint64_t seq, std::string_view field,
                                           std::optional<note::KeyType> type);
  void note_key(std::uint64_t seq);
  void check_openings(std::uint64_t seq, const Chunk::Row& row);
  std::string plain(std::string_view key) const;

  Findings& findings_;
  entry::EntryView view_;
  LogEvents events_;
  merkle::Hash prev_{};
  entry::Micros first_time_ = 0;
  entry::Micros last_time_ = 0;
  std::vector<Place> places_;
  entry::Erasures erasures_;
  struct Missing {
    std::uint64_t seq;
    std::uint64_t fields;
  };
  std::vector<Missing> missing_;
  Report counts_;
};

}  // namespace chancery::verify
