#include "daemon/tree/place.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::tree {
namespace {

TEST(PlaceTest, AbsoluteFormHasNoDotsAndStaysBelowTheRoot) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "/"},
      {".", "/"},
      {"/", "/"},
      {"..", "/"},
      {"/../../..", "/"},
      {"send", "/send"},
      {"./send/", "/send"},
      {"/send/../collect", "/collect"},
      {"//send///r//f", "/send/r/f"},
      {"/a/b/../../../c", "/c"},
      {"/send/r/.../x", "/send/r/.../x"},
  };
  for (const auto& [given, wanted] : cases) EXPECT_EQ(absolute(given), wanted) << given;
}

TEST(PlaceTest, KnowsEachKindOfNode) {
  const std::vector<std::pair<std::string, Kind>> cases = {
      {"/", Kind::root},
      {"/README.txt", Kind::readme},
      {"/send", Kind::send},
      {"/send/r", Kind::send_route},
      {"/send/r/f", Kind::send_file},
      {"/send/r/f/g", Kind::nowhere},
      {"/collect", Kind::collect},
      {"/collect/r", Kind::collect_route},
      {"/collect/r/f.age", Kind::collect_file},
      {"/receipts", Kind::receipts},
      {"/receipts/2026-11", Kind::receipts_month},
      {"/receipts/2026-11/x.txt", Kind::receipt},
      {"/etc/passwd", Kind::nowhere},
      {"/README.txt/x", Kind::nowhere},
      {"/Send", Kind::nowhere},
  };
  for (const auto& [path, kind] : cases) EXPECT_EQ(locate(path).kind, kind) << path;
  EXPECT_EQ(locate("/send/r/f").folder, "r");
  EXPECT_EQ(locate("/send/r/f").name, "f");
}

// Whatever is asked, the result is below the root and has no "..": 500 and more ways of asking.
TEST(PlaceTest, TraversalNeverLeavesTheTree) {
  const std::vector<std::string> ups = {
      "..", "../", "./..", "..//", ".../..", "%2e%2e", "..\\", "\xc0\xae\xc0\xae", "..;", "~"};
  std::size_t asked = 0;
  for (const std::string& first : ups) {
    for (const std::string& second : ups) {
      for (const std::string base : {"", "/", "/send/", "/send/r/", "/collect/r/x/"}) {
        const std::string path = base + first + "/" + second + "/etc/passwd";
        const std::string result = absolute(path);
        EXPECT_EQ(result[0], '/');
        EXPECT_EQ(("/" + result + "/").find("/../"), std::string::npos) << path;
        EXPECT_EQ(locate(path).kind, locate(result).kind);
        ++asked;
      }
    }
  }
  EXPECT_GE(asked, 500U);
}

}  // namespace
}  // namespace chancery::tree
