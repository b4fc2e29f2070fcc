#include "daemon/session/disagreement.h"

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/session/algorithms.h"

namespace chancery::session {
namespace {

constexpr std::size_t kMostOfClient = 80;
constexpr std::size_t kMostOfList = 200;

struct Kind {
  std::string_view method;                   // how libssh's name of it begins
  std::string_view words;                    // for people
  const char* algorithms::Profile::*differ;  // where the profiles differ
};

constexpr std::array<Kind, 5> kKinds{{
    {"kex algos", "key exchange", &algorithms::Profile::key_exchange},
    {"server host key algo", "kind of host key", nullptr},
    {"encryption", "cipher", nullptr},
    {"mac algo", "MAC", &algorithms::Profile::macs},
    {"compression algo", "compression", nullptr},
}};

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    names.push_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

// What stands between two marks in `text`, which then begins behind the second.
std::optional<std::string_view> take_between(std::string_view& text, std::string_view before,
                                             std::string_view after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin + before.size());
  const std::size_t end = text.find(after);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view found = text.substr(0, end);
  text.remove_prefix(end + after.size());
  return found;
}

// Names that no exchange of keys goes by, but that say what a client understands.
bool is_mark(std::string_view name) { return name == "ext-info-c" || name.starts_with("kex-strict-"); }

std::string shown(const std::vector<std::string_view>& names, bool whole) {
  std::string text;
  for (const std::string_view name : names) {
    if (is_mark(name)) continue;
    if (text.size() + name.size() >= kMostOfList) {
      whole = false;
      break;
    }
    text += (text.empty() ? "" : ",") + std::string(name);
  }
  if (!whole) text += "...";
  return text.empty() ? "none" : text;
}

// The first algorithm of the client's that only the compatible profile has.
std::optional<std::string_view> helped_by_compatible(const Kind& kind,
                                                     const std::vector<std::string_view>& clients) {
  if (kind.differ == nullptr) return std::nullopt;
  const auto compatible = split(algorithms::kCompatible.*kind.differ);
  const auto found = std::ranges::find_if(clients, [&](std::string_view name) {
    return std::ranges::find(compatible, name) != compatible.end();
  });
  return found == clients.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::optional<std::string> explain_disagreement(std::string_view said, std::string_view client,
                                                hub::Algorithms offered) {
  const auto method = take_between(said, "no match for method ", ": ");
  if (!method) return std::nullopt;
  const auto* const kind =
      std::ranges::find_if(kKinds, [&](const Kind& each) { return method->starts_with(each.method); });
  const auto hubs = take_between(said, "server [", "], client [");
  if (kind == kKinds.end() || !hubs) return std::nullopt;
  // The client's list, last name and all, if nothing was cut off. It may hold brackets of its own.
  const bool whole = said.ends_with(']');
  if (whole) said.remove_suffix(1);
  std::vector<std::string_view> clients = split(said);
  if (!whole && !clients.empty()) clients.pop_back();

  std::string text(client.substr(0, kMostOfClient));
  text += " and the hub have no " + std::string(kind->words) + " in common: it has " + shown(clients, whole);
  const auto helped =
      offered == hub::Algorithms::strict ? helped_by_compatible(*kind, clients) : std::nullopt;
  if (helped) {
    return text + "; algorithms = \"compatible\" in chancery.toml would offer it " + std::string(*helped);
  }
  return text + "; the hub has " + std::string(*hubs);
}

}  // namespace chancery::session
