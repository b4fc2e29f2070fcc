#pragma once

#include <atomic>
#include <chrono>

namespace chancery::net {

// Whether something that may go on for long is to be logged: when it begins, that is, was not for a minute.
// Thread-safe.
class Rarely {
 public:
  bool begins() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto before = last_.exchange(now.count());
    return before == 0 || now - std::chrono::steady_clock::duration(before) > std::chrono::minutes(1);
  }

 private:
  std::atomic<std::chrono::steady_clock::rep> last_ = 0;
};

}  // namespace chancery::net
