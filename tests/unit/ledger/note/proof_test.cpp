#include "ledger/note/proof.h"

#include <gtest/gtest.h>

namespace chancery::note {
namespace {

constexpr std::string_view kOrigin = "example.org/hub";

struct Log {
  SigningKey key =
      SigningKey::from_seed(KeyType::ed25519, std::string(kOrigin), std::vector<std::uint8_t>(32, 7));
  std::vector<std::string> entries{"one", "two", "three", "four", "five"};
  std::vector<merkle::Hash> stored;
  merkle::Frontier frontier;

  Log() {
    for (const std::string& entry : entries) {
      frontier.append(merkle::leaf_hash(entry), stored);
    }
  }

  Proof prove(std::uint64_t index) const {
    const std::vector<const SigningKey*> keys{&key};
    const Checkpoint head{std::string(kOrigin), frontier.size(), frontier.root()};
    const auto read = [&](std::uint64_t at) { return stored.at(at); };
    return {entries.at(index), index, merkle::inclusion_proof(index, frontier.size(), read),
            sign_note(head.body(), keys, 0).encode()};
  }

  std::vector<VerifierKey> keys() const { return {key.verifier()}; }
};

TEST(TlogProof, EveryEntryIsProvenAndReadBack) {
  const Log log;
  for (std::uint64_t i = 0; i < log.entries.size(); ++i) {
    const Proof proof = log.prove(i);
    const auto parsed = parse_proof(proof.encode());
    const auto* read = std::get_if<Proof>(&parsed);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->encode(), proof.encode());
    EXPECT_EQ(check_proof(*read, read->extra, kOrigin, log.keys()), std::nullopt);
  }
}

TEST(TlogProof, ProvesNothingButItsEntryOriginAndKey) {
  const Log log;
  const Proof proof = log.prove(2);
  EXPECT_TRUE(check_proof(proof, "two", kOrigin, log.keys()));
  EXPECT_TRUE(check_proof(proof, "three", "example.org/other", log.keys()));
  EXPECT_TRUE(check_proof(proof, "three", kOrigin, {}));
  Proof moved = proof;
  moved.index = 3;
  EXPECT_TRUE(check_proof(moved, "three", kOrigin, log.keys()));
}

TEST(TlogProof, AMistakeIsLocatedByItsLine) {
  const auto line_of = [](const std::string& text) {
    const auto parsed = parse_proof(text);
    const auto* error = std::get_if<ProofError>(&parsed);
    return error == nullptr ? std::size_t{0} : error->line;
  };
  const std::string hash = merkle::to_base64({});
  EXPECT_EQ(line_of(""), 1U);
  EXPECT_EQ(line_of("c2sp.org/tlog-proof@v2\n"), 1U);
  EXPECT_EQ(line_of("c2sp.org/tlog-proof@v1\nextra =\n"), 2U);
  EXPECT_EQ(line_of("c2sp.org/tlog-proof@v1\nindex 01\n"), 2U);
  EXPECT_EQ(line_of("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 1\n" + hash + "\n" + hash), 5U);
  EXPECT_EQ(line_of("c2sp.org/tlog-proof@v1\nindex 1\n" + hash + "\nx\n"), 4U);
}

TEST(TlogProof, EveryChangedByteIsNoticed) {
  const Log log;
  const std::string text = log.prove(2).encode();
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto parsed = parse_proof(changed);
    if (const auto* read = std::get_if<Proof>(&parsed)) {
      EXPECT_EQ(read->encode(), changed);
      EXPECT_TRUE(check_proof(*read, read->extra, kOrigin, log.keys())) << changed;
    }
  }
}

}  // namespace
}  // namespace chancery::note
