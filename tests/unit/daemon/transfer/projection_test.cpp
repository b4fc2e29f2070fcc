#include "daemon/transfer/projection.h"

#include <chrono>

#include <gtest/gtest.h>

namespace chancery::transfer {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kDay = 24 * 3600 * kSecond;

// file.accepted of `name` on the route, at a second that is its seq.
std::string accept(Projection& projection, std::uint64_t seq, const std::string& name) {
  entry::Event event;
  event.id = entry::new_id();
  event.name = "file.accepted";
  event.plain = {{"agency", "alpha"}, {"route", "flow"}, {"transfer", entry::to_hex(event.id)}};
  event.committed = {{"name", name}, {"size", std::to_string(seq)}};
  projection.apply(seq, static_cast<Micros>(seq) * kSecond, event);
  return event.plain.at("transfer");
}

std::vector<std::string> ids(const std::vector<Transfer>& transfers) {
  std::vector<std::string> result;
  for (const Transfer& transfer : transfers) result.push_back(transfer.id);
  return result;
}

using Ids = std::vector<std::string>;

TEST(ProjectionSent, ListsOfEachNameTheLastOneSinceAMoment) {
  Projection projection;
  accept(projection, 0, "a.csv");
  const auto b = accept(projection, 1, "b.csv");
  const auto again = accept(projection, 2, "a.csv");
  EXPECT_EQ(ids(projection.sent("alpha", "flow", 0)), (Ids{again, b}));
  EXPECT_EQ(ids(projection.sent("alpha", "flow", 2 * kSecond)), Ids{again});
  EXPECT_TRUE(projection.sent("alpha", "flow", 2 * kSecond + 1).empty());
  EXPECT_TRUE(projection.sent("alpha", "other", 0).empty());
  EXPECT_EQ(projection.find_sent("alpha", "flow", "a.csv", 0)->id, again);
  EXPECT_FALSE(projection.find_sent("alpha", "flow", "b.csv", 2 * kSecond));
}

TEST(ProjectionSent, AnOlderOneThatBecameKnownLateReplacesNothing) {
  Projection projection;
  accept(projection, 0, "b.csv");
  const auto newer = accept(projection, 3, "a.csv");
  const auto late = accept(projection, 2, "a.csv");
  const auto other = accept(projection, 1, "c.csv");
  EXPECT_EQ(projection.find_sent("alpha", "flow", "a.csv", 0)->id, newer);
  EXPECT_EQ(ids(projection.sent("alpha", "flow", kSecond)), (Ids{newer, other}));
  EXPECT_TRUE(projection.find_transfer(late)) << "it has its receipt all the same";
}

TEST(ProjectionSent, AListingCostsWhatItListsAndNotWhatWasEverSent) {
  Projection projection;
  constexpr std::uint64_t kEver = 100'000;
  for (std::uint64_t seq = 0; seq < kEver; ++seq)
    accept(projection, seq, "file-" + std::to_string(seq) + ".csv");
  const auto today = accept(projection, kEver + 2 * static_cast<std::uint64_t>(kDay / kSecond), "today.csv");
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(ids(projection.sent("alpha", "flow", static_cast<Micros>(kEver) * kSecond)), Ids{today});
  // Going through all the names takes a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

}  // namespace
}  // namespace chancery::transfer
