#include "ledger/note/log_policy.h"

#include <gtest/gtest.h>

namespace chancery::note {
namespace {

SigningKey key_of(KeyType type, std::uint8_t seed, const std::string& name = "example.org/hub") {
  return SigningKey::from_seed(type, name, std::vector<std::uint8_t>(32, seed));
}

LogPolicy must_parse(const std::string& text) {
  const auto parsed = parse_log_policy(text);
  const auto* wrong = std::get_if<LogPolicyError>(&parsed);
  EXPECT_EQ(wrong, nullptr) << wrong->line << ": " << wrong->reason;
  return wrong == nullptr ? std::get<LogPolicy>(parsed) : LogPolicy{};
}

struct LogPolicies : testing::Test {
  SigningKey log_ = key_of(KeyType::ed25519, 1);
  SigningKey own_ = key_of(KeyType::ml_dsa_44, 2);
};

Note signed_by(const std::vector<const SigningKey*>& keys) {
  return sign_note(Checkpoint{"example.org/hub", 7, merkle::empty_root()}.body(), keys, 0);
}

TEST_F(LogPolicies, OursAsksForBothKindsOfSignature) {
  const std::vector keys{log_.verifier(), own_.verifier()};
  const LogPolicy policy = must_parse(format_log_policy(keys, true));
  EXPECT_EQ(policy.keys(), keys);
  EXPECT_EQ(policy.refuses(signed_by({&log_, &own_})), std::nullopt);
  EXPECT_TRUE(policy.refuses(signed_by({&log_})));
  EXPECT_TRUE(policy.refuses(signed_by({&own_})));
  Note note = signed_by({&log_, &own_});
  note.signatures[1].signature[50] ^= 1;
  EXPECT_TRUE(policy.refuses(note));
}

TEST_F(LogPolicies, TheOneWithoutQuorumTakesEd25519Alone) {
  const std::vector keys{log_.verifier(), own_.verifier()};
  const LogPolicy policy = must_parse(format_log_policy(keys, false));
  EXPECT_EQ(policy.keys(), std::vector{log_.verifier()});
  EXPECT_EQ(policy.refuses(signed_by({&log_})), std::nullopt);
  EXPECT_TRUE(policy.refuses(signed_by({&own_})));
}

TEST_F(LogPolicies, OneWithoutLogsLeavesTheLogToWhoeverUsesIt) {
  const LogPolicy policy = must_parse("witness w " + own_.verifier().text() + "\nquorum w\n");
  EXPECT_EQ(policy.refuses(signed_by({&own_})), std::nullopt);
  EXPECT_TRUE(policy.refuses(signed_by({&log_})));
}

TEST_F(LogPolicies, GroupsOfGroupsAreCounted) {
  std::vector<SigningKey> witnesses;
  std::string text =
      "# two of three, and one of two\n\nlog " + log_.verifier().text() + " https://example.org\n";
  for (std::uint8_t i = 0; i < 5; ++i) {
    witnesses.push_back(
        key_of(KeyType::ml_dsa_44, static_cast<std::uint8_t>(10 + i), "w" + std::to_string(i)));
    text += "witness  w" + std::to_string(i) + "\t" + witnesses.back().verifier().text() + " \n";
  }
  text += "group x 2 w0 w1 w2\ngroup y any w3 w4\n group both all x y\nquorum both\n";
  const LogPolicy policy = must_parse(text);
  const auto refuses = [&](std::initializer_list<std::size_t> signers) {
    std::vector<const SigningKey*> keys{&log_};
    for (const std::size_t i : signers) keys.push_back(&witnesses[i]);
    return policy.refuses(signed_by(keys)).has_value();
  };
  EXPECT_FALSE(refuses({0, 1, 3}));
  EXPECT_FALSE(refuses({1, 2, 4, 3}));
  EXPECT_TRUE(refuses({0, 3}));
  EXPECT_TRUE(refuses({0, 1, 2}));
  EXPECT_TRUE(refuses({3, 4}));
}

TEST_F(LogPolicies, WhatIsNoPolicyIsRefusedAtItsLine) {
  const std::string log = "log " + log_.verifier().text() + "\n";
  const std::string witness = "witness w " + own_.verifier().text() + "\n";
  const std::string end = "quorum none\n";
  const std::vector<std::pair<std::string, std::size_t>> cases{
      {"", 0},
      {log, 0},
      {log + "quorum none", 2},
      {log + log + end, 2},
      {log + end + end, 3},
      {log + "quorum w\n", 2},
      {log + "quorum\n", 2},
      {log + "log\n" + end, 2},
      {log + "logs x\n" + end, 2},
      {"log " + own_.verifier().text() + "\n" + end, 1},
      {"witness w " + log_.verifier().text() + "\n" + end, 1},
      {"witness none " + own_.verifier().text() + "\n" + end, 1},
      {witness + witness + end, 2},
      {witness + "witness v " + own_.verifier().text() + "\n" + end, 2},
      {witness + "group w any w\n" + end, 2},
      {witness + "group g 0 w\n" + end, 2},
      {witness + "group g 2 w\n" + end, 2},
      {witness + "group g 01 w\n" + end, 2},
      {witness + "group g all w w\n" + end, 2},
      {witness + "group g all w\ngroup h all w\n" + end, 3},
      {log + "# \v\n" + end, 2},
      {log + "\x7f\n" + end, 2},
      {log + "log " + key_of(KeyType::ed25519, 1, "example.org/other").verifier().text() + "\n" + end, 2},
      {witness + "group g all v\n" + end, 2},
      {witness + "group g all\n" + end, 2},
      {std::string(64 << 10, '#') + "\n" + end, 0}};
  for (const auto& [text, line] : cases) {
    const auto parsed = parse_log_policy(text);
    const auto* wrong = std::get_if<LogPolicyError>(&parsed);
    ASSERT_NE(wrong, nullptr) << text.substr(0, 200);
    EXPECT_EQ(wrong->line, line) << text.substr(0, 200) << wrong->reason;
  }
}

}  // namespace
}  // namespace chancery::note
