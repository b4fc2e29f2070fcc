#include "daemon/tree/tree.h"

#include <chrono>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "daemon/tree/listing.h"
#include "ledger/entry/event_table.h"
#include "tree_stage.h"

// What an account that has logged in can do to the tree, on purpose or by an odd client.
namespace chancery::tree {
namespace {

TEST_F(TreeTest, EveryOperationIsAnsweredOnceWhoeverAsks) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  ASSERT_EQ(sender.put("/send/flow/nov.csv.part", "rows"), sftp::Status::ok);
  const std::vector<Caller> callers = {
      stage.sender,
      stage.receiver,
      {"alpha-audit", "alpha", "SHA256:d", "127.0.0.1"},
      {"alpha-upload", "alpha", "SHA256:withdrawn", "127.0.0.1"},
      {"gone", "alpha", "SHA256:a", "127.0.0.1"},
  };
  const std::vector<std::string> paths = {
      "/",
      "",
      "/README.txt",
      "/send",
      "/send/flow",
      "/send/flow/oct.csv",
      "/send/flow/new.csv",
      "/send/flow/nov.csv.part",
      "/send/nosuch/x.csv",
      "/send/flow/\x1b[2J\n.csv",
      "/collect",
      "/collect/flow",
      "/collect/flow/oct.csv.age",
      "/receipts",
      "/receipts/" + month(),
      "/receipts/" + month() + "/x." + std::string(32, '0') + ".txt",
      "/receipts/2026-99/.txt",
      "/receipts/log-keys",
      "/receipts/log-keys/log-policy",
      "/receipts/" + month() + "/x." + std::string(32, '0') + ".collected.receipt",
      "/etc/passwd",
      "/send/flow/../../../../etc/shadow",
      std::string(200'000, 'a'),
      "/send/flow/" + std::string(200'000, 'b'),
  };
  for (const Caller& caller : callers) {
    Session session(hub, caller);
    std::vector<sftp::HandleId> handles = {0, kNoHandle};
    for (const std::string& path : paths) {
      for (const std::uint32_t flags : {0U, 1U, 2U, 3U, 4U, 26U, 42U, 63U})
        if (const auto handle = session.open(path, flags); handle != kNoHandle) handles.push_back(handle);
      if (session.status(sftp::OpenDirectory{path}) == sftp::Status::ok) handles.push_back(session.last);
      sftp::Attributes some;
      some.size = 3;
      some.times = sftp::Attributes::Times{1, UINT32_MAX};
      session.ask(sftp::Stat{path, false});
      session.ask(sftp::SetStat{path, some});
      session.ask(sftp::SetStat{path, {}});
      session.ask(sftp::MakeDirectory{path});
      session.ask(sftp::RemoveDirectory{path});
      session.ask(sftp::RealPath{path});
      session.ask(sftp::ReadLink{path});
      session.ask(sftp::MakeLink{path, "/etc/passwd"});
      session.ask(sftp::StatFileSystem{path});
      session.ask(sftp::CheckFile{path});
      for (const std::string& to : paths) session.ask(sftp::Rename{path, to, true});
    }
    for (const auto handle : handles) {
      sftp::Attributes some;
      some.size = UINT64_MAX;
      session.ask(sftp::HandleStat{handle});
      session.ask(sftp::HandleSetStat{handle, some});
      session.ask(sftp::Read{handle, UINT64_MAX / 2, UINT32_MAX});
      session.ask(sftp::Read{handle, 0, 100});
      session.ask(sftp::Write{handle, UINT64_MAX / 2, {1, 2, 3}});
      session.ask(sftp::Write{handle, 0, {}});
      session.ask(sftp::ReadDirectory{handle});
      session.ask(sftp::ReadDirectory{handle});
      session.ask(sftp::Sync{handle});
    }
    for (const std::string& path : paths) session.ask(sftp::Remove{path});
    for (const auto handle : handles) session.ask(sftp::Close{handle});
    for (const auto handle : handles) session.ask(sftp::Close{handle});
    session.tree.ended({});
  }
  stage.exchange->stop();
  for (const auto& stored : stage.ledger.stored)
    EXPECT_FALSE(entry::check_event(stored.event)) << *entry::check_event(stored.event);
}

TEST_F(TreeTest, AnAuditorAndAWithdrawnAccountSeeAndDoNothing) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  Session auditor(hub, {"alpha-audit", "alpha", "SHA256:d", "127.0.0.1"});
  EXPECT_EQ(auditor.list("/"), std::vector<std::string>{"README.txt"});
  EXPECT_EQ(auditor.list("/send/flow"), std::vector<std::string>{"(not listed)"});
  EXPECT_EQ(auditor.create("/send/flow/x.csv"), kNoHandle);
  EXPECT_EQ(auditor.status(sftp::Remove{"/send/flow/oct.csv"}), sftp::Status::no_such_file);
  Session withdrawn(hub, {"alpha-upload", "alpha", "SHA256:withdrawn", "127.0.0.1"});
  EXPECT_EQ(withdrawn.status(sftp::RealPath{"."}), sftp::Status::permission_denied);
  EXPECT_NE(withdrawn.said.find("withdrawn"), std::string::npos);
  EXPECT_EQ(waiting(), 1U);
}

TEST_F(TreeTest, AFileThatIsOpenCanBeNeitherRenamedNorRemoved) {
  const auto handle = sender.create("/send/flow/oct.csv.part");
  ASSERT_EQ(sender.write(handle, 0, "rows"), sftp::Status::ok);
  EXPECT_EQ(sender.rename("/send/flow/oct.csv.part", "/send/flow/oct.csv"), sftp::Status::failure);
  EXPECT_NE(sender.said.find("still open"), std::string::npos) << sender.said;
  EXPECT_EQ(sender.status(sftp::Remove{"/send/flow/oct.csv.part"}), sftp::Status::failure);
  ASSERT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
  EXPECT_EQ(sender.rename("/send/flow/oct.csv.part", "/send/flow/oct.csv"), sftp::Status::ok);
  EXPECT_EQ(waiting(), 1U);
}

TEST_F(TreeTest, ATemporaryNameOfTwoSessionsIsThatClosedLast) {
  Session other(hub, stage.sender);
  const auto first = sender.create("/send/flow/oct.csv.part");
  const auto second = other.create("/send/flow/oct.csv.part");
  ASSERT_EQ(sender.write(first, 0, "the first"), sftp::Status::ok);
  ASSERT_EQ(other.write(second, 0, "the second"), sftp::Status::ok);
  ASSERT_EQ(sender.status(sftp::Close{first}), sftp::Status::ok);
  ASSERT_EQ(other.status(sftp::Close{second}), sftp::Status::ok);
  ASSERT_EQ(sender.rename("/send/flow/oct.csv.part", "/send/flow/oct.csv"), sftp::Status::ok);
  ASSERT_EQ(waiting(), 1U);
  EXPECT_EQ(Stage::opened(receiver.read_all("/collect/flow/oct.csv.age"), stage.beta), "the second");
  EXPECT_EQ(other.rename("/send/flow/oct.csv.part", "/send/flow/dec.csv"), sftp::Status::no_such_file);
  ASSERT_TRUE(stage.ledger.wait_for("file.abandoned"));
  EXPECT_EQ(stage.ledger.last("file.abandoned")->plain.at("code"), "replaced");
}

TEST_F(TreeTest, ATemporaryNameOfAnotherAccountIsItsOwn) {
  Session other(hub, {"alpha-second", "alpha", "SHA256:c", "127.0.0.1"});
  ASSERT_EQ(sender.put("/send/flow/oct.csv.part", "mine"), sftp::Status::ok);
  ASSERT_EQ(other.put("/send/flow/oct.csv.part", "theirs"), sftp::Status::ok);
  ASSERT_EQ(other.put("/send/flow/nov.csv.part", "theirs"), sftp::Status::ok);
  EXPECT_EQ(sender.rename("/send/flow/nov.csv.part", "/send/flow/nov.csv"), sftp::Status::no_such_file);
  EXPECT_EQ(sender.status(sftp::Remove{"/send/flow/nov.csv.part"}), sftp::Status::no_such_file);
  EXPECT_NE(sender.rename("/send/flow/oct.csv.part", "/send/flow/nov.csv.part"), sftp::Status::ok);
  ASSERT_EQ(sender.rename("/send/flow/oct.csv.part", "/send/flow/oct.csv"), sftp::Status::ok);
  EXPECT_EQ(Stage::opened(receiver.read_all("/collect/flow/oct.csv.age"), stage.beta), "mine");
}

TEST_F(TreeTest, TheSameContentSentAgainIsNoticedUntilTheFirstIsErased) {
  const auto page_of = [&](const std::string& name) {
    for (const std::string& file : sender.list("/receipts/" + month()))
      if (file.starts_with(name + ".") && file.ends_with(".txt"))
        return sender.read_all("/receipts/" + month() + "/" + file);
    return std::string("(no page)");
  };
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  const std::string first = stage.ledger.last("file.accepted")->plain.at("transfer");
  const std::uint64_t seq = stage.exchange->projection().find_transfer(first)->steps[0].seq;
  ASSERT_EQ(sender.put("/send/flow/nov.csv", "rows"), sftp::Status::ok);
  ASSERT_EQ(sender.put("/send/flow/dec.csv", "other rows"), sftp::Status::ok);
  const std::string notice = "The same content was sent as oct.csv on ";
  EXPECT_NE(page_of("nov.csv").find(notice), std::string::npos) << page_of("nov.csv");
  EXPECT_NE(page_of("nov.csv").find("transfer " + first), std::string::npos);
  EXPECT_EQ(page_of("oct.csv").find("The same content"), std::string::npos);
  EXPECT_EQ(page_of("dec.csv").find("The same content"), std::string::npos);
  const auto received = receiver.list("/receipts/" + month());
  for (const std::string& file : received)
    EXPECT_EQ(receiver.read_all("/receipts/" + month() + "/" + file).find("The same content"),
              std::string::npos);
  entry::Event erased;
  erased.name = "erasure.begun";
  erased.plain = {{"seqs", std::to_string(seq)}};
  stage.exchange->learn(1'000'000, stage.ledger.now, erased);
  EXPECT_EQ(page_of("nov.csv").find("The same content"), std::string::npos);
}

TEST_F(TreeTest, AHandleIsClosedOnce) {
  const auto handle = sender.create("/send/flow/oct.csv");
  EXPECT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
  sender.ask(sftp::Close{handle});
  EXPECT_EQ(sender.write(handle, 0, "late"), sftp::Status::failure);
  EXPECT_EQ(stage.ledger.count("file.accepted"), 1U) << "a file without a byte is a file";
}

TEST_F(TreeTest, AnAccountHasABoundedNumberOfUnfinishedFiles) {
  std::size_t taken = 0;
  for (int i = 0; i < 300; ++i)
    taken += sender.put("/send/flow/" + std::to_string(i) + ".part", "x") == sftp::Status::ok ? 1U : 0U;
  EXPECT_EQ(taken, 256U);
  EXPECT_NE(sender.said.find("Too many"), std::string::npos) << sender.said;
  Session other(hub, {"alpha-second", "alpha", "SHA256:c", "127.0.0.1"});
  EXPECT_EQ(other.put("/send/flow/oct.csv", "rows"), sftp::Status::ok) << "another account is not concerned";
  EXPECT_EQ(sender.status(sftp::Remove{"/send/flow/7.part"}), sftp::Status::ok);
  EXPECT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
}

TEST_F(TreeTest, TimesSetOnATemporaryNameGoWithItsRename) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv.part", "rows"), sftp::Status::ok);
  sftp::Attributes old;
  old.times = sftp::Attributes::Times{1'000'000'000, 1'000'000'000};
  old.permissions = 0100600;
  ASSERT_EQ(sender.status(sftp::SetStat{"/send/flow/oct.csv.part", old}), sftp::Status::ok);
  ASSERT_EQ(sender.rename("/send/flow/oct.csv.part", "/send/flow/oct.csv"), sftp::Status::ok);
  const sftp::Reply reply = sender.ask(sftp::Stat{"/send/flow/oct.csv"});
  EXPECT_EQ(std::get<sftp::AttributesReply>(reply).attributes.times->modified, 1'000'000'000U);
  sftp::Attributes shorter;
  shorter.size = 1;
  EXPECT_EQ(sender.status(sftp::SetStat{"/send/flow/oct.csv", shorter}), sftp::Status::failure);
}

TEST_F(TreeTest, ANameThatIsPutAgainHasItsOwnTime) {
  const auto modified = [&] {
    const sftp::Reply reply = sender.ask(sftp::Stat{"/send/flow/oct.csv"});
    return std::get<sftp::AttributesReply>(reply).attributes.times->modified;
  };
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  sftp::Attributes old;
  old.times = sftp::Attributes::Times{1'000'000'000, 1'000'000'000};
  ASSERT_EQ(sender.status(sftp::SetStat{"/send/flow/oct.csv", old}), sftp::Status::ok);
  EXPECT_EQ(modified(), 1'000'000'000U);
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "more rows"), sftp::Status::ok);
  EXPECT_EQ(modified(), stage.ledger.now / 1'000'000);
  // As `put -p` does: on the handle, before the file is closed.
  const auto handle = sender.create("/send/flow/oct.csv");
  old.times->modified = 1'100'000'000;
  ASSERT_EQ(sender.status(sftp::HandleSetStat{handle, old}), sftp::Status::ok);
  ASSERT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
  EXPECT_EQ(modified(), 1'100'000'000U);
}

TEST_F(TreeTest, WhatWasPutIsListedForADay) {
  constexpr entry::Micros kHour = 3'600'000'000;
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  stage.ledger.now += 23 * kHour;
  EXPECT_EQ(sender.list("/send/flow"), std::vector<std::string>{"oct.csv"});
  EXPECT_EQ(sender.status(sftp::Stat{"/send/flow/oct.csv"}), sftp::Status::ok);
  ASSERT_EQ(sender.put("/send/flow/nov.csv", "rows"), sftp::Status::ok);
  stage.ledger.now += 2 * kHour;
  EXPECT_EQ(sender.list("/send/flow"), std::vector<std::string>{"nov.csv"});
  EXPECT_EQ(sender.status(sftp::Stat{"/send/flow/oct.csv"}), sftp::Status::no_such_file);
  EXPECT_EQ(receiver.list("/collect/flow").size(), 2U) << "deliveries wait for longer";
}

TEST_F(TreeTest, ASizeThatIsSetIsComparedWithEveryByteWrittenBefore) {
  const auto handle = sender.create("/send/flow/oct.csv");
  const std::vector<std::uint8_t> rows(4 << 20, 'x');
  sender.tree.serve({++sender.last, sftp::Write{handle, 0, rows}}, [](const sftp::Reply&) {});
  sftp::Attributes whole;
  whole.size = rows.size();
  whole.times = sftp::Attributes::Times{1'100'000'000, 1'100'000'000};
  EXPECT_EQ(sender.status(sftp::HandleSetStat{handle, whole}), sftp::Status::ok) << sender.said;
  whole.size = rows.size() - 1;
  EXPECT_EQ(sender.status(sftp::HandleSetStat{handle, whole}), sftp::Status::failure);
  EXPECT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
}

TEST_F(TreeTest, RemovingAFileAsAFolderIsDenied) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  EXPECT_EQ(sender.status(sftp::RemoveDirectory{"/send/flow/oct.csv"}), sftp::Status::permission_denied);
  EXPECT_EQ(receiver.status(sftp::RemoveDirectory{"/collect/flow/oct.csv.age"}),
            sftp::Status::permission_denied);
  EXPECT_EQ(sender.status(sftp::RemoveDirectory{"/send/flow/nov.csv"}), sftp::Status::no_such_file);
}

TEST_F(TreeTest, ADeliveryRemovedWhileItIsReadStaysReadable) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  const std::string sealed = receiver.read_all("/collect/flow/oct.csv.age");
  Session other(hub, stage.receiver);
  const auto handle = other.open("/collect/flow/oct.csv.age", sftp::kRead);
  ASSERT_EQ(receiver.status(sftp::Remove{"/collect/flow/oct.csv.age"}), sftp::Status::ok);
  const sftp::Reply reply = other.ask(sftp::Read{handle, 0, 1 << 20});
  const auto& bytes = std::get<sftp::DataReply>(reply).data;
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), sealed);
  EXPECT_EQ(other.status(sftp::Remove{"/collect/flow/oct.csv.age"}), sftp::Status::no_such_file);
}

// Two sessions that both found a delivery before either had removed it.
TEST_F(TreeTest, ADeliveryAcknowledgedTwiceHidesNoLaterOneOfItsName) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "one"), sftp::Status::ok);
  const auto delivery = stage.exchange->projection().find_waiting("beta", "flow", "oct.csv.age").value();
  receiver.read_all("/collect/flow/oct.csv.age");
  const auto acknowledge = [&] {
    return Stage::wait(
        [&](const auto& done) { stage.exchange->acknowledge(stage.receiver, delivery, done); });
  };
  EXPECT_FALSE(acknowledge());
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "two"), sftp::Status::ok);
  EXPECT_TRUE(acknowledge());
  EXPECT_EQ(stage.ledger.count("delivery.acknowledged"), 1U);
  EXPECT_EQ(receiver.list("/collect/flow"), std::vector<std::string>{"oct.csv.age"});
  // A ledger that has the second one all the same, from before a restart.
  auto again = *stage.ledger.last("delivery.acknowledged");
  again.id = entry::new_id();
  static_cast<void>(stage.ledger.append({again}));
  stage.open();
  EXPECT_EQ(waiting(), 1U);
}

TEST_F(TreeTest, ABatchKnownLateIsShownAlthoughLaterOnesCameBefore) {
  stage.ledger.next = service::Outcome::unknown;
  stage.ledger.store_unknown = true;
  EXPECT_NE(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  stage.ledger.next = service::Outcome::durable;
  sender.ask(sftp::MakeDirectory{"/send/flow/new"});  // recorded at once, behind the file
  for (int i = 0; i < 50 && waiting() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(receiver.list("/collect/flow"), std::vector<std::string>{"oct.csv.age"});
  EXPECT_EQ(stage.exchange->projection().applied(), stage.ledger.stored.size());
}

TEST_F(TreeTest, NamesOfTheGreatestLengthFitEverywhere) {
  const std::string name = std::string(196, 'n') + ".csv";
  ASSERT_EQ(sender.put("/send/flow/" + name, "one"), sftp::Status::ok);
  ASSERT_EQ(sender.put("/send/flow/" + name, "two"), sftp::Status::ok);
  auto listed = receiver.list("/collect/flow");
  const auto receipts = receiver.list("/receipts/" + month());
  ASSERT_EQ(listed.size(), 2U);
  ASSERT_EQ(receipts.size(), 2U);
  EXPECT_FALSE(receiver.read_all("/receipts/" + month() + "/" + receipts[0]).empty());
  EXPECT_FALSE(receiver.read_all("/collect/flow/" + listed[1]).empty());
  listed.insert(listed.end(), receipts.begin(), receipts.end());
  for (const std::string& one : listed) EXPECT_LE(one.size(), 255U);
}

TEST_F(TreeTest, AFileNamedLikeAReceiptIsNoReceipt) {
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "one"), sftp::Status::ok);
  const auto receipt = sender.list("/receipts/" + month()).at(0);
  stage.policy->routes["flow"].accept.emplace_back("*.txt");
  ASSERT_EQ(sender.put("/send/flow/" + receipt, "two"), sftp::Status::ok);
  const auto receipts = sender.list("/receipts/" + month());
  ASSERT_EQ(receipts.size(), 2U);
  for (const std::string& one : receipts) {
    const std::string text = sender.read_all("/receipts/" + month() + "/" + one);
    const bool second = one.size() > receipt.size();
    EXPECT_TRUE(text.starts_with(second ? receipt : "oct.csv")) << text;
  }
}

TEST_F(TreeTest, ARefusedNameIsShownWithoutWhatATerminalObeys) {
  const std::string name =
      "a\x1b[2J\n\xc2\x9b"
      "1m\x9b\xe2\x80\xae.csv";
  ASSERT_EQ(sender.create("/send/flow/" + name), kNoHandle);
  const auto receipts = sender.list("/receipts/" + month());
  ASSERT_EQ(receipts.size(), 1U);
  const std::string text = sender.read_all("/receipts/" + month() + "/" + receipts[0]);
  EXPECT_TRUE(text.starts_with("a?[2J??1m??.csv\r\n")) << text;
}

TEST_F(TreeTest, ARefusedNameIsRecordedUpToALimit) {
  sender.ask(sftp::MakeDirectory{"/" + std::string(200'000, 'x')});
  sender.ask(sftp::MakeDirectory{"/send/flow/" + std::string(200'000, 'x')});
  const auto refused = stage.ledger.last("file.refused");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->committed.at("name").size(), 1000U);
}

TEST_F(TreeTest, FewFoldersCanBeOpenAtOnce) {
  std::size_t open = 0;
  for (int i = 0; i < 64; ++i) open += sender.status(sftp::OpenDirectory{"/"}) == sftp::Status::ok ? 1U : 0U;
  EXPECT_EQ(open, 8U);
  EXPECT_EQ(sender.status(sftp::Close{1}), sftp::Status::ok);
  EXPECT_EQ(sender.status(sftp::OpenDirectory{"/"}), sftp::Status::ok);
}

TEST_F(TreeTest, TheHashOfAFileIsTheRecordedOneForWhoSeesIt) {
  const auto hash = [](Session& session, sftp::CheckFile check) -> std::string {
    const sftp::Reply reply = session.ask(std::move(check));
    const auto* digest = std::get_if<sftp::DigestReply>(&reply);
    if (digest == nullptr) return std::get<sftp::StatusReply>(reply).message;
    std::string hex;
    for (const unsigned byte : digest->sha256)
      hex.append({"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
    return hex;
  };
  ASSERT_EQ(sender.put("/send/flow/oct.csv", "rows"), sftp::Status::ok);
  const std::string recorded = "bc51e9e65d79e1c90ba544ab2eae1044ccdf8c1af7a559ba375cba4276f7d99e";
  EXPECT_EQ(hash(sender, {"/send/flow/oct.csv"}), recorded);
  EXPECT_EQ(hash(sender, {.path = "/send/flow/oct.csv", .length = 4, .block = 256}), recorded);
  const std::string part =
      "Only the hash of a whole file is recorded: ask from its first byte to its last, as one block.";
  EXPECT_EQ(hash(sender, {.path = "/send/flow/oct.csv", .offset = 1}), part);
  EXPECT_EQ(hash(sender, {.path = "/send/flow/oct.csv", .length = 3}), part);
  const std::string absent = "There is no such file or folder here.";
  EXPECT_EQ(hash(receiver, {"/send/flow/oct.csv"}), absent);
  EXPECT_EQ(hash(sender, {"/collect/flow/oct.csv.age"}), absent);
  const auto delivery = stage.exchange->projection().find_waiting("beta", "flow", "oct.csv.age");
  EXPECT_EQ(hash(receiver, {"/collect/flow/oct.csv.age"}), delivery->sealed_sha256);
  const auto reading = receiver.open("/collect/flow/oct.csv.age", sftp::kRead);
  EXPECT_EQ(hash(receiver, {.handle = reading}), delivery->sealed_sha256);
  const std::string unrecorded = "No hash is recorded of this: read it, and hash what you have read.";
  EXPECT_EQ(hash(sender, {"/README.txt"}), unrecorded);
  EXPECT_EQ(hash(sender, {"/send/flow"}), unrecorded);
  EXPECT_EQ(hash(sender, {.handle = sender.open("/README.txt", sftp::kRead)}), unrecorded);
  const std::string unfinished =
      "The hash is recorded when the file is finished: close it, or give it its final name, first.";
  EXPECT_EQ(hash(sender, {.handle = sender.create("/send/flow/nov.csv.part")}), unfinished);
  EXPECT_EQ(hash(sender, {"/send/flow/nov.csv.part"}), unfinished);
}

TEST_F(TreeTest, TenThousandDeliveriesAreListedInFullAndQuickly) {
  constexpr int kFiles = 10'000;
  stage.record_transfers(kFiles);
  stage.open();
  Hub fresh{*stage.exchange, hub.facts, {}, Receipts(silent_evidence())};
  for (const auto& [caller, path] : {std::pair{stage.receiver, std::string("/collect/flow")},
                                     {stage.receiver, "/receipts/" + month()},
                                     {stage.sender, "/send/flow"}}) {
    Session session(fresh, caller);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(session.list(path).size(), static_cast<std::size_t>(kFiles)) << path;
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    EXPECT_LT(took.count(), 5000) << path << ", with room for sanitizers";
    std::cout << path << ": " << took.count() << " ms\n";
  }
}

TEST_F(TreeTest, TheReadmeAnnouncesAComingHostKeyToEveryone) {
  EXPECT_EQ(sender.read_all("/README.txt").find("SHA256:next"), std::string::npos);
  coming_key = "It will be replaced by SHA256:next.\n";
  Session auditor{hub, {"alpha-audit", "alpha", "SHA256:d", "127.0.0.1"}};
  for (Session* each : {&sender, &receiver, &auditor})
    EXPECT_NE(each->read_all("/README.txt").find("SHA256:host\r\nIt will be replaced by SHA256:next.\r\n"),
              std::string::npos);
}

TEST_F(TreeTest, TheReadmeTellsTheQuotasThatApply) {
  for (Session* each : {&sender, &receiver})
    for (const char* word : {"files a day", "bytes a day", "bytes a second", "sessions at once"})
      EXPECT_EQ(each->read_all("/README.txt").find(word), std::string::npos);
  auto changed = std::make_shared<route::Policy>(*stage.policy);
  changed->hash = std::string(64, 'b');
  changed->agencies["alpha"].quota = {
      .bytes_per_day = 1'000'000, .files_per_day = 20, .bytes_per_second = 65'536, .sessions = 3};
  changed->routes["flow"].quota = {.files_per_day = 30};
  stage.policy = changed;
  stage.exchange->activate(changed);
  const auto told = [](Session& each, const std::string& text) {
    return each.read_all("/README.txt").find(text) != std::string::npos;
  };
  EXPECT_TRUE(
      told(sender,
           "\r\nAll accounts of your agency together send at most 20 files a day, 1000000 bytes a day and "
           "65536 bytes a second.\r\nA day ends at midnight (Europe/London). Where a route has a quota "
           "too, both hold.\r\n"));
  EXPECT_TRUE(told(sender, "\r\nAll accounts of your agency together have at most 3 sessions at once.\r\n"));
  EXPECT_TRUE(told(sender, ", from all who send on it together at most 30 files a day\r\n"));
  EXPECT_FALSE(told(receiver, "files a day")) << "another agency's";
}

}  // namespace
}  // namespace chancery::tree
