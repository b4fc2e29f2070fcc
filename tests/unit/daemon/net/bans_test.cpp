#include "daemon/net/bans.h"

#include <string>

#include <gtest/gtest.h>

namespace chancery::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kFirst{30}, kLongest{1800};

// Bans with a clock of their own.
struct Door {
  Bans bans{kFirst, kLongest};
  Bans::Time now{};

  std::optional<milliseconds> add(const std::string& source, std::uint32_t points) {
    return bans.add(source, points, now);
  }
  bool banned(const std::string& source) const { return bans.banned(source, now); }
};

TEST(Bans, ThreeOffencesBanASourceAndNoOther) {
  Door door;
  EXPECT_EQ(door.add("a", 4), std::nullopt);
  EXPECT_EQ(door.add("a", 4), std::nullopt);
  EXPECT_FALSE(door.banned("a"));
  EXPECT_EQ(door.add("a", 4), kFirst);
  EXPECT_TRUE(door.banned("a"));
  EXPECT_FALSE(door.banned("b"));
  door.now += kFirst - milliseconds(1);
  EXPECT_TRUE(door.banned("a"));
  door.now += milliseconds(1);
  EXPECT_FALSE(door.banned("a"));
}

TEST(Bans, EnoughPointsAtOnceBan) {
  Door door;
  EXPECT_EQ(door.add("a", Bans::kPoints), kFirst);
  EXPECT_EQ(door.add("b", 0), std::nullopt);
  EXPECT_EQ(door.bans.size(), 1U) << "who did nothing is not remembered";
}

TEST(Bans, APointIsLostInTenSeconds) {
  Door door;
  for (int minute = 0; minute < 60; ++minute) {
    EXPECT_EQ(door.add("a", 4), std::nullopt) << "a wrong key each minute bans nobody";
    door.now += seconds(60);
  }
  for (int i = 0; i < 11; ++i) EXPECT_EQ(door.add("b", 1), std::nullopt);
  door.now += seconds(10);
  EXPECT_EQ(door.add("b", 1), std::nullopt);
  EXPECT_EQ(door.add("b", 1), kFirst);
}

TEST(Bans, EachIsLongerByHalfUpToTheLongest) {
  Door door;
  milliseconds expected = kFirst;
  for (int i = 0; i < 20; ++i) {
    const auto ban = door.add("a", Bans::kPoints);
    ASSERT_EQ(ban, expected);
    door.now += *ban;
    expected = std::min<milliseconds>(kLongest, expected * 3 / 2);
  }
  EXPECT_EQ(expected, kLongest);
}

TEST(Bans, WhatComesDuringABanDoesNotLengthenIt) {
  Door door;
  ASSERT_EQ(door.add("a", Bans::kPoints), kFirst);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(door.add("a", Bans::kPoints), std::nullopt);
  door.now += kFirst;
  EXPECT_FALSE(door.banned("a"));
  EXPECT_EQ(door.add("a", 4), std::nullopt);
}

TEST(Bans, AreForgottenAfterQuiet) {
  Door door;
  ASSERT_EQ(door.add("a", Bans::kPoints), kFirst);
  door.now += kFirst + kLongest;
  EXPECT_EQ(door.add("b", 1), std::nullopt);
  EXPECT_EQ(door.bans.size(), 1U);
  EXPECT_EQ(door.add("a", Bans::kPoints), kFirst);
  door.now += kFirst + kLongest - milliseconds(1);
  EXPECT_EQ(door.add("a", Bans::kPoints), kFirst * 3 / 2);
}

TEST(Bans, RememberABoundedNumberOfSourcesTheWorstOnes) {
  Door door;
  ASSERT_TRUE(door.add("banned", Bans::kPoints));
  for (std::size_t i = 0; i < 10 * Bans::kSources; ++i)
    ASSERT_EQ(door.add("s" + std::to_string(i), 4), std::nullopt);
  EXPECT_EQ(door.bans.size(), Bans::kSources);
  EXPECT_TRUE(door.banned("banned"));
}

}  // namespace
}  // namespace chancery::net
