#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>

#include <sys/types.h>

#include "ledger/log/log.h"

namespace chancery::service {

// The socket cannot be had; what() says why and what to do.
class ServerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ServerOptions {
  std::filesystem::path socket;
  uid_t hub_uid = 0;
  uid_t admin_uid = 0;
  std::chrono::milliseconds hello_within{10'000};  // a connection that has not said hello by then is ended
  std::chrono::milliseconds read_within{60'000};   // one but the hub's that takes nothing for so long, too
  std::size_t connections = 64;
  std::size_t kept_for_administrator = 8;  // of those
};

// Serves a Log to the processes of this machine over an AF_UNIX stream socket: docs/ledger-service.md.
class Server {
 public:
  // Listens on the socket. One that is left over from a process that is gone is replaced. Throws ServerError.
  Server(log::Log& log, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until stop() or, with `signals`, SIGTERM or SIGINT; then takes no more, closes the log, sends the
  // replies that are due (for at most two seconds) and returns.
  void run(bool signals);
  void stop();  // from any thread

  // Called on the serving thread: `alive` every `every`, and only if the writer has come round since the last
  // time.
  void watch(std::chrono::milliseconds every, std::function<void()> alive);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::service
