#include "policies/route/pattern.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::route {
namespace {

struct Case {
  std::string_view pattern, name;
  bool matches;
};

TEST(Pattern, MatchesTheWholeName) {
  const std::vector<Case> cases{
      {"a.csv", "a.csv", true},
      {"a.csv", "a.csvx", false},
      {"a.csv", "xa.csv", false},
      {"a.csv", "A.csv", false},
      {"*", "anything at all", true},
      {"*", "a", true},
      {"**", "a", true},
      {"*.csv", ".csv", true},
      {"*.csv", "a.csv.csv", true},
      {"*.csv", "a.csv.exe", false},
      {"a*b*c", "abc", true},
      {"a*b*c", "axxbyybzzc", true},
      {"a*b*c", "axxbyybzz", false},
      {"?", "a", true},
      {"?", "", false},
      {"?", "ab", false},
      {"?", "é", true},
      {"??", "é", false},
      {"*?", "", false},
      {"[a-c]", "b", true},
      {"[a-c]", "d", false},
      {"[!a-c]", "d", true},
      {"[!a-c]", "b", false},
      {"[ac-e]", "c", true},
      {"[ac-e]", "b", false},
      {"[à-é]", "ç", true},
      {"[0-9][0-9]", "42", true},
      {"[0-9][0-9]", "4", false},
      {"x[!0-9]", "x", false},
      {"*[0-9].csv", "a1.csv", true},
      {"[a!]", "!", true},
      {"[.]csv", ".csv", true},
      {".", "x", false},
      {"*[ab]*c", "xbbc", true},
      {"moorvale_20[0-9][0-9].csv", "moorvale_2026.csv", true},
  };
  for (const Case& one : cases) {
    ASSERT_FALSE(pattern_mistake(one.pattern)) << one.pattern;
    EXPECT_EQ(matches(one.pattern, one.name), one.matches) << one.pattern << " " << one.name;
  }
}

TEST(Pattern, IsCheckedBeforeItIsUsed) {
  for (const std::string& pattern :
       {std::string(), std::string("["), std::string("[]"), std::string("[!]"), std::string("a]"),
        std::string("[z-a]"), std::string("a/b"), std::string("a\\*"), std::string("[-a]"),
        std::string("[a-]"), std::string("[[a]"), std::string(1025, 'a')}) {
    EXPECT_TRUE(pattern_mistake(pattern)) << pattern;
  }
}

// Patterns with many stars are where recursive matchers take exponential time.
TEST(Pattern, TakesBoundedTime) {
  std::string pattern;
  for (int i = 0; i < 300; ++i) {
    pattern += "a*";
  }
  pattern += "b";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(matches(pattern, std::string(200, 'a')));
  EXPECT_FALSE(matches("*a*a*a*a*a*a*a*a*b", std::string(200, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

}  // namespace
}  // namespace chancery::route
