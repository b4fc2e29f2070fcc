#include <algorithm>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include <boost/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "policies/hub/hub.h"
#include "policies/route/policy.h"

namespace chancery::cli {
namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::size_t live_routes(const route::Policy& policy) {
  return static_cast<std::size_t>(std::ranges::count_if(
      policy.routes, [](const auto& entry) { return entry.second.state == route::State::live; }));
}

void print_text(const std::optional<route::Policy>& policy, const toml::Mistakes& mistakes) {
  for (const toml::Mistake& mistake : mistakes) {
    std::cout << mistake.text() << "\n";
  }
  if (policy) {
    std::cout << "policy " << policy->hash << ": " << counted(policy->agencies.size(), "agency", "agencies")
              << ", " << counted(policy->agreements.size(), "agreement", "agreements") << ", "
              << counted(policy->routes.size(), "route", "routes") << " (" << live_routes(*policy)
              << " live)\n";
  } else {
    std::cout << counted(mistakes.size(), "mistake", "mistakes") << " found\n";
  }
}

void print_json(const std::optional<route::Policy>& policy, const toml::Mistakes& mistakes) {
  boost::json::array list;
  for (const toml::Mistake& mistake : mistakes) {
    list.push_back({{"file", mistake.file},
                    {"line", mistake.line},
                    {"column", mistake.column},
                    {"message", mistake.message}});
  }
  boost::json::object out{{"ok", policy.has_value()}, {"mistakes", std::move(list)}};
  if (policy) {
    out["policy"] = policy->hash;
    out["agencies"] = policy->agencies.size();
    out["agreements"] = policy->agreements.size();
    out["routes"] = policy->routes.size();
    out["live_routes"] = live_routes(*policy);
  }
  std::cout << boost::json::serialize(out) << "\n";
}

}  // namespace

int policy_check(Arguments arguments) {
  auto options =
      options_of(arguments, "[--json] DIR",
                 "Reads the configuration below DIR as the hub would and prints every mistake, as "
                 "FILE:LINE:COLUMN, or the policy's identity. Exits with 1 if there is a mistake.");
  options.add_options()("json", "print one JSON object");
  options.add_options("hidden")("directory", "", cxxopts::value<std::string>());
  options.parse_positional({"directory"});
  const auto parsed = parse(options, arguments, "chancery policy check /etc/chancery");
  if (!parsed) {
    return kOk;
  }
  if (parsed->count("directory") == 0) {
    throw std::invalid_argument("which directory? Name the one that holds chancery.toml.");
  }
  const std::filesystem::path directory = (*parsed)["directory"].as<std::string>();
  if (!std::filesystem::is_directory(directory)) {
    throw std::runtime_error(directory.string() +
                             " is not a directory. Name the one that holds chancery.toml.");
  }
  toml::Mistakes mistakes;
  const auto settings = hub::load_hub(directory, mistakes);
  auto policy = route::load_policy(directory, settings ? settings->timezone : hub::Hub{}.timezone, mistakes);
  if (!mistakes.empty()) {
    policy.reset();
  }
  if (parsed->count("json") != 0) {
    print_json(policy, mistakes);
  } else {
    print_text(policy, mistakes);
  }
  return policy ? kOk : kRefused;
}

}  // namespace chancery::cli
