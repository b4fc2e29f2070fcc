#pragma once

#include <optional>
#include <string>
#include <string_view>

// A shell's patterns on whole names: * ? [a-z] [!a-z], everything else is itself. Pure and thread-safe.
namespace chancery::route {

// What is wrong with a pattern, as "what stands there: expected ...", or nullopt for a good one.
[[nodiscard]] std::optional<std::string> pattern_mistake(std::string_view pattern);

// Whether `name` matches the whole of a good pattern, code point by code point. Takes time proportional to
// the product of the two lengths at most.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);

}  // namespace chancery::route
