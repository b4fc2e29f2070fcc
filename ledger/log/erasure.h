#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/entry/seqs.h"
#include "ledger/log/epochs.h"
#include "ledger/log/log.h"
#include "ledger/log/writer.h"

namespace chancery::log {

// Rows of the store's meta: docs/ledger-service.md, "Tables".
inline constexpr const char* kErasureRow = "erasure";
inline constexpr const char* kHoldsRow = "holds";

std::vector<Hold> read_holds(const store::Snapshot& snapshot);

// Erases the details of entries step by step, and keeps the holds that forbid it: docs/ledger-service.md,
// "Erasure". On the writer's thread only, but for what says otherwise.
class Erasure {
 public:
  Erasure(store::Store& store, const KeyFolder& folder, Writer& writer, const Options& options)
      : store_(store), folder_(folder), writer_(writer), epochs_(folder), alarm_(options.alarm) {}

  // Before the thread starts: finds the erasure that was interrupted, to go on with it.
  void find();
  // Begins one, or answers why not. Does not throw.
  void begin(const Erase& request, Log::Done done);
  // Goes on by one step, short enough for appends to wait for. Answers whether more is to be done at once.
  // Does not throw.
  bool step();
  // After the thread has ended: answers who still waits.
  void abandon();

  // Does not throw.
  Appended change_hold(const HoldChange& change);

 private:
  enum class Stage { wrapping, wrapped };
  struct UnderWay {
    std::uint64_t begun = 0;  // seq of erasure.begun
    entry::Micros begun_at = 0;
    Stage stage = Stage::wrapping;
    std::string seqs, basis, reference;
    std::vector<entry::SeqRange> ranges;
    std::vector<std::uint64_t> epochs;
    std::size_t epoch = 0;    // the index of the one that is at work
    std::uint64_t row = 0;    // from which on it is to be looked at
    std::uint64_t stuck = 0;  // rows that no key opened
    Log::Done done;
  };
  std::optional<std::string> why_not(const Erase& request,
                                     const std::optional<std::vector<entry::SeqRange>>& ranges) const;
  UnderWay read(const store::Snapshot& snapshot, std::uint64_t begun);
  void take_step();
  void wrap();
  bool wrap_row(std::uint64_t seq, std::span<const std::uint8_t> sealed, store::Batch& batch);
  void end();
  void answer(Appended appended);

  store::Store& store_;
  const KeyFolder& folder_;
  Writer& writer_;
  Epochs epochs_;
  std::function<void(bool, const std::string&)> alarm_;
  std::optional<UnderWay> now_;
};

}  // namespace chancery::log
