#include "daemon/start/follower.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>

#include <pthread.h>

namespace chancery::start {

Follower::Follower(std::function<void()> look)
    : thread_([look = std::move(look)](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "follower");
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!wake.wait_for(lock, stop, std::chrono::seconds(1), [&] { return stop.stop_requested(); })) {
          try {
            look();
          } catch (const std::exception&) {  // the exchange says itself when the ledger does not answer
          }
        }
      }) {}

}  // namespace chancery::start
