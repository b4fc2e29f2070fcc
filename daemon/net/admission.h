#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "daemon/session/session.h"
#include "policies/hub/hub.h"

namespace chancery::net {

// Counts connections and decides which may come in (docs/operations.md, "Limits"). Before the login a
// connection counts against its source and against all that are not logged in; after it, only against its
// account, because many agencies may share one address. Thread-safe.
class Admission {
 public:
  // `random` answers evenly from 0 to 1 (1 excluded).
  Admission(const hub::Limits& limits, std::function<double()> random);

  // One connection that came in; counts until it is destroyed. Used by one thread at a time.
  class Ticket {
   public:
    Ticket(Admission& admission, std::string source) : admission_(admission), source_(std::move(source)) {}
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    // False if the account has its number of sessions. To be called once.
    [[nodiscard]] bool log_in(const std::string& user);

   private:
    Admission& admission_;
    std::string source_;
    std::optional<std::string> user_;
  };

  // A ticket, or why not. From a tenth of the unauthenticated limit on, connections are refused at random, 30
  // in a hundred at first and all at the limit, so that a flood does not shut out everyone else.
  [[nodiscard]] std::variant<std::unique_ptr<Ticket>, session::Refusal> admit(const std::string& source);

 private:
  void leave_source(const std::string& source);

  const hub::Limits limits_;
  std::function<double()> random_;
  std::mutex mutex_;
  std::uint32_t unauthenticated_ = 0;
  std::map<std::string, std::uint32_t> per_source_, per_account_;
};

// What limits count as one source: an IPv4 address, or the /64 network of an IPv6 address.
std::string source_of(const std::string& address);

}  // namespace chancery::net
