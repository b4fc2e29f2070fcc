#include "policies/hub/hub.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include <arpa/inet.h>

#include "policies/calendar/civil_date.h"

namespace chancery::hub {
namespace {

constexpr std::size_t kMaxSocketPathBytes = 107;  // sun_path, less its NUL

struct LimitRow {
  const char* key;
  std::uint32_t Limits::*value;
  std::int64_t least, most;
};
constexpr std::array kLimits{
    LimitRow{"login_seconds", &Limits::login_seconds, 1, 600},
    LimitRow{"attempts", &Limits::attempts, 1, 100},
    LimitRow{"unauthenticated", &Limits::unauthenticated, 1, 10'000},
    LimitRow{"connections_per_source", &Limits::connections_per_source, 1, 10'000},
    LimitRow{"sessions_per_account", &Limits::sessions_per_account, 1, 10'000},
    LimitRow{"reserved", &Limits::reserved, 0, 1'000},
    LimitRow{"ban_seconds", &Limits::ban_seconds, 1, 86'400},
    LimitRow{"ban_longest_seconds", &Limits::ban_longest_seconds, 1, 86'400},
    LimitRow{"idle_seconds", &Limits::idle_seconds, 10, 86'400},
    LimitRow{"unresponsive_seconds", &Limits::unresponsive_seconds, 10, 86'400},
};

struct PathRow {
  const char* key;
  std::filesystem::path Hub::*value;
  const char* by_default;
};
constexpr std::array kPaths{
    PathRow{"objects", &Hub::objects, "/var/lib/chancery/objects"},
    PathRow{"policies", &Hub::policies, "/var/lib/chancery/policies"},
    PathRow{"host_key", &Hub::host_key, "/var/lib/chancery/host_key"},
    PathRow{"ledger", &Hub::ledger, "/var/lib/chancery-ledger"},
    PathRow{"ledger_keys", &Hub::ledger_keys, "/var/lib/chancery-ledger/keys"},
    PathRow{"ledger_socket", &Hub::ledger_socket, "/run/chancery-ledger/socket"},
};

bool is_address(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

// Also what a signed note's key name may be: no space, no plus sign.
bool is_origin(std::string_view text) {
  return text.size() <= 200 && text.find("://") == std::string_view::npos && text.front() != '/' &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F && c != '+'; });
}

bool is_suffix(std::string_view text) {
  return text.size() >= 2 && text.size() <= 32 && text.front() == '.' &&
         std::ranges::all_of(text.substr(1), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '-');
         });
}

void read_top(toml::Table& root, Hub& hub) {
  hub.origin = root.required_string("origin");
  if (!hub.origin.empty() && !is_origin(hub.origin)) {
    root.mistake("origin", "\"" + hub.origin +
                               "\" is not an origin: expected a URL without its scheme, such as "
                               "hub.example/log, at most 200 ASCII characters without space or +");
  }
  hub.name = root.required_string("name");
  if (const auto timezone = root.optional_string("timezone")) {
    hub.timezone = *timezone;
    if (!calendar::is_timezone(hub.timezone)) {
      root.mistake("timezone", "\"" + hub.timezone +
                                   "\" is not in the tz database: expected a name such as Europe/London");
    }
  }
  if (root.optional_choice("algorithms", {"strict", "compatible"}) == "compatible") {
    hub.algorithms = Algorithms::compatible;
  }
  hub.io_threads = static_cast<std::uint32_t>(root.optional_integer("io_threads", 0, 256).value_or(0));
  if (root.has("temporary_suffixes")) {
    hub.temporary_suffixes = root.distinct_strings("temporary_suffixes", 0, 16);
    for (std::size_t i = 0; i < hub.temporary_suffixes.size(); ++i) {
      const std::string& suffix = hub.temporary_suffixes[i];
      if (!suffix.empty() && !is_suffix(suffix)) {
        root.mistake("temporary_suffixes", i,
                     "\"" + suffix + "\" is not a suffix: expected a dot and 1 to 31 of A-Z a-z 0-9 _ -");
      }
    }
  }
}

constexpr std::size_t kMaxProxies = 64;

void read_endpoint(toml::Table& listen, std::string& address, std::uint16_t& port) {
  if (const auto text = listen.optional_string("address")) {
    address = *text;
    if (!is_address(address)) {
      listen.mistake("address",
                     "\"" + address + "\" is not an address: expected an IPv4 or IPv6 address, not a name");
    }
  }
  port = static_cast<std::uint16_t>(listen.optional_integer("port", 0, 65'535).value_or(port));
}

void read_listen(toml::Table& listen, Hub& hub) {
  read_endpoint(listen, hub.listen_address, hub.listen_port);
  listen.finish();
}

void read_proxy_listen(toml::Table& listen, Hub& hub) {
  ProxyListen& proxy = hub.proxy_listen.emplace();
  read_endpoint(listen, proxy.address, proxy.port);
  proxy.from = network::read_networks(listen, "from", 1, kMaxProxies);
  if (proxy.port != 0 && proxy.port == hub.listen_port && proxy.address == hub.listen_address) {
    listen.mistake("port", "this is where [listen] listens already: expected another address or port");
  }
  listen.finish();
}

void read_limits(toml::Table& table, Limits& limits) {
  for (const LimitRow& row : kLimits) {
    if (const auto number = table.optional_integer(row.key, row.least, row.most)) {
      limits.*row.value = static_cast<std::uint32_t>(*number);
    }
  }
  if (limits.ban_longest_seconds < limits.ban_seconds) {
    table.mistake("ban_longest_seconds", "\"ban_longest_seconds\" is " +
                                             std::to_string(limits.ban_longest_seconds) +
                                             ", less than \"ban_seconds\": expected " +
                                             std::to_string(limits.ban_seconds) + " or more");
  }
  table.finish();
}

void read_paths(toml::Table& root, std::optional<toml::Table>& table, const std::filesystem::path& directory,
                Hub& hub) {
  for (const PathRow& row : kPaths) {
    const std::string text =
        table ? table->optional_string(row.key).value_or(row.by_default) : std::string(row.by_default);
    hub.*row.value = (directory / text).lexically_normal();
  }
  toml::Table& place = table ? *table : root;
  if (hub.ledger_socket.native().size() > kMaxSocketPathBytes) {
    place.mistake("ledger_socket", "the socket's path is " +
                                       std::to_string(hub.ledger_socket.native().size()) +
                                       " bytes long: expected at most 107, which is the system's limit");
  }
  for (std::size_t i = 0; i < kPaths.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (hub.*kPaths[i].value == hub.*kPaths[j].value) {
        place.mistake(kPaths[i].key, std::string("\"") + kPaths[i].key + "\" is the same path as \"" +
                                         kPaths[j].key + "\": expected another");
      }
    }
  }
  if (table) {
    table->finish();
  }
}

}  // namespace

Hub read_hub(toml::Table root, const std::filesystem::path& directory) {
  Hub hub;
  read_top(root, hub);
  if (auto listen = root.optional_table("listen")) {
    read_listen(*listen, hub);
  }
  if (auto listen = root.optional_table("proxy_listen")) {
    read_proxy_listen(*listen, hub);
  }
  if (auto limits = root.optional_table("limits")) {
    read_limits(*limits, hub.limits);
  }
  auto paths = root.optional_table("paths");
  read_paths(root, paths, directory, hub);
  root.finish();
  return hub;
}

std::optional<Hub> load_hub(const std::filesystem::path& directory, toml::Mistakes& mistakes) {
  const std::size_t before = mistakes.size();
  const std::filesystem::path file = directory / "chancery.toml";
  toml::Document document = toml::Document::read(file, file.string(), mistakes);
  if (!document.valid()) {
    return std::nullopt;
  }
  Hub hub = read_hub(document.root(), std::filesystem::absolute(directory));
  return mistakes.size() == before ? std::optional(std::move(hub)) : std::nullopt;
}

}  // namespace chancery::hub
