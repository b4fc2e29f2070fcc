#include "daemon/net/admission.h"

#include <vector>

#include <gtest/gtest.h>

namespace chancery::net {
namespace {

using session::Refusal;
using Held = std::vector<std::unique_ptr<Admission::Ticket>>;

// Admits and keeps, or answers why not.
std::optional<Refusal> admit(Admission& admission, Held& held, const std::string& source) {
  auto answer = admission.admit(source);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return *refusal;
  held.push_back(std::move(std::get<0>(answer)));
  return std::nullopt;
}

TEST(Admission, LimitsTheConnectionsOfOneSource) {
  Admission admission({.connections_per_source = 2}, [] { return 0.99; });
  Held held;
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
  EXPECT_EQ(admit(admission, held, "a"), Refusal::source_limit);
  EXPECT_EQ(admit(admission, held, "b"), std::nullopt);
  held.erase(held.begin());
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
}

TEST(Admission, ALoginNoLongerCountsAgainstItsSource) {
  Admission admission({.connections_per_source = 1, .sessions_per_account = 2}, [] { return 0.99; });
  Held held;
  ASSERT_EQ(admit(admission, held, "a"), std::nullopt);
  ASSERT_TRUE(held[0]->log_in("alice"));
  ASSERT_EQ(admit(admission, held, "a"), std::nullopt);
  ASSERT_TRUE(held[1]->log_in("alice"));
  ASSERT_EQ(admit(admission, held, "a"), std::nullopt);
  EXPECT_FALSE(held[2]->log_in("alice"));
  held.erase(held.begin());
  EXPECT_TRUE(held[1]->log_in("alice"));
}

TEST(Admission, RefusesEveryoneAtTheUnauthenticatedLimit) {
  Admission admission({.unauthenticated = 3, .connections_per_source = 1}, [] { return 0.99; });
  Held held;
  for (const char* source : {"a", "b", "c"}) EXPECT_EQ(admit(admission, held, source), std::nullopt);
  EXPECT_EQ(admit(admission, held, "d"), Refusal::unauthenticated_limit);
  ASSERT_TRUE(held[0]->log_in("alice"));
  EXPECT_EQ(admit(admission, held, "d"), std::nullopt);
}

TEST(Admission, DropsSomeAtRandomFromATenthOfTheLimitOn) {
  double chance = 0.0;
  Admission admission({.unauthenticated = 100, .connections_per_source = 1000}, [&] { return chance; });
  Held held;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
  EXPECT_EQ(admit(admission, held, "a"), Refusal::unauthenticated_limit);
  chance = 0.31;
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
  chance = 0.99;
  while (held.size() < 98) ASSERT_EQ(admit(admission, held, "a"), std::nullopt);
  chance = 0.9;
  EXPECT_EQ(admit(admission, held, "a"), Refusal::unauthenticated_limit);
}

TEST(Admission, ARefusalLeavesNothingCounted) {
  Admission admission({.unauthenticated = 2, .connections_per_source = 1}, [] { return 0.99; });
  Held held;
  ASSERT_EQ(admit(admission, held, "a"), std::nullopt);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(admit(admission, held, "a"), Refusal::source_limit);
  EXPECT_EQ(admit(admission, held, "b"), std::nullopt);
  held.clear();
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
}

TEST(Admission, TakesAnIpv6NetworkForOneSource) {
  EXPECT_EQ(source_of("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(source_of("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(source_of("2001:db8:1:2:3::4"), source_of("2001:db8:1:2:ffff::1"));
  EXPECT_NE(source_of("2001:db8:1:2:3::4"), source_of("2001:db8:1:3:3::4"));
}

}  // namespace
}  // namespace chancery::net
