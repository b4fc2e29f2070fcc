#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "policies/hub/hub.h"
#include "policies/route/policy.h"
#include "policies/toml/document.h"

namespace chancery::config {

// Everything chanceryd is told: the hub's own settings and the policy.
struct Config {
  hub::Hub hub;
  std::shared_ptr<const route::Policy> policy;
};

// Reads DIR/chancery.toml and the policy beside it. nullopt if there is any mistake, and then `mistakes` has
// all of them: a damaged configuration never starts and never replaces one that is in force.
std::optional<Config> load(const std::filesystem::path& directory, toml::Mistakes& mistakes);

}  // namespace chancery::config
