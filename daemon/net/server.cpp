#include "daemon/net/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "daemon/net/admission.h"
#include "daemon/net/introductions.h"
#include "daemon/net/listener.h"
#include "daemon/net/rarely.h"
#include "daemon/session/connection.h"

namespace chancery::net {
namespace {

namespace asio = boost::asio;

// An option that the system refuses only makes things slower to notice.
void set_option(int socket, int level, int name, int value) {
  (void)setsockopt(socket, level, name, &value, sizeof value);
}

// A session asks its client whether it is there; the system gives up one whose machine is not, also before
// the login and while it is owed bytes.
void prepare(int socket, std::uint32_t unresponsive_seconds) {
  constexpr int kProbes = 4;
  const int seconds = static_cast<int>(unresponsive_seconds);
  const int pause = std::max(1, seconds / (kProbes + 1));
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, pause);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, pause);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);
}

struct IoThread {
  std::atomic<std::size_t> sessions = 0;  // first: sessions that the context still holds are counted off it
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

// Signals are for the thread that waits for them.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

struct Server::Impl {
  struct Seat;

  Impl(const Settings& settings, const session::HostKey& key, session::Hooks given,
       Admission::Declared declared);

  void listen(const Settings& settings);
  void listen_for_proxies(const hub::ProxyListen& settings, std::uint32_t most);
  void admit(Socket socket, const std::string& address);
  void serve(std::shared_ptr<Seat> seat, Socket socket, const std::string& address,
             std::shared_ptr<Admission::Ticket> ticket);
  void run(IoThread& thread) noexcept;
  void resume();
  void blame(Admission::Ticket& ticket, std::optional<session::Refusal> why) const;

  session::Hooks hooks;
  const std::uint32_t unresponsive_seconds;
  std::mt19937_64 random{std::random_device{}()};
  Admission admission;
  session::Ssh ssh;
  mutable std::mutex mutex;
  bool stopping = false;
  std::uint64_t last_number = 0;
  Rarely dropping;
  std::map<std::uint64_t, std::function<void()>> running;  // how to end each session
  // The threads come last: their contexts hold sessions, which use all of the above until they are destroyed.
  std::vector<std::unique_ptr<IoThread>> threads;
  // On the first thread, as is `random`.
  std::unique_ptr<Listener> listener, proxy_listener;
  std::unique_ptr<Introductions> introductions;
};

// A session is counted, and known, for as long as this is held: until it ends, or was never begun.
struct Server::Impl::Seat {
  Seat(Impl& server, IoThread& its) : impl(server), thread(its) { ++thread.sessions; }
  ~Seat() {
    --thread.sessions;
    const std::lock_guard lock(impl.mutex);
    impl.running.erase(number);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  Impl& impl;
  IoThread& thread;
  std::uint64_t number = 0;
};

Server::Impl::Impl(const Settings& settings, const session::HostKey& key, session::Hooks given,
                   Admission::Declared declared)
    : hooks(std::move(given)),
      unresponsive_seconds(settings.limits.unresponsive_seconds),
      admission(settings.limits, std::move(declared),
                [this] { return std::uniform_real_distribution<>(0, 1)(random); }),
      ssh(key, settings.limits, settings.algorithms, hooks) {
  const std::uint32_t count =
      settings.io_threads > 0 ? settings.io_threads : std::max(1U, std::thread::hardware_concurrency());
  for (std::uint32_t i = 0; i < count; ++i) threads.push_back(std::make_unique<IoThread>());
  listen(settings);
  if (settings.proxy_listen) listen_for_proxies(*settings.proxy_listen, settings.limits.unauthenticated);
}

void Server::Impl::listen(const Settings& settings) {
  listener = std::make_unique<Listener>(
      threads.front()->context, settings.address, settings.port,
      [this](Socket socket, const std::string& address) { admit(std::move(socket), address); }, hooks.log);
}

void Server::Impl::listen_for_proxies(const hub::ProxyListen& settings, std::uint32_t most) {
  const auto refuse = [this](const std::string& address) {
    hooks.refused_before_login(address, session::Refusal::proxy_header);
  };
  asio::io_context& context = threads.front()->context;
  introductions = std::make_unique<Introductions>(
      context, most,
      Introductions::Heard{
          [this](Socket socket, const std::string& address) { admit(std::move(socket), address); }, refuse});
  proxy_listener = std::make_unique<Listener>(
      context, settings.address, settings.port,
      [this, refuse, believed = network::Networks(settings.from)](Socket socket, const std::string& address) {
        if (!believed.find(address)) return refuse(address);
        introductions->begin(std::move(socket), address);
      },
      hooks.log);
}

void Server::Impl::admit(Socket socket, const std::string& address) {
  auto admitted = admission.admit(address);
  if (const auto* refusal = std::get_if<session::Refusal>(&admitted))
    return hooks.refused_before_login(address, *refusal);
  IoThread& quietest = **std::ranges::min_element(
      threads, {}, [](const std::unique_ptr<IoThread>& thread) { return thread->sessions.load(); });
  asio::post(quietest.context,
             [this, seat = std::make_shared<Seat>(*this, quietest), address, socket = std::move(socket),
              ticket = std::shared_ptr<Admission::Ticket>(
                  std::move(std::get<std::unique_ptr<Admission::Ticket>>(admitted)))]() mutable {
               serve(std::move(seat), std::move(socket), address, std::move(ticket));
             });
}

// On the thread that the session will live on.
void Server::Impl::serve(std::shared_ptr<Seat> seat, Socket socket, const std::string& address,
                         std::shared_ptr<Admission::Ticket> ticket) {
  asio::io_context& context = seat->thread.context;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex);
    if (stopping) return;
    number = ++last_number;
    running.emplace(number, nullptr);
    seat->number = number;
  }
  session::Admission asked;
  asked.log_in = [ticket](const std::string& user) { return ticket->log_in(user); };
  asked.not_logged_in = [this, ticket](std::optional<session::Refusal> why) { blame(*ticket, why); };
  asked.ended = [held = std::move(seat)]() mutable { held.reset(); };
  ticket.reset();
  std::function<void()> end;
  try {
    const int descriptor = socket.release();
    prepare(descriptor, unresponsive_seconds);
    end = ssh.serve(context, descriptor, address, std::move(asked));
  } catch (const std::exception& error) {
    if (dropping.begins()) hooks.log(std::string("Connections are dropped: ") + error.what());
    return;
  }
  const std::lock_guard lock(mutex);
  const auto found = running.find(number);
  if (found == running.end()) return;  // over already
  if (stopping) return end();
  found->second = std::move(end);
}

void Server::Impl::blame(Admission::Ticket& ticket, std::optional<session::Refusal> why) const {
  const auto ban = ticket.blame(why);
  if (!ban) return;
  hooks.log(ticket.source() + " is banned for " +
            std::to_string(std::chrono::round<std::chrono::seconds>(*ban).count()) +
            " s: too many connections without a login.");
}

Server::Server(const Settings& settings, const session::HostKey& key, session::Hooks hooks,
               Admission::Declared declared)
    : impl_(std::make_unique<Impl>(settings, key, std::move(hooks), std::move(declared))) {}

Server::~Server() { stop(); }

std::uint16_t Server::port() const { return impl_->listener->port(); }

std::uint16_t Server::proxy_port() const {
  return impl_->proxy_listener ? impl_->proxy_listener->port() : std::uint16_t{0};
}

void Server::start() {
  asio::post(impl_->threads.front()->context, [impl = impl_.get()] {
    impl->listener->start();
    if (impl->proxy_listener) impl->proxy_listener->start();
  });
  for (const auto& each : impl_->threads)
    each->thread = std::thread([thread = each.get(), impl = impl_.get()] { impl->run(*thread); });
}

// Until the context has no more work. An exception, of a hook or for want of memory, costs a session and not
// the thread; and the listeners, for which it may have come before they waited again, are looked after a
// second later.
void Server::Impl::run(IoThread& thread) noexcept {
  block_signals();
  bool listens = true;
  while (!thread.context.stopped()) {
    try {
      if (listens) {
        thread.context.run();
      } else {
        thread.context.run_for(std::chrono::seconds(1));
        resume();
        listens = true;
      }
    } catch (const std::exception& error) {
      listens = &thread != threads.front().get();
      try {
        hooks.log(std::string("An I/O thread caught: ") + error.what());
      } catch (const std::exception&) {  // nothing can be said then
      }
    }
  }
}

void Server::Impl::resume() {
  listener->resume();
  if (proxy_listener) proxy_listener->resume();
}

void Server::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (std::exchange(impl_->stopping, true)) return;
    for (const auto& [number, end] : impl_->running)
      if (end) end();
  }
  asio::post(impl_->threads.front()->context, [impl = impl_.get()] {
    impl->listener->close();
    if (impl->proxy_listener) impl->proxy_listener->close();
    if (impl->introductions) impl->introductions->close();
  });
  for (const auto& thread : impl_->threads) thread->work.reset();
  for (const auto& thread : impl_->threads)
    if (thread->thread.joinable()) thread->thread.join();
}

std::size_t Server::sessions() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->running.size();
}

}  // namespace chancery::net
