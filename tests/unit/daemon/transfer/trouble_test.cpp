#include "daemon/transfer/trouble.h"

#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::transfer {
namespace {

constexpr entry::Micros kMinute = 60'000'000;

class TroubleTest : public testing::Test {
 protected:
  entry::Micros now = 1'790'000'000'000'000;
  std::vector<std::string> lines;
  Trouble trouble{[this] { return now; }, [this](const std::string& line) { lines.push_back(line); }};
};

TEST_F(TroubleTest, IsSaidOnceAMinuteWithHowManyMore) {
  for (int i = 0; i < 1000; ++i) trouble.tell("An upload to", "flow", "No space left on device");
  EXPECT_EQ(lines, std::vector<std::string>{"An upload to flow failed: No space left on device"});
  now += kMinute - 1;
  trouble.tell("An upload to", "flow", "No space left on device");
  EXPECT_EQ(lines.size(), 1U);
  now += 1;
  trouble.tell("An upload to", "flow", "No space left on device");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(
      lines[1],
      "An upload to flow failed: No space left on device (and so did 1000 more since that was last said)");
  now += kMinute;
  trouble.tell("An upload to", "flow", "No space left on device");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2], lines[0]);
}

TEST_F(TroubleTest, OfAnotherCauseOrRouteIsSaidAtOnce) {
  trouble.tell("An upload to", "flow", "No space left on device");
  trouble.tell("An upload to", "flow", "Input/output error");
  trouble.tell("An upload to", "other", "No space left on device");
  trouble.tell("A delivery to", "flow", "No space left on device");
  EXPECT_EQ(lines.size(), 4U);
}

TEST_F(TroubleTest, AClockThatIsSetBackDoesNotSilenceIt) {
  trouble.tell("An upload to", "flow", "Input/output error");
  now -= 60 * kMinute;
  trouble.tell("An upload to", "flow", "Input/output error");
  EXPECT_EQ(lines.size(), 2U);
}

TEST(Trouble, ThatCannotBeSaidIsNoFurtherTrouble) {
  Trouble trouble([] { return entry::Micros{0}; }, [](const std::string&) { throw std::bad_alloc(); });
  trouble.tell("An upload to", "flow", "Input/output error");
}

}  // namespace
}  // namespace chancery::transfer
