#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "daemon/net/admission.h"
#include "daemon/session/host_key.h"
#include "daemon/session/session.h"
#include "policies/hub/hub.h"

namespace chancery::net {

// The hub cannot listen. what() is a sentence with a hint.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Settings {
  std::string address = "127.0.0.1";  // IPv4 or IPv6
  std::uint16_t port = 2222;          // 0: any that is free
  std::uint32_t io_threads = 0;       // 0: one per core
  hub::Limits limits;
  std::optional<hub::ProxyListen> proxy_listen = std::nullopt;  // where load balancers name the clients
  hub::Algorithms algorithms = hub::Algorithms::strict;
};

// Accepts SSH connections and serves each on one of the I/O threads.
class Server {
 public:
  // Listens, but accepts nothing yet. `declared` is called on the I/O threads. Throws Error, or
  // session::Error.
  Server(const Settings& settings, const session::HostKey& key, session::Hooks hooks,
         Admission::Declared declared);
  // Stops, and waits for the I/O threads.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  std::uint16_t proxy_port() const;  // 0: load balancers are not listened for

  // Starts the I/O threads and accepts. Signals are blocked in those threads.
  void start();

  // Accepts no more, ends every session (`Served::ended` is called for each) and waits for the I/O threads.
  // Not to be called from an I/O thread.
  void stop();

  // Connections that are open, logged in or not.
  std::size_t sessions() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chancery::net
