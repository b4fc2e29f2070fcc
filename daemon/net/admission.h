#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "daemon/net/bans.h"
#include "daemon/session/session.h"
#include "policies/hub/hub.h"
#include "policies/network/network.h"

namespace chancery::net {

// Counts connections and decides which may come in (docs/policy.md, "The door"). Before the login a
// connection counts against its source and against all that are not logged in, or against the network that an
// agency declares; after it, only against its account, because many agencies may share one address.
// Thread-safe.
class Admission {
 public:
  using Clock = std::function<Bans::Time()>;
  // The network that an agency declares now and an address lies in. Thread-safe.
  using Declared = std::function<std::optional<network::Network>(const std::string& address)>;
  // `random` answers evenly from 0 to 1 (1 excluded).
  Admission(const hub::Limits& limits, Declared declared, std::function<double()> random,
            Clock clock = std::chrono::steady_clock::now);

  // One connection that came in; counts until it is destroyed. Used by one thread at a time.
  class Ticket {
   public:
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    // False if the account has its number of sessions. To be called once.
    [[nodiscard]] bool log_in(const std::string& user);
    // It ends without a log-in: what refused it, or nothing when the client hung up after the key exchange.
    // Answers the length of the ban that begins with it, if one does.
    std::optional<Bans::Length> blame(std::optional<session::Refusal> why);
    const std::string& source() const { return source_; }

   private:
    friend class Admission;
    Ticket(Admission& admission, std::string source) : admission_(admission), source_(std::move(source)) {}

    Admission& admission_;
    std::string source_;
    bool declared_ = false;                // its network is an agency's
    std::optional<std::string> reserved_;  // the network, if it has one of its slots
    std::optional<std::string> user_;
    bool counted_ = false;  // last, when it counts
  };

  // A ticket for a connection from this IP address, or why not. From a tenth of the unauthenticated limit on,
  // connections are refused at random, 30 in a hundred at first and all at the limit, so that a flood does
  // not shut out everyone else.
  [[nodiscard]] std::variant<std::unique_ptr<Ticket>, session::Refusal> admit(const std::string& address);

 private:
  std::optional<session::Refusal> count(Ticket& ticket, const std::string& address);
  void leave(const Ticket& ticket);

  const hub::Limits limits_;
  const Declared declared_;
  std::function<double()> random_;
  Clock clock_;
  std::mutex mutex_;
  Bans bans_;
  std::uint32_t unauthenticated_ = 0;
  std::map<std::string, std::uint32_t> per_source_, per_network_, per_account_;
};

// What limits count as one source: an IPv4 address, or the /64 network of an IPv6 address.
std::string source_of(const std::string& address);

}  // namespace chancery::net
