#include "policies/seal/recipient.h"

#include <algorithm>
#include <cctype>
#include <string>

#include <gtest/gtest.h>

#include "policies/seal/bech32.h"

namespace chancery::seal {
namespace {

// The examples of C2SP age.md.
constexpr std::string_view kIdentity =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
constexpr std::string_view kRecipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
constexpr std::string_view kQuantumIdentity =
    "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";

std::string in_case(std::string_view text, int (*change)(int)) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [&](char c) { return static_cast<char>(change(c)); });
  return out;
}

TEST(Recipient, TheExamplesOfTheStandardBelongTogether) {
  const auto identity = Identity::parse(kIdentity);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->recipient().text(), kRecipient);
  EXPECT_EQ(identity->text(), kIdentity);
  const auto quantum = Identity::parse(kQuantumIdentity);
  ASSERT_TRUE(quantum);
  EXPECT_EQ(quantum->kind(), KeyKind::mlkem768x25519);
  EXPECT_EQ(quantum->text(), kQuantumIdentity);
  const std::string text = quantum->recipient().text();
  EXPECT_TRUE(text.starts_with(
      "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5zrqtzdxz95paef6caq"));
  EXPECT_TRUE(text.ends_with("9efhxpfqdkmhh6gjtqmwze9pyyzk3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k"));
  EXPECT_TRUE(Recipient::parse(text));
}

TEST(Recipient, GeneratedKeysReadBack) {
  for (const KeyKind kind : {KeyKind::x25519, KeyKind::mlkem768x25519}) {
    const Identity identity = Identity::generate(kind);
    const auto again = Identity::parse(identity.text());
    ASSERT_TRUE(again);
    const auto recipient = Recipient::parse(identity.recipient().text());
    ASSERT_TRUE(recipient);
    EXPECT_EQ(recipient->kind(), kind);
    EXPECT_EQ(again->recipient().text(), recipient->text());
  }
}

TEST(Recipient, OnlyOneSpellingIsAccepted) {
  EXPECT_FALSE(Recipient::parse(in_case(kRecipient, std::toupper)));
  EXPECT_FALSE(Identity::parse(in_case(kIdentity, std::tolower)));
  std::string mixed(kRecipient);
  mixed[10] = static_cast<char>(std::toupper(mixed[10]));
  EXPECT_FALSE(Recipient::parse(mixed));
  EXPECT_FALSE(Recipient::parse(std::string(kRecipient) + " "));
  EXPECT_FALSE(Recipient::parse(""));
  EXPECT_FALSE(Recipient::parse(kIdentity));
  EXPECT_FALSE(Identity::parse(kRecipient));
}

TEST(Recipient, OneWrongLetterIsNoticed) {
  for (std::size_t at = 0; at < kRecipient.size(); ++at) {
    std::string altered(kRecipient);
    altered[at] = altered[at] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(Recipient::parse(altered)) << at;
  }
}

TEST(Recipient, UnusableKeysAreRefused) {
  EXPECT_FALSE(
      Recipient::parse(bech32_encode("age", std::vector<std::uint8_t>(32))));  // a point of low order
  EXPECT_FALSE(Recipient::parse(bech32_encode("age", std::vector<std::uint8_t>(31, 9))));
  auto key = Identity::generate(KeyKind::mlkem768x25519).recipient();
  std::vector<std::uint8_t> bytes(key.key().begin(), key.key().end());
  ASSERT_TRUE(Recipient::parse(bech32_encode("age1pq", bytes)));
  auto unreduced = bytes;
  unreduced[3] = 0xff;
  unreduced[4] |= 0x0f;  // a coefficient of 4095, not below 3329
  EXPECT_FALSE(Recipient::parse(bech32_encode("age1pq", unreduced)));
  std::fill(bytes.end() - 32, bytes.end(), std::uint8_t{0});
  EXPECT_FALSE(Recipient::parse(bech32_encode("age1pq", bytes)));
}

// From BIP 173's own lists.
TEST(Bech32, FollowsItsStandard) {
  EXPECT_TRUE(bech32_decode("A12UEL5L"));
  EXPECT_TRUE(bech32_decode("a12uel5l"));
  EXPECT_TRUE(bech32_decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"));
  for (const char* text : {"a12UEL5L", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "A1G7SGD8",
                           "10a06t8", "1qzzfhee",
                           "\x20"
                           "1nwldj5",
                           "\x7f"
                           "1axkwrx"}) {
    EXPECT_FALSE(bech32_decode(text)) << text;
  }
}

}  // namespace
}  // namespace chancery::seal
