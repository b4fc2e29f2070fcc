#include "daemon/transfer/door.h"

#include <utility>
#include <vector>

namespace chancery::transfer {

namespace {

constexpr std::size_t kRows = 64;
constexpr entry::Micros kMinute = 60'000'000;

}  // namespace

Door::Door(Recorder& recorder, Clock clock) : recorder_(recorder), clock_(std::move(clock)) {}

void Door::refused(const std::string& source, const std::string& code) {
  const Key key(source, code);
  const std::lock_guard lock(mutex_);
  if (counts_.empty()) since_ = clock_();
  const auto found = counts_.find(key);
  if (found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < kRows) {
    counts_.emplace(key, 1);
  } else {
    ++rest_;
  }
}

void Door::tick() {
  {
    const std::lock_guard lock(mutex_);
    if (counts_.empty() || !has_passed(kMinute, since_, clock_())) return;
  }
  flush();
}

void Door::flush() {
  std::map<Key, std::uint64_t> counts;
  std::uint64_t rest = 0;
  entry::Micros since = 0;
  {
    const std::lock_guard lock(mutex_);
    counts.swap(counts_);
    rest = std::exchange(rest_, 0);
    since = since_;
  }
  if (counts.empty()) return;
  std::vector<entry::Event> batch;
  const auto add = [&](const Key& key, std::uint64_t count) {
    entry::Event event;
    event.id = entry::new_id();
    event.name = "session.refused";
    event.plain = {
        {"code", key.second}, {"count", std::to_string(count)}, {"since", entry::format_time(since)}};
    event.committed = {{"address", key.first}};
    batch.push_back(std::move(event));
  };
  for (const auto& [key, count] : counts) add(key, count);
  if (rest > 0) add({"", "rest"}, rest);
  recorder_.record_surely(std::move(batch));
}

}  // namespace chancery::transfer
