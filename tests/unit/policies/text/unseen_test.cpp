#include "policies/text/unseen.h"

#include <string>

#include <gtest/gtest.h>

namespace chancery::text {
namespace {

TEST(Unseen, IsWhateverDoesNotShowItself) {
  for (const char32_t code :
       {U'\0',     U'\t',     U'\n',         U'\x1B',       U'\x7F',      U'\x80',   U'\x9B',
        U'\u00AD', U'\u034F', U'\u061C',     U'\u115F',     U'\u180E',    U'\u200B', U'\u200D',
        U'\u200F', U'\u2028', U'\u2029',     U'\u202E',     U'\u2060',    U'\u2066', U'\u2800',
        U'\u3164', U'\uE000', U'\uFE0F',     U'\uFEFF',     U'\uFFF9',    U'\uFFFE', U'\u0378',
        U'\uFDD0', U'\uFFF0', U'\U000E0041', U'\U000F0000', U'\U0010FFFF'}) {
    EXPECT_TRUE(is_unseen(static_cast<std::int32_t>(code))) << std::hex << std::uint32_t{code};
  }
  EXPECT_TRUE(is_unseen(-1));
  for (const char32_t code : {U' ', U'a', U'~', U'\u00A0', U'\u00E9', U'\u4E2D', U'\uFFFD', U'\U0001F600'}) {
    EXPECT_FALSE(is_unseen(static_cast<std::int32_t>(code))) << std::hex << std::uint32_t{code};
  }
}

TEST(Printable, KeepsWhatCanBeSeenAndNothingElse) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("oct 2026.csv"), "oct 2026.csv");
  EXPECT_EQ(printable("caf\u00e9 \u4e2d \U0001F600"), "caf\u00e9 \u4e2d \U0001F600");
  EXPECT_EQ(printable("a\x1b[31m\r\n"), "a?[31m??");
  EXPECT_EQ(printable("a\u009b31m"), "a?31m");
  EXPECT_EQ(printable("cod\u202eexe.pdf"), "cod?exe.pdf");
  EXPECT_EQ(printable("a\xff\x80z"), "a??z");
  EXPECT_EQ(printable("cut\xe4\xb8"), "cut?");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a?b");
}

}  // namespace
}  // namespace chancery::text
