#include "daemon/net/signals.h"

#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <pthread.h>

namespace chancery::net {

struct Signals::Impl {
  boost::asio::io_context context{1};
  boost::asio::signal_set signals{context, SIGTERM, SIGINT, SIGHUP};
};

Signals::Signals() : impl_(std::make_unique<Impl>()) { std::signal(SIGPIPE, SIG_IGN); }

Signals::~Signals() = default;

int Signals::wait_for_stop(const std::function<void()>& reload) {
  // They may be blocked, so that threads made before this do not take them.
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ours, signal);
  int stopped_by = 0;
  const std::function<void()> wait = [&] {
    impl_->signals.async_wait([&](const boost::system::error_code& error, int signal) {
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
  impl_->context.run();
  return stopped_by;
}

}  // namespace chancery::net
