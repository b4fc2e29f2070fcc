#pragma once

#include <exception>
#include <functional>
#include <future>

namespace chancery::object {

// Runs functions one after another beside the caller, on threads that the whole process shares (two per
// processor). A function may block; it must not wait for another of these. Not thread-safe.
class Beside {
 public:
  Beside() = default;
  ~Beside();  // waits, and drops what was thrown
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  // Starts the threads, which run() otherwise does. A process that can have none does not go on.
  static void prepare();

  // Waits for the function before, throws what that threw, and begins this one.
  void run(std::function<void()> work);

  // Waits for the last one and throws what it threw.
  void wait();

 private:
  std::future<std::exception_ptr> under_way_;  // what it threw
};

}  // namespace chancery::object
