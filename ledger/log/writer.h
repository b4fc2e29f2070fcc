#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "ledger/log/chain.h"
#include "ledger/log/epochs.h"
#include "ledger/log/group.h"
#include "ledger/log/log.h"
#include "ledger/log/retention.h"
#include "ledger/log/signer.h"

namespace chancery::log {

// Finds steps of the wall clock by comparing it with the steady one.
class ClockWatch {
 public:
  explicit ClockWatch(Clock clock);

  // Reads the wall clock and remembers a step of more than a second since the last call.
  entry::Micros observe();
  // The sum of the steps that are not recorded yet.
  std::optional<entry::Micros> step() const { return step_; }
  void recorded() { step_.reset(); }
  // The last entry is later than now: the clock was set back while nothing was running.
  void started_behind(entry::Micros last_entry);
  entry::Micros steady() const { return clock_.steady(); }

 private:
  Clock clock_;
  entry::Micros wall_ = 0;
  entry::Micros steady_ = 0;
  std::optional<entry::Micros> step_;
};

// The one thread that writes, and its queue. Group commit: while one commit is on its way to the disk the
// queue fills, and the next one takes all of it, up to kMaxBatch entries. Thread-safe but for what says
// otherwise.
class Writer {
 public:
  struct Work {
    std::vector<Prepared> batch;  // empty: nothing to write, only to be answered in its turn
    Log::Done done;
    // Something else to be done on the thread, in its turn and alone; `done` is called only if it is turned
    // away. Must not throw.
    std::function<void()> task = {};
  };

  Writer(store::Store& store, const KeyFolder& folder, LogKeys& keys, const Options& options, Chain chain);
  ~Writer();  // close()
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Before start(): writes the first entry and signs the first checkpoint. Throws Error.
  void begin_ledger(const entry::Event& genesis);
  // Before start(): what is done in short steps, one each time the thread has written what waited. Answers
  // whether there is more to do at once. Must not throw.
  void do_between(std::function<bool()> step) { between_ = std::move(step); }
  void start();  // of the thread; what is submitted before waits
  // Answers `busy` or `refused` at once when the queue is full, closed or the ledger takes nothing.
  void submit(Work work);
  bool is_full() const;
  void close();

  Head head() const;
  void refuse(const std::string& reason);  // read-only from now on; the first reason stays

  // The following are for tasks only.

  // An entry of the service's own, made when its seq is known, and the rows of the store's meta that change
  // with it.
  struct Own {
    entry::Event event;
    std::map<std::string, std::string> meta = {};
  };
  Appended append_own(const std::function<Own(std::uint64_t seq)>& make);
  void sign();
  // Pins the checkpoint of all entries by a log.anchor, which a checkpoint covers; if there is room.
  void anchor();
  // Does what a change of the keys has left to do: docs/ledger-service.md, "Rotating keys".
  void keep_keys();
  bool can_write() const;  // thread-safe
  // For a commit of the service's own that appends nothing.
  bool has_room(std::uint64_t bytes) const { return has_disk(disk_reserve_ / 4 + bytes); }

 private:
  std::optional<Appended> turn_away(std::size_t entries, std::size_t bytes) const;  // holds mutex_
  void run();
  std::vector<Work> take();
  void write(std::vector<Work>& works);
  void commit(Group& group, std::vector<Appended>& answers, const Chain& before);
  std::vector<Prepared> prepare_own(const entry::Event& event) const;
  void anchor_newest();
  void keep_signed();
  void keep_house();
  void watch_room();
  void watch_disk();
  bool has_disk(std::uint64_t bytes) const;
  std::string disk_is_full() const;

  store::Store& store_;
  const KeyFolder& folder_;
  LogKeys& keys_;
  std::string origin_;
  std::uint64_t disk_reserve_;
  std::function<void(bool, const std::string&)> alarm_;

  // Of the thread.
  ClockWatch clock_;
  Epochs epochs_;
  Chain chain_;
  std::uint64_t signed_size_ = 0;
  entry::Micros signed_at_ = 0;
  bool signing_fails_ = false;  // and it was said
  entry::Micros anchored_at_ = 0;
  entry::Micros kept_house_at_ = 0;
  Retention retention_;
  std::function<bool()> between_;
  bool more_between_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  std::size_t queued_entries_ = 0;
  std::size_t queued_bytes_ = 0;
  bool closed_ = false;
  Head head_;
  bool disk_full_ = false;
  std::thread thread_;
};

}  // namespace chancery::log
