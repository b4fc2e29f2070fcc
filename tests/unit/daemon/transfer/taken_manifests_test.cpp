#include "daemon/transfer/taken_manifests.h"

#include <string>

#include <gtest/gtest.h>

namespace chancery::transfer {
namespace {

constexpr entry::Micros kDay = 24LL * 3'600'000'000;

class TakenManifestsTest : public testing::Test {
 protected:
  void add(const std::string& user, const std::string& name) {
    manifests.add(user, "flow", {std::to_string(++last), name, 70, now});
  }
  bool has(const std::string& user, const std::string& name) const {
    return manifests.find(user, "flow", name).has_value();
  }

  entry::Micros now = 1'790'000'000'000'000;
  int last = 0;
  TakenManifests manifests{[this] { return now; }};
};

TEST_F(TakenManifestsTest, AreFoundForADayByTheirOwnAccountAndRoute) {
  add("alpha", "a.csv.sha256");
  add("alpha", "b.csv.sha256");
  EXPECT_EQ(manifests.of("alpha", "flow").size(), 2U);
  EXPECT_TRUE(manifests.of("alpha", "flo").empty());
  EXPECT_TRUE(manifests.of("alpha", "flow2").empty());
  EXPECT_FALSE(has("beta", "a.csv.sha256"));
  now += kDay - 1;
  EXPECT_TRUE(has("alpha", "a.csv.sha256"));
  now += 1;
  EXPECT_FALSE(has("alpha", "a.csv.sha256"));
  EXPECT_TRUE(manifests.of("alpha", "flow").empty());
}

TEST_F(TakenManifestsTest, OfAnAccountTheLastAreKeptAndNobodyElseLosesAny) {
  add("beta", "old.csv.sha256");
  for (std::size_t i = 0; i < TakenManifests::kMost + 5; ++i) add("alpha", std::to_string(i) + ".sha256");
  EXPECT_EQ(manifests.of("alpha", "flow").size(), TakenManifests::kMost);
  EXPECT_FALSE(has("alpha", "4.sha256"));
  EXPECT_TRUE(has("alpha", "5.sha256"));
  EXPECT_TRUE(has("alpha", std::to_string(TakenManifests::kMost + 4) + ".sha256"));
  EXPECT_TRUE(has("beta", "old.csv.sha256"));
}

TEST_F(TakenManifestsTest, ALaterOneOfTheSameNameStaysItsOwnDay) {
  add("alpha", "a.csv.sha256");
  now += kDay / 2;
  add("alpha", "a.csv.sha256");
  now += kDay / 2;
  add("alpha", "b.csv.sha256");  // by which what is old is dropped
  ASSERT_TRUE(has("alpha", "a.csv.sha256"));
  EXPECT_EQ(manifests.find("alpha", "flow", "a.csv.sha256")->id, "2");
}

}  // namespace
}  // namespace chancery::transfer
