#include "daemon/config/config.h"

#include <utility>

namespace chancery::config {

std::optional<Config> load(const std::filesystem::path& directory, toml::Mistakes& mistakes) {
  auto hub = hub::load_hub(directory, mistakes);
  auto policy = route::load_policy(directory, hub ? hub->timezone : hub::Hub().timezone, mistakes);
  if (!hub || !policy) return std::nullopt;
  return Config{std::move(*hub), std::make_shared<const route::Policy>(std::move(*policy))};
}

}  // namespace chancery::config
