#include "ledger/log/writer.h"

#include <algorithm>
#include <cstdlib>

#include <pthread.h>

namespace chancery::log {
namespace {

constexpr entry::Micros kSecond = 1'000'000;
constexpr entry::Micros kSignEvery = kSecond / 4;        // while there is work
constexpr entry::Micros kSignIdleEvery = 600 * kSecond;  // when there is none
constexpr entry::Micros kAnchorEvery = 3600 * kSecond;
constexpr entry::Micros kKeepHouseEvery = 60 * kSecond;
constexpr std::size_t kLittleRoom = 80;  // per cent of the map
constexpr const char* kClosing = "the ledger is closing; try again after the restart";
constexpr auto kLookUp = std::chrono::milliseconds(100);  // how often the clocks are looked at

}  // namespace

ClockWatch::ClockWatch(Clock clock)
    : clock_(std::move(clock)), wall_(clock_.wall()), steady_(clock_.steady()) {}

entry::Micros ClockWatch::observe() {
  const entry::Micros wall = clock_.wall();
  const entry::Micros steady = clock_.steady();
  const entry::Micros by = (wall - wall_) - (steady - steady_);
  if (std::abs(by) > kSecond) step_ = step_.value_or(0) + by;
  wall_ = wall;
  steady_ = steady;
  return wall;
}

void ClockWatch::started_behind(entry::Micros last_entry) {
  if (last_entry - wall_ > kSecond) step_ = wall_ - last_entry;
}

Writer::Writer(store::Store& store, const KeyFolder& folder, LogKeys& keys, const Options& options,
               Chain chain)
    : store_(store),
      folder_(folder),
      keys_(keys),
      origin_(options.origin),
      disk_reserve_(options.disk_reserve),
      alarm_(options.alarm),
      clock_(options.clock),
      epochs_(folder),
      chain_(std::move(chain)) {
  clock_.started_behind(chain_.time());
  anchored_at_ = signed_at_ = kept_house_at_ = clock_.steady();
  head_.size = chain_.size();
  head_.root = chain_.root();
}

Writer::~Writer() { close(); }

void Writer::start() {
  if (can_write()) {
    if (const auto last = read_signed_head(store_.snapshot())) signed_size_ = last->size;
  }
  watch_room();
  watch_disk();
  keep_keys();
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "ledger-writer");
}

void Writer::begin_ledger(const entry::Event& genesis) {
  watch_disk();
  append_own([&](std::uint64_t) { return Own{genesis}; });
  if (head().size != 1) throw Error("the ledger cannot be begun: " + head().reason);
  sign();
}

void Writer::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Head Writer::head() const {
  const std::scoped_lock lock(mutex_);
  Head now = head_;
  if (now.writable && disk_full_) {
    now.writable = false;
    now.reason = disk_is_full();
  }
  return now;
}

void Writer::refuse(const std::string& reason) {
  {
    const std::scoped_lock lock(mutex_);
    if (!head_.writable) return;
    head_.writable = false;
    head_.reason = reason;
  }
  if (alarm_) alarm_(false, "the ledger is read-only from now on: " + reason);
}

bool Writer::can_write() const {
  const std::scoped_lock lock(mutex_);
  return head_.writable;
}

bool Writer::is_full() const {
  const std::scoped_lock lock(mutex_);
  return queued_entries_ >= kMaxQueued || queued_bytes_ >= kMaxQueuedBytes;
}

std::optional<Appended> Writer::turn_away(std::size_t entries, std::size_t bytes) const {
  if (entries == 0) return std::nullopt;
  if (!head_.writable) return Appended{Outcome::busy, {}, {}, "the ledger takes no entries: " + head_.reason};
  if (disk_full_) return Appended{Outcome::busy, {}, {}, "the ledger takes no entries: " + disk_is_full()};
  if (closed_) return Appended{Outcome::busy, {}, {}, kClosing};
  if (queued_entries_ + entries > kMaxQueued || queued_bytes_ + bytes > kMaxQueuedBytes) {
    return Appended{Outcome::busy, {}, {}, "the ledger is busy; try again later"};
  }
  return std::nullopt;
}

void Writer::submit(Work work) {
  std::size_t bytes = 0;
  for (const Prepared& one : work.batch) bytes += one.bytes();
  std::unique_lock lock(mutex_);
  auto answer = turn_away(work.batch.size(), bytes);
  if (!answer && closed_) {
    answer = work.task ? Appended{Outcome::busy, {}, {}, kClosing} : Appended{Outcome::durable, {}, {}, {}};
  }
  if (answer) {
    lock.unlock();
    return work.done(*std::move(answer));
  }
  queued_entries_ += work.batch.size();
  queued_bytes_ += bytes;
  queue_.push_back(std::move(work));
  lock.unlock();
  wake_.notify_one();
}

std::vector<Writer::Work> Writer::take() {
  std::unique_lock lock(mutex_);
  const auto longest = more_between_ ? std::chrono::milliseconds(0) : kLookUp;
  wake_.wait_for(lock, longest, [this] { return closed_ || !queue_.empty(); });
  std::vector<Work> works;
  std::size_t entries = 0;
  while (!queue_.empty() && entries + queue_.front().batch.size() <= kMaxBatch) {
    const bool alone = queue_.front().task != nullptr;
    if (alone && !works.empty()) break;
    entries += queue_.front().batch.size();
    for (const Prepared& one : queue_.front().batch) queued_bytes_ -= one.bytes();
    works.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (alone) break;
  }
  queued_entries_ -= entries;
  return works;
}

void Writer::run() {
  for (bool more = true; more;) {
    std::vector<Work> works = take();
    clock_.observe();
    watch_disk();
    if (!works.empty()) works.front().task ? works.front().task() : write(works);
    keep_signed();
    keep_keys();
    keep_house();
    more_between_ = between_ && between_();
    const std::scoped_lock lock(mutex_);
    more = !closed_ || !queue_.empty();
  }
  anchor();
}

void Writer::write(std::vector<Work>& works) {
  std::vector<Appended> answers;
  answers.reserve(works.size());
  std::uint64_t bytes = 0;
  for (const Work& work : works)
    for (const Prepared& one : work.batch) bytes += one.bytes();
  const auto turn_all_away = [&](const std::string& why) {
    answers.assign(works.size(), {Outcome::busy, {}, {}, "the ledger takes no entries: " + why});
  };
  if (!can_write()) {
    turn_all_away(head().reason);
  } else if (!has_disk(disk_reserve_ + 2 * bytes)) {
    turn_all_away(disk_is_full());
  } else {
    const Chain before = chain_;
    std::vector<Prepared> stepped;
    try {
      const entry::Micros now = clock_.observe();
      Group group(chain_, epochs_, store_.snapshot(), origin_);
      const bool news = std::ranges::any_of(works, [](const Work& work) { return !work.batch.empty(); });
      if (const auto step = news ? clock_.step() : std::nullopt) {
        stepped = prepare_own(clock_event(*step));
        group.add_own(stepped.front(), now);
      }
      for (const Work& work : works) answers.push_back(group.add(work.batch, now));
      commit(group, answers, before);
    } catch (const std::exception& error) {  // not begun: a key could not be made, a row could not be read
      chain_ = before;
      refuse(error.what());
      turn_all_away(head().reason);
    }
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    if (works[i].batch.empty()) answers[i] = {Outcome::durable, {}, {}, {}};
    works[i].done(std::move(answers[i]));
  }
}

void Writer::commit(Group& group, std::vector<Appended>& answers, const Chain& before) {
  if (group.empty()) return;
  const auto fail = [&](Outcome outcome, const std::string& reason) {
    chain_ = before;
    for (Appended& answer : answers) {
      if (answer.outcome == Outcome::durable) answer = {outcome, {}, {}, reason};
    }
  };
  try {
    store_.commit(group.finish());
  } catch (const store::Error& error) {
    if (error.fault() == store::Fault::full)
      return fail(Outcome::busy, std::string("the ledger is full: ") + error.what());
    refuse(error.what());
    return fail(Outcome::unknown, error.what());
  }
  clock_.recorded();
  const std::scoped_lock lock(mutex_);
  head_.size = chain_.size();
  head_.root = chain_.root();
}

std::vector<Prepared> Writer::prepare_own(const entry::Event& event) const {
  auto prepared = prepare({event}, entry::Author::service, origin_);
  if (const auto* why = std::get_if<std::string>(&prepared)) throw Error(event.name + ": " + *why);
  return std::get<std::vector<Prepared>>(std::move(prepared));
}

Appended Writer::append_own(const std::function<Own(std::uint64_t)>& make) {
  const auto busy = [](const std::string& why) {
    return Appended{Outcome::busy, {}, {}, "the ledger takes no entries: " + why};
  };
  if (!can_write()) return busy(head().reason);
  if (!has_disk(disk_reserve_)) return busy(disk_is_full());
  const Chain before = chain_;
  std::vector<Appended> answer(1);
  std::vector<Prepared> stepped;
  std::vector<Prepared> own;
  try {
    const entry::Micros now = clock_.observe();
    Group group(chain_, epochs_, store_.snapshot(), origin_);
    if (const auto step = clock_.step()) {
      stepped = prepare_own(clock_event(*step));
      group.add_own(stepped.front(), now);
    }
    const std::uint64_t seq = chain_.size();
    Own made = make(seq);
    own = prepare_own(made.event);
    group.add_own(own.front(), now);
    group.remember(std::move(made.meta));
    answer.front() = {Outcome::durable, {seq}, {chain_.time()}, {}};
    commit(group, answer, before);
  } catch (const std::exception& error) {  // not begun: a key could not be made, a row could not be read
    chain_ = before;
    refuse(error.what());
    return busy(head().reason);
  }
  return answer.front();
}

void Writer::keep_signed() {
  const entry::Micros now = clock_.steady();
  const entry::Micros every = chain_.size() > signed_size_ ? kSignEvery : kSignIdleEvery;
  if (now - signed_at_ >= every || signed_size_ == 0) sign();
  if (now - anchored_at_ >= kAnchorEvery) anchor();
}

// What is due once a minute: docs/ledger-service.md, "Tables".
void Writer::keep_house() {
  const entry::Micros now = clock_.steady();
  if (now - kept_house_at_ < kKeepHouseEvery) return;
  kept_house_at_ = now;
  if (!can_write() || !has_disk(disk_reserve_ / 4)) return;
  try {
    store_.clear_stale_readers();
    watch_room();
    store::Batch batch;
    batch.dropped_checkpoints = retention_.due(store_.snapshot(), clock_.observe());
    if (!batch.dropped_checkpoints.empty()) store_.commit(batch);
  } catch (const store::Error& error) {
    if (error.fault() != store::Fault::full) refuse(error.what());
  }
}

// Says so once when little of the map is left, and takes it back when there is more again.
void Writer::watch_room() {
  const std::size_t used = store_.used_bytes() / (store_.map_bytes() / 100);
  std::string warning;
  if (used >= kLittleRoom) {
    warning = "the ledger uses " + std::to_string(used) + " % of its map of " +
              std::to_string(store_.map_bytes() >> 20) + " MiB: plan its successor before it is full";
  }
  bool news = false;
  {
    const std::scoped_lock lock(mutex_);
    news = head_.warning.empty() && !warning.empty();
    head_.warning = warning;
  }
  if (news && alarm_) alarm_(true, warning);
}

// A commit that finds no room on the disk could not be told from one whose flush failed, after which nothing
// is written any more. So the end of the disk is not reached: what is left serves the service's own few
// pages. Not knowing how much is left is no reason to stop: the commit itself will tell.
bool Writer::has_disk(std::uint64_t bytes) const {
  try {
    return store_.free_bytes() >= bytes;
  } catch (const store::Error&) {
    return true;
  }
}

std::string Writer::disk_is_full() const {
  return "its disk is full (less than " + std::to_string(disk_reserve_ >> 20) +
         " MiB are left); free some space, and it goes on by itself";
}

// Some more than the reserve must be free before it goes on, so that it does not waver.
void Writer::watch_disk() {
  const bool full = !has_disk(disk_reserve_ + (disk_full_ ? disk_reserve_ / 4 : 0));  // only written here
  if (full == disk_full_) return;
  {
    const std::scoped_lock lock(mutex_);
    disk_full_ = full;
  }
  if (alarm_)
    alarm_(!full, full ? "the ledger takes no entries: " + disk_is_full()
                       : "the ledger's disk has room again: it takes entries");
}

void Writer::sign() {
  signed_at_ = clock_.steady();
  if (!can_write() || !has_disk(disk_reserve_ / 4)) return;
  try {
    const auto signing = sign_checkpoint(store_.snapshot(), keys_, origin_, clock_.observe());
    if (const auto* why = std::get_if<std::string>(&signing)) return refuse(*why);
    const auto& [batch, head] = std::get<Signing>(signing);
    remember_signed_head(folder_, head);
    store_.commit(batch);
    signed_size_ = head.size;
    signing_fails_ = false;
  } catch (const store::Error& error) {
    if (error.fault() != store::Fault::full) refuse(error.what());
  } catch (const Error& error) {  // it is tried again
    if (!std::exchange(signing_fails_, true) && alarm_)
      alarm_(true, std::string("no checkpoint is signed: ") + error.what());
  }
}

void Writer::anchor() {
  anchored_at_ = clock_.steady();
  if (!can_write()) return;
  if (chain_.size() > signed_size_) sign();
  try {
    anchor_newest();
  } catch (const store::Error& error) {
    refuse(error.what());
  }
}

void Writer::anchor_newest() {
  const auto snapshot = store_.snapshot();
  const auto checkpoint = snapshot.newest_checkpoint();
  const auto head = read_signed_head(snapshot);
  // Retention finds an anchor right behind the entries of its checkpoint.
  if (!checkpoint || !head || checkpoint->size != head->size || head->size != chain_.size()) return;
  const auto anchored = append_own([&](std::uint64_t) {
    Own own{anchor_event(*checkpoint, head->root)};
    if (keys_.handover()) own.meta[kHandover] = "";
    return own;
  });
  if (anchored.outcome == Outcome::durable) keys_.handed_over();
  sign();
}

void Writer::keep_keys() {
  if (keys_.handover()) anchor();
  if (!can_write()) return;
  if (keys_.awaits_checkpoint(signed_size_)) sign();
  try {
    keys_.destroy_ended(signed_size_);
  } catch (const Error& error) {
    if (alarm_) alarm_(true, std::string("the file of a key that has ended is still there: ") + error.what());
  }
}

}  // namespace chancery::log
