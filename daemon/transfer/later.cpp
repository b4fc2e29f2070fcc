#include "daemon/transfer/later.h"

#include <utility>
#include <vector>

namespace chancery::transfer {

void Later::at(Time time, std::function<void()> run) {
  if (time > std::chrono::steady_clock::now()) {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      const auto place = waiting_.emplace(time, std::move(run));
      if (place == waiting_.begin()) arm();
      return;
    }
  }
  run();
}

void Later::arm() {
  if (waiting_.empty()) return;
  timer_.expires_at(waiting_.begin()->first);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) due();
  });
}

void Later::due() {
  std::vector<std::function<void()>> ready;
  {
    const std::lock_guard lock(mutex_);
    const auto end = waiting_.upper_bound(std::chrono::steady_clock::now());
    for (auto i = waiting_.begin(); i != end; ++i) ready.push_back(std::move(i->second));
    waiting_.erase(waiting_.begin(), end);
    arm();
  }
  for (const auto& run : ready) run();
}

void Later::stop() {
  std::multimap<Time, std::function<void()>> rest;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    rest.swap(waiting_);
    timer_.cancel();
  }
  for (const auto& [time, run] : rest) run();
}

}  // namespace chancery::transfer
