#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace chancery::log {

// A thread that does one thing at a time behind the one that gives them. What is given must not throw.
class Behind {
 public:
  explicit Behind(const char* name);
  ~Behind();  // after the last is done
  Behind(const Behind&) = delete;
  Behind& operator=(const Behind&) = delete;

  void run(std::function<void()> act);  // waits until the one before is done
  void wait();                          // until nothing is left to do

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> act_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace chancery::log
