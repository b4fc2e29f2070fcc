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

// Connections of load balancers, each until it has said in a PROXY header for whom it is. Reads that header
// and not a byte more. All is called on the context's one thread.
class Introductions {
 public:
  struct Heard {
    // For whom: an IP address.
    std::function<void(Socket socket, const std::string& address)> introduced;
    // By the balancer at this address: no header within five seconds, or not a good one. Not told of one that
    // hangs up without a byte.
    std::function<void(const std::string& address)> refused;
  };

  // At most `most` wait at once; further ones are refused.
  Introductions(boost::asio::io_context& context, std::uint32_t most, Heard heard);
  ~Introductions();
  Introductions(const Introductions&) = delete;
  Introductions& operator=(const Introductions&) = delete;

  // A connection, not blocking, of the balancer at `address`.
  void begin(Socket socket, const std::string& address);
  // Hangs up on all, without telling.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chancery::net
