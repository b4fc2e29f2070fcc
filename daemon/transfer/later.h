#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace chancery::transfer {

// Runs functions at their times, on an executor. Thread-safe. Not for other modules: it shows Asio.
class Later {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Later(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  // At once, here, if the time has come.
  void at(Time time, std::function<void()> run);
  // Runs here what still waits; from then on nothing waits.
  void stop();

 private:
  void arm();
  void due();

  std::mutex mutex_;
  bool stopped_ = false;
  std::multimap<Time, std::function<void()>> waiting_;
  boost::asio::steady_timer timer_;
};

}  // namespace chancery::transfer
