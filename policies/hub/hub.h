#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "policies/network/network.h"
#include "policies/toml/document.h"

// The hub's own settings, chancery.toml (docs/policy.md, "The hub").
namespace chancery::hub {

// Limits on connections and sessions, with docs/policy.md's defaults.
struct Limits {
  std::uint32_t login_seconds = 30;
  std::uint32_t attempts = 6;           // public keys tried on one connection
  std::uint32_t unauthenticated = 100;  // connections not yet logged in, in all
  std::uint32_t connections_per_source = 20;
  std::uint32_t sessions_per_account = 10;
  std::uint32_t reserved = 20;  // connections not logged in, from each network that an agency declares
  std::uint32_t ban_seconds = 30;
  std::uint32_t ban_longest_seconds = 1800;
  std::uint32_t idle_seconds = 900;
  std::uint32_t unresponsive_seconds = 300;  // without any sign of the client
};

// Where load balancers connect, and which of them are believed.
struct ProxyListen {
  std::string address = "127.0.0.1";
  std::uint16_t port = 2223;
  std::vector<network::Network> from;
};

// Which SSH algorithms are offered: those that nobody has anything against, or also what older clients need.
enum class Algorithms { strict, compatible };

struct Hub {
  std::string origin;  // the ledger's name, as in its checkpoints: a schema-less URL
  std::string name;    // of the organisation that runs it, for README.txt
  std::string timezone = "Europe/London";
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 2222;
  std::optional<ProxyListen> proxy_listen;
  Algorithms algorithms = Algorithms::strict;
  std::uint32_t io_threads = 0;  // 0: one per core
  std::vector<std::string> temporary_suffixes = {".filepart", ".part", ".partial", ".tmp"};
  Limits limits;
  // Absolute, or made absolute against the directory of chancery.toml.
  std::filesystem::path objects, policies, host_key, ledger, ledger_keys, ledger_socket;
};

// Reads the table of a chancery.toml in `directory`, which is absolute. The result is usable only if no
// mistake was added to the document's list.
Hub read_hub(toml::Table root, const std::filesystem::path& directory);

// Reads DIR/chancery.toml; nullopt if there is any mistake.
std::optional<Hub> load_hub(const std::filesystem::path& directory, toml::Mistakes& mistakes);

}  // namespace chancery::hub
