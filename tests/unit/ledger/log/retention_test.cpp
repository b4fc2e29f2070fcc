#include <set>

#include "tests/unit/ledger/log/fixture.h"

namespace chancery::log {
namespace {

constexpr entry::Micros kSecond = 1'000'000;
constexpr entry::Micros kHour = 3600 * kSecond;

class Retained : public LogTest {
 protected:
  // Which sizes there are checkpoints of.
  static std::set<std::uint64_t> sizes(const Log& log) {
    std::set<std::uint64_t> found;
    for (const auto& one : log.checkpoints(0, 0, kMaxBatch)) found.insert(one.size);
    return found;
  }
  static std::set<std::uint64_t> anchored(const Log& log) {
    std::set<std::uint64_t> found;
    for (std::uint64_t seq = 0; seq < log.head().size; ++seq) {
      const auto entry = entry_at(log, seq);
      if (entry.event == "log.anchor") found.insert(std::stoull(entry.plain.at("size")));
    }
    return found;
  }
  void append_and_sign(Log& log, int count) {
    for (int i = 0; i < count; ++i) {
      append(log, accepted(std::to_string(i)));
      pass(kSecond / 4);
      ASSERT_TRUE(soon([&] { return sizes(log).contains(log.head().size); }));
    }
  }
};

TEST_F(Retained, all_of_a_day_then_what_is_anchored_and_the_newest) {
  const auto log = open();
  append_and_sign(*log, 5);
  wall_ += 5 * kSecond;  // a clock.stepped will stand between the entries and their anchor
  pass(kHour);
  ASSERT_TRUE(soon([&] { return anchored(*log).size() == 1; }));
  append_and_sign(*log, 5);
  pass(23 * kHour - 2 * 60 * kSecond);
  ASSERT_TRUE(soon([&] { return anchored(*log).size() == 2; }));
  for (std::uint64_t size = 1; size <= 6; ++size) EXPECT_TRUE(sizes(*log).contains(size)) << size;

  pass(kHour);  // the first hour's are more than a day old now, those after it are not
  const std::set<std::uint64_t> before = sizes(*log);
  ASSERT_TRUE(soon([&] { return !sizes(*log).contains(5); }));
  const std::set<std::uint64_t> after = sizes(*log);
  EXPECT_EQ(*after.begin(), 6U) << "the anchored one is kept";
  for (const std::uint64_t size : before) EXPECT_EQ(after.contains(size), size >= 6) << size;

  pass(48 * kHour);
  ASSERT_TRUE(soon([&] { return sizes(*log).size() <= anchored(*log).size() + 2; }));
  for (const std::uint64_t size : anchored(*log)) EXPECT_TRUE(sizes(*log).contains(size)) << size;
  EXPECT_EQ(*sizes(*log).rbegin(), log->head().size);
}

// When nothing happens the same entries are signed for every ten minutes.
TEST_F(Retained, of_the_checkpoints_of_one_size_only_the_anchored_one_is_kept_for_good) {
  const auto log = open();
  const auto of_size = [&](std::uint64_t size) {
    std::vector<std::string> notes;
    for (const auto& one : log->checkpoints(size, 0, kMaxBatch)) {
      if (one.size == size) notes.push_back(one.note);
    }
    return notes;
  };
  append_and_sign(*log, 1);
  const std::uint64_t size = log->head().size;
  for (std::size_t notes = 2; notes < 6; ++notes) {
    pass(601 * kSecond);
    ASSERT_TRUE(soon([&] { return of_size(size).size() == notes; }));
  }
  pass(1200 * kSecond);
  ASSERT_TRUE(soon([&] { return anchored(*log).contains(size); }));
  const std::vector<std::string> notes = of_size(size);
  EXPECT_GE(notes.size(), 5U);

  pass(25 * kHour);
  ASSERT_TRUE(soon([&] { return of_size(size).size() < notes.size(); }));
  EXPECT_EQ(of_size(size), std::vector{notes.back()});
}

TEST_F(Retained, a_clock_that_jumps_far_ahead_leaves_the_newest) {
  const auto log = open();
  append_and_sign(*log, 3);
  wall_ += 365 * 24 * kHour;
  steady_ += 61 * kSecond;
  ASSERT_TRUE(soon([&] { return sizes(*log).size() == 1; }));
  EXPECT_TRUE(sizes(*log).contains(log->head().size));
}

TEST_F(Retained, a_clock_that_was_ahead_for_a_moment_stops_nothing) {
  const auto log = open();
  append_and_sign(*log, 2);
  wall_ += 365 * 24 * kHour;
  append_and_sign(*log, 2);
  wall_ -= 365 * 24 * kHour;
  append_and_sign(*log, 20);
  for (int day = 0; day < 3; ++day) pass(25 * kHour);
  EXPECT_TRUE(soon([&] { return sizes(*log).size() <= anchored(*log).size() + 5; })) << sizes(*log).size();
}

TEST_F(Retained, a_map_that_fills_up_is_told_of_once) {
  map_bytes_ = std::size_t{1} << 20;
  std::atomic<int> told = 0;
  Options given = options();
  given.alarm = [&](bool writable, const std::string&) { told += writable ? 1 : 100; };
  Log log(given);
  EXPECT_EQ(log.head().warning, "");
  while (append(log, accepted("x")).outcome == Outcome::durable) {
  }
  pass(61 * kSecond);
  ASSERT_TRUE(soon([&] { return !log.head().warning.empty(); }));
  EXPECT_NE(log.head().warning.find(" % of its map of 1 MiB"), std::string::npos) << log.head().warning;
  pass(61 * kSecond);
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace chancery::log
