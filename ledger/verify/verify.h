#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/merkle/merkle.h"
#include "ledger/note/log_policy.h"
#include "ledger/opening/entry_seal.h"
#include "ledger/store/store.h"

// Checks a whole ledger from the bytes of its entries, believing nothing that is stored about them:
// docs/ledger-format.md, "Verifying".
namespace chancery::verify {

// What is known behind an entry's commitments; nullptr when the reader was not given it.
using Openings = std::span<const opening::FieldOpening>;

// One thing that is wrong: at an entry, or (nullopt) with the ledger as a whole.
struct Finding {
  std::optional<std::uint64_t> seq;
  std::string text;
};

// Whence a ledger is read. The functions are called from the thread that called check(), may throw, and
// answer in ascending order until they are answered false. A store::Error of damage becomes a finding;
// anything else ends the check.
struct Source {
  using VisitEntry = std::function<bool(std::uint64_t seq, std::string_view text, const Openings* openings)>;
  std::function<void(const VisitEntry&)> entries;
  // (size, note); called more than once.
  std::function<void(const std::function<bool(std::uint64_t size, std::string_view note)>&)> checkpoints;
  // The hashes stored beside the entries, from an index on. Empty where there are none.
  std::function<void(std::uint64_t from, const std::function<bool(std::uint64_t, const merkle::Hash&)>&)>
      hashes;
  // What is written down as the ledger's size and root. Empty where nothing is.
  std::function<note::Checkpoint()> head;
  // Given every hash of the tree as it is recomputed, in stored order, while the entries are read. May be
  // empty.
  std::function<void(std::span<const merkle::Hash>)> recomputed;
  // Called last, for what the source itself has found wrong. May be empty.
  std::function<void(const std::function<void(const Finding&)>&)> own_findings;
};

// The tables of an environment that is open for reading. The snapshot must outlive the source.
Source source_of(const store::Snapshot& snapshot);

inline constexpr std::size_t kMaxFindings = 100;

struct Report {
  std::uint64_t entries = 0;
  merkle::Hash root{};  // recomputed
  entry::Micros first_time = 0;
  entry::Micros last_time = 0;
  std::string origin;
  std::vector<std::string> keys;    // the vkeys that checkpoints were checked with, at first
  std::uint64_t checkpoints = 0;    // whose signature and root are right
  std::uint64_t covered = 0;        // entries below the largest of those
  std::uint64_t stored_hashes = 0;  // that were compared
  std::uint64_t unknown_events = 0;
  std::uint64_t opened = 0;                          // committed fields whose opening is there and matches
  std::uint64_t withheld = 0;                        // whose opening was not given to the reader
  std::uint64_t erased = 0;                          // whose opening is gone, with an entry that says so
  std::map<std::uint64_t, std::uint64_t> erased_at;  // of those, by the entry that says so
  std::uint64_t being_erased = 0;   // whose opening is gone, with an erasure that has not ended yet
  std::vector<Finding> findings;    // at most kMaxFindings
  std::uint64_t more_findings = 0;  // that were found beyond those

  [[nodiscard]] bool verified() const { return findings.empty(); }
};

// What an auditor asks for besides, to find a ledger that is whole in itself but an old copy.
struct Demands {
  // Checkpoints from elsewhere, as signed notes, that the ledger must continue.
  std::vector<std::string> newer_than;
  // The earliest time that the last entry may have, and the latest: of one that has not come yet it cannot be
  // told how old it is.
  std::optional<entry::Micros> not_before;
  std::optional<entry::Micros> not_after{};
  std::optional<note::LogPolicy> policy{};  // whose rule must be met; its keys are to be among the pinned
};

// Checks everything. `pinned` are the log's keys as the auditor knows them, of either type or of both;
// without any the genesis entry's own are used, which shows that the ledger agrees with itself but not whose
// it is. An empty ledger and one without a checkpoint are findings. Takes two threads, and memory for the ids
// of the entries; all else is streamed.
Report check(const Source& source, std::span<const note::VerifierKey> pinned, const Demands& demands = {});

}  // namespace chancery::verify
