#include "policies/hub/hub.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::hub {
namespace {

using Texts = std::vector<std::string>;

Texts mistakes_in(const std::string& text) {
  toml::Mistakes mistakes;
  toml::Document document = toml::Document::parse(text, "c.toml", mistakes);
  read_hub(document.root(), "/etc/chancery");
  toml::sort_mistakes(mistakes);
  Texts all;
  for (const toml::Mistake& mistake : mistakes) {
    all.push_back(mistake.text());
  }
  return all;
}

const std::string least = "origin = \"hub.example/log\"\nname = \"Moorvale Exchange\"\n";

Hub read(const std::string& text) {
  toml::Mistakes mistakes;
  toml::Document document = toml::Document::parse(text, "c.toml", mistakes);
  Hub hub = read_hub(document.root(), "/etc/chancery");
  EXPECT_TRUE(mistakes.empty());
  return hub;
}

TEST(Hub, HasAnAppliancesDefaults) {
  const Hub hub = read(least);
  EXPECT_EQ(hub.origin, "hub.example/log");
  EXPECT_EQ(hub.timezone, "Europe/London");
  EXPECT_EQ(hub.listen_port, 2222);
  EXPECT_EQ(hub.algorithms, Algorithms::strict);
  EXPECT_EQ(hub.temporary_suffixes, (Texts{".filepart", ".part", ".partial", ".tmp"}));
  EXPECT_EQ(hub.io_threads, 0U);
  EXPECT_EQ(hub.objects, "/var/lib/chancery/objects");
  EXPECT_EQ(hub.policies, "/var/lib/chancery/policies");
  EXPECT_EQ(hub.host_key, "/var/lib/chancery/host_key");
  EXPECT_EQ(hub.ledger, "/var/lib/chancery-ledger");
  EXPECT_EQ(hub.ledger_keys, "/var/lib/chancery-ledger/keys");
  EXPECT_EQ(hub.ledger_socket, "/run/chancery-ledger/socket");
}

struct DefaultLimit {
  const char* key;
  std::uint32_t Limits::*value;
  std::uint32_t expected;
};
constexpr std::array kDefaultLimits{
    DefaultLimit{"login_seconds", &Limits::login_seconds, 30},
    DefaultLimit{"attempts", &Limits::attempts, 6},
    DefaultLimit{"unauthenticated", &Limits::unauthenticated, 100},
    DefaultLimit{"connections_per_source", &Limits::connections_per_source, 20},
    DefaultLimit{"sessions_per_account", &Limits::sessions_per_account, 10},
    DefaultLimit{"reserved", &Limits::reserved, 20},
    DefaultLimit{"ban_seconds", &Limits::ban_seconds, 30},
    DefaultLimit{"ban_longest_seconds", &Limits::ban_longest_seconds, 1800},
    DefaultLimit{"idle_seconds", &Limits::idle_seconds, 900},
    DefaultLimit{"unresponsive_seconds", &Limits::unresponsive_seconds, 300},
};

// Also when a limit beside it is set.
TEST(Hub, HasEveryLimitThatThePageSays) {
  std::ifstream file(CHANCERY_SOURCE_DIR "/docs/policy.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = page.find("| `[limits]` |");
  ASSERT_NE(begin, std::string::npos);
  const std::string table = page.substr(begin, page.find("\n\n", begin) - begin);
  for (const DefaultLimit& one : kDefaultLimits) {
    const char* const beside = one.value == &Limits::attempts ? "reserved = 3" : "attempts = 3";
    for (const std::string& text : {least, least + "[limits]\n" + beside + "\n"})
      EXPECT_EQ(read(text).limits.*one.value, one.expected) << one.key << text;
    const std::string row =
        "\n| `" + std::string(one.key) + "` | integer | `" + std::to_string(one.expected) + "` |";
    EXPECT_NE(table.find(row), std::string::npos) << row;
  }
  const std::string body = table.substr(table.find("|---"));
  EXPECT_EQ(std::ranges::count(body, '\n'), static_cast<std::ptrdiff_t>(kDefaultLimits.size()))
      << "a row without its check";
}

TEST(Hub, TakesEveryLimit) {
  std::string text = least + "[limits]\n";
  for (std::size_t i = 0; i < kDefaultLimits.size(); ++i)
    text += std::string(kDefaultLimits[i].key) + " = " + std::to_string(101 + i) + "\n";
  // No more attempts than a hundred.
  text.replace(text.find("attempts = 102"), 14, "attempts = 99");
  const Limits limits = read(text).limits;
  for (std::size_t i = 0; i < kDefaultLimits.size(); ++i)
    EXPECT_EQ(limits.*kDefaultLimits[i].value, kDefaultLimits[i].value == &Limits::attempts ? 99U : 101U + i)
        << kDefaultLimits[i].key;
}

TEST(Hub, TakesWhatItIsGiven) {
  const Hub hub = read(least +
                       "timezone = \"Europe/Paris\"\nalgorithms = \"compatible\"\nio_threads = 3\n"
                       "temporary_suffixes = [\".up\"]\n"
                       "[listen]\naddress = \"::\"\nport = 0\n[limits]\nattempts = 2\nidle_seconds = 10\n"
                       "[paths]\nobjects = \"var/objects\"\nledger = \"/srv/ledger\"\n");
  EXPECT_EQ(hub.timezone, "Europe/Paris");
  EXPECT_EQ(hub.algorithms, Algorithms::compatible);
  EXPECT_EQ(hub.io_threads, 3U);
  EXPECT_EQ(hub.temporary_suffixes, Texts{".up"});
  EXPECT_EQ(hub.listen_address, "::");
  EXPECT_EQ(hub.listen_port, 0);
  EXPECT_EQ(hub.limits.attempts, 2U);
  EXPECT_EQ(hub.limits.idle_seconds, 10U);
  EXPECT_EQ(hub.objects, "/etc/chancery/var/objects");
  EXPECT_EQ(hub.ledger, "/srv/ledger");
}

TEST(Hub, ListensForLoadBalancersIfItIsTold) {
  EXPECT_FALSE(read(least).proxy_listen);
  const Hub hub =
      read(least + "[proxy_listen]\naddress = \"192.0.2.1\"\nfrom = [\"10.0.0.0/8\", \"192.0.2.9\"]\n");
  ASSERT_TRUE(hub.proxy_listen);
  EXPECT_EQ(hub.proxy_listen->address, "192.0.2.1");
  EXPECT_EQ(hub.proxy_listen->port, 2223);
  ASSERT_EQ(hub.proxy_listen->from.size(), 2U);
  EXPECT_EQ(hub.proxy_listen->from[1].text(), "192.0.2.9/32");
}

struct Case {
  std::string line;  // follows least as line 3
  std::string mistake;
};

TEST(Hub, PlacesEveryMistake) {
  const std::vector<Case> cases{
      {"timezone = \"Europe/Londn\"",
       "c.toml:3:12: \"Europe/Londn\" is not in the tz database: expected a name such as Europe/London"},
      {"timezone = \"GMT+3\"",
       "c.toml:3:12: \"GMT+3\" is not in the tz database: expected a name such as Europe/London"},
      {"algorithms = \"old\"", "c.toml:3:14: \"algorithms\" is \"old\": expected strict or compatible"},
      {"io_threads = -1", "c.toml:3:14: \"io_threads\" is -1: expected an integer from 0 to 256"},
      {"temporary_suffixes = [\".ok\", \"part\"]",
       "c.toml:3:30: \"part\" is not a suffix: expected a dot and 1 to 31 of A-Z a-z 0-9 _ -"},
      {"[listen]\nadress = \"::1\"", "c.toml:4:1: unknown key \"adress\"; did you mean \"address\"?"},
      {"[listen]\naddress = \"localhost\"",
       "c.toml:4:11: \"localhost\" is not an address: expected an IPv4 or IPv6 address, not a name"},
      {"[listen]\nport = 65536", "c.toml:4:8: \"port\" is 65536: expected an integer from 0 to 65535"},
      {"[limits]\nattempts = 0", "c.toml:4:12: \"attempts\" is 0: expected an integer from 1 to 100"},
      {"[limits]\nlogin_second = 3",
       "c.toml:4:1: unknown key \"login_second\"; did you mean \"login_seconds\"?"},
      {"[limits]\nban_seconds = 60\nban_longest_seconds = 59",
       "c.toml:5:23: \"ban_longest_seconds\" is 59, less than \"ban_seconds\": expected 60 or more"},
      {"[limits]\nreserved = 1001", "c.toml:4:12: \"reserved\" is 1001: expected an integer from 0 to 1000"},
      {"[proxy_listen]", "c.toml:3:1: the key \"from\" is missing: expected an array of strings"},
      {"[proxy_listen]\nport = 2222\nfrom = [\"10.0.0.0/8\"]",
       "c.toml:4:8: this is where [listen] listens already: expected another address or port"},
      {"[proxy_listen]\nfrom = [\"10.0.0.1/8\"]",
       "c.toml:4:9: \"10.0.0.1/8\" is not a network: expected such as 192.0.2.0/24 or 2001:db8:7::/48, with "
       "no bit set beyond its length, or one address"},
      {"[paths]\npolicies = \"/var/lib/chancery/objects\"",
       "c.toml:4:12: \"policies\" is the same path as \"objects\": expected another"},
      {"[paths]\nledger_socket = \"/" + std::string(107, 's') + "\"",
       "c.toml:4:17: the socket's path is 108 bytes long: expected at most 107, which is the system's limit"},
      {"[path]\nledger = \"x\"", "c.toml:3:2: unknown key \"path\"; did you mean \"paths\"?"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(mistakes_in(least + one.line + "\n"), Texts{one.mistake}) << one.line;
  }
}

TEST(Hub, RefusesOriginsThatACheckpointCannotHold) {
  for (const std::string origin :
       {"https://hub.example/log", "hub example", "hub+log", "/log", "h\u00fcb.example"}) {
    const Texts found = mistakes_in("origin = \"" + origin + "\"\nname = \"n\"\n");
    ASSERT_EQ(found.size(), 1U) << origin;
    EXPECT_TRUE(found[0].starts_with("c.toml:1:10: ")) << found[0];
  }
}

}  // namespace
}  // namespace chancery::hub
