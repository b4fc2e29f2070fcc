#include "policies/route/read_route.h"

#include <algorithm>
#include <array>

#include "policies/route/pattern.h"

namespace chancery::route {
namespace {

constexpr std::uint64_t kMaxSize = std::uint64_t{100} << 30U;  // 100 GiB, also the default
constexpr std::size_t kMaxAgencies = 1000;
constexpr std::size_t kMaxPatterns = 100;

constexpr std::array<std::string_view, 6> kStates{"draft", "shadow", "pilot", "live", "suspended", "retired"};
constexpr std::array<std::string_view, 3> kFinishes{"close", "rename", "manifest"};

// Where a word stands in a table whose order is that of an enumeration.
template <typename Enum, std::size_t Count>
Enum read_word(toml::Table& table, std::string_view key, const std::array<std::string_view, Count>& words,
               Enum by_default) {
  const auto word = table.optional_choice(key, {words.begin(), words.end()});
  return word ? static_cast<Enum>(std::ranges::find(words, *word) - words.begin()) : by_default;
}

void read_accept(toml::Table& table, Route& route) {
  route.accept = table.distinct_strings("accept", 1, kMaxPatterns);
  for (std::size_t i = 0; i < route.accept.size(); ++i) {
    if (route.accept[i].empty()) {
      continue;
    }
    if (const auto mistake = pattern_mistake(route.accept[i])) {
      table.mistake("accept", i, "\"" + route.accept[i] + "\" is not a pattern: " + *mistake);
    }
  }
}

}  // namespace

std::string_view to_string(State state) { return kStates.at(static_cast<std::size_t>(state)); }
std::string_view to_string(Finish finish) { return kFinishes.at(static_cast<std::size_t>(finish)); }

Route read_route(toml::Table table, std::string_view file_stem) {
  Route route;
  route.id = agreement::read_id(table, file_stem);
  route.agreement = table.required_string("agreement");
  route.from = table.distinct_strings("from", 1, kMaxAgencies);
  route.to = table.distinct_strings("to", 1, kMaxAgencies);
  for (std::size_t i = 0; i < route.to.size(); ++i) {
    if (!route.to[i].empty() && std::ranges::find(route.from, route.to[i]) != route.from.end()) {
      table.mistake("to", i,
                    "\"" + route.to[i] + "\" is also in \"from\": expected an agency that only receives");
    }
  }
  read_accept(table, route);
  route.max_size = table.optional_size("max_size", kMaxSize).value_or(kMaxSize);
  route.finish = read_word(table, "finish", kFinishes, Finish::close);
  route.state = read_word(table, "state", kStates, State::draft);
  route.quota = agreement::read_quota(table, agreement::QuotaOf::route);
  table.finish();
  return route;
}

}  // namespace chancery::route
