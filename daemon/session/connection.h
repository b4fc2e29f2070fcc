#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/session/host_key.h"
#include "daemon/session/session.h"
#include "policies/hub/hub.h"

namespace boost::asio {
class io_context;
}

namespace chancery::session {

// What a connection asks of whoever admitted it. Called on the connection's I/O thread.
struct Admission {
  // The key was right: whether the account may have one more session. Until then the connection counts as
  // unauthenticated.
  std::function<bool(const std::string& user)> log_in;
  // It ends without a log-in: what refused it, or nothing when the client hung up after the key exchange. Not
  // called when the client hung up without having sent anything.
  std::function<void(std::optional<Refusal>)> not_logged_in;
  // The connection is closed.
  std::function<void()> ended;
};

// Makes SSH sessions of sockets. Thread-safe; to be destroyed after the sessions' io_contexts.
class Ssh {
 public:
  // Throws Error if libssh does not take the key or any algorithm.
  Ssh(const HostKey& key, const hub::Limits& limits, hub::Algorithms algorithms, Hooks hooks);
  ~Ssh();
  Ssh(const Ssh&) = delete;
  Ssh& operator=(const Ssh&) = delete;

  // Takes over a connected, non-blocking socket and serves it on `context`, whose one thread it must be
  // called on. Answers a function that ends the session; it may be called from any thread while the context
  // lives, and after the session has ended. Throws Error; then the socket is closed and nothing of
  // `admission` was called.
  std::function<void()> serve(boost::asio::io_context& context, int socket, std::string address,
                              Admission admission);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chancery::session
