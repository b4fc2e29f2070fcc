#include "ledger/log/behind.h"

#include <pthread.h>

namespace chancery::log {

Behind::Behind(const char* name) : thread_([this] { work(); }) {
  ::pthread_setname_np(thread_.native_handle(), name);
}

Behind::~Behind() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Behind::run(std::function<void()> act) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !act_; });
    act_ = std::move(act);
  }
  changed_.notify_all();
}

void Behind::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !act_; });
}

void Behind::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return act_ || closed_; });
    if (!act_) return;
    lock.unlock();
    act_();
    lock.lock();
    act_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace chancery::log
