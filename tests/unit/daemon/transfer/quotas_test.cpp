#include "daemon/transfer/quotas.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/transfer/underway.h"
#include "stage.h"

namespace chancery::transfer {
namespace {

constexpr entry::Micros kHour = 3'600'000'000;

class QuotasTest : public testing::Test {
 protected:
  void set(const agreement::Quota& agency, const agreement::Quota& route) {
    auto changed = std::make_shared<route::Policy>(*stage.policy);
    changed->hash = std::string(64, 'b');
    changed->agencies["alpha"].quota = agency;
    changed->routes["flow"].quota = route;
    stage.policy = changed;
    stage.exchange->activate(changed);
  }
  std::string code() const {
    const auto refused = stage.ledger.last("file.refused");
    return refused ? refused->plain.at("code") : "(no entry)";
  }
  std::uint64_t accepted_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& one : stage.ledger.stored)
      if (one.event.name == "file.accepted") sum += std::stoull(one.event.committed.at("size"));
    return sum;
  }
  // Puts `count` files of `size` bytes from each of `threads` threads at once.
  void put_from_many(unsigned threads, unsigned count, std::size_t size) {
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; ++t) {
      all.emplace_back([this, t, count, size] {
        for (unsigned i = 0; i < count; ++i)
          stage.put(std::to_string(t) + "-" + std::to_string(i) + ".csv", std::string(size, 'x'));
      });
    }
    for (auto& thread : all) thread.join();
  }

  using Answer = std::future<std::optional<Problem>>;
  static Answer asked(const std::function<void(Done)>& start) {
    auto promise = std::make_shared<std::promise<std::optional<Problem>>>();
    start([promise](std::optional<Problem> problem) { promise->set_value(std::move(problem)); });
    return promise->get_future();
  }
  // Sends and does not wait for the answer, as clients do with many WRITEs and some with CLOSE.
  static Answer send(const UploadPtr& upload, std::uint64_t offset, std::size_t size) {
    return asked(
        [&](Done done) { upload->write(offset, std::vector<std::uint8_t>(size, 'x'), std::move(done)); });
  }
  Answer send_close(const UploadPtr& upload) {
    return asked([&](Done done) { stage.exchange->close(upload, std::move(done)); });
  }
  static void settle(const UploadPtr& upload) {
    Stage::wait([&](const Done& done) { upload->settle([done](std::uint64_t) { done(std::nullopt); }); });
  }
  UploadPtr begin(const std::string& name) { return std::get<UploadPtr>(stage.begin(name)); }
  // Another agency that sends on the route.
  void let_delta_send(const agreement::Quota& route) {
    auto changed = std::make_shared<route::Policy>(*stage.policy);
    changed->agencies["delta"] = changed->agencies["alpha"];
    changed->agencies["delta"].id = "delta";
    changed->routes["flow"].from = {"alpha", "delta"};
    stage.policy = changed;
    set({}, route);
  }
  UploadPtr begin_as_delta(const std::string& name) {
    return std::get<UploadPtr>(stage.exchange->begin({"delta-1", "delta", "k", "a"}, "flow", name));
  }
  static double seconds_of(const std::function<void()>& work) {
    const auto before = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  }

  Stage stage;
};

// A quota of either.
enum class Of { agency, route };

class QuotasOf : public QuotasTest, public testing::WithParamInterface<Of> {
 protected:
  void set_one(const agreement::Quota& quota) { GetParam() == Of::agency ? set(quota, {}) : set({}, quota); }
};

INSTANTIATE_TEST_SUITE_P(Each, QuotasOf, testing::Values(Of::agency, Of::route), [](const auto& of) {
  return std::string(of.param == Of::agency ? "agency" : "route");
});

TEST_P(QuotasOf, FilesOfADayAreNeverExceededByManyAtOnce) {
  set_one({.files_per_day = 40});
  put_from_many(16, 6, 100);
  EXPECT_EQ(stage.ledger.count("file.accepted"), 40U) << "all that there is, and no more";
  EXPECT_EQ(code(), "quota-files");
}

TEST_P(QuotasOf, BytesOfADayAreNeverExceededByManyAtOnce) {
  set_one({.bytes_per_day = 1'000'000});
  put_from_many(16, 4, 70'000);
  EXPECT_LE(accepted_bytes(), 1'000'000U);
  EXPECT_GE(stage.ledger.count("file.accepted"), 1U);
  // Nothing stays reserved by what was refused: one after another, what still fits is taken.
  while (!stage.put("more.csv", std::string(10'000, 'x'))) continue;
  EXPECT_GT(accepted_bytes(), 990'000U);
  EXPECT_LE(accepted_bytes(), 1'000'000U);
  EXPECT_EQ(code(), "quota-bytes");
}

TEST_P(QuotasOf, ARateHoldsClientsBackAndRefusesNothing) {
  set_one({.bytes_per_second = 200'000});
  const auto before = std::chrono::steady_clock::now();
  std::thread other([&] { EXPECT_FALSE(stage.put("1.csv", std::string(150'000, 'x'))); });
  EXPECT_FALSE(stage.put("2.csv", std::string(150'000, 'x')));
  other.join();
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_GE(took, std::chrono::milliseconds(1450)) << "both together pass 300,000 bytes";
  EXPECT_EQ(stage.ledger.count("file.accepted"), 2U);
}

TEST_P(QuotasOf, ACloseWaitsUntilItsBytesHavePassed) {
  set_one({.bytes_per_second = 200'000});
  for (const char* const name : {"1.csv", "2.csv.part"}) {
    const auto upload = begin(name);
    const double took = seconds_of([&] {
      auto written = send(upload, 0, 200'000);
      auto closed = send_close(upload);
      EXPECT_FALSE(written.get());
      EXPECT_NE(closed.wait_for(std::chrono::milliseconds(300)), std::future_status::ready)
          << "only the CLOSE waits";
      EXPECT_FALSE(closed.get());
    });
    EXPECT_GE(took, 0.95) << name;
  }
}

TEST_P(QuotasOf, WhoReconnectsWaitsForWhatHadNotPassed) {
  set_one({.bytes_per_second = 200'000});
  const double took = seconds_of([&] {
    auto upload = begin("1.csv");
    const double reconnecting = seconds_of([&] {
      for (std::uint64_t at = 0; at < 300'000; at += 100'000) {
        auto answer = send(upload, at, 100'000);
        stage.exchange->drop(upload);
        EXPECT_FALSE(answer.get());
        upload = stage.exchange->resume(stage.sender, upload, at + 100'000);
      }
    });
    EXPECT_LT(reconnecting, 1) << "nothing is held for a session that is gone";
    EXPECT_FALSE(send_close(upload).get());
  });
  EXPECT_GE(took, 1.45);
  EXPECT_EQ(accepted_bytes(), 300'000U);
}

// Each of the ways to give up has minutes in flight.
TEST_F(QuotasTest, WhoGivesUpLeavesNoDebt) {
  let_delta_send({.bytes_per_second = 100'000});
  const double took = seconds_of([&] {
    for (int i = 0; i < 3; ++i) {  // the second and third replace the one before
      const auto lost = begin("1.csv");
      send(lost, 0, 1'000'000);
      stage.exchange->drop(lost);
      settle(lost);
    }
    const auto abandoned = begin("2.csv");
    send(abandoned, 0, 1'000'000);
    abandoned->abandon("removed", "as the test wishes");
    const auto refused = begin("3.csv");
    auto answer = send(refused, 0, 1'000'000);
    EXPECT_TRUE(send(refused, 0, 10).get());
    EXPECT_TRUE(answer.get());
    EXPECT_FALSE(send(begin_as_delta("4.csv"), 0, 10'000).get());
  });
  EXPECT_LT(took, 5) << "50 seconds' worth were given up";
}

TEST_F(QuotasTest, AgenciesTakeTurnsOnARoute) {
  let_delta_send({.bytes_per_second = 200'000});
  std::vector<UploadPtr> uploads;
  std::vector<Answer> answers;
  for (int i = 0; i < 8; ++i) {
    uploads.push_back(begin(std::to_string(i) + ".csv"));
    answers.push_back(send(uploads.back(), 0, 500'000));
    settle(uploads.back());
  }
  const auto other = begin_as_delta("d.csv");
  EXPECT_LT(seconds_of([&] { EXPECT_FALSE(send(other, 0, 10'000).get()); }), 5)
      << "20 seconds' worth are in flight, of which one piece of 256 KiB goes first";
  for (const auto& upload : uploads) stage.exchange->drop(upload);
  for (auto& answer : answers) answer.get();
}

// All that waits for its turn gets it, whoever gives up before it.
TEST_F(QuotasTest, NobodyWaitsForATurnThatWasGivenUp) {
  set({.bytes_per_second = 1'000'000}, {.bytes_per_second = 1'000'000});
  std::vector<std::thread> all;
  all.reserve(6);
  for (int t = 0; t < 6; ++t) {
    all.emplace_back([this, t] {
      for (int i = 0; i < 10; ++i) {
        const auto upload = begin(std::to_string(t) + ".csv");
        for (std::uint64_t at = 0; at < 300'000; at += 30'000) send(upload, at, 30'000);
        if (i % 3 == 0) settle(upload);
        stage.exchange->drop(upload);
      }
      EXPECT_FALSE(stage.put(std::to_string(t) + ".csv", std::string(100'000, 'x')));
    });
  }
  const double took = seconds_of([&] {
    for (auto& thread : all) thread.join();
  });
  EXPECT_GE(took, 0.5);
  EXPECT_LT(took, 9) << "18 seconds' worth were given up";
}

TEST_F(QuotasTest, AreCountedAfterARestartAndBeginAgainAtMidnight) {
  set({.files_per_day = 2}, {});  // it is 14:13 UTC, and 15:13 in London
  ASSERT_FALSE(stage.put("1.csv", "x"));
  ASSERT_FALSE(stage.put("2.csv", "x"));
  stage.open();
  const auto problem = stage.put("3.csv", "x");
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->kind, Problem::Kind::denied);
  EXPECT_EQ(
      problem->sentence,
      "Today's quota of 2 files of your agency is used up, what is on its way included; it begins again "
      "at midnight. Send the rest then, or ask the hub for more.");
  stage.ledger.now += 8 * kHour;  // 23:13 in London
  EXPECT_TRUE(stage.put("3.csv", "x"));
  stage.ledger.now += kHour;  // 00:13 there, 23:13 UTC
  EXPECT_FALSE(stage.put("3.csv", "x"));
  EXPECT_FALSE(stage.put("4.csv", "x"));
  EXPECT_TRUE(stage.put("5.csv", "x"));
}

TEST_F(QuotasTest, WhatIsOnItsWayIsReservedAndGivenBack) {
  set({.files_per_day = 1}, {});
  auto open = std::get<std::shared_ptr<Upload>>(stage.begin("1.csv"));
  ASSERT_FALSE(Stage::write(open, 0, "rows"));
  EXPECT_TRUE(stage.put("2.csv", "x"));
  stage.exchange->drop(open);
  Stage::wait([&](const Done& done) { open->settle([done](std::uint64_t) { done(std::nullopt); }); });
  EXPECT_TRUE(stage.put("2.csv", "x")) << "it is kept for its client to go on with";
  ASSERT_FALSE(Stage::wait(
      [&](const Done& done) { stage.exchange->remove_sent(stage.sender, "flow", "1.csv", done); }));
  Stage::wait([&](const Done& done) { open->settle([done](std::uint64_t) { done(std::nullopt); }); });
  EXPECT_FALSE(stage.put("2.csv", "x"));
}

TEST_F(QuotasTest, WhatBeganWithoutAQuotaCountsForWhoeverGetsOneMeanwhile) {
  auto open = std::get<std::shared_ptr<Upload>>(stage.begin("1.csv"));
  ASSERT_FALSE(Stage::write(open, 0, std::string(600, 'x')));
  set({.bytes_per_day = 1'000}, {.files_per_day = 2});
  EXPECT_TRUE(stage.put("2.csv", std::string(500, 'x')));
  EXPECT_EQ(code(), "quota-bytes");
  EXPECT_FALSE(stage.put("2.csv", std::string(300, 'x')));
  EXPECT_TRUE(stage.put("3.csv", ""));
  EXPECT_EQ(code(), "quota-files");
  EXPECT_FALSE(Stage::write(open, 600, std::string(600, 'x'))) << "it keeps to the policy it began under";
  EXPECT_FALSE(Stage::wait([&](Done done) { stage.exchange->close(open, std::move(done)); }));
}

TEST_F(QuotasTest, OfARouteAreForAllWhoSendOnIt) {
  let_delta_send({.files_per_day = 1});
  ASSERT_FALSE(stage.put("1.csv", "x"));
  const auto refused = stage.exchange->begin({"delta-1", "delta", "k", "a"}, "flow", "2.csv");
  ASSERT_TRUE(std::holds_alternative<Problem>(refused));
  EXPECT_NE(std::get<Problem>(refused).sentence.find("of the route \"flow\""), std::string::npos);
}

TEST_F(QuotasTest, AStopDoesNotWaitForAnswersThatAreHeldBack) {
  set({.bytes_per_second = 16'384}, {});
  auto open = std::get<std::shared_ptr<Upload>>(stage.begin("1.csv"));
  std::atomic<bool> answered = false;
  open->write(0, std::vector<std::uint8_t>(4 << 20), [&](const auto&) { answered = true; });
  const auto before = std::chrono::steady_clock::now();
  stage.exchange->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(100)) << "256 seconds' worth";
  EXPECT_TRUE(answered);
}

TEST_F(QuotasTest, AStopGivesUpWhatIsClosedButHasNotPassed) {
  set({.bytes_per_second = 16'384}, {});
  const auto upload = begin("1.csv"), second = begin("2.csv");
  auto written = send(upload, 0, 4 << 20), closed = send_close(upload);
  auto waits = send(second, 0, 4 << 20);
  settle(upload);
  EXPECT_LT(seconds_of([&] { stage.exchange->stop(); }), 60) << "512 seconds' worth";
  EXPECT_FALSE(written.get());
  EXPECT_TRUE(closed.get());
  EXPECT_TRUE(waits.get());
  EXPECT_EQ(stage.ledger.count("file.accepted"), 0U);
  EXPECT_EQ(stage.ledger.count("file.abandoned"), 2U);
}

// Nobody is refused for a file that is both on its way and accepted, and nobody overlooks it.
TEST_F(QuotasTest, WhatEndsIsNeverCountedTwice) {
  auto policy = std::make_shared<route::Policy>(*stage.policy);
  policy->agencies["alpha"].quota.files_per_day = 2;
  Projection projection;
  Quotas quotas(projection, [this] { return stage.ledger.now.load(); });
  const auto reserve = [&] { return quotas.reserve(policy, "alpha", "flow"); };
  auto first = std::get<std::shared_ptr<Quotas::Reservation>>(reserve());
  std::future<bool> second;
  first->end_with([&] {
    entry::Event accepted;
    accepted.id = entry::new_id();
    accepted.name = "file.accepted";
    accepted.plain = {{"agency", "alpha"}, {"route", "flow"}, {"transfer", entry::to_hex(accepted.id)}};
    accepted.committed = {{"name", "a.csv"}, {"size", "4"}};
    projection.apply(0, stage.ledger.now, accepted);
    second = std::async(std::launch::async, [&] {
      const auto reserved = reserve();
      return std::holds_alternative<std::shared_ptr<Quotas::Reservation>>(reserved);
    });
    second.wait_for(std::chrono::milliseconds(200));
  });
  EXPECT_TRUE(second.get()) << "one of two is used";
  const auto kept = std::get<std::shared_ptr<Quotas::Reservation>>(reserve());
  EXPECT_TRUE(std::holds_alternative<OverQuota>(reserve())) << "one is used and one on its way";
}

TEST_F(QuotasTest, SessionsOfAnAgencyAreCounted) {
  set({.sessions = 2}, {});
  auto first = stage.exchange->take_seat(stage.sender), second = stage.exchange->take_seat(stage.sender);
  ASSERT_TRUE(std::holds_alternative<std::shared_ptr<void>>(second));
  const auto third = stage.exchange->take_seat(stage.sender);
  ASSERT_TRUE(std::holds_alternative<Problem>(third));
  EXPECT_NE(std::get<Problem>(third).sentence.find("(2 at once)"), std::string::npos);
  EXPECT_EQ(code(), "quota-sessions");
  EXPECT_TRUE(std::holds_alternative<std::shared_ptr<void>>(stage.exchange->take_seat(stage.receiver)));
  first = Problem{};
  EXPECT_TRUE(std::holds_alternative<std::shared_ptr<void>>(stage.exchange->take_seat(stage.sender)));
}

TEST(SeatsTest, AreNeverMoreThanThereAre) {
  Seats seats;
  std::atomic<unsigned> taken = 0, most = 0;
  std::vector<std::thread> all;
  all.reserve(16);
  for (int t = 0; t < 16; ++t) {
    all.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto seat = seats.take("alpha", 5);
        if (!seat) continue;
        const unsigned now = ++taken;
        unsigned seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
        --taken;
      }
    });
  }
  for (auto& thread : all) thread.join();
  EXPECT_LE(most, 5U);
  EXPECT_GE(most, 1U);
}

}  // namespace
}  // namespace chancery::transfer
