#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include <boost/json.hpp>
#include <botan/hash.h>
#include <botan/hex.h>
#include <botan/ml_dsa.h>
#include <botan/pubkey.h>
#include <botan/rng.h>
#include <gtest/gtest.h>

#include "ledger/note/note.h"
#include "tests/vectors/sets.h"

// Checkpoints and signatures made by others.
namespace chancery::note {
namespace {

namespace json = boost::json;

std::vector<std::uint8_t> unhex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

bool has_flag(const json::value& row, std::string_view flag) {
  const auto* flags = row.at("flags").if_array();
  return flags != nullptr && std::any_of(flags->begin(), flags->end(),
                                         [&](const json::value& f) { return f.as_string() == flag; });
}

std::string text_of(const json::value& row, const char* key) { return std::string(row.at(key).as_string()); }

constexpr std::array<std::string_view, 5> kRefused{"low_order_residue", "non_canonical_R", "low_order_A",
                                                   "low_order_component_A", "non_canonical_A"};

void expect_ed25519(const json::array& rows) {
  for (const json::value& row : rows) {
    const VerifierKey key(KeyType::ed25519, "example.org/vector", unhex(text_of(row, "key")));
    const bool expected = std::none_of(kRefused.begin(), kRefused.end(),
                                       [&](std::string_view flag) { return has_flag(row, flag); });
    EXPECT_EQ(key.verify(text_of(row, "msg"), unhex(text_of(row, "sig"))), expected)
        << row.at("number") << " " << row.at("flags");
  }
}

TEST(Ed25519Vectors, CoreIsAnsweredStrictly) {
  const json::value rows = json::parse(vectors::core("ed25519/core.json"));
  ASSERT_GT(rows.as_array().size(), 40U);
  expect_ed25519(rows.as_array());
}

TEST(Ed25519Vectors, WholeSetIsAnsweredStrictly) {
  const auto folder = vectors::whole_set("ed25519");
  if (!folder) {
    GTEST_SKIP() << vectors::kNoWholeSet;
  }
  std::ifstream file(*folder / "ed25519vectors.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const json::value rows = json::parse(text);
  EXPECT_GT(rows.as_array().size(), 900U);
  expect_ed25519(rows.as_array());
}

TEST(TesseraLog, EveryCheckpointVerifiesAndIsTheRootOfItsEntries) {
  const json::value log = json::parse(vectors::core("tessera-log/log.json"));
  const std::vector keys{VerifierKey::parse(text_of(log, "key")).value()};
  merkle::Frontier frontier;
  std::vector<merkle::Hash> stored;
  const json::array& checkpoints = log.at("checkpoints").as_array();
  ASSERT_EQ(checkpoints.size(), 16U);
  for (std::size_t size = 0; size < checkpoints.size(); ++size) {
    const std::string bytes(checkpoints[size].as_string());
    const auto parsed = parse_note(bytes);
    ASSERT_TRUE(std::holds_alternative<Note>(parsed));
    const Note& note = std::get<Note>(parsed);
    EXPECT_EQ(note.encode(), bytes);
    EXPECT_EQ(verify_note(note, keys), Signed::valid);
    const auto checkpoint = parse_checkpoint(note.text);
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->body(), note.text);
    EXPECT_EQ(checkpoint->origin, "example.com/log/testdata");
    EXPECT_EQ(checkpoint->size, size);
    EXPECT_EQ(checkpoint->root, frontier.root());
    if (size < 15) {
      frontier.append(merkle::leaf_hash(std::string_view(log.at("entries").at(size).as_string())), stored);
    }
  }
}

TEST(Torchwood, ACheckpointSignedWithMlDsa44ByOthersVerifies) {
  std::string vkey = vectors::core("torchwood/log.vkey");
  vkey.pop_back();
  const std::vector keys{VerifierKey::parse(vkey).value()};
  EXPECT_EQ(keys.front().type(), KeyType::ml_dsa_44);
  auto note = std::get<Note>(parse_note(vectors::core("torchwood/checkpoint")));
  EXPECT_EQ(verify_note(note, keys), Signed::valid);
  EXPECT_EQ(parse_checkpoint(note.text)->origin, keys.front().name());
  // Time, challenge, response, hints.
  for (const std::size_t at : {0U, 7U, 8U, 39U, 40U, 2300U, 2344U, 2427U}) {
    Note changed = note;
    changed.signatures.front().signature.at(at) ^= 1;
    EXPECT_EQ(verify_note(changed, keys), Signed::bad_signature) << at;
  }
}

// C2SP/CCTV, ML-DSA/accumulated: a hundred keys from seeds that are SHAKE-128 of nothing, and the
// deterministic signature of the empty message by each, all of it put into one hash.
TEST(MlDsa44Vectors, AHundredKeysAndSignaturesAccumulate) {
  constexpr std::size_t kKeys = 100;
  const auto seeds =
      Botan::HashFunction::create_or_throw("SHAKE-128(" + std::to_string(kKeys * 256) + ")")->final();
  const auto all = Botan::HashFunction::create_or_throw("SHAKE-128(256)");
  Botan::Null_RNG no_randomness;
  for (std::size_t i = 0; i < kKeys; ++i) {
    const std::span<const std::uint8_t> seed(seeds.data() + 32 * i, 32);
    const Botan::ML_DSA_PrivateKey key(seed, Botan::ML_DSA_Mode(Botan::ML_DSA_Mode::ML_DSA_4x4));
    const auto public_key = key.public_key()->public_key_bits();
    all->update(public_key);
    Botan::PK_Signer signer(key, no_randomness, "Deterministic");
    all->update(signer.signature(no_randomness));
  }
  EXPECT_EQ(Botan::hex_encode(all->final(), false),
            "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4");
}

}  // namespace
}  // namespace chancery::note
