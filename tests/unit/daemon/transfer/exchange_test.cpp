#include "daemon/transfer/exchange.h"

#include <chrono>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "ledger/entry/event_table.h"
#include "stage.h"

namespace chancery::transfer {
namespace {

class ExchangeTest : public testing::Test {
 protected:
  Stage stage;

  std::vector<Delivery> waiting(const std::string& agency = "beta") const {
    return stage.exchange->projection().waiting(agency, "flow");
  }
  std::string collect(const Delivery& delivery) {
    auto opened = stage.open_delivery(delivery);
    EXPECT_TRUE(std::holds_alternative<std::shared_ptr<Reading>>(opened));
    return Stage::read(std::get<std::shared_ptr<Reading>>(opened), 0, 1 << 20);
  }
};

TEST_F(ExchangeTest, AnUploadIsSealedToEachRecipientAndRecorded) {
  const std::string content(200'000, 'x');
  ASSERT_FALSE(stage.put("oct.csv", content));
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U);
  EXPECT_EQ(stage.ledger.count("delivery.made"), 2U);
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(waiting()[0].shown_name, "oct.csv.age");
  EXPECT_EQ(Stage::opened(collect(waiting()[0]), stage.beta), content);
  const auto accepted = stage.ledger.last("file.accepted");
  EXPECT_EQ(accepted->committed.at("size"), "200000");
  EXPECT_EQ(accepted->plain.at("outputs"), "2");
}

TEST_F(ExchangeTest, PlainTextIsNowhereOnTheDisk) {
  const std::string marker = "Margaret Ashworth 999 000 0018";
  ASSERT_FALSE(stage.put("oct.csv", marker + std::string(100'000, 'x') + marker));
  for (const auto& path : stage.object_files()) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(bytes.find(marker), std::string::npos) << path;
  }
  EXPECT_EQ(stage.object_files().size(), 2U);
}

TEST_F(ExchangeTest, AnEmptyFileIsAFile) {
  ASSERT_FALSE(stage.put("empty.csv", ""));
  EXPECT_EQ(Stage::opened(collect(waiting()[0]), stage.beta), "");
}

TEST_F(ExchangeTest, WritesWithinTheWindowAreReordered) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
  EXPECT_FALSE(Stage::write(upload, 6, "world"));
  EXPECT_EQ(upload->contiguous(), 0U);
  EXPECT_FALSE(Stage::write(upload, 0, "hello "));
  EXPECT_EQ(upload->contiguous(), 11U);
  EXPECT_FALSE(Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); }));
  EXPECT_EQ(Stage::opened(collect(waiting()[0]), stage.beta), "hello world");
}

TEST_F(ExchangeTest, GapsAndOverlapsFailWithASentence) {
  struct Case {
    std::vector<std::pair<std::uint64_t, std::string>> writes;
    std::string says;
  };
  const std::vector<Case> cases = {
      {{{5, "late"}}, "gap"},
      {{{0, "abc"}, {1, "b"}}, "already sealed"},
      {{{8 << 20, "far"}}, "gap"},
      {{{10, "abc"}, {12, "x"}}, "overlap"},
      {{{10, "abc"}, {9, "xy"}}, "overlap"},
      {{{10, "abc"}, {0, "0123456789ab"}}, "overlap"},
      {{{UINT64_MAX - 1, "abc"}}, "that long"},
  };
  for (const Case& one : cases) {
    auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
    std::optional<Problem> problem;
    for (const auto& [offset, bytes] : one.writes) problem = Stage::write(upload, offset, bytes);
    const auto closed = Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); });
    ASSERT_TRUE(closed) << one.says;
    EXPECT_NE(closed->sentence.find(one.says), std::string::npos) << closed->sentence;
  }
  EXPECT_TRUE(waiting().empty());
  EXPECT_TRUE(stage.object_files().empty());
  EXPECT_EQ(stage.ledger.count("file.accepted"), 0U);
}

TEST_F(ExchangeTest, WhatWaitsForEarlierBytesIsBounded) {
  auto crumbs = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
  std::size_t taken = 0;
  while (taken < 5000 && !Stage::write(crumbs, 2 * taken + 2, "x")) ++taken;
  EXPECT_EQ(taken, 1024U);
  const std::string piece(4'000'000, 'x');
  std::vector<std::shared_ptr<Upload>> uploads;
  const auto hold = [&] {
    uploads.push_back(std::get<std::shared_ptr<Upload>>(stage.begin("b.bin")));
    return Stage::write(uploads.back(), 1, piece);
  };
  while (uploads.size() < 40 && !hold()) continue;
  EXPECT_EQ(uploads.size(), 17U) << "64 MiB, and the one that was too much";
  EXPECT_FALSE(Stage::write(uploads[0], 0, "x")) << "what fills the gap is always taken";
  EXPECT_EQ(uploads[0]->contiguous(), piece.size() + 1);
  stage.exchange->drop(uploads[1]);
  EXPECT_TRUE(Stage::write(uploads[1], 0, "x")) << "it was given up";
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(hold()) << "there is room again";
  EXPECT_TRUE(hold());
}

TEST_F(ExchangeTest, TheFirstExcessByteEndsAnUpload) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
  const std::string block(4 << 20, 'x');
  for (int i = 0; i < 5; ++i)
    ASSERT_FALSE(Stage::write(upload, static_cast<std::uint64_t>(i) * block.size(), block));
  const auto problem = Stage::write(upload, 5 * block.size(), "x");
  ASSERT_TRUE(problem);
  EXPECT_EQ(stage.ledger.last("file.refused")->plain.at("code"), "too-large");
  EXPECT_TRUE(Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); }));
  EXPECT_TRUE(stage.object_files().empty());
}

TEST_F(ExchangeTest, ARefusalIsASentenceAndAnEntry) {
  const auto problem = stage.put("notes.doc", "x");
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->kind, Problem::Kind::denied);
  const auto refused = stage.ledger.last("file.refused");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->committed.at("name"), "notes.doc");
  EXPECT_EQ(refused->committed.at("reason"), problem->sentence);
  const std::string month = entry::format_time(stage.ledger.now).substr(0, 7);
  EXPECT_EQ(stage.exchange->projection().outcomes("alpha", month).size(), 1U);
}

TEST_F(ExchangeTest, EqualRefusalsWithinAMinuteAreOneFurtherEntry) {
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(stage.put("bad" + std::to_string(i) + ".doc", "x"));
  EXPECT_EQ(stage.ledger.count("file.refused"), 1U);
  stage.exchange->stop();
  EXPECT_EQ(stage.ledger.count("file.refused"), 2U);
  const auto rest = stage.ledger.last("file.refused");
  EXPECT_EQ(rest->plain.at("count"), "499");
  EXPECT_NE(rest->committed.at("reason").find("bad2.doc"), std::string::npos);
  EXPECT_LT(rest->committed.at("reason").size(), 4000U);
}

TEST_F(ExchangeTest, ATemporaryNameIsDeliveredAtItsRename) {
  ASSERT_FALSE(stage.put("oct.csv.part", "rows"));
  EXPECT_TRUE(waiting().empty());
  EXPECT_EQ(stage.exchange->find_in_progress(stage.sender, "flow", "oct.csv.part")->size, 4U);
  const auto rename = [&](const std::string& to) {
    return Stage::wait([&](Done done) {
      stage.exchange->rename(stage.sender, "flow", "oct.csv.part", to, std::move(done));
    });
  };
  EXPECT_TRUE(rename("oct.doc")) << "a name that is not accepted";
  EXPECT_TRUE(rename("other.part"));
  EXPECT_FALSE(rename("oct.csv")) << "the refusals before it must have lost nothing";
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(Stage::opened(collect(waiting()[0]), stage.beta), "rows");
  EXPECT_TRUE(rename("again.csv"));
}

TEST_F(ExchangeTest, ADroppedUploadOfNoBytesLeavesNothingButItsEntry) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
  ASSERT_FALSE(Stage::write(upload, 5, "what comes after a gap is not kept"));
  stage.exchange->drop(upload);
  stage.exchange->stop();
  EXPECT_TRUE(stage.object_files().empty());
  EXPECT_EQ(stage.ledger.last("file.abandoned")->plain.at("code"), "connection-lost");
}

TEST_F(ExchangeTest, RemovingAcknowledgesOnlyWhatWasCollectedWhole) {
  ASSERT_FALSE(stage.put("oct.csv", std::string(50'000, 'x')));
  const Delivery delivery = waiting()[0];
  const auto acknowledge = [&] {
    return Stage::wait(
        [&](const Done& done) { stage.exchange->acknowledge(stage.receiver, delivery, done); });
  };
  EXPECT_TRUE(acknowledge());
  auto reading = std::get<std::shared_ptr<Reading>>(stage.open_delivery(delivery));
  EXPECT_EQ(stage.ledger.count("delivery.opened"), 1U);
  const auto size = static_cast<std::uint32_t>(delivery.sealed_size);
  Stage::read(reading, size / 2, size);  // the second half first
  EXPECT_TRUE(acknowledge());
  EXPECT_EQ(stage.ledger.count("delivery.collected"), 0U);
  Stage::read(reading, 0, size / 2);
  EXPECT_EQ(stage.ledger.count("delivery.collected"), 1U);
  EXPECT_FALSE(acknowledge());
  EXPECT_TRUE(waiting().empty());
  EXPECT_EQ(waiting("gamma").size(), 1U) << "another agency's delivery is its own";
  EXPECT_EQ(stage.ledger.count("delivery.acknowledged"), 1U);
  EXPECT_EQ(stage.object_files().size(), 2U) << "kept seven days more";
}

TEST_F(ExchangeTest, AnObjectThatIsGoneIsNotCollectedAndTheOperatorIsTold) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  for (const auto& path : stage.object_files()) std::filesystem::remove(path);
  for (int i = 0; i < 2; ++i) {
    const auto opened = stage.open_delivery(waiting()[0]);
    ASSERT_TRUE(std::holds_alternative<Problem>(opened));
    EXPECT_EQ(std::get<Problem>(opened).sentence,
              "The hub cannot find this delivery's object. Please tell the hub.");
  }
  EXPECT_EQ(stage.ledger.count("delivery.opened"), 0U);
  EXPECT_EQ(stage.log(), std::vector<std::string>{"A delivery to beta failed: its object is not there"});
}

TEST_F(ExchangeTest, ManyWhoOpenADeliveryAtOnceAreOneEntry) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const Delivery delivery = waiting()[0];
  for (const auto outcome : {service::Outcome::refused, service::Outcome::durable}) {
    const auto opens = [&] {
      std::vector<std::future<bool>> opened;
      for (int i = 0; i < 10; ++i) {
        auto promise = std::make_shared<std::promise<bool>>();
        opened.push_back(promise->get_future());
        stage.exchange->open_delivery(stage.receiver, delivery, [promise](const auto& result) {
          promise->set_value(std::holds_alternative<std::shared_ptr<Reading>>(result));
        });
      }
      return opened;
    };
    stage.ledger.next = outcome;
    stage.ledger.hold = true;
    std::vector<std::future<bool>> opened = opens();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // all have come to the ledger
    for (const auto& one : opened)
      EXPECT_EQ(one.wait_for(std::chrono::seconds(0)), std::future_status::timeout)
          << "nothing is recorded yet";
    stage.ledger.release();
    for (auto& one : opened) EXPECT_EQ(one.get(), outcome == service::Outcome::durable);
  }
  EXPECT_EQ(stage.ledger.count("delivery.opened"), 1U);
}

TEST_F(ExchangeTest, ReadingAByteHereAndThereIsNotRemembered) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const auto reading = std::get<std::shared_ptr<Reading>>(stage.open_delivery(waiting()[0]));
  const auto size = static_cast<std::uint32_t>(waiting()[0].sealed_size);
  for (std::uint32_t first : {0U, 1U})
    for (std::uint32_t at = first; at < size; at += 2) Stage::read(reading, at, 1);
  EXPECT_EQ(stage.ledger.count("delivery.collected"), 0U) << "each byte once, with 65 gaps in between";
  for (std::uint32_t at = size; at > 0; at -= std::min(at, 8U))
    Stage::read(reading, at - std::min(at, 8U), 8);
  EXPECT_EQ(stage.ledger.count("delivery.collected"), 1U);
}

TEST_F(ExchangeTest, AnAcknowledgedObjectIsKeptForSevenDaysAndThenDisposedOf) {
  constexpr entry::Micros kDay = 24LL * 3'600'000'000;
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const Delivery delivery = waiting()[0];
  collect(delivery);
  ASSERT_FALSE(
      Stage::wait([&](const Done& done) { stage.exchange->acknowledge(stage.receiver, delivery, done); }));
  stage.ledger.now += 6 * kDay;
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // housekeeping has looked
  EXPECT_EQ(stage.object_files().size(), 2U);
  EXPECT_EQ(stage.ledger.count("object.disposed"), 0U);
  stage.ledger.now += 2 * kDay;
  for (int i = 0; i < 50 && stage.object_files().size() > 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_EQ(stage.object_files().size(), 1U) << "the other agency has not acknowledged its own";
  EXPECT_NE(stage.object_files()[0].filename(), delivery.object + ".age");
  ASSERT_EQ(stage.ledger.count("object.disposed"), 1U);
  const auto disposed = stage.ledger.last("object.disposed");
  EXPECT_EQ(disposed->plain.at("object"), delivery.object);
  EXPECT_EQ(disposed->plain.at("transfer"), delivery.transfer);
  EXPECT_EQ(disposed->plain.at("code"), "acknowledged");
  EXPECT_FALSE(entry::check_event(*disposed));
  EXPECT_EQ(stage.exchange->projection().find_transfer(delivery.transfer)->steps.back().event,
            "object.disposed");
  // Once, whoever looks again.
  stage.open();
  stage.ledger.now += kDay;
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_EQ(stage.ledger.count("object.disposed"), 1U);
  EXPECT_EQ(stage.object_files().size(), 1U);
  EXPECT_EQ(waiting("gamma").size(), 1U);
}

TEST_F(ExchangeTest, AnAcknowledgementOfUnknownOutcomeIsNotMadeTwice) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const Delivery delivery = waiting()[0];
  collect(delivery);
  const auto acknowledge = [&] {
    return Stage::wait(
        [&](const Done& done) { stage.exchange->acknowledge(stage.receiver, delivery, done); });
  };
  stage.ledger.next = service::Outcome::unknown;
  stage.ledger.store_unknown = true;
  stage.ledger.writable = true;
  EXPECT_TRUE(acknowledge());
  for (int i = 0; i < 50 && !stage.exchange->ledger_answers(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(acknowledge()) << "it is being removed already";
  stage.ledger.next = service::Outcome::durable;
  for (int i = 0; i < 50 && waiting().size() > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(waiting().empty());
  stage.exchange->stop();
  EXPECT_EQ(stage.ledger.count("delivery.acknowledged"), 1U);
}

TEST_F(ExchangeTest, AClockThatIsSetBackHoldsNothingUp) {
  constexpr entry::Micros kDay = 24LL * 3'600'000'000;
  EXPECT_TRUE(stage.put("bad.doc", "x"));
  EXPECT_TRUE(stage.put("worse.doc", "x"));
  stage.exchange->refused_at_door("10.0.0.1", "deadline");
  stage.ledger.now -= kDay;
  for (int i = 0; i < 50 && stage.ledger.count("session.refused") == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(stage.ledger.count("session.refused"), 1U);
  EXPECT_EQ(stage.ledger.count("file.refused"), 2U);
}

TEST_F(ExchangeTest, TwoFilesOfOneNameAreToldApartAlsoAfterARebuild) {
  ASSERT_FALSE(stage.put("oct.csv", "one"));
  ASSERT_FALSE(stage.put("oct.csv", "two"));
  const auto names = [&] {
    std::vector<std::string> result;
    for (const Delivery& delivery : waiting()) result.push_back(delivery.shown_name);
    return result;
  };
  const auto before = names();
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before[0], "oct.csv.age");
  EXPECT_TRUE(before[1].starts_with("oct~") && before[1].ends_with(".csv.age")) << before[1];
  stage.open();
  EXPECT_EQ(names(), before);
}

TEST_F(ExchangeTest, WhileTheLedgerIsAwayNothingIsTakenOrShown) {
  ASSERT_FALSE(stage.put("first.csv", "x"));
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("second.csv"));
  ASSERT_FALSE(Stage::write(upload, 0, "bytes"));
  stage.ledger.next = service::Outcome::refused;
  const auto problem = Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); });
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->sentence.find("try again later"), std::string::npos);
  EXPECT_EQ(waiting().size(), 1U);
  for (int i = 0; i < 50 && stage.object_files().size() > 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(stage.object_files().size(), 2U) << "only the first file's objects";
  EXPECT_TRUE(std::holds_alternative<Problem>(stage.open_delivery(waiting()[0])));
}

TEST_F(ExchangeTest, RefusalsMadeWhileTheLedgerIsAwayAreRecordedWhenItReturns) {
  stage.ledger.next = service::Outcome::refused;
  stage.ledger.try_again = true;
  EXPECT_TRUE(stage.put("notes.doc", "x"));
  EXPECT_EQ(stage.ledger.count("file.refused"), 0U);
  stage.ledger.next = service::Outcome::durable;
  for (int i = 0; i < 50 && stage.ledger.count("file.refused") == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(stage.ledger.count("file.refused"), 1U);
}

TEST_F(ExchangeTest, AnUnknownOutcomeIsToldAsUnknownAndResolvedLater) {
  stage.ledger.next = service::Outcome::unknown;
  stage.ledger.store_unknown = true;
  const auto problem = stage.put("oct.csv", "rows");
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->sentence.find("/receipts"), std::string::npos) << problem->sentence;
  EXPECT_EQ(stage.object_files().size(), 2U) << "no object goes while its entry may be there";
  EXPECT_TRUE(std::holds_alternative<Problem>(stage.begin("more.csv")));
  stage.ledger.next = service::Outcome::durable;
  for (int i = 0; i < 50 && waiting().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U) << "asked again, not appended again";
}

TEST_F(ExchangeTest, ALedgerThatIsBackInSecondsIsAskedBeforeTheClientIsAnswered) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv"));
  ASSERT_FALSE(Stage::write(upload, 0, "rows"));
  stage.ledger.next = service::Outcome::unknown;
  stage.ledger.store_unknown = true;
  std::thread returns([&] {
    while (stage.ledger.count("file.accepted") == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::seconds(1));
    stage.ledger.next = service::Outcome::durable;
  });
  EXPECT_FALSE(Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); }));
  returns.join();
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U) << "asked, not appended again";
  EXPECT_EQ(waiting().size(), 1U);
}

TEST_F(ExchangeTest, ALedgerThatCannotBeReachedIsWaitedForToo) {
  auto upload = std::get<std::shared_ptr<Upload>>(stage.begin("oct.csv"));
  ASSERT_FALSE(Stage::write(upload, 0, "rows"));
  stage.ledger.next = service::Outcome::refused;
  stage.ledger.try_again = true;
  std::thread returns([&] {
    while (stage.exchange->ledger_answers()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stage.ledger.next = service::Outcome::durable;
  });
  EXPECT_FALSE(Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); }));
  returns.join();
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U);
  EXPECT_EQ(waiting().size(), 1U);
}

TEST_F(ExchangeTest, ALedgerThatStaysAwayRefusesWhatItNeverGot) {
  stage.ledger.next = service::Outcome::refused;
  stage.ledger.try_again = true;
  stage.ledger.writable = true;  // as the hub believes until it asks
  const auto problem = stage.put("oct.csv", "rows");
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->sentence.find("try again later"), std::string::npos) << problem->sentence;
  for (int i = 0; i < 50 && !stage.object_files().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(stage.object_files().empty());
  stage.ledger.next = service::Outcome::durable;
  for (int i = 0; i < 50 && stage.ledger.count("file.refused") == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(stage.ledger.last("file.refused")->plain.at("code"), "ledger-unavailable");
  EXPECT_FALSE(stage.put("oct.csv", "rows"));
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U) << "the first one is not submitted late";
}

TEST_F(ExchangeTest, ARepetitionThatIsTurnedAwayRemovesNothing) {
  stage.ledger.next = service::Outcome::unknown;
  stage.ledger.store_unknown = true;
  ASSERT_TRUE(stage.put("oct.csv", "rows"));
  stage.ledger.try_again = true;
  stage.ledger.writable = true;
  stage.ledger.next = service::Outcome::refused;  // busy, closing, or away again: it has not looked
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_EQ(stage.object_files().size(), 2U);
  stage.ledger.next = service::Outcome::durable;
  for (int i = 0; i < 50 && waiting().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(waiting().size(), 1U);
}

TEST_F(ExchangeTest, RoutesOfOthersAreNotTellable) {
  auto changed = std::make_shared<route::Policy>(*stage.policy);
  changed->hash = std::string(64, 'c');
  route::Route other = changed->routes["flow"];
  other.id = "secret";
  other.from = {"gamma"};
  other.to = {"beta"};
  changed->routes["secret"] = other;
  stage.exchange->activate(changed);
  EXPECT_TRUE(std::holds_alternative<Problem>(stage.exchange->begin(stage.sender, "secret", "a.csv")));
  EXPECT_EQ(stage.ledger.last("file.refused")->plain.at("route"), "-");
}

TEST_F(ExchangeTest, ARestartSetsAsideWhatNoEntryNamesAndNothingElse) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  stage.exchange->stop();
  const std::string orphan(32, 'b');
  std::ofstream(stage.directory / "objects" / "bb" / (orphan + ".age")) << "sealed";
  const std::string lost(32, 'c');
  std::ofstream(stage.directory / "objects" / "tmp" / (orphan + "~" + lost + "~alpha~flow")) << "half";
  stage.open();
  EXPECT_EQ(stage.object_files().size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(stage.directory / "objects" / "orphans" / (orphan + ".age")));
  EXPECT_EQ(waiting().size(), 1U);
  const auto abandoned = stage.ledger.last("file.abandoned");
  ASSERT_TRUE(abandoned);
  EXPECT_EQ(abandoned->plain.at("transfer"), lost);
  EXPECT_EQ(abandoned->plain.at("code"), "hub-restarted");
}

// Two uploads under way, one of them closed under a temporary name, when the policy changes.
class PolicyChange : public ExchangeTest {
 protected:
  PolicyChange() {
    EXPECT_FALSE(stage.put("b.csv.part", "rows"));
    EXPECT_FALSE(Stage::write(open, 0, "rows"));
    changed->hash = std::string(64, 'b');
  }
  std::optional<Problem> close() {
    return Stage::wait([&](Done done) { stage.exchange->close(open, std::move(done)); });
  }
  std::optional<Problem> rename(const std::string& to) {
    return Stage::wait(
        [&](Done done) { stage.exchange->rename(stage.sender, "flow", "b.csv.part", to, std::move(done)); });
  }
  std::string policy_of(const std::string& event) {
    const auto entry = stage.ledger.last(event);
    return entry ? entry->plain.at("policy").substr(0, 1) : "no entry";
  }

  std::shared_ptr<Upload> open = std::get<std::shared_ptr<Upload>>(stage.begin("a.csv"));
  std::shared_ptr<route::Policy> changed = std::make_shared<route::Policy>(*stage.policy);
};

TEST_F(PolicyChange, LeavesTheRulesForAFileThatIsOnItsWay) {
  changed->routes["flow"].accept = {"*.pdf"};
  changed->routes["flow"].max_size = 1;
  stage.exchange->activate(changed);
  EXPECT_TRUE(std::holds_alternative<Problem>(stage.begin("c.csv")));
  EXPECT_FALSE(Stage::write(open, 4, "more"));
  EXPECT_FALSE(close());
  EXPECT_EQ(policy_of("file.accepted"), "a");
  const auto refused = rename("b.pdf");
  ASSERT_TRUE(refused) << "only the new policy accepts it";
  EXPECT_EQ(policy_of("file.refused"), "a");
  EXPECT_FALSE(rename("b.csv")) << "a refused rename loses nothing";
  EXPECT_EQ(policy_of("file.accepted"), "a");
  EXPECT_EQ(waiting().size(), 2U);
}

TEST_F(PolicyChange, CanWithdrawARouteFromWhatIsOnItsWay) {
  changed->routes["flow"].state = route::State::suspended;
  stage.exchange->activate(changed);
  EXPECT_EQ(stage.ledger.last("route.state")->plain.at("to"), "suspended");
  EXPECT_TRUE(std::holds_alternative<Problem>(stage.begin("c.csv")));
  for (const auto& refused : {close(), rename("b.csv")}) {
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, Problem::Kind::denied);
    EXPECT_NE(refused->sentence.find("suspended"), std::string::npos) << refused->sentence;
  }
  stage.exchange->stop();
  EXPECT_EQ(stage.ledger.count("file.accepted"), 0U);
  EXPECT_EQ(stage.ledger.last("file.refused")->plain.at("code"), "not-live");
  EXPECT_EQ(policy_of("file.refused"), "b");
  EXPECT_TRUE(stage.object_files().empty());
}

TEST_F(PolicyChange, ThatTakesTheSenderOffTheRouteTellsNoMoreThanThat) {
  changed->routes["flow"].from = {"gamma"};
  stage.exchange->activate(changed);
  ASSERT_TRUE(close());
  EXPECT_EQ(stage.ledger.last("file.refused")->plain.at("code"), "unknown-route");
  EXPECT_TRUE(waiting().empty());
}

// A session may still have a CLOSE before the hub that a rate holds back, or a file that waits for its
// rename.
TEST_F(PolicyChange, CanWithdrawTheAccountOrItsKeyFromWhatIsOnItsWay) {
  auto& accounts = changed->agencies["alpha"].accounts;
  std::erase_if(accounts[0].keys, [](const auto& key) { return key.fingerprint == "SHA256:a"; });
  stage.exchange->activate(changed);
  const auto by_key = close();
  ASSERT_TRUE(by_key);
  EXPECT_EQ(by_key->kind, Problem::Kind::denied);
  EXPECT_NE(by_key->sentence.find("withdrawn"), std::string::npos) << by_key->sentence;
  const auto without_account = std::make_shared<route::Policy>(*changed);
  without_account->hash = std::string(64, 'c');
  std::erase_if(without_account->agencies["alpha"].accounts,
                [](const auto& account) { return account.user == "alpha-upload"; });
  stage.exchange->activate(without_account);
  EXPECT_TRUE(rename("b.csv"));
  stage.exchange->stop();
  EXPECT_EQ(stage.ledger.count("file.accepted"), 0U);
  EXPECT_EQ(stage.ledger.last("file.refused")->plain.at("code"), "account-withdrawn");
  EXPECT_EQ(policy_of("file.refused"), "c");
  EXPECT_TRUE(stage.object_files().empty());
}

TEST_F(ExchangeTest, AKnownRefusalAtTheDoorIsCountedByAddress) {
  for (int i = 0; i < 1000; ++i)
    stage.exchange->refused_at_door("10.0." + std::to_string(i % 200) + ".1", "deadline");
  for (int i = 0; i < 10; ++i) stage.exchange->refused_at_door("2001:db8::" + std::to_string(i), "deadline");
  stage.exchange->stop();
  EXPECT_EQ(stage.ledger.count("session.refused"), 65U) << "64 rows and one for the rest";
}

TEST(ByteSetTest, CoversOnlyWhenEveryByteIsThere) {
  ByteSet set;
  set.add(10, 20);
  set.add(30, 40);
  EXPECT_FALSE(set.covers(40));
  set.add(0, 10);
  set.add(15, 31);
  EXPECT_TRUE(set.covers(40));
  EXPECT_FALSE(set.covers(41));
  set.add(40, 40);
  EXPECT_FALSE(set.covers(41));
  set.add(39, 41);
  EXPECT_TRUE(set.covers(41));
}

}  // namespace
}  // namespace chancery::transfer
