#include "policies/network/network.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::network {
namespace {

std::string text_of(std::string_view written) {
  const auto network = Network::parse(written);
  return network ? network->text() : "none";
}

TEST(Network, ReadsNetworksAndSingleAddresses) {
  EXPECT_EQ(text_of("192.0.2.0/24"), "192.0.2.0/24");
  EXPECT_EQ(text_of("192.0.2.7"), "192.0.2.7/32");
  EXPECT_EQ(text_of("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(text_of("10.128.0.0/9"), "10.128.0.0/9");
  EXPECT_EQ(text_of("2001:0DB8:0::/32"), "2001:db8::/32");
  EXPECT_EQ(text_of("2001:db8::7"), "2001:db8::7/128");
}

TEST(Network, RefusesWhatIsNoNetwork) {
  for (const std::string_view bad : {"",
                                     "/",
                                     "/24",
                                     "192.0.2.0/",
                                     "192.0.2.0/33",
                                     "192.0.2.0/024",
                                     "192.0.2.0/+24",
                                     "192.0.2.0/ 24",
                                     "192.0.2.0/24/24",
                                     "192.0.2.0/-1",
                                     "192.0.2.0/4294967320",
                                     "192.0.2",
                                     "192.0.2.256",
                                     "example.org",
                                     "2001:db8::/129",
                                     "::ffff:192.0.2.0/120",
                                     "::ffff:192.0.2.7",
                                     "fe80::1%1",
                                     "fe80::1%eth0/64",
                                     "192.0.2.0/255.255.255.0",
                                     " 192.0.2.0/24"})
    EXPECT_EQ(text_of(bad), "none") << bad;
  EXPECT_EQ(text_of(std::string_view("192.0.2.7\0x", 11)), "none");
}

TEST(Network, RefusesBitsBeyondItsLength) {
  EXPECT_EQ(text_of("192.0.2.1/24"), "none");
  EXPECT_EQ(text_of("10.64.0.0/9"), "none");
  EXPECT_EQ(text_of("2001:db8::1/64"), "none");
  EXPECT_EQ(text_of("2001:db8:0:8000::/48"), "none");
}

TEST(Networks, FindsTheSmallestThatHoldsAnAddress) {
  std::vector<Network> all;
  for (const auto* text : {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "2001:db8:7::/48"})
    all.push_back(*Network::parse(text));
  const Networks networks(all);
  const auto found = [&](std::string_view address) {
    const auto network = networks.find(address);
    return network ? network->text() : "none";
  };
  EXPECT_EQ(found("10.2.3.4"), "10.0.0.0/8");
  EXPECT_EQ(found("10.1.255.255"), "10.1.0.0/16");
  EXPECT_EQ(found("10.1.2.3"), "10.1.2.3/32");
  EXPECT_EQ(found("::ffff:10.1.2.3"), "10.1.2.3/32");
  EXPECT_EQ(found("11.0.0.0"), "none");
  EXPECT_EQ(found("2001:db8:7:1::2"), "2001:db8:7::/48");
  EXPECT_EQ(found("2001:db8:8::"), "2001:db8::/32");
  EXPECT_EQ(found("a00::"), "none") << "whose first byte is also 10";
  EXPECT_EQ(found("no address"), "none");
  EXPECT_FALSE(Networks().find("10.1.2.3"));
}

TEST(Networks, OneThatHoldsEveryAddressHoldsOnlyItsOwnKind) {
  const Networks networks({*Network::parse("0.0.0.0/0")});
  EXPECT_TRUE(networks.find("203.0.113.9"));
  EXPECT_FALSE(networks.find("2001:db8::1"));
}

TEST(ReadNetworks, PlacesEveryMistake) {
  toml::Mistakes mistakes;
  toml::Document document = toml::Document::parse(
      "networks = [\"192.0.2.0/24\", \"192.0.2.1/24\", \"10.0.0.0/7\", \"2001::/16\",\n"
      "\"192.0.2.9\", \"192.0.2.9/32\"]\n",
      "a.toml", mistakes);
  toml::Table table = document.root();
  EXPECT_EQ(read_networks(table, "networks", 0, 64).size(), 2U);
  toml::sort_mistakes(mistakes);
  ASSERT_EQ(mistakes.size(), 4U);
  EXPECT_EQ(mistakes[0].text(),
            "a.toml:1:29: \"192.0.2.1/24\" is not a network: expected such as 192.0.2.0/24 or "
            "2001:db8:7::/48, with no bit set beyond its length, or one address");
  EXPECT_EQ(mistakes[1].text(), "a.toml:1:45: \"10.0.0.0/7\" is too large: expected at least 8 bits");
  EXPECT_EQ(mistakes[2].text(), "a.toml:1:59: \"2001::/16\" is too large: expected at least 32 bits");
  EXPECT_EQ(mistakes[3].text(),
            "a.toml:2:14: \"192.0.2.9/32\" is there already, written differently: expected each once");
}

}  // namespace
}  // namespace chancery::network
