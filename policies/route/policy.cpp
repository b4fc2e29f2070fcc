#include "policies/route/policy.h"

#include <algorithm>
#include <utility>

#include <botan/hash.h>
#include <botan/hex.h>

#include "policies/calendar/civil_date.h"
#include "policies/route/folder.h"
#include "policies/route/read_route.h"

namespace chancery::route {
namespace {

// One file that was read: its value, and the document so that later mistakes can be placed in it.
template <typename Value>
struct Loaded {
  toml::Document document;
  Value value;
  bool whole = false;  // nothing was wrong with it by itself
};

template <typename Value>
using Folder = std::map<std::string, Loaded<Value>, std::less<>>;

template <typename Value>
Folder<Value> load_folder(const std::filesystem::path& directory, const std::string& folder,
                          bool (*is_stem)(std::string_view), Value (*read)(toml::Table, std::string_view),
                          std::map<std::string, std::string>& files, toml::Mistakes& mistakes) {
  Folder<Value> loaded;
  for (auto& [stem, text] : read_folder(directory, folder, is_stem, mistakes)) {
    const std::string path = std::string(folder).append("/").append(stem).append(".toml");
    const std::size_t before = mistakes.size();
    toml::Document document = toml::Document::parse(text, (directory / path).string(), mistakes);
    Value value = read(document.root(), stem);
    loaded.emplace(stem, Loaded<Value>{std::move(document), std::move(value), mistakes.size() == before});
    files.emplace(path, std::move(text));
  }
  return loaded;
}

struct Everything {
  Folder<agreement::Agency> agencies;
  Folder<agreement::Agreement> agreements;
  Folder<Route> routes;
};

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// What stands twice in the whole policy, though it may stand once: whoever comes first keeps it.
class Owners {
 public:
  // The owner before, if there is one.
  std::optional<std::string> claim(const std::string& thing, const std::string& owner) {
    const auto [found, is_new] = owners_.emplace(thing, owner);
    return is_new ? std::nullopt : std::optional(found->second);
  }

 private:
  std::map<std::string, std::string> owners_;
};

void check_account(toml::Table& table, const agreement::Account& account, const std::string& agency,
                   Owners& users, Owners& keys) {
  const std::string here = "user " + in_quotes(account.user) + " of " + agency;
  if (!account.user.empty()) {
    if (const auto other = users.claim(account.user, agency)) {
      table.mistake("user", "user " + in_quotes(account.user) + " is an account of " + *other +
                                " already: expected a name that no other account has");
    }
  }
  const auto lines = table.strings("keys");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto key = agreement::PublicKey::parse(lines[i]);
    const auto other = key ? keys.claim(key->base64, here) : std::nullopt;
    if (other) {
      table.mistake("keys", i, "this SSH key is one of " + *other + " already: expected a key of its own");
    }
  }
}

void check_agencies(Everything& all) {
  Owners users;
  Owners keys;
  for (auto& [stem, agency] : all.agencies) {
    auto tables = agency.document.root().tables("accounts");
    for (std::size_t i = 0; i < std::min(tables.size(), agency.value.accounts.size()); ++i) {
      check_account(tables[i], agency.value.accounts[i], stem, users, keys);
    }
  }
}

void check_parties(Everything& all) {
  for (auto& [stem, agreement] : all.agreements) {
    toml::Table table = agreement.document.root();
    for (std::size_t i = 0; i < agreement.value.parties.size(); ++i) {
      const std::string& party = agreement.value.parties[i];
      if (!party.empty() && !all.agencies.contains(party)) {
        table.mistake("parties", i,
                      "there is no agency " + in_quotes(party) + ": expected agencies/" + party + ".toml");
      }
    }
  }
}

// `agreement` is the route's, or null if it is not known well enough to compare with.
void check_route_agencies(Everything& all, toml::Table& table, std::string_view key,
                          const std::vector<std::string>& ids, const agreement::Agreement* agreement) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].empty()) {
      continue;
    }
    if (!all.agencies.contains(ids[i])) {
      table.mistake(key, i,
                    "there is no agency " + in_quotes(ids[i]) + ": expected agencies/" + ids[i] + ".toml");
    } else if (agreement != nullptr &&
               std::ranges::find(agreement->parties, ids[i]) == agreement->parties.end()) {
      table.mistake(key, i,
                    in_quotes(ids[i]) + " is not a party to the agreement " + agreement->reference +
                        ": expected one of its \"parties\"");
    }
  }
}

void check_recipients(Everything& all, toml::Table& table, const Route& route) {
  for (std::size_t i = 0; i < route.to.size(); ++i) {
    const auto agency = all.agencies.find(route.to[i]);
    if (route.state == State::live && agency != all.agencies.end() && agency->second.whole &&
        agency->second.value.seal_to.empty()) {
      table.mistake("to", i,
                    in_quotes(route.to[i]) +
                        " has no \"seal_to\", so nothing can be sealed to it: expected an age "
                        "recipient in agencies/" +
                        route.to[i] + ".toml, since this route is live");
    }
  }
}

void check_routes(Everything& all) {
  for (auto& [stem, route] : all.routes) {
    toml::Table table = route.document.root();
    const std::string& reference = route.value.agreement;
    const auto agreement = all.agreements.find(reference);
    if (!reference.empty() && agreement == all.agreements.end()) {
      table.mistake("agreement", "there is no agreement " + in_quotes(reference) + ": expected agreements/" +
                                     reference + ".toml");
    }
    const bool comparable = agreement != all.agreements.end() && agreement->second.whole;
    const agreement::Agreement* parties = comparable ? &agreement->second.value : nullptr;
    check_route_agencies(all, table, "from", route.value.from, parties);
    check_route_agencies(all, table, "to", route.value.to, parties);
    check_recipients(all, table, route.value);
  }
}

// Every route may end and as many others begin in one activation, which is one append to the ledger.
void check_number_of_routes(const std::filesystem::path& directory, std::size_t routes,
                            toml::Mistakes& mistakes) {
  if (routes > kMostRoutes) {
    mistakes.push_back({(directory / "routes").string(), 1, 1,
                        std::to_string(routes) + " routes: expected at most " + std::to_string(kMostRoutes)});
  }
}

network::Networks networks_of(const Policy& policy) {
  std::vector<network::Network> all;
  for (const auto& [id, agency] : policy.agencies) {
    all.insert(all.end(), agency.networks.begin(), agency.networks.end());
  }
  return network::Networks(all);
}

template <typename Value>
void take_values(Folder<Value>& folder, std::map<std::string, Value, std::less<>>& values) {
  for (auto& [stem, loaded] : folder) {
    values.emplace(stem, std::move(loaded.value));
  }
}

std::string sha256(std::string_view bytes) {
  const auto hash = Botan::HashFunction::create_or_throw("SHA-256");
  hash->update(bytes);
  return Botan::hex_encode(hash->final_stdvec(), false);
}

// What sha256sum says of what sha256sum says of the files.
std::string identity(const std::map<std::string, std::string>& files) {
  std::string lines;
  for (const auto& [path, bytes] : files) {
    lines += sha256(bytes) + "  " + path + "\n";
  }
  return sha256(lines);
}

}  // namespace

std::optional<Login> Policy::find_login(std::string_view user) const {
  for (const auto& [id, agency] : agencies) {
    const auto account = std::ranges::find(agency.accounts, user, &agreement::Account::user);
    if (account != agency.accounts.end()) {
      return Login{&agency, &*account};
    }
  }
  return std::nullopt;
}

std::optional<Login> Policy::find_login(std::string_view user, std::string_view agency,
                                        std::string_view fingerprint) const {
  auto login = find_login(user);
  if (!login || login->agency->id != agency) {
    return std::nullopt;
  }
  const auto& keys = login->account->keys;
  return std::ranges::find(keys, fingerprint, &agreement::PublicKey::fingerprint) != keys.end()
             ? login
             : std::nullopt;
}

std::optional<Policy> load_policy(const std::filesystem::path& directory, std::string timezone,
                                  toml::Mistakes& mistakes) {
  toml::Mistakes found;
  Policy policy;
  Everything all;
  all.agencies =
      load_folder(directory, "agencies", agreement::is_id, agreement::read_agency, policy.files, found);
  all.agreements = load_folder(directory, "agreements", agreement::is_reference, agreement::read_agreement,
                               policy.files, found);
  all.routes = load_folder(directory, "routes", agreement::is_id, read_route, policy.files, found);
  check_agencies(all);
  check_parties(all);
  check_routes(all);
  check_number_of_routes(directory, all.routes.size(), found);
  if (!calendar::is_timezone(timezone)) {
    found.push_back({(directory / "chancery.toml").string(), 1, 1,
                     "the timezone " + in_quotes(timezone) + " is not in the tz database"});
  }
  toml::sort_mistakes(found);
  mistakes.insert(mistakes.end(), found.begin(), found.end());
  if (!found.empty()) {
    return std::nullopt;
  }
  take_values(all.agencies, policy.agencies);
  take_values(all.agreements, policy.agreements);
  take_values(all.routes, policy.routes);
  policy.networks = networks_of(policy);
  policy.timezone = std::move(timezone);
  policy.hash = identity(policy.files);
  return policy;
}

}  // namespace chancery::route
