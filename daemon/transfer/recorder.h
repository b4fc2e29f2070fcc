#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "daemon/transfer/caller.h"
#include "daemon/transfer/projection.h"
#include "ledger/entry/entry.h"
#include "ledger/service/client.h"

namespace chancery::transfer {

// The ledger as the hub sees it, and the clock: the seams that tests replace.
struct Ledger {
  // Appends a batch; see service::Client::submit.
  std::function<void(std::vector<entry::Event>, std::function<void(service::Appended)>)> append;
  // Whether it would take entries now; may block for some seconds.
  std::function<bool()> writable;
};
using Clock = std::function<entry::Micros()>;
using Log = std::function<void(const std::string& sentence)>;

// Whether `span` has passed since `since`. Also if the clock was set back behind that, which holds nothing
// up.
inline bool has_passed(entry::Micros span, entry::Micros since, entry::Micros now) {
  return now < since || now - since >= span;
}

// Puts entries into the ledger and keeps the projection in step with it. Thread-safe.
class Recorder {
 public:
  Recorder(Projection& projection, Ledger ledger, Clock clock, Log log);

  // Appends `batch`. `answered` is told once what the caller may be told; `settled`, at that moment or later,
  // whether the batch is in the ledger, once that is certain. Neither that the ledger cannot be reached nor
  // an unknown outcome is told for some seconds, in which a ledger that was restarted is back: tick() submits
  // the same batch again, and the ids make that harmless. After them a batch that was never sent is refused;
  // one that was is submitted until there is an answer. That a repetition was not taken for now says nothing
  // of the first submission, so only a ledger that has looked settles it.
  using Answered = std::function<void(const service::Appended&)>;
  // `enter`, if given, is what runs the function that puts a durable batch into the projection: whoever
  // counts what is on its way besides lets go of it in the same moment.
  using Settled = std::function<void(bool durable)>;
  using Enter = std::function<void(const std::function<void()>& into_projection)>;
  void record(std::vector<entry::Event> batch, Answered answered, Settled settled, Enter enter = {});

  // Appends what has happened whether or not it can be recorded now: it is kept until the ledger takes it.
  void record_surely(std::vector<entry::Event> batch);

  // Appends a file.refused or file.abandoned entry. Equal refusals (account, route, policy, code) within a
  // minute after the first are kept together in one further entry with a count, so that nobody can flood the
  // ledger; while the ledger cannot be reached they wait in memory.
  struct Ended {
    Caller caller;
    std::string event;     // "file.refused" or "file.abandoned"
    std::string transfer;  // 32 hex digits
    std::string route;     // empty for one that the policy does not know
    std::string policy;
    std::string code;
    std::string name;
    std::string reason;
    std::uint64_t size = 0;
  };
  void record_ended(Ended ended);
  // The same, never gathered with others: for a number that is bounded.
  void record_each(const Ended& ended);

  // Whether the ledger answered when last asked.
  bool available() const { return available_; }

  // To be called every second or so, never twice at once; may block while the ledger does not answer.
  void tick();

  // At the end: writes what is still gathered and waits, at most this long, for what is outstanding.
  void finish(std::chrono::milliseconds longest);

 private:
  struct Unresolved {
    std::vector<entry::Event> batch;
    Answered answered;                            // empty once it was called
    std::chrono::steady_clock::time_point until;  // when it is called at the latest
    Settled settled;
    Enter enter;
    // A refusal for now does not end it, because it must be recorded, or because it may be already.
    bool kept = false;
  };
  struct Gathered {
    Ended first;
    std::uint64_t count = 0;
    entry::Micros since = 0;
  };
  using Kind = std::tuple<std::string, std::string, std::string, std::string, std::string, std::string>;

  void submit(Unresolved one);
  void end(const Unresolved& one, const service::Appended& appended);
  // Tells those who have waited long enough (all, at the end) that the outcome is not known, or ends what
  // never reached the ledger.
  void give_up(std::chrono::steady_clock::time_point now);
  void append_ended(const Ended& ended, std::uint64_t count);
  void flush_gathered(entry::Micros gathered_for);

  Projection& projection_;
  Ledger ledger_;
  Clock clock_;
  Log log_;
  std::atomic<bool> available_{true};
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t outstanding_ = 0;
  std::vector<Unresolved> unresolved_;
  std::map<Kind, Gathered> gathered_;
};

}  // namespace chancery::transfer
