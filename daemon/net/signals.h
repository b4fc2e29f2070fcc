#pragma once

#include <functional>

#include <signal.h>

namespace chancery::net {

// SIGTERM, SIGINT and SIGHUP, which from when this is made wait until they are asked for: here, and in every
// thread that is made later by this one. Made once, before any other thread. Ignores SIGPIPE for the whole
// process.
class Signals {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Waits for SIGTERM or SIGINT and answers its number; calls `reload` for every SIGHUP meanwhile, on this
  // thread.
  int wait_for_stop(const std::function<void()>& reload);

 private:
  sigset_t ours_;
};

}  // namespace chancery::net
