#include "policies/agreement/agreement.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::agreement {
namespace {

using Texts = std::vector<std::string>;

const std::string kClassical = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const std::string kKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

template <typename Read>
Texts mistakes_in(const std::string& text, Read read, std::string_view stem) {
  toml::Mistakes mistakes;
  toml::Document document = toml::Document::parse(text, "f.toml", mistakes);
  read(document.root(), stem);
  toml::sort_mistakes(mistakes);
  Texts all;
  for (const toml::Mistake& mistake : mistakes) {
    all.push_back(mistake.text());
  }
  return all;
}

Texts in_agency(const std::string& text) { return mistakes_in(text, read_agency, "north"); }
Texts in_agreement(const std::string& text) { return mistakes_in(text, read_agreement, "DSA-1"); }

const std::string kAgency = "id = \"north\"\nname = \"North\"\n";
const std::string kAgreement =
    "reference = \"DSA-1\"\ntitle = \"T\"\nparties = [\"aa\", \"bb\"]\npurpose = \"P\"\n";

TEST(Agency, IsReadWhole) {
  toml::Mistakes mistakes;
  toml::Document document = toml::Document::parse(
      kAgency + "seal_to = [\"" + kClassical +
          "\"]\nnetworks = [\"192.0.2.0/24\", \"2001:db8:7::/48\"]\n[[accounts]]\nuser = \"north-1\"\nkeys = "
          "[\"" +
          kKey + " x\"]\n[[accounts]]\nuser = \"watch\"\nrole = \"auditor\"\nkeys = [\"" + kKey + "\"]\n",
      "f.toml", mistakes);
  const Agency agency = read_agency(document.root(), "north");
  EXPECT_TRUE(mistakes.empty());
  EXPECT_EQ(agency.id, "north");
  EXPECT_EQ(agency.seal_to.at(0).text(), kClassical);
  ASSERT_EQ(agency.networks.size(), 2U);
  EXPECT_EQ(agency.networks[1].text(), "2001:db8:7::/48");
  ASSERT_EQ(agency.accounts.size(), 2U);
  EXPECT_EQ(agency.accounts[0].role, AccountRole::agency);
  EXPECT_EQ(agency.accounts[0].keys.at(0).base64, kKey.substr(12));
  EXPECT_EQ(agency.accounts[1].role, AccountRole::auditor);
}

TEST(Agency, PlacesEveryMistake) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"id = \"south\"\nname = \"n\"\n",
       "f.toml:1:6: \"id\" is \"south\", but the file is named north.toml: expected the same"},
      {"id = \"North\"\nname = \"n\"\n", "f.toml:1:6: \"North\" is not an id: expected 2 to 32 of a-z 0-9 -"},
      {kAgency + "seal_to = [\"age1xyz\"]\n",
       "f.toml:3:12: this is not an age recipient: expected age1... or age1pq1..., as `chancery keygen` "
       "prints it"},
      {kAgency + "seal_to = [\"" + kClassical + "\",\n\"" + kClassical + "\"]\n",
       "f.toml:4:1: element 2 of \"seal_to\" repeats element 1: expected it once"},
      {kAgency + "networks = [\"192.0.2.0/24\", \"0.0.0.0/0\"]\n",
       "f.toml:3:29: \"0.0.0.0/0\" is too large: expected at least 8 bits"},
      {kAgency + "[[accounts]]\nuser = \"n orth\"\nkeys = [\"" + kKey + "\"]\n",
       "f.toml:4:8: \"n orth\" is not a user: expected 2 to 32 of a-z 0-9 . _ - beginning with a letter or "
       "digit"},
      {kAgency + "[[accounts]]\nuser = \"north\"\nrole = \"admin\"\nkeys = [\"" + kKey + "\"]\n",
       "f.toml:5:8: \"role\" is \"admin\": expected agency or auditor"},
      {kAgency + "[[accounts]]\nuser = \"north\"\n",
       "f.toml:3:1: the key \"keys\" is missing: expected an array of strings"},
      {kAgency + "[[accounts]]\nuser = \"north\"\nkeys = [\"ssh-ed25519 AAAA\"]\n",
       "f.toml:5:9: this is not an SSH public key that the hub accepts: expected a line of a .pub file of "
       "type "
       "ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521, or ssh-rsa of 2048 to 16384 bits"},
      {kAgency + "[accounts]\nuser = \"north\"\n",
       "f.toml:3:1: \"accounts\" is a table: expected an array of tables, [[accounts]]"},
  };
  for (const auto& [text, mistake] : cases) {
    EXPECT_EQ(in_agency(text), Texts{mistake}) << text;
  }
}

TEST(Agency, DoesNotMixKindsOfRecipients) {
  const std::string modern = seal::Identity::generate(seal::KeyKind::mlkem768x25519).recipient().text();
  const Texts found = in_agency(kAgency + "seal_to = [\"" + kClassical + "\",\n  \"" + modern + "\"]\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("f.toml:4:3: \"seal_to\" mixes classical")) << found[0];
  EXPECT_TRUE(in_agency(kAgency + "seal_to = [\"" + modern + "\"]\n").empty());
}

TEST(Agency, NeverRepeatsASecretKey) {
  const std::string secret = seal::Identity::generate(seal::KeyKind::x25519).text();
  const Texts found = in_agency(kAgency + "seal_to = [\"" + secret + "\", \"" + secret + "\"]\n");
  ASSERT_FALSE(found.empty());
  EXPECT_NE(found[0].find("it is a secret key"), std::string::npos);
  for (const std::string& mistake : found) {
    EXPECT_EQ(mistake.find(secret), std::string::npos);
  }
}

TEST(Quota, IsReadAndItsMistakesArePlaced) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"bytes_per_day = \"10 GiB\"\nfiles_per_day = 500\nbytes_per_second = \"1 MiB\"\nsessions = 4\n", ""},
      {"", ""},
      {"files_per_day = 0\n", "f.toml:4:17: "},
      {"bytes_per_second = 16383\n", "f.toml:4:20: \"bytes_per_second\" is 16383: expected at least 16 KiB"},
      {"sessions = 0\n", "f.toml:4:12: "},
      {"byte_per_day = 1\n", "f.toml:4:1: unknown key \"byte_per_day\""},
  };
  for (const auto& [text, mistake] : cases) {
    const Texts found = in_agency(kAgency + "[quota]\n" + text);
    ASSERT_EQ(found.size(), mistake.empty() ? 0U : 1U) << text;
    if (!mistake.empty()) {
      EXPECT_TRUE(found[0].starts_with(mistake)) << found[0];
    }
  }
}

TEST(Agreement, PlacesEveryMistake) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {kAgreement + "effective_to = 2026-01-01\neffective_from = 2026-01-02\n",
       "f.toml:5:16: \"effective_to\" is before \"effective_from\": expected 2026-01-02 or later"},
      {kAgreement + "effective_until = 2026-01-01\n",
       "f.toml:5:1: unknown key \"effective_until\": expected one of reference, title, parties, purpose, "
       "effective_from or effective_to"},
      {"reference = \"-1\"\ntitle = \"T\"\nparties = [\"aa\", \"bb\"]\npurpose = \"P\"\n",
       "f.toml:1:13: \"-1\" is not a reference: expected 1 to 64 of A-Z a-z 0-9 . - beginning with a letter "
       "or "
       "digit"},
      {"reference = \"DSA-1\"\ntitle = \"T\"\nparties = [\"aa\"]\npurpose = \"P\"\n",
       "f.toml:3:11: \"parties\" has 1 elements: expected 2 to 1000"},
  };
  for (const auto& [text, mistake] : cases) {
    EXPECT_EQ(in_agreement(text), Texts{mistake}) << text;
  }
  EXPECT_TRUE(in_agreement(kAgreement + "effective_from = 2026-01-02\neffective_to = 2026-01-02\n").empty());
  EXPECT_TRUE(in_agreement("reference = \"DSA-1\"\ntitle = \"T\"\nparties = [\"aa\", \"bb\"]\n"
                           "purpose = \"\"\"Two\nlines\"\"\"\n")
                  .empty());
}

}  // namespace
}  // namespace chancery::agreement
