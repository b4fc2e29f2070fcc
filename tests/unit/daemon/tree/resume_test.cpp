#include "tree_stage.h"

namespace chancery::tree {
namespace {

// The ways in which clients open what they want to go on with, or to overwrite.
class TreeResume : public TreeTest {
 protected:
  static constexpr const char* kPath = "/send/flow/oct.csv";
  static constexpr std::uint32_t kInPlace = sftp::kWrite | sftp::kCreate;

  // A session writes "0123456789" and ends without closing; another is there for the test.
  TreeResume() {
    Session first(hub, stage.sender);
    const auto handle = first.create(kPath);
    EXPECT_EQ(first.write(handle, 0, "0123456789"), sftp::Status::ok);
    first.tree.ended({handle});
  }
  std::uint64_t size_of(sftp::HandleId handle) {
    const sftp::Reply reply = sender.ask(sftp::HandleStat{handle});
    return std::get<sftp::AttributesReply>(reply).attributes.size.value();
  }
  std::string delivered() {
    return Stage::opened(receiver.read_all("/collect/flow/oct.csv.age"), stage.beta);
  }
};

TEST_F(TreeResume, ByEveryWayOfOpeningThatDoesNotEmpty) {
  EXPECT_EQ(sender.list("/send/flow"), std::vector<std::string>{"oct.csv"});
  std::string expected = "0123456789";
  for (const std::uint32_t flags : {std::uint32_t{sftp::kWrite}, kInPlace, kInPlace | sftp::kAppend,
                                    std::uint32_t{sftp::kWrite | sftp::kRead}}) {
    Session session(hub, stage.sender);
    const auto handle = session.open(kPath, flags);
    ASSERT_NE(handle, kNoHandle) << flags;
    ASSERT_EQ(session.write(handle, expected.size(), "more"), sftp::Status::ok) << session.said;
    expected += "more";
    session.tree.ended({handle});
  }
  const auto handle = sender.open(kPath, sftp::kWrite);
  EXPECT_EQ(size_of(handle), expected.size()) << "psftp asks the handle";
  ASSERT_EQ(sender.write(handle, expected.size(), "!"), sftp::Status::ok);
  ASSERT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
  EXPECT_EQ(delivered(), expected + "!");
}

TEST_F(TreeResume, WritingInPlaceFromTheStartBeginsAnew) {
  const auto handle = sender.open(kPath, kInPlace);
  ASSERT_EQ(sender.write(handle, 0, "all of it"), sftp::Status::ok) << sender.said;
  ASSERT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
  EXPECT_EQ(delivered(), "all of it");
}

TEST_F(TreeResume, EmptyingInPlaceBeginsAnew) {
  const auto handle = sender.open(kPath, kInPlace);
  sftp::Attributes empty;
  empty.size = 0;
  ASSERT_EQ(sender.status(sftp::HandleSetStat{handle, empty}), sftp::Status::ok) << sender.said;
  ASSERT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok);
  EXPECT_EQ(delivered(), "");
}

TEST_F(TreeResume, OpeningAndClosingDeliversNothing) {
  const auto handle = sender.open(kPath, kInPlace);
  EXPECT_EQ(sender.status(sftp::Close{handle}), sftp::Status::failure);
  EXPECT_NE(sender.said.find("first 10 bytes"), std::string::npos) << sender.said;
  EXPECT_EQ(waiting(), 0U);
  EXPECT_EQ(sender.list("/send/flow"), std::vector<std::string>{"oct.csv"}) << "and loses nothing";
}

TEST_F(TreeResume, ATemporaryFileThatWasAllThereCanBeRenamed) {
  Session first(hub, stage.sender);
  const auto open = first.create("/send/flow/nov.csv.part");
  ASSERT_EQ(first.write(open, 0, "rows"), sftp::Status::ok);
  first.tree.ended({open});
  EXPECT_NE(sender.rename("/send/flow/nov.csv.part", "/send/flow/nov.csv"), sftp::Status::ok);
  const auto handle = sender.open("/send/flow/nov.csv.part", sftp::kWrite);
  ASSERT_EQ(size_of(handle), 4U);
  ASSERT_EQ(sender.status(sftp::Close{handle}), sftp::Status::ok) << sender.said;
  EXPECT_EQ(sender.rename("/send/flow/nov.csv.part", "/send/flow/nov.csv"), sftp::Status::ok);
  EXPECT_EQ(waiting(), 1U);
}

TEST_F(TreeResume, OfWhatIsNotHereIsToldByASentence) {
  EXPECT_EQ(sender.status(sftp::Open{"/send/flow/nov.csv", sftp::kWrite, {}}), sftp::Status::no_such_file);
  EXPECT_EQ(sender.said, transfer::kNothingKept);
  const auto handle = sender.open("/send/flow/nov.csv", kInPlace);
  EXPECT_EQ(sender.write(handle, 5 << 20, "rest"), sftp::Status::failure);
  EXPECT_EQ(sender.said, transfer::kNothingKept);
  EXPECT_EQ(sender.status(sftp::Close{handle}), sftp::Status::failure);
}

}  // namespace
}  // namespace chancery::tree
