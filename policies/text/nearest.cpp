#include "policies/text/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace chancery::text {
namespace {

constexpr std::size_t kMostChanges = 3;  // more is no help

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  const std::size_t most = std::min(kMostChanges, word.size() / 2);
  std::string_view best;
  std::size_t least = 2 * most + 2;  // twice the changes, and one more for another first letter
  for (const std::string_view candidate : candidates) {
    const auto [shorter, longer] = std::minmax({word.size(), candidate.size()});
    if (longer - shorter > most) {
      continue;
    }
    const std::size_t here =
        2 * distance(word, candidate) + (word.substr(0, 1) == candidate.substr(0, 1) ? 0 : 1);
    if (here < least) {
      least = here;
      best = candidate;
    }
  }
  return best;
}

}  // namespace chancery::text
