#include "daemon/net/admission.h"

#include <vector>

#include <gtest/gtest.h>

namespace chancery::net {
namespace {

using session::Refusal;
using Held = std::vector<std::unique_ptr<Admission::Ticket>>;

// What no agency has declared.
std::optional<network::Network> nobodys(const std::string&) { return std::nullopt; }

// Admits and keeps, or answers why not.
std::optional<Refusal> admit(Admission& admission, Held& held, const std::string& source) {
  auto answer = admission.admit(source);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return *refusal;
  held.push_back(std::move(std::get<0>(answer)));
  return std::nullopt;
}

TEST(Admission, LimitsTheConnectionsOfOneSource) {
  Admission admission({.connections_per_source = 2}, nobodys, [] { return 0.99; });
  Held held;
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
  EXPECT_EQ(admit(admission, held, "a"), Refusal::source_limit);
  EXPECT_EQ(admit(admission, held, "b"), std::nullopt);
  held.erase(held.begin());
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
}

TEST(Admission, ALoginNoLongerCountsAgainstItsSource) {
  Admission admission({.connections_per_source = 1, .sessions_per_account = 2}, nobodys, [] { return 0.99; });
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
  Admission admission({.unauthenticated = 3, .connections_per_source = 1}, nobodys, [] { return 0.99; });
  Held held;
  for (const char* source : {"a", "b", "c"}) EXPECT_EQ(admit(admission, held, source), std::nullopt);
  EXPECT_EQ(admit(admission, held, "d"), Refusal::unauthenticated_limit);
  ASSERT_TRUE(held[0]->log_in("alice"));
  EXPECT_EQ(admit(admission, held, "d"), std::nullopt);
}

TEST(Admission, DropsSomeAtRandomFromATenthOfTheLimitOn) {
  double chance = 0.0;
  Admission admission({.unauthenticated = 100, .connections_per_source = 1000}, nobodys,
                      [&] { return chance; });
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
  Admission admission({.unauthenticated = 2, .connections_per_source = 1}, nobodys, [] { return 0.99; });
  Held held;
  ASSERT_EQ(admit(admission, held, "a"), std::nullopt);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(admit(admission, held, "a"), Refusal::source_limit);
  EXPECT_EQ(admit(admission, held, "b"), std::nullopt);
  held.clear();
  EXPECT_EQ(admit(admission, held, "a"), std::nullopt);
}

// With one network that an agency declares, and a clock that stands still unless it is moved.
struct Declared {
  Bans::Time now{};
  network::Networks networks{{*network::Network::parse("192.0.2.0/24")}};
  Admission admission;
  Held held;

  explicit Declared(const hub::Limits& limits)
      : admission(
            limits, [this](const std::string& address) { return networks.find(address); },
            [] { return 0.99; }, [this] { return now; }) {}
  std::optional<Refusal> admit(const std::string& address) { return net::admit(admission, held, address); }
  // A connection that ends without a login.
  std::optional<Bans::Length> offend(const std::string& address, std::optional<Refusal> why) {
    EXPECT_EQ(admit(address), std::nullopt);
    const auto ban = held.back()->blame(why);
    held.pop_back();
    return ban;
  }
};

TEST(Admission, ADeclaredNetworkComesInHoweverFullTheHubIs) {
  Declared door({.unauthenticated = 3, .connections_per_source = 1, .reserved = 2});
  for (const char* flood : {"198.51.100.1", "198.51.100.2", "198.51.100.3"})
    EXPECT_EQ(door.admit(flood), std::nullopt);
  EXPECT_EQ(door.admit("198.51.100.4"), Refusal::unauthenticated_limit);
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt) << "many share one address";
  EXPECT_EQ(door.admit("192.0.2.8"), Refusal::unauthenticated_limit) << "its slots are taken";
  ASSERT_TRUE(door.held.back()->log_in("alice"));
  EXPECT_EQ(door.admit("192.0.2.8"), std::nullopt);
  EXPECT_EQ(door.admit("198.51.100.4"), Refusal::unauthenticated_limit)
      << "the slots count against nothing else";
}

TEST(Admission, ADeclaredNetworkBeyondItsSlotsIsASourceLikeAnyOther) {
  Declared door({.unauthenticated = 100, .connections_per_source = 1, .reserved = 1});
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), Refusal::source_limit);
  door.held.clear();
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
}

TEST(Admission, NoSlotsAreNoSlots) {
  Declared door({.connections_per_source = 1, .reserved = 0});
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), Refusal::source_limit);
}

TEST(Admission, BansASourceThatOffendsAndLiftsItInTime) {
  Declared door({.ban_seconds = 30});
  const std::string source = "198.51.100.1";
  EXPECT_EQ(door.offend(source, Refusal::attempts), std::nullopt);
  EXPECT_EQ(door.offend(source, Refusal::deadline), std::nullopt);
  EXPECT_EQ(door.offend(source, Refusal::key_exchange), std::chrono::seconds(30));
  EXPECT_EQ(door.admit(source), Refusal::banned);
  EXPECT_EQ(door.admit("198.51.100.2"), std::nullopt);
  door.now += std::chrono::seconds(30);
  EXPECT_EQ(door.admit(source), std::nullopt);
}

TEST(Admission, BansForAFloodAtOnceAndForNothingThatIsNoOffence) {
  Declared door({});
  EXPECT_NE(door.offend("198.51.100.1", Refusal::flood), std::nullopt);
  for (const auto harmless : {Refusal::account_limit, Refusal::source_limit, Refusal::unauthenticated_limit})
    for (int i = 0; i < 20; ++i) EXPECT_EQ(door.offend("198.51.100.2", harmless), std::nullopt);
  for (int i = 0; i < 11; ++i) EXPECT_EQ(door.offend("198.51.100.3", std::nullopt), std::nullopt);
  EXPECT_NE(door.offend("198.51.100.3", std::nullopt), std::nullopt);
}

TEST(Admission, NeverBansADeclaredNetwork) {
  Declared door({});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(door.offend("192.0.2.7", Refusal::flood), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), std::nullopt);
}

TEST(Admission, TakesOtherNetworksAtAnyTime) {
  Declared door({.reserved = 1});
  ASSERT_EQ(door.admit("192.0.2.7"), std::nullopt);
  EXPECT_NE(door.offend("198.51.100.1", Refusal::flood), std::nullopt);
  door.networks = network::Networks({*network::Network::parse("198.51.100.0/24")});
  EXPECT_EQ(door.admit("198.51.100.1"), std::nullopt) << "declared, it is no longer banned";
  door.held.clear();
  EXPECT_NE(door.offend("192.0.2.7", Refusal::flood), std::nullopt);
  EXPECT_EQ(door.admit("192.0.2.7"), Refusal::banned);
}

TEST(Admission, TakesAnIpv6NetworkForOneSource) {
  EXPECT_EQ(source_of("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(source_of("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(source_of("2001:db8:1:2:3::4"), source_of("2001:db8:1:2:ffff::1"));
  EXPECT_NE(source_of("2001:db8:1:2:3::4"), source_of("2001:db8:1:3:3::4"));
}

}  // namespace
}  // namespace chancery::net
