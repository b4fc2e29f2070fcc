#include "policies/text/nearest.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace chancery::text {
namespace {

constexpr std::array<std::string_view, 5> kWords{"open", "seal", "keygen", "ledger show", "ledger prove"};

TEST(Nearest, TakesAFewChangesAndNoMore) {
  EXPECT_EQ(nearest("seal", kWords), "seal");
  EXPECT_EQ(nearest("sael", kWords), "seal");
  EXPECT_EQ(nearest("opn", kWords), "open");
  EXPECT_EQ(nearest("keygan", kWords), "keygen");
  EXPECT_EQ(nearest("ledger sohw", kWords), "ledger show");
  EXPECT_EQ(nearest("kgn", kWords), "") << "3 changes to 3 letters";
  EXPECT_EQ(nearest("xylophone", kWords), "");
  EXPECT_EQ(nearest("ledger destroy", kWords), "") << "4 changes or more";
  EXPECT_EQ(nearest("o", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'k'), kWords), "") << "and takes no time over it";
}

TEST(Nearest, PrefersTheSameFirstLetterThenTheFirst) {
  EXPECT_EQ(nearest("seat", std::array<std::string_view, 2>{"heat", "seal"}), "seal");
  EXPECT_EQ(nearest("seat", std::array<std::string_view, 2>{"seam", "seal"}), "seam");
  EXPECT_EQ(nearest("seat", std::array<std::string_view, 2>{"sxxt", "heat"}), "heat")
      << "fewer changes first";
}

}  // namespace
}  // namespace chancery::text
