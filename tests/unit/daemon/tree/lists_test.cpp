#include <condition_variable>
#include <mutex>
#include <set>

#include "tree_stage.h"

// What an account that has logged in can make the hub hold and do by asking for lists.
namespace chancery::tree {
namespace {

constexpr const char* kTooMany = "Too many folders are open: close one first.";
constexpr int kSessions = 10;  // as many as an account may have unless the hub's settings say otherwise
constexpr int kFolders = 8;

class ListsTest : public TreeTest {
 protected:
  // Transfers of this month, under names as long as the hub takes them.
  void record_long_names(int count) {
    stage.record_transfers(count);
    const std::string tail = std::string(185, 'n') + ".csv";
    for (auto& stored : stage.ledger.stored)
      if (auto name = stored.event.committed.find("name"); name != stored.event.committed.end())
        name->second = name->second.substr(0, name->second.find('.')) + tail;
    stage.open();
  }
  std::vector<std::unique_ptr<Session>> sessions_of(Hub& of, const Caller& caller) {
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < kSessions; ++i) sessions.push_back(std::make_unique<Session>(of, caller));
    return sessions;
  }
  Hub hub_with(Evidence evidence) { return {*stage.exchange, hub.facts, {}, Receipts(std::move(evidence))}; }
  const Caller second{"alpha-second", "alpha", "SHA256:c", "127.0.0.1"};
};

TEST_F(ListsTest, ListsThatAnAccountHoldsHaveABoundInBytes) {
  record_long_names(4000);
  Hub fresh = hub_with(silent_evidence());
  auto sessions = sessions_of(fresh, stage.sender);
  std::size_t open = 0;
  for (const auto& session : sessions)
    for (int i = 0; i < kFolders; ++i)
      if (session->status(sftp::OpenDirectory{"/receipts/" + month()}) == sftp::Status::ok)
        ++open;
      else
        EXPECT_EQ(session->said, kTooMany);
  EXPECT_GE(open, 8U) << "a session's own folders";
  EXPECT_LT(open, 80U) << "of more than a MiB each";

  Session other(fresh, second);
  EXPECT_EQ(other.list("/receipts/" + month()).size(), 4000U) << "another account is not concerned";
  EXPECT_EQ(sessions[9]->status(sftp::OpenDirectory{"/"}), sftp::Status::failure) << "nothing was closed";
  for (sftp::HandleId handle = 1; handle <= kFolders; ++handle)
    EXPECT_EQ(sessions[0]->status(sftp::Close{handle}), sftp::Status::ok);
  EXPECT_EQ(sessions[9]->list("/receipts/" + month()).size(), 4000U) << "what was closed is free";
  for (const auto& session : sessions) session->tree.ended({});
  open = 0;
  for (int i = 0; i < kFolders; ++i)
    open += sessions[0]->status(sftp::OpenDirectory{"/receipts/" + month()}) == sftp::Status::ok ? 1U : 0U;
  EXPECT_EQ(open, 8U) << "what ended sessions held is free";
}

// A list that is made takes until the ledger answers; the stage has two workers.
TEST_F(ListsTest, AnAccountsListsLeaveWorkersToOthers) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  std::mutex mutex;
  std::condition_variable changed;
  bool answers = false;
  int making = 0, most = 0;
  Evidence evidence = silent_evidence();
  evidence.checkpoint = [&]() -> std::optional<std::string> {
    std::unique_lock lock(mutex);
    most = std::max(most, ++making);
    changed.notify_all();
    changed.wait(lock, [&] { return answers; });
    --making;
    return std::nullopt;
  };
  Hub fresh = hub_with(evidence);
  auto sessions = sessions_of(fresh, stage.sender);
  std::atomic<int> listed = 0;
  for (const auto& session : sessions)
    for (int i = 0; i < kFolders; ++i)
      session->tree.serve({++session->last, sftp::OpenDirectory{"/receipts/" + month()}},
                          [&](const sftp::Reply& reply) {
                            listed += std::holds_alternative<sftp::OpenedReply>(reply) ? 1 : 0;
                          });
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return making > 0; });
  }
  auto others = std::make_shared<std::promise<void>>();
  auto done = others->get_future();
  stage.exchange->post([others] { others->set_value(); });
  EXPECT_EQ(done.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(most, 1);
    answers = true;
  }
  changed.notify_all();
  stage.exchange->stop();
  EXPECT_EQ(listed, kSessions * kFolders) << "each has its turn";
  EXPECT_EQ(most, 1);
}

TEST_F(ListsTest, AListIsGivenOutInFullByWhateverRequestsItTakes) {
  record_long_names(1000);
  Hub fresh = hub_with(silent_evidence());
  Session session(fresh, stage.sender);
  ASSERT_EQ(session.status(sftp::OpenDirectory{"/send/flow"}), sftp::Status::ok);
  const auto handle = session.last;
  std::set<std::string> names;
  std::size_t largest = 0;
  for (;;) {
    const sftp::Reply reply = session.ask(sftp::ReadDirectory{handle});
    const auto* some = std::get_if<sftp::NamesReply>(&reply);
    if (some == nullptr) break;
    largest = std::max(largest, some->files.size());
    for (const auto& file : some->files) {
      EXPECT_TRUE(names.insert(file.name).second) << file.name;
      EXPECT_TRUE(file.long_name.ends_with(" " + file.name)) << file.long_name;
    }
  }
  EXPECT_EQ(names.size(), 1002U) << "with . and ..";
  EXPECT_LE(largest, 200U) << "what is not sent at once stays short";
  EXPECT_EQ(session.status(sftp::ReadDirectory{handle}), sftp::Status::eof);
}

TEST_F(ListsTest, ListsOfASessionThatHasEndedAreNotMade) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  std::promise<void> ended;
  const auto after = ended.get_future().share();
  std::atomic<int> made = 0;
  Evidence evidence = silent_evidence();
  evidence.checkpoint = [&]() -> std::optional<std::string> {
    ++made;
    after.wait();
    return std::nullopt;
  };
  Hub fresh = hub_with(evidence);
  Session session(fresh, stage.sender);
  std::atomic<int> answers = 0;
  for (int i = 0; i < kFolders; ++i)
    session.tree.serve({++session.last, sftp::OpenDirectory{"/receipts/" + month()}},
                       [&](const sftp::Reply&) { ++answers; });
  session.tree.ended({});
  ended.set_value();
  stage.exchange->stop();
  EXPECT_LE(made, 1);
  EXPECT_EQ(answers, kFolders);
}

TEST(ListLimits, AnAccountCanAlwaysHaveOneListAndTheHubHasABoundToo) {
  Lists lists({.of_account = 100, .in_all = 250, .always = 10});
  EXPECT_TRUE(lists.has_room("a"));
  auto a = lists.hold("a", 1000);
  EXPECT_FALSE(lists.has_room("a"));
  EXPECT_TRUE(lists.has_room("b")) << "it has none";
  const auto small = lists.hold("b", 9);
  EXPECT_TRUE(lists.has_room("b")) << "next to none";
  const auto more = lists.hold("b", 1);
  EXPECT_FALSE(lists.has_room("b")) << "all hold too much";
  a.reset();
  EXPECT_TRUE(lists.has_room("b"));
  EXPECT_TRUE(lists.has_room("a"));
  const auto last = lists.hold("b", 90);
  EXPECT_FALSE(lists.has_room("b")) << "its own bound";
}

TEST(ListLimits, WhatIsHeldMayOutliveTheLists) {
  auto lists = std::make_unique<Lists>();
  auto held = lists->hold("a", 1);
  lists.reset();
  held.reset();
}

}  // namespace
}  // namespace chancery::tree
