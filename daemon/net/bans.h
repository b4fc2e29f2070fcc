#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace chancery::net {

// Which sources are banned, and which are on the way to it (docs/policy.md, "The door"). Of bounded memory:
// when a further source would be too many, the one that would be forgotten first is. Not thread-safe.
class Bans {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Length = std::chrono::milliseconds;

  static constexpr std::uint32_t kPoints = 12;  // that make a ban
  static constexpr std::size_t kSources = 8192;

  // The first ban is `first` long; each further one by half longer, up to `longest`.
  Bans(Length first, Length longest, std::size_t sources = kSources)
      : first_(first), longest_(longest), sources_(sources) {}

  // Holds something against a source; what comes while it is banned is ignored. Answers how long the ban is
  // that begins with this, if one does.
  std::optional<Length> add(const std::string& source, std::uint32_t points, Time now);

  [[nodiscard]] bool banned(const std::string& source, Time now) const;

  // How many sources are remembered.
  std::size_t size() const { return known_.size(); }

 private:
  struct Source {
    Time clear_at;   // when its points will all have been lost
    Time until;      // of its last ban
    Length next{0};  // how long a ban would be
    Time forget_at;
  };

  void forget(Time now);
  void forget_first();

  Length first_, longest_;
  std::size_t sources_;
  std::map<std::string, Source> known_;
  std::set<std::pair<Time, std::string>> by_forgetting_;
};

}  // namespace chancery::net
