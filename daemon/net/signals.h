#pragma once

#include <functional>
#include <memory>

namespace chancery::net {

// SIGTERM, SIGINT and SIGHUP, taken from when this is made; made once, before connections are accepted, which
// may use up the descriptors that it needs. Ignores SIGPIPE for the whole process.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Waits for SIGTERM or SIGINT and answers its number; calls `reload` for every SIGHUP meanwhile, on this
  // thread. Unblocks the three on this thread. To be called by one thread only; to keep the signals from
  // others, block them before those are made.
  int wait_for_stop(const std::function<void()>& reload);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chancery::net
