#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "ledger/log/log.h"

namespace chancery {

// Appends the batches that `next` makes, until it makes an empty one, with at most `most` on their way;
// answers entries a second.
template <typename Next>
double append_all(log::Log& log, std::size_t most, const Next& next) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t on_their_way = 0;
  std::size_t entries = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::vector<entry::Event> batch = next(); !batch.empty(); batch = next()) {
    entries += batch.size();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return on_their_way < most; });
    ++on_their_way;
    lock.unlock();
    log.submit(entry::Author::hub, std::move(batch), [&](const log::Appended& appended) {
      if (appended.outcome != log::Outcome::durable) std::abort();
      const std::scoped_lock guard(mutex);
      --on_their_way;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return on_their_way == 0; });
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(entries) / taken.count();
}

}  // namespace chancery
