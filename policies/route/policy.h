#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/agreement/agreement.h"
#include "policies/network/network.h"
#include "policies/toml/document.h"

// Routes, and the policy: all agencies, agreements and routes together (docs/policy.md).
namespace chancery::route {

enum class State { draft, shadow, pilot, live, suspended, retired };
enum class Finish { close, rename, manifest };

std::string_view to_string(State state);
std::string_view to_string(Finish finish);

// One typed flow under an agreement.
struct Route {
  std::string id;  // [a-z0-9-]{2,32}
  std::string agreement;
  std::vector<std::string> from;
  std::vector<std::string> to;
  std::vector<std::string> accept;  // shell-style patterns (*, ?, [a-z]) on the whole final name; any of them
  std::uint64_t max_size = 0;       // bytes of plain text
  Finish finish = Finish::close;
  State state = State::draft;
  agreement::Quota quota;
};

// An account with the agency it belongs to.
struct Login {
  const agreement::Agency* agency = nullptr;
  const agreement::Account* account = nullptr;
};

// All of the policy at one moment, immutable once loaded. Identified by `hash`: the SHA-256 (hex) of the
// lines that `sha256sum` prints for its files, paths in byte order.
inline constexpr std::size_t kMostRoutes = 500;

struct Policy {
  std::map<std::string, agreement::Agency, std::less<>> agencies;
  std::map<std::string, agreement::Agreement, std::less<>> agreements;
  std::map<std::string, Route, std::less<>> routes;
  std::string timezone = "Europe/London";
  network::Networks networks;  // those of all agencies
  std::string hash;
  std::map<std::string, std::string> files;  // path relative to the directory -> bytes

  std::optional<Login> find_login(std::string_view user) const;
  // The same for somebody who has logged in before: nullopt if the account is not this agency's any more, or
  // no longer has the key of this fingerprint ("SHA256:...").
  std::optional<Login> find_login(std::string_view user, std::string_view agency,
                                  std::string_view fingerprint) const;
};

// Loads agencies/*.toml, agreements/*.toml, routes/*.toml below `directory`, checks them together, and
// reports every mistake, by file, line and column; nullopt if there is any. `timezone` must be in the tz
// database.
std::optional<Policy> load_policy(const std::filesystem::path& directory, std::string timezone,
                                  toml::Mistakes& mistakes);

// Keeps an activated policy whole below `policies`/HASH/ (written, synced, renamed into place; nothing is
// done if it is there). One caller at a time. Throws std::filesystem::filesystem_error or std::system_error.
void keep_policy(const Policy& policy, const std::filesystem::path& policies);

}  // namespace chancery::route
