#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/net/socket.h"

namespace boost::asio {
class io_context;
}

namespace chancery::net {

// One address and port where connections are accepted. Everything but the constructor is called on the
// context's one thread.
class Listener {
 public:
  // A connection, not blocking, and the IP address it is from, IPv4 also when it came to a socket for both.
  using Accepted = std::function<void(Socket socket, const std::string& address)>;

  // Listens, but accepts nothing yet; port 0 is any that is free. Throws Error. `log` is told when
  // connections cannot be accepted for want of descriptors or memory, but not while that goes on.
  Listener(boost::asio::io_context& context, const std::string& address, std::uint16_t port,
           Accepted accepted, std::function<void(const std::string&)> log);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const;
  void start();
  // After an exception, which may have been thrown before a connection was handed over: waits for the next.
  void resume();
  // Accepts no more.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chancery::net
