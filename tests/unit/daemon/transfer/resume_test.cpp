#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "stage.h"

// A connection ends in the middle of an upload, and its client comes back.
namespace chancery::transfer {
namespace {

constexpr entry::Micros kMinute = 60'000'000;

class ResumeTest : public testing::Test {
 protected:
  Stage stage;
  Caller again{"alpha-upload", "alpha", "SHA256:other", "10.0.0.9"};

  // An upload of `bytes` whose connection has ended.
  std::shared_ptr<Upload> lost(const std::string& name, const std::string& bytes) {
    auto upload = std::get<std::shared_ptr<Upload>>(stage.begin(name));
    EXPECT_FALSE(Stage::write(upload, 0, bytes));
    stage.exchange->drop(upload);
    settle(upload);
    return upload;
  }
  // Waits until everything before it on the upload's strand is done.
  static void settle(const std::shared_ptr<Upload>& upload) {
    Stage::wait([&](const Done& done) { upload->settle([done](std::uint64_t) { done(std::nullopt); }); });
  }
  std::shared_ptr<Upload> unfinished(const std::string& name, const Caller& caller) {
    return std::get<std::shared_ptr<Upload>>(stage.exchange->find_unfinished(caller, "flow", name));
  }
  std::optional<Problem> close(const std::shared_ptr<Upload>& upload) {
    return Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); });
  }
  void expect_abandoned(std::size_t count) {
    stage.ledger.wait_for("file.abandoned", count);
    EXPECT_EQ(stage.ledger.count("file.abandoned"), count);
  }
  std::string code() const {
    const auto abandoned = stage.ledger.last("file.abandoned");
    return abandoned ? abandoned->plain.at("code") : "(no entry)";
  }
  std::string delivered(const std::string& shown) {
    const auto delivery = stage.exchange->projection().find_waiting("beta", "flow", shown);
    if (!delivery) return "(not delivered)";
    auto opened = stage.open_delivery(*delivery);
    return Stage::opened(Stage::read(std::get<std::shared_ptr<Reading>>(opened), 0, 1 << 20), stage.beta);
  }
};

TEST_F(ResumeTest, GoesOnWhereTheConnectionEnded) {
  const std::string first(100'001, 'a'), rest(77'777, 'b');
  const auto upload = lost("oct.csv", first);
  EXPECT_EQ(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv")->size, first.size());
  const auto found = unfinished("oct.csv", again);
  ASSERT_TRUE(found);
  const auto resumed = stage.exchange->resume(again, found, first.size());
  ASSERT_FALSE(Stage::write(resumed, first.size(), rest));
  ASSERT_FALSE(close(resumed));
  EXPECT_EQ(delivered("oct.csv.age"), first + rest);
  const auto accepted = stage.ledger.last("file.accepted");
  EXPECT_EQ(accepted->plain.at("transfer"), upload->id());
  EXPECT_EQ(accepted->committed.at("size"), std::to_string(first.size() + rest.size()));
  EXPECT_EQ(accepted->committed.at("address"), "10.0.0.9") << "whoever finished it";
  EXPECT_FALSE(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv"));
  EXPECT_EQ(stage.ledger.count("file.abandoned"), 0U);
}

TEST_F(ResumeTest, CanEndAndGoOnManyTimes) {
  auto upload = lost("oct.csv", "0");
  for (unsigned i = 1; i < 10; ++i) {
    upload = stage.exchange->resume(again, unfinished("oct.csv", again), i);
    ASSERT_FALSE(Stage::write(upload, i, std::to_string(i)));
    stage.exchange->drop(upload);
    settle(upload);
  }
  upload = stage.exchange->resume(again, unfinished("oct.csv", again), 10);
  ASSERT_FALSE(close(upload));
  EXPECT_EQ(delivered("oct.csv.age"), "0123456789");
}

TEST_F(ResumeTest, ElsewhereThanAtItsEndIsRefusedAndLosesNothing) {
  lost("oct.csv", "0123456789");
  for (const std::uint64_t offset : {std::uint64_t{4}, std::uint64_t{11}}) {
    const auto wrong = stage.exchange->resume(again, unfinished("oct.csv", again), offset);
    const auto problem = Stage::write(wrong, offset, "x");
    ASSERT_TRUE(problem);
    EXPECT_NE(problem->sentence.find("first 10 bytes"), std::string::npos) << problem->sentence;
    EXPECT_TRUE(close(wrong));
    stage.exchange->drop(wrong);
    settle(wrong);
  }
  EXPECT_EQ(stage.ledger.count("file.refused"), 0U);
  const auto right = stage.exchange->resume(again, unfinished("oct.csv", again), 10);
  ASSERT_FALSE(Stage::write(right, 10, "abc"));
  ASSERT_FALSE(close(right));
  EXPECT_EQ(delivered("oct.csv.age"), "0123456789abc");
}

TEST_F(ResumeTest, TakesItFromASessionThatDoesNotKnowItIsDead) {
  const auto dead = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv"));
  ASSERT_FALSE(Stage::write(dead, 0, "abc"));
  const auto alive = stage.exchange->resume(again, unfinished("oct.csv", again), 3);
  ASSERT_FALSE(Stage::write(alive, 3, "def"));
  const auto problem = Stage::write(dead, 3, "xyz");
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->sentence.find("went on with this file"), std::string::npos) << problem->sentence;
  EXPECT_TRUE(close(dead));
  stage.exchange->drop(dead);
  settle(dead);
  EXPECT_FALSE(close(alive));
  EXPECT_EQ(delivered("oct.csv.age"), "abcdef");
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U);
  EXPECT_EQ(stage.ledger.count("file.abandoned") + stage.ledger.count("file.refused"), 0U);
}

// The client of the one session is told that the file is gone, while the other is about to go on with it.
TEST_F(ResumeTest, WhatWasRemovedMeanwhileIsNotDelivered) {
  for (int i = 0; i < 50; ++i) {
    lost("oct.csv", "abc");
    const auto found = unfinished("oct.csv", again);
    ASSERT_TRUE(found);
    ASSERT_FALSE(Stage::wait(
        [&](const Done& done) { stage.exchange->remove_sent(stage.sender, "flow", "oct.csv", done); }));
    const auto resumed = stage.exchange->resume(again, found, 3);
    resumed->write(3, {'d'}, [](const auto&) {});
    EXPECT_TRUE(close(resumed));
  }
  EXPECT_EQ(stage.ledger.count("file.accepted"), 0U);
}

// The same in the other order: the resume has taken it, and REMOVE then finds nothing or is answered OK.
TEST_F(ResumeTest, WhatIsRemovedInTheMomentOfAResumeIsDeliveredOnlyIfTheRemovalFailed) {
  int delivered = 0, removed = 0;
  for (int i = 0; i < 200; ++i) {
    lost("oct.csv", "abc");
    const auto found = unfinished("oct.csv", again);
    ASSERT_TRUE(found);
    const auto resumed = stage.exchange->resume(again, found, 3);
    std::promise<std::optional<Problem>> closed;
    stage.exchange->close(resumed, [&](auto problem) { closed.set_value(std::move(problem)); });
    const bool gone = !Stage::wait(
        [&](const Done& done) { stage.exchange->remove_sent(stage.sender, "flow", "oct.csv", done); });
    const bool accepted = !closed.get_future().get();
    EXPECT_FALSE(gone && accepted);
    delivered += accepted;
    removed += gone;
  }
  EXPECT_EQ(static_cast<int>(stage.ledger.count("file.accepted")), delivered);
  EXPECT_GT(delivered + removed, 0);
}

TEST_F(ResumeTest, OfAnotherAccountItIsNot) {
  lost("oct.csv", "0123456789");
  EXPECT_FALSE(unfinished("oct.csv", {"alpha-second", "alpha", "SHA256:c", "10.0.0.9"}));
  EXPECT_FALSE(unfinished("nov.csv", again));
}

TEST_F(ResumeTest, BeginningAnewGivesUpWhatWasThere) {
  const auto old = lost("oct.csv", "0123456789");
  ASSERT_FALSE(stage.put("oct.csv", "all of it"));
  expect_abandoned(1);
  EXPECT_EQ(code(), "replaced");
  EXPECT_EQ(stage.ledger.last("file.abandoned")->plain.at("transfer"), old->id());
  EXPECT_EQ(delivered("oct.csv.age"), "all of it");
  EXPECT_EQ(stage.object_files().size(), 2U);
}

TEST_F(ResumeTest, WhatWasReplacedWhileItsSessionHungIsNotKept) {
  const auto hung = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv"));
  ASSERT_FALSE(Stage::write(hung, 0, "half of"));
  ASSERT_FALSE(stage.put("oct.csv", "all of it"));
  stage.exchange->drop(hung);
  expect_abandoned(1);
  EXPECT_EQ(code(), "replaced");
  EXPECT_FALSE(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv"));
}

TEST_F(ResumeTest, EndsAfterAnHourWithAnEntryThatSaysSo) {
  const auto upload = lost("oct.csv", "0123456789");
  stage.ledger.now += 59 * kMinute;
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // housekeeping has looked
  const auto resumed = stage.exchange->resume(again, unfinished("oct.csv", again), 10);
  ASSERT_FALSE(Stage::write(resumed, 10, ""));
  stage.exchange->drop(resumed);
  settle(resumed);
  stage.ledger.now += 59 * kMinute;
  EXPECT_TRUE(unfinished("oct.csv", again)) << "the hour began anew";
  stage.ledger.now += 2 * kMinute;
  expect_abandoned(1);
  EXPECT_EQ(code(), "connection-lost");
  EXPECT_FALSE(unfinished("oct.csv", again));
  EXPECT_TRUE(stage.object_files().empty());
  // Whoever holds it still is told so.
  const auto late = stage.exchange->resume(again, upload, 10);
  const auto problem = Stage::write(late, 10, "x");
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->sentence, kNothingKept);
}

TEST_F(ResumeTest, OfAnAccountFourAreKeptAndTheOldestGoesFirst) {
  for (int i = 0; i < 6; ++i) {
    stage.ledger.now += 1000;
    lost(std::to_string(i) + ".csv", "rows");
  }
  stage.ledger.now += 2 * kMinute;  // equal ones are kept together for a minute
  expect_abandoned(2);
  EXPECT_EQ(stage.exchange->in_progress(stage.sender, "flow").size(), 4U);
  EXPECT_FALSE(unfinished("1.csv", again));
  EXPECT_TRUE(unfinished("2.csv", again));
  EXPECT_EQ(code(), "too-many-files");
}

TEST_F(ResumeTest, AWithdrawnRouteIsWithdrawnFromItToo) {
  lost("oct.csv", "0123456789");
  auto changed = std::make_shared<route::Policy>(*stage.policy);
  changed->hash = std::string(64, 'b');
  changed->routes["flow"].state = route::State::suspended;
  stage.exchange->activate(changed);
  const auto found = stage.exchange->find_unfinished(again, "flow", "oct.csv");
  ASSERT_TRUE(std::holds_alternative<Problem>(found));
  EXPECT_NE(std::get<Problem>(found).sentence.find("suspended"), std::string::npos);
}

TEST_F(ResumeTest, AfterARestartNothingIsKeptAndAnEntrySaysSo) {
  lost("oct.csv", "0123456789");
  stage.open();
  EXPECT_EQ(code(), "hub-stopped");
  EXPECT_FALSE(unfinished("oct.csv", again));
  EXPECT_TRUE(stage.object_files().empty());
}

TEST_F(ResumeTest, WhatIsKeptCanBeRemovedButNotRenamed) {
  lost("oct.csv.part", "0123456789");
  const auto renamed = Stage::wait([&](Done done) {
    stage.exchange->rename(stage.sender, "flow", "oct.csv.part", "oct.csv", std::move(done));
  });
  ASSERT_TRUE(renamed);
  EXPECT_NE(renamed->sentence.find("Resume it"), std::string::npos) << renamed->sentence;
  EXPECT_FALSE(Stage::wait(
      [&](const Done& done) { stage.exchange->remove_sent(stage.sender, "flow", "oct.csv.part", done); }));
  expect_abandoned(1);
  EXPECT_EQ(code(), "removed");
}

TEST_F(ResumeTest, AClosedTemporaryFileCanBeGoneOnWith) {
  ASSERT_FALSE(stage.put("oct.csv.part", "0123456789"));
  const auto resumed = stage.exchange->resume(again, unfinished("oct.csv.part", again), 10);
  ASSERT_FALSE(Stage::write(resumed, 10, "abc"));
  ASSERT_FALSE(close(resumed));
  ASSERT_FALSE(Stage::wait([&](Done done) {
    stage.exchange->rename(stage.sender, "flow", "oct.csv.part", "oct.csv", std::move(done));
  }));
  EXPECT_EQ(delivered("oct.csv.age"), "0123456789abc");
}

// A file that took more than an hour to upload has its full hour to be renamed in.
TEST_F(ResumeTest, TheHourForTheRenameBeginsAtTheClose) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv.part"));
  ASSERT_FALSE(Stage::write(upload, 0, "rows"));
  stage.ledger.now += 70 * kMinute;
  ASSERT_FALSE(close(upload));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // housekeeping has looked
  EXPECT_FALSE(Stage::wait([&](Done done) {
    stage.exchange->rename(stage.sender, "flow", "oct.csv.part", "oct.csv", std::move(done));
  }));
}

}  // namespace
}  // namespace chancery::transfer
