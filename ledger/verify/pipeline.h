#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/merkle/merkle.h"
#include "ledger/opening/entry_seal.h"

namespace chancery::verify {

// Consecutive entries on their way from the thread that hashes to the one that reads what they say.
struct Chunk {
  struct Row {
    std::size_t begin = 0;
    std::size_t length = 0;
    merkle::Hash leaf{};
    std::optional<std::vector<opening::FieldOpening>> openings;  // nullopt: withheld
  };

  std::uint64_t first_seq = 0;
  std::string bytes;
  std::vector<Row> rows;

  std::string_view text(const Row& row) const {
    return std::string_view(bytes).substr(row.begin, row.length);
  }
};

// A queue between two threads that holds a few chunks, so that memory stays bounded whichever is slower.
class Pipeline {
 public:
  void push(Chunk chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queue_.size() < kDepth || stopped_; });
    queue_.push_back(std::move(chunk));
    changed_.notify_all();
  }

  // No more will be pushed.
  void finish() {
    const std::scoped_lock lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }

  // No more will be taken.
  void stop() {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  // The next chunk, or nullopt after the last.
  std::optional<Chunk> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !queue_.empty() || finished_; });
    if (queue_.empty()) {
      return std::nullopt;
    }
    Chunk chunk = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return chunk;
  }

 private:
  static constexpr std::size_t kDepth = 4;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Chunk> queue_;
  bool finished_ = false;
  bool stopped_ = false;
};

}  // namespace chancery::verify
