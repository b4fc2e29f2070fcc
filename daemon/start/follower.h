#pragma once

#include <functional>
#include <thread>

namespace chancery::start {

// A thread that looks once a second for what others have appended to the ledger, so that the hub forgets in
// time what was erased. Ends when it is destroyed; a look that is under way is waited for.
class Follower {
 public:
  // `look` may throw: then it is tried again a second later.
  explicit Follower(std::function<void()> look);

 private:
  std::jthread thread_;
};

}  // namespace chancery::start
