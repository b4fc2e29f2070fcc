#include "policies/route/decide.h"

#include <algorithm>
#include <array>

#include "policies/calendar/civil_date.h"
#include "policies/route/pattern.h"

namespace chancery::route {
namespace {

struct RefusalRow {
  Refusal refusal;
  std::string_view code;
};
constexpr std::array kCodes{
    RefusalRow{Refusal::none, "none"},
    RefusalRow{Refusal::unknown_route, "unknown-route"},
    RefusalRow{Refusal::not_live, "not-live"},
    RefusalRow{Refusal::outside_agreement, "outside-agreement"},
    RefusalRow{Refusal::name_invalid, "name-invalid"},
    RefusalRow{Refusal::name_not_accepted, "name-not-accepted"},
    RefusalRow{Refusal::too_large, "too-large"},
    RefusalRow{Refusal::finish_by_rename, "finish-by-rename"},
};

// Which states move files, and what the others say. docs/policy.md has the same table.
struct StateRow {
  State state;
  bool moves;
  std::string_view sentence;
};
constexpr std::array kStates{
    StateRow{
        State::draft, false,
        "is a draft: it is still being written and has not been approved. Ask your information governance "
        "lead when it will be live."},
    StateRow{
        State::shadow, false,
        "is being rehearsed, and rehearsals take no files in this version. Ask your information governance "
        "lead when it will be live."},
    StateRow{
        State::pilot, false,
        "is open to its pilot only, and this version runs no pilots. Ask your information governance lead "
        "when it will be live."},
    StateRow{State::live, true, ""},
    StateRow{
        State::suspended, false,
        "has been suspended. Keep the file and ask your information governance lead when it will be live "
        "again."},
    StateRow{
        State::retired, false,
        "has ended and will not come back. Ask your information governance lead which route to use now."},
};

Decision no(Refusal refusal, std::string reason) { return {refusal, std::move(reason)}; }

std::string named(std::string_view route) { return "The route \"" + std::string(route) + "\""; }

Decision unknown_route(std::string_view route) {
  // What is no id is not repeated: it may be anything a client sent.
  return no(Refusal::unknown_route,
            (agreement::is_id(route) ? "There is no route \"" + std::string(route) + "\""
                                     : std::string("There is no such route")) +
                " on which your agency sends. README.txt lists the routes you have.");
}

// Why nothing moves under this agreement today, if so.
std::optional<std::string> outside(const Policy& policy, const Route& route, std::int64_t now) {
  const auto found = policy.agreements.find(route.agreement);
  if (found == policy.agreements.end()) {
    return named(route.id) + " stands under no agreement. Tell the hub's administrator.";
  }
  const agreement::Agreement& agreement = found->second;
  if (!agreement.effective_from && !agreement.effective_to) {
    return std::nullopt;
  }
  const std::string today = calendar::civil_date(policy.timezone, now);
  const std::string which = "The agreement " + agreement.reference + ", under which this route stands,";
  if (agreement.effective_from && today < *agreement.effective_from) {
    return which + " begins on " + *agreement.effective_from + ". Send the file from that day on.";
  }
  if (agreement.effective_to && today > *agreement.effective_to) {
    return which + " ended on " + *agreement.effective_to +
           ". Ask your information governance lead about its renewal.";
  }
  return std::nullopt;
}

bool accepts(const Route& route, std::string_view name) {
  return std::ranges::any_of(route.accept, [&](const auto& pattern) { return matches(pattern, name); });
}

std::string listed(const std::vector<std::string>& patterns) {
  std::string text;
  for (const std::string& pattern : patterns) {
    text += (text.empty() ? "\"" : ", \"") + pattern + "\"";
  }
  return text;
}

// The part of a decision that is about the file.
Decision judge_file(const Route& route, const Upload& upload) {
  const std::string_view name = manifest_of(route, upload.name).value_or(upload.name);
  if (auto mistake = name_mistake(name)) {
    return no(Refusal::name_invalid, std::move(*mistake));
  }
  if (!upload.temporary && !upload.renamed && route.finish == Finish::rename) {
    return no(Refusal::finish_by_rename,
              named(route.id) +
                  " takes files by renaming: upload under a temporary name, such as "
                  "NAME.part, then rename it to NAME.");
  }
  if (!upload.temporary && !accepts(route, name)) {
    return no(Refusal::name_not_accepted, named(route.id) + " does not accept a file named \"" +
                                              std::string(name) + "\". It accepts names such as " +
                                              listed(route.accept) + ".");
  }
  if (upload.size > route.max_size) {
    return no(Refusal::too_large, named(route.id) + " takes files of at most " +
                                      std::to_string(route.max_size) +
                                      " bytes. Split the file, or ask for a larger limit.");
  }
  return {Refusal::none,
          named(route.id) + " is live under the agreement " + route.agreement + " and accepts this file."};
}

template <typename Select>
std::vector<const Route*> routes_where(const Policy& policy, std::string_view agency, Select agencies_of) {
  std::vector<const Route*> routes;
  for (const auto& [id, route] : policy.routes) {
    if (std::ranges::find(agencies_of(route), agency) != agencies_of(route).end()) {
      routes.push_back(&route);
    }
  }
  return routes;
}

}  // namespace

std::optional<std::string_view> manifest_of(const Route& route, std::string_view name) {
  constexpr std::string_view kSuffix = ".sha256";
  if (route.finish != Finish::manifest || name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  return name.substr(0, name.size() - kSuffix.size());
}

std::string_view to_code(Refusal refusal) {
  return std::ranges::find(kCodes, refusal, &RefusalRow::refusal)->code;
}

Decision decide_route(const Policy& policy, std::string_view agency, std::string_view id,
                      std::int64_t now_seconds) {
  const auto found = policy.routes.find(id);
  if (found == policy.routes.end()) {
    return unknown_route(id);
  }
  const Route& route = found->second;
  if (std::ranges::find(route.from, agency) == route.from.end()) {
    return unknown_route(id);
  }
  const StateRow& state = *std::ranges::find(kStates, route.state, &StateRow::state);
  if (!state.moves) {
    return no(Refusal::not_live, named(route.id) + " " + std::string(state.sentence));
  }
  if (auto why = outside(policy, route, now_seconds)) {
    return no(Refusal::outside_agreement, std::move(*why));
  }
  return {Refusal::none, named(route.id) + " is live under the agreement " + route.agreement + "."};
}

Decision decide(const Policy& policy, const Upload& upload) {
  Decision decision = decide_route(policy, upload.agency, upload.route, upload.now_seconds);
  return decision.allowed() ? judge_file(policy.routes.find(upload.route)->second, upload) : decision;
}

std::vector<const Route*> routes_from(const Policy& policy, std::string_view agency) {
  return routes_where(
      policy, agency, [](const Route& route) -> const auto& { return route.from; });
}

std::vector<const Route*> routes_to(const Policy& policy, std::string_view agency) {
  return routes_where(
      policy, agency, [](const Route& route) -> const auto& { return route.to; });
}

}  // namespace chancery::route
