#pragma once

#include <span>
#include <string_view>

namespace chancery::text {

// The candidate that somebody who wrote `word` may have meant: the fewest letters added, dropped or changed
// (Levenshtein's distance), at most 3 and at most half as many as `word` has; among equals one that begins
// alike, then the first. Empty when none is that near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace chancery::text
