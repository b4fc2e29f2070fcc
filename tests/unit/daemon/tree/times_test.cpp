#include "tree_stage.h"

// The modification times that clients set on what they put.
namespace chancery::tree {
namespace {

class TimesTest : public TreeTest {
 protected:
  static constexpr std::uint32_t kThen = 1'000'000'000;

  bool set(Session& session, const std::string& name) {
    sftp::Attributes attributes;
    attributes.times = sftp::Attributes::Times{kThen, kThen};
    return session.status(sftp::SetStat{"/send/flow/" + name, attributes}) == sftp::Status::ok;
  }
  bool has(Session& session, const std::string& name) {
    const sftp::Reply reply = session.ask(sftp::Stat{"/send/flow/" + name});
    return std::get<sftp::AttributesReply>(reply).attributes.times->modified == kThen;
  }
  static std::string file(int i) { return "file-" + std::to_string(i) + ".csv"; }
};

TEST_F(TimesTest, AnAccountWithManyKeepsItsNewestAndLeavesOthersTheirs) {
  constexpr int kMany = 100'001;  // a busy day's
  stage.record_transfers(kMany + 2);
  stage.open();
  Hub fresh{*stage.exchange, hub.facts, {}, Receipts(silent_evidence())};
  Session one(fresh, stage.sender), other(fresh, {"alpha-second", "alpha", "SHA256:c", "127.0.0.1"});
  ASSERT_TRUE(set(other, file(kMany)));
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(set(one, file(i)));
  EXPECT_TRUE(has(one, file(kMany - 1))) << "the newest";
  EXPECT_TRUE(has(other, file(kMany))) << "of before";
  ASSERT_TRUE(set(other, file(kMany + 1)));
  EXPECT_TRUE(has(other, file(kMany + 1))) << "of after";
  EXPECT_FALSE(has(one, file(0))) << "the oldest made room";
}

TEST_F(TimesTest, OneThatIsSetAgainTakesNoOthersPlace) {
  stage.record_transfers(2);
  stage.open();
  Hub fresh{*stage.exchange, hub.facts, {}, Receipts(silent_evidence())};
  Session one(fresh, stage.sender);
  ASSERT_TRUE(set(one, file(0)));
  for (int i = 0; i < 20'001; ++i) ASSERT_TRUE(set(one, file(1)));
  EXPECT_TRUE(has(one, file(0)));
  EXPECT_TRUE(has(one, file(1)));
}

}  // namespace
}  // namespace chancery::tree
