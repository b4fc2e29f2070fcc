#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "daemon/transfer/exchange.h"
#include "stage.h"

namespace chancery::transfer {
namespace {

class ActivationTest : public testing::Test {
 protected:
  ActivationTest() { changed->hash = std::string(64, 'b'); }

  // Five seconds at most.
  void wait_for_change() const {
    for (int i = 0; i < 50 && stage.exchange->policy()->hash[0] == 'a'; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  Stage stage;
  std::shared_ptr<route::Policy> changed = std::make_shared<route::Policy>(*stage.policy);
};

TEST_F(ActivationTest, ActivationsAreRecordedOnce) {
  EXPECT_EQ(stage.ledger.count("policy.activated"), 1U);
  EXPECT_EQ(stage.ledger.count("route.state"), 1U);
  stage.open();
  EXPECT_EQ(stage.ledger.count("policy.activated"), 1U);
}

TEST_F(ActivationTest, AnActivationThatCannotBeRecordedChangesNothing) {
  stage.ledger.next = service::Outcome::refused;
  EXPECT_THROW(stage.exchange->activate(changed), std::runtime_error);
  EXPECT_EQ(stage.exchange->policy()->hash, std::string(64, 'a'));
}

TEST_F(ActivationTest, AnActivationOfUnknownOutcomeComesIntoForceWithItsEntries) {
  stage.ledger.next = service::Outcome::unknown;
  EXPECT_THROW(stage.exchange->activate(changed), std::runtime_error);
  EXPECT_EQ(stage.exchange->policy()->hash, std::string(64, 'a'));
  stage.ledger.next = service::Outcome::durable;
  wait_for_change();
  EXPECT_EQ(stage.exchange->policy()->hash, std::string(64, 'b'));
  EXPECT_EQ(stage.ledger.count("policy.activated"), 2U);
}

TEST_F(ActivationTest, NoPolicyIsActivatedWhileTheLedgerHasNotToldOfAnother) {
  stage.ledger.next = service::Outcome::unknown;
  EXPECT_THROW(stage.exchange->activate(changed), std::runtime_error);
  try {
    stage.exchange->activate(stage.policy);
    ADD_FAILURE() << "the policy that was in force would be said to be, and the other come after it";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(changed->hash), std::string::npos) << error.what();
  }
  stage.ledger.next = service::Outcome::durable;
  wait_for_change();
  stage.exchange->activate(stage.policy);
  EXPECT_EQ(stage.exchange->policy()->hash, std::string(64, 'a'));
  EXPECT_EQ(stage.ledger.last("policy.activated")->plain.at("policy"), std::string(64, 'a'));
}

}  // namespace
}  // namespace chancery::transfer
