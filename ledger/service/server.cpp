#include "ledger/service/server.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <set>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ledger/service/connection.h"
#include "ledger/service/journal.h"

namespace chancery::service {
namespace {

using Acceptor = asio::local::stream_protocol::acceptor;
using Endpoint = asio::local::stream_protocol::endpoint;

Endpoint endpoint_of(const std::filesystem::path& path) {
  if (path.native().size() >= sizeof(sockaddr_un::sun_path)) {
    throw ServerError(path.string() + ": a socket's path has at most 107 bytes; choose a shorter one");
  }
  return Endpoint(path.string());
}

// Removes a socket on which nobody listens any more.
void clear_stale(asio::io_context& io, const std::filesystem::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) throw ServerError(path.string() + " is there and is no socket; move it away");
  Socket probe(io);
  boost::system::error_code error;
  probe.connect(endpoint_of(path), error);
  if (!error) throw ServerError(path.string() + ": somebody listens there (is chancery-ledgerd running?)");
  if (error != asio::error::connection_refused) throw ServerError(path.string() + ": " + error.message());
  ::unlink(path.c_str());
}

// The mode is the outer gate, SO_PEERCRED the inner one: other users' processes can connect only when one of
// them has a role, and then only through the socket's group.
Acceptor listen(asio::io_context& io, const ServerOptions& options) {
  clear_stale(io, options.socket);
  const bool alone = options.hub_uid == ::geteuid() && options.admin_uid == ::geteuid();
  const mode_t before = ::umask(alone ? 0177 : 0117);
  boost::system::error_code error;
  Acceptor acceptor(io);
  acceptor.open(asio::local::stream_protocol(), error);
  if (!error) acceptor.bind(endpoint_of(options.socket), error);
  ::umask(before);
  if (!error) acceptor.listen(64, error);
  if (error) throw ServerError(options.socket.string() + ": " + error.message());
  return acceptor;
}

std::optional<uid_t> peer_of(Socket& socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  const int code = ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &length);
  return code == 0 && length == sizeof credentials ? std::optional(credentials.uid) : std::nullopt;
}

}  // namespace

struct Server::State {
  State(log::Log& served, ServerOptions given)
      : options(std::move(given)),
        log(served),
        acceptor(listen(io, options)),
        retry(io),
        watchdog(io),
        deadline(io),
        hall{
            io,
            log,
            options.read_within,
            [this](Role role, uid_t uid) { return admits(role, uid); },
            [this](Role role, const std::shared_ptr<Connection>& connection) { take_role(role, connection); },
            [this](const Connection* connection) { forget(connection); }} {}

  bool admits(Role role, uid_t uid) const {
    const bool hub = uid == options.hub_uid;
    const bool administrator = uid == options.admin_uid;
    switch (role) {
      case Role::hub:
        return hub;
      case Role::administrator:
        return administrator;
      case Role::reader:
        return hub || administrator || uid == ::geteuid();
    }
    return false;
  }

  void take_role(Role role, const std::shared_ptr<Connection>& connection) {
    if (role == Role::reader) return;
    if (const auto previous = holders[role].lock())
      previous->end("has been replaced by a newer one in its role");
    holders[role] = connection;
  }

  void forget(const Connection* connection) {
    std::erase_if(connections, [&](const auto& one) { return one.get() == connection; });
    if (stopping && connections.empty()) io.stop();
  }

  void accept() {
    acceptor.async_accept([this](const boost::system::error_code& error, Socket socket) {
      if (stopping) return;
      if (error) {  // out of descriptors, most likely: later there may be some
        retry.expires_after(std::chrono::milliseconds(100));
        return retry.async_wait([this](const boost::system::error_code& cancelled) {
          if (!cancelled && !stopping) accept();
        });
      }
      admit(std::move(socket));
      accept();
    });
  }

  void admit(Socket socket) {
    const auto peer = peer_of(socket);
    if (!peer || !admits(Role::reader, *peer))
      return say(Priority::warning, "a peer without any role is turned away");
    // Whoever has taken the hub over may refuse everybody else's service, but not the administrator's.
    const std::size_t kept = *peer == options.admin_uid ? 0 : options.kept_for_administrator;
    if (connections.size() + kept >= options.connections)
      return say(Priority::warning, "too many connections: one is turned away");
    const auto connection = std::make_shared<Connection>(hall, std::move(socket), *peer);
    connections.insert(connection);
    connection->start(options.hello_within);
  }

  void stop() {
    if (std::exchange(stopping, true)) return;
    notify("STOPPING=1");
    boost::system::error_code ignored;
    acceptor.close(ignored);
    ::unlink(options.socket.c_str());
    watchdog.cancel();
    log.close();  // its completions are posted behind this handler, and before the next
    asio::post(io, [this] { send_last(); });
  }

  void send_last() {
    deadline.expires_after(std::chrono::seconds(2));
    deadline.async_wait([this](const boost::system::error_code& error) {
      if (!error) io.stop();
    });
    const auto all = connections;
    for (const auto& connection : all) connection->finish();
    if (connections.empty()) io.stop();
  }

  void watch() {
    watchdog.expires_after(alive_every);
    watchdog.async_wait([this](const boost::system::error_code& error) {
      if (error || stopping) return;
      log.when_drained([this] { asio::post(io, alive); });
      watch();
    });
  }

  ServerOptions options;
  log::Log& log;
  asio::io_context io{1};
  Acceptor acceptor;
  asio::steady_timer retry, watchdog, deadline;
  std::chrono::milliseconds alive_every{0};
  std::function<void()> alive;
  std::set<std::shared_ptr<Connection>> connections;
  std::map<Role, std::weak_ptr<Connection>> holders;
  bool stopping = false;
  Hall hall;
};

Server::Server(log::Log& log, ServerOptions options)
    : state_(std::make_unique<State>(log, std::move(options))) {}

Server::~Server() {
  state_->log.close();  // no completion may come after the io_context is gone
}

void Server::run(bool signals) {
  asio::signal_set caught(state_->io);
  if (signals) {
    caught.add(SIGTERM);
    caught.add(SIGINT);
    caught.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) state_->stop();
    });
  }
  state_->accept();
  state_->io.run();
  state_->connections.clear();
}

void Server::stop() {
  asio::post(state_->io, [this] { state_->stop(); });
}

void Server::watch(std::chrono::milliseconds every, std::function<void()> alive) {
  state_->alive_every = every;
  state_->alive = std::move(alive);
  state_->watch();
}

}  // namespace chancery::service
