#include "daemon/session/mailbox.h"

#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::session {
namespace {

sftp::StatusReply done() { return {}; }

TEST(Mailbox, WakesOnceForManyAnswers) {
  int woken = 0;
  const auto mailbox = std::make_shared<Mailbox>([&] { ++woken; });
  for (std::uint64_t id = 1; id <= 3; ++id) mailbox->answer_to(id)(done());
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(mailbox->take().size(), 3u);
  EXPECT_FALSE(mailbox->release());
  mailbox->answer_to(4)(done());
  EXPECT_EQ(woken, 2);
}

TEST(Mailbox, DoesNotWakeWhileHeldAndForgetsNothing) {
  int woken = 0;
  const auto mailbox = std::make_shared<Mailbox>([&] { ++woken; });
  mailbox->hold();
  mailbox->answer_to(1)(done());
  EXPECT_EQ(woken, 0);
  EXPECT_TRUE(mailbox->release());
  EXPECT_EQ(mailbox->take().size(), 1u);
}

TEST(Mailbox, OnlyTheFirstCallCounts) {
  const auto mailbox = std::make_shared<Mailbox>([] {});
  const Answer answer = mailbox->answer_to(1);
  const Answer copy = answer;
  answer(done());
  copy(sftp::StatusReply{sftp::Status::failure, "late"});
  const auto letters = mailbox->take();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(std::get<sftp::StatusReply>(letters.front().second).status, sftp::Status::ok);
}

TEST(Mailbox, AnAnswerThatIsDroppedIsAFailure) {
  const auto mailbox = std::make_shared<Mailbox>([] {});
  { const Answer dropped = mailbox->answer_to(7); }
  const auto letters = mailbox->take();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters.front().first, 7u);
  EXPECT_EQ(std::get<sftp::StatusReply>(letters.front().second).status, sftp::Status::failure);
}

TEST(Mailbox, AnAnswerThatCannotWakeIsKeptForTheNext) {
  bool can = false;
  int woken = 0;
  const auto mailbox = std::make_shared<Mailbox>([&] {
    if (!can) throw std::bad_alloc();
    ++woken;
  });
  { const Answer dropped = mailbox->answer_to(1); }
  mailbox->answer_to(2)(done());
  can = true;
  mailbox->answer_to(3)(done());
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(mailbox->take().size(), 3u);
}

TEST(Mailbox, AnAnswerAfterTheEndDoesNothing) {
  int woken = 0;
  auto mailbox = std::make_shared<Mailbox>([&] { ++woken; });
  const Answer late = mailbox->answer_to(1);
  mailbox->close();
  mailbox.reset();
  late(done());
  EXPECT_EQ(woken, 0);
}

TEST(Mailbox, TakesAnswersFromManyThreads) {
  std::atomic<int> woken = 0;
  const auto mailbox = std::make_shared<Mailbox>([&] { ++woken; });
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 1000; ++i) mailbox->answer_to(thread * 1000 + i)(done());
    });
  std::size_t taken = 0;
  while (taken < 4000) {
    taken += mailbox->take().size();
    mailbox->release();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 4000u);
  EXPECT_GE(woken, 1);
}

}  // namespace
}  // namespace chancery::session
