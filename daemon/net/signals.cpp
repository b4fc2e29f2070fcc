#include "daemon/net/signals.h"

#include <csignal>
#include <stdexcept>

#include <pthread.h>

namespace chancery::net {

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&ours_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ours_, signal);
  if (::pthread_sigmask(SIG_BLOCK, &ours_, nullptr) != 0)
    throw std::runtime_error("signals cannot be blocked");
}

int Signals::wait_for_stop(const std::function<void()>& reload) {
  while (true) {
    int signal = 0;
    if (::sigwait(&ours_, &signal) != 0) throw std::runtime_error("signals cannot be waited for");
    if (signal != SIGHUP) return signal;
    reload();
  }
}

}  // namespace chancery::net
