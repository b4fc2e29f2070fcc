#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/transfer/exchange.h"

namespace chancery::transfer {

// The manifests that were taken in the last day, for the listing of their account: a client looks after what
// it has sent. Of an account at most the last 10,000, so that none can crowd out another's. Thread-safe.
class TakenManifests {
 public:
  static constexpr std::size_t kMost = 10'000;

  explicit TakenManifests(Clock clock) : clock_(std::move(clock)) {}

  // `taken.since` is now. One of the same name is no longer found.
  void add(const std::string& user, const std::string& route, InProgress taken);
  std::vector<InProgress> of(const std::string& user, const std::string& route) const;
  std::optional<InProgress> find(const std::string& user, const std::string& route,
                                 const std::string& name) const;

 private:
  using Name = std::pair<std::string, std::string>;  // route, name
  struct Account {
    std::map<Name, InProgress> by_name;
    std::deque<std::pair<Name, std::string>> in_order;  // with the id; the oldest first
  };
  bool of_the_last_day(const InProgress& one) const;
  void drop_old(Account& account) const;

  const Clock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Account> accounts_;
};

}  // namespace chancery::transfer
