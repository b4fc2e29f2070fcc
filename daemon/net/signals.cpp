#include "daemon/net/signals.h"

#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <pthread.h>

namespace chancery::net {

int wait_for_stop(const std::function<void()>& reload) {
  std::signal(SIGPIPE, SIG_IGN);
  // They may be blocked, so that threads made before this do not take them.
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ours, signal);
  boost::asio::io_context context(1);
  boost::asio::signal_set signals(context, SIGTERM, SIGINT, SIGHUP);
  int stopped_by = 0;
  const std::function<void()> wait = [&] {
    signals.async_wait([&](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal != SIGHUP) {
        stopped_by = signal;
        return;
      }
      reload();
      wait();
    });
  };
  wait();
  ::pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
  context.run();
  return stopped_by;
}

}  // namespace chancery::net
