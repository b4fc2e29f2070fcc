#include "ledger/entry/erasures.h"

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace chancery::entry {
namespace {

std::optional<std::string> add(Erasures& erasures, std::uint64_t seq, const char* event,
                               const std::string& seqs, const char* basis = "request") {
  EntryView entry;
  entry.seq = seq;
  entry.event = event;
  entry.plain = {{"basis", basis}, {"seqs", seqs}};
  return erasures.add(entry);
}

TEST(Seqs, AreWrittenAsTheyAreRead) {
  EXPECT_EQ(format_seqs({18, 12, 15, 17, 16, 15}), "12,15-18");
  EXPECT_EQ(format_seqs({1, 2}), "1-2");
  EXPECT_EQ(format_seqs({}), "");
  EXPECT_EQ(format_ranges(*parse_seqs("1,2,3-9,11,12-13")), "1-9,11-13");
  EXPECT_FALSE(parse_seqs("2,1"));
  EXPECT_FALSE(parse_seqs("3-3"));
  EXPECT_FALSE(parse_seqs("1,"));
}

TEST(Seqs, KnowWhatTheyCoverAndShare) {
  const auto some = *parse_seqs("12,15-18");
  for (const std::uint64_t seq : {12U, 15U, 16U, 18U}) EXPECT_TRUE(covers(some, seq)) << seq;
  for (const std::uint64_t seq : {0U, 11U, 13U, 14U, 19U}) EXPECT_FALSE(covers(some, seq)) << seq;
  EXPECT_TRUE(overlap(some, *parse_seqs("0-12")));
  EXPECT_TRUE(overlap(*parse_seqs("0-100"), some));
  EXPECT_TRUE(overlap(*parse_seqs("1,17,90"), some));
  EXPECT_FALSE(overlap(some, *parse_seqs("0-11,13-14,19")));
}

TEST(Erasures, SayWhichEntryErased) {
  Erasures erasures;
  EXPECT_EQ(add(erasures, 20, "erasure.begun", "5-8"), std::nullopt);
  EXPECT_TRUE(erasures.is_being_erased(6));
  EXPECT_EQ(erasures.erased_at(6), std::nullopt);
  EXPECT_EQ(add(erasures, 21, "detail.erased", "5-8"), std::nullopt);
  EXPECT_FALSE(erasures.is_being_erased(6));
  EXPECT_EQ(erasures.erased_at(4), std::nullopt);
  EXPECT_EQ(erasures.erased_at(5), 21U);
  EXPECT_EQ(erasures.erased_at(8), 21U);
  EXPECT_EQ(erasures.erased_at(9), std::nullopt);
}

TEST(Erasures, OfOneEntryTheFirstCounts) {
  Erasures erasures;
  EXPECT_EQ(add(erasures, 20, "detail.erased", "3,5-8"), std::nullopt);
  EXPECT_EQ(add(erasures, 21, "detail.erased", "1-10"), std::nullopt);
  const std::uint64_t expected[] = {21, 21, 20, 21, 20, 20, 20, 20, 21, 21};
  for (std::uint64_t seq = 1; seq <= 10; ++seq) EXPECT_EQ(erasures.erased_at(seq), expected[seq - 1]) << seq;
}

TEST(Erasures, AreAsEachEntryByItselfWouldSay) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    Erasures erasures;
    std::map<std::uint64_t, std::uint64_t> expected;
    for (std::uint64_t at = 60; at < 80; ++at) {
      const std::uint64_t first = random() % 50;
      const std::uint64_t last = first + random() % 10;
      const std::string seqs = std::to_string(first) + (last > first ? "-" + std::to_string(last) : "");
      ASSERT_EQ(add(erasures, at, "detail.erased", seqs), std::nullopt) << seqs;
      for (std::uint64_t seq = first; seq <= last; ++seq) expected.emplace(seq, at);
    }
    for (std::uint64_t seq = 0; seq < 60; ++seq) {
      const auto found = expected.find(seq);
      ASSERT_EQ(erasures.erased_at(seq),
                found == expected.end() ? std::nullopt : std::optional(found->second))
          << seq << " of round " << round;
    }
  }
}

// A list of entries may be forged: 60,000 that each cover all before them took a minute and a half.
TEST(Erasures, ThatEachCoverAllBeforeThemTakeNoTimeByTheirSquare) {
  Erasures erasures;
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t at = 2; at < 60'000; ++at)
    ASSERT_EQ(add(erasures, at, "detail.erased", "0-" + std::to_string(at - 1)), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  EXPECT_EQ(erasures.erased_at(59'998), 59'999U);
}

TEST(Erasures, EndOnlyTheOneThatBegan) {
  Erasures erasures;
  EXPECT_EQ(add(erasures, 20, "erasure.begun", "5"), std::nullopt);
  EXPECT_EQ(add(erasures, 21, "detail.erased", "5", "order"), std::nullopt);
  EXPECT_TRUE(erasures.is_being_erased(5));
  EXPECT_EQ(add(erasures, 22, "detail.erased", "5"), std::nullopt);
  EXPECT_FALSE(erasures.is_being_erased(5));
  EXPECT_EQ(erasures.erased_at(5), 21U);
}

TEST(Erasures, OneIsUnderWayAtATime) {
  Erasures erasures;
  EXPECT_EQ(add(erasures, 20, "erasure.begun", "5"), std::nullopt);
  EXPECT_EQ(add(erasures, 21, "erasure.begun", "6"),
            "it begins an erasure, and that of entry 20 had not ended");
  EXPECT_EQ(add(erasures, 22, "detail.erased", "6"), std::nullopt);
  EXPECT_FALSE(erasures.is_being_erased(6));
  EXPECT_EQ(add(erasures, 23, "erasure.begun", "7"), std::nullopt);
}

TEST(Erasures, AreOfEarlierEntries) {
  Erasures erasures;
  for (const char* event : {"erasure.begun", "detail.erased", "hold.set", "hold.cleared"}) {
    EXPECT_TRUE(add(erasures, 20, event, "5,20")) << event;
    EXPECT_TRUE(add(erasures, 20, event, "x")) << event;
    EXPECT_EQ(add(erasures, 20, event, "5,19"), std::nullopt) << event;
  }
  EXPECT_EQ(add(erasures, 20, "file.accepted", "x"), std::nullopt);
  EXPECT_EQ(erasures.erased_at(20), std::nullopt);
}

}  // namespace
}  // namespace chancery::entry
