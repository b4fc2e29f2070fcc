#include "daemon/session/disagreement.h"

#include <gtest/gtest.h>

namespace chancery::session {
namespace {

constexpr auto kStrict = hub::Algorithms::strict;
constexpr auto kCompatible = hub::Algorithms::compatible;
constexpr std::string_view kClient = "SSH-2.0-JSCH-0.1.54";

// As libssh says it, into 1,024 bytes.
std::string said(const std::string& method, const std::string& hubs, const std::string& clients) {
  return ("kex error : no match for method " + method + ": server [" + hubs + "], client [" + clients + "]")
      .substr(0, 1023);
}

std::string explained(const std::string& said, hub::Algorithms offered = kStrict) {
  return explain_disagreement(said, kClient, offered).value_or("nothing");
}

TEST(Disagreement, NamesTheSettingThatWouldHelp) {
  EXPECT_EQ(
      explained(said("kex algos", "curve25519-sha256",
                     "diffie-hellman-group14-sha1,ecdh-sha2-nistp256,ext-info-c")),
      "SSH-2.0-JSCH-0.1.54 and the hub have no key exchange in common: it has "
      "diffie-hellman-group14-sha1,ecdh-sha2-nistp256; algorithms = \"compatible\" in chancery.toml would "
      "offer it ecdh-sha2-nistp256");
  EXPECT_EQ(explained(said("mac algo server->client", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512")),
            "SSH-2.0-JSCH-0.1.54 and the hub have no MAC in common: it has hmac-sha2-512; algorithms = "
            "\"compatible\" in chancery.toml would offer it hmac-sha2-512");
}

TEST(Disagreement, NamesNoSettingThatWouldNot) {
  const std::string md5 = said("mac algo client->server", "hmac-sha2-256-etm@openssh.com", "hmac-md5");
  const std::string expected =
      "SSH-2.0-JSCH-0.1.54 and the hub have no MAC in common: it has hmac-md5; the hub has "
      "hmac-sha2-256-etm@openssh.com";
  EXPECT_EQ(explained(md5), expected);
  EXPECT_EQ(explained(md5, kCompatible), expected);
  // It is set already, whatever the two lists say.
  EXPECT_EQ(
      explained(said("kex algos", "a", "ecdh-sha2-nistp256"), kCompatible),
      "SSH-2.0-JSCH-0.1.54 and the hub have no key exchange in common: it has ecdh-sha2-nistp256; the hub "
      "has a");
}

TEST(Disagreement, KnowsEveryKind) {
  EXPECT_EQ(explained(said("server host key algo", "ssh-ed25519", "ssh-rsa")),
            "SSH-2.0-JSCH-0.1.54 and the hub have no kind of host key in common: it has ssh-rsa; the hub has "
            "ssh-ed25519");
  EXPECT_EQ(explained(said("encryption client->server", "aes256-ctr", "aes128-cbc")),
            "SSH-2.0-JSCH-0.1.54 and the hub have no cipher in common: it has aes128-cbc; the hub has "
            "aes256-ctr");
  EXPECT_EQ(explained(said("compression algo client->server", "none", "")),
            "SSH-2.0-JSCH-0.1.54 and the hub have no compression in common: it has none; the hub has none");
}

TEST(Disagreement, ConcludesNothingFromWhatIsCutOff) {
  std::string clients;
  for (int i = 0; i < 200; ++i) clients += "exchange-" + std::to_string(i) + ",";
  const std::string late = explained(said("kex algos", "curve25519-sha256", clients + "ecdh-sha2-nistp256"));
  EXPECT_NE(late.find("exchange-16...; the hub has curve25519-sha256"), std::string::npos) << late;
  EXPECT_EQ(late.find("compatible"), std::string::npos) << late;
  const std::string early =
      explained(said("kex algos", "curve25519-sha256", "ecdh-sha2-nistp521," + clients));
  EXPECT_NE(early.find("would offer it ecdh-sha2-nistp521"), std::string::npos) << early;
  // Cut off inside of a name that might have been longer.
  const std::string name = "ecdh-sha2-nistp256";
  const std::size_t before = said("kex algos", "a", "").size() - 1;
  const std::string cut =
      explained(said("kex algos", "a", std::string(1022 - before - name.size(), 'x') + "," + name));
  EXPECT_EQ(cut.find("compatible"), std::string::npos) << cut;
}

TEST(Disagreement, IsBoundedAndNotLedAstray) {
  const std::string long_one =
      explain_disagreement(said("kex algos", "a", std::string(2000, 'x')), std::string(2000, 'y'), kStrict)
          .value_or("nothing");
  EXPECT_EQ(long_one,
            std::string(80, 'y') + " and the hub have no key exchange in common: it has ...; the hub has a");
  EXPECT_EQ(explained(said("kex algos", "a", "b], client [c],]")),
            "SSH-2.0-JSCH-0.1.54 and the hub have no key exchange in common: it has b], client [c],]; the "
            "hub has a");
  EXPECT_EQ(explained(""), "nothing");
  EXPECT_EQ(explained("Socket error: disconnected"), "nothing");
  EXPECT_EQ(explained("no match for method astrology: server [a], client [b]"), "nothing");
  EXPECT_EQ(explained("no match for method kex algos: server [a"), "nothing");
  EXPECT_EQ(explained("no match for method kex algos"), "nothing");
}

}  // namespace
}  // namespace chancery::session
