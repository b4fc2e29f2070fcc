#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace chancery::cli {

// Answers a field's value, safe to print; nullopt when it is absent, withheld or erased.
using FieldOf = std::function<std::optional<std::string>(std::string_view field)>;

// What an event says in plain words. An event that this version does not know is named as it is.
std::string sentence(std::string_view event, const FieldOf& field);

}  // namespace chancery::cli
