#include <chrono>

#include <gtest/gtest.h>

#include "ledger/note/named_key.h"
#include "tests/unit/ledger/verify/ledger_in_memory.h"

// Who signed, what is anchored, and what is behind the commitments.
namespace chancery::verify {
namespace {

note::SigningKey key_of(std::uint8_t seed, note::KeyType type = note::KeyType::ed25519) {
  return note::SigningKey::from_seed(type, LedgerInMemory::kOrigin, std::vector<std::uint8_t>(32, seed));
}

TEST(VerifyKeys, ALedgerThatAgreesWithItselfIsNotThatOfThePinnedKey) {
  LedgerInMemory ledger = sound_ledger();
  EXPECT_TRUE(ledger.check().verified());
  EXPECT_TRUE(finds(ledger.check(key_of(8).verifier()), std::nullopt, "is none that this ledger names"));
  const auto other = note::SigningKey::generate(note::KeyType::ed25519, "example.org/other");
  EXPECT_TRUE(finds(ledger.check(other.verifier()), std::nullopt, "a given key is one of example.org/other"));
}

TEST(VerifyKeys, AFalseSignatureOrAnotherLogsCheckpointIsFound) {
  LedgerInMemory ledger = sound_ledger();
  const std::string sound = ledger.checkpoints[1].second;
  for (const std::size_t at : {sound.find("\xE2\x80\x94") + 60, sound.size() - 20}) {  // of either signature
    ledger.checkpoints[1].second[at] = sound[at] == 'A' ? 'B' : 'A';
    EXPECT_TRUE(finds(ledger.check(), std::nullopt, "the checkpoint of 12 entries has a false signature"));
    ledger.checkpoints[1].second = sound;
  }
  ledger = sound_ledger();
  ledger.checkpoints[1].first = 11;
  EXPECT_FALSE(ledger.check().verified());
  ledger = sound_ledger();
  ledger.checkpoints[0].second = "not a note";
  EXPECT_TRUE(finds(ledger.check(), std::nullopt, "the checkpoint of 4 entries is not a signed tree head"));
}

TEST(VerifyKeys, AKeyIsTrustedOnceACheckpointOfATrustedOneCoversItsEntry) {
  const note::SigningKey next = key_of(8);
  LedgerInMemory ledger = sound_ledger();
  ledger.append("log.key.add", {{"vkey", next.verifier().text()}});
  ledger.sign();
  ledger.append("clock.stepped", {});
  ledger.sign(next);
  EXPECT_TRUE(ledger.check(ledger.key.verifier()).verified()) << list(ledger.check());
  EXPECT_TRUE(ledger.check(next.verifier()).verified()) << "the later key pins what is before it, too";

  // Without the checkpoint by the old key, whoever can write the tables could add a key of their own.
  ledger.checkpoints.erase(ledger.checkpoints.end() - 2);
  EXPECT_TRUE(
      finds(ledger.check(ledger.key.verifier()), std::nullopt, "the checkpoint of 14 entries is not signed"));
}

TEST(VerifyKeys, ARevokedKeyIsNotTrustedPastItsLastSize) {
  const note::SigningKey next = key_of(8);
  LedgerInMemory ledger = sound_ledger();
  ledger.append("log.key.add", {{"vkey", next.verifier().text()}});
  ledger.sign();
  ledger.append("log.key.revoke", {{"vkey", ledger.key.verifier().text()}, {"last-trusted-size", "13"}});
  ledger.sign(next);
  EXPECT_TRUE(ledger.check(ledger.key.verifier()).verified()) << list(ledger.check());
  ledger.append("clock.stepped", {});
  ledger.sign();
  EXPECT_TRUE(
      finds(ledger.check(ledger.key.verifier()), std::nullopt, "the checkpoint of 15 entries is not signed"));
}

TEST(VerifyKeys, AKeyRevokedFromBeforeTheHandoverOpensNoWayToTheNext) {
  const note::SigningKey next = key_of(8);
  LedgerInMemory ledger = sound_ledger();
  ledger.append("log.key.add", {{"vkey", next.verifier().text()}});
  ledger.sign({&ledger.key, &next, &ledger.ml_dsa});
  ledger.append("log.key.revoke", {{"vkey", ledger.key.verifier().text()}, {"last-trusted-size", "12"}});
  ledger.sign(next);
  EXPECT_FALSE(ledger.check(ledger.key.verifier()).verified());
  EXPECT_TRUE(ledger.check(next.verifier()).verified()) << "the later key pins what is before it";
}

TEST(VerifyKeys, ForgingOneKindOfSignatureIsNotEnough) {
  for (const note::KeyType forged : {note::KeyType::ed25519, note::KeyType::ml_dsa_44}) {
    const bool ed25519 = forged == note::KeyType::ed25519;
    LedgerInMemory ledger = sound_ledger();
    const auto other = key_of(9 + 1, ed25519 ? note::KeyType::ml_dsa_44 : note::KeyType::ed25519);
    const note::VerifierKey kept = ed25519 ? ledger.ml_dsa.verifier() : ledger.key.verifier();
    ledger.checkpoints.clear();
    // Who can forge one kind retires the other kind's key and names its own.
    ledger.append("log.key.retire", {{"vkey", kept.text()}, {"last-trusted-size", "12"}});
    ledger.append("log.key.add", {{"vkey", other.verifier().text()}});
    ledger.sign({ed25519 ? &ledger.key : &other, ed25519 ? &other : &ledger.ml_dsa});
    EXPECT_FALSE(ledger.check(kept).verified());
    const std::vector both{ledger.key.verifier(), ledger.ml_dsa.verifier()};
    EXPECT_FALSE(ledger.check(both).verified());
  }
}

TEST(VerifyKeys, ACheckpointOfOneKindAloneIsAFinding) {
  for (const bool ed25519 : {true, false}) {
    LedgerInMemory ledger = sound_ledger();
    ledger.append("clock.stepped", {});
    ledger.sign({ed25519 ? &ledger.key : &ledger.ml_dsa});
    EXPECT_TRUE(finds(ledger.check(), std::nullopt, "the checkpoint of 13 entries is not signed"));
    EXPECT_FALSE(ledger.check(ledger.key.verifier()).verified());
  }
}

TEST(VerifyKeys, EntriesThatNameKeysWronglyAreFindings) {
  const note::SigningKey next = key_of(8);
  const auto other = note::SigningKey::generate(note::KeyType::ed25519, "example.org/other");
  const auto finding = [&](const std::string& event, const std::string& vkey, const std::string& size) {
    LedgerInMemory ledger = sound_ledger();
    ledger.append(event, {{"vkey", vkey}, {"last-trusted-size", size}});
    ledger.sign();
    return !ledger.check().verified() && ledger.check().findings.front().seq == 12U;
  };
  const std::string first = LedgerInMemory().key.verifier().text();
  EXPECT_TRUE(finding("log.key.add", other.verifier().text(), "-"));
  EXPECT_TRUE(finding("log.key.add", "nonsense", "-"));
  EXPECT_TRUE(finding("log.key.add", first, "-"));
  EXPECT_TRUE(finding("log.key.add", next.verifier().text(), "5"));
  EXPECT_TRUE(finding("log.key.retire", next.verifier().text(), "12"));
  EXPECT_TRUE(finding("log.key.retire", first, "-"));
  EXPECT_TRUE(finding("log.key.retire", first, "13"));
}

// A forged ledger must not take time by the square of the keys it names.
TEST(VerifyKeys, MoreKeysThanALedgerHasAreFindings) {
  LedgerInMemory ledger = sound_ledger();
  std::vector<std::uint8_t> bytes(32);
  constexpr std::size_t kAdded = 40'000;
  for (std::size_t i = 0; i < kAdded; ++i) {
    bytes[0] = static_cast<std::uint8_t>(i);
    bytes[1] = static_cast<std::uint8_t>(i >> 8U);
    const note::VerifierKey key(note::KeyType::ed25519, LedgerInMemory::kOrigin, bytes);
    ledger.append("log.key.add", {{"vkey", key.text()}, {"last-trusted-size", "-"}});
    if (i == note::kMaxNamedKeys - 3) ledger.sign();
  }
  const auto began = std::chrono::steady_clock::now();
  const Report report = ledger.check();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_TRUE(finds(report, 12 + note::kMaxNamedKeys - 2, "a ledger names at most 4,096"));
  EXPECT_FALSE(finds(report, 12 + note::kMaxNamedKeys - 3, "a ledger names at most 4,096"));
}

TEST(VerifyAnchors, AnAnchoredCheckpointMustBeKeptAndTheSame) {
  const auto anchored = [](std::size_t which) {
    LedgerInMemory ledger = sound_ledger();
    const std::string& note = ledger.checkpoints[which].second;
    std::string digest;
    for (const std::uint8_t byte : merkle::sha256_of(note)) {
      digest += "0123456789abcdef"[byte >> 4];
      digest += "0123456789abcdef"[byte & 15];
    }
    const auto head = note::parse_checkpoint(std::get<note::Note>(note::parse_note(note)).text);
    ledger.append("log.anchor", {{"size", std::to_string(head->size)},
                                 {"root", merkle::to_base64(head->root)},
                                 {"note-sha256", digest}});
    ledger.sign();
    return ledger;
  };
  LedgerInMemory ledger = anchored(0);
  EXPECT_TRUE(ledger.check().verified()) << list(ledger.check());
  ledger.checkpoints.erase(ledger.checkpoints.begin());
  EXPECT_TRUE(finds(ledger.check(), 12, "that it anchors is not kept"));
  ledger = anchored(1);
  EXPECT_TRUE(ledger.check().verified());
  ledger.append("log.anchor", {{"size", "99"}, {"root", merkle::to_base64({})}});
  ledger.sign();
  EXPECT_TRUE(finds(ledger.check(), 13, "its size and root"));
}

TEST(VerifyOpenings, EachFieldIsOpenedWithheldErasedOrAFinding) {
  LedgerInMemory ledger = sound_ledger();
  ledger.give_openings = false;
  EXPECT_EQ(ledger.check().withheld, 34U);
  EXPECT_TRUE(ledger.check().verified());

  ledger.give_openings = true;
  ledger.openings[5][1].opening.value += "x";
  EXPECT_TRUE(finds(ledger.check(), 5, "the opening of address does not match"));

  ledger = sound_ledger();
  ledger.openings[5].clear();
  ledger.openings[8].pop_back();
  EXPECT_TRUE(finds(ledger.check(), 5, "3 of its details are missing"));
  EXPECT_TRUE(finds(ledger.check(), 8, "1 of its details are missing"));
  ledger.append("detail.erased", {{"seqs", "2,5-8"}, {"basis", "request"}});
  ledger.sign();
  const Report report = ledger.check();
  EXPECT_TRUE(report.verified()) << list(report);
  EXPECT_EQ(report.erased, 4U);
  EXPECT_EQ(report.erased_at, (std::map<std::uint64_t, std::uint64_t>{{12, 4}}));

  ledger.openings[9].clear();
  EXPECT_TRUE(finds(ledger.check(), 9, "missing"));
}

TEST(VerifyOpenings, AnErasureThatHasNotEndedIsNoFindingButSaid) {
  LedgerInMemory ledger = sound_ledger();
  ledger.openings[5].clear();
  ledger.append("erasure.begun", {{"seqs", "5"}, {"basis", "request"}});
  ledger.sign();
  Report report = ledger.check();
  EXPECT_TRUE(report.verified()) << list(report);
  EXPECT_EQ(report.being_erased, 3U);
  EXPECT_EQ(report.erased, 0U);

  ledger.append("detail.erased", {{"seqs", "5"}, {"basis", "request"}});
  ledger.sign();
  report = ledger.check();
  EXPECT_TRUE(report.verified()) << list(report);
  EXPECT_EQ(report.being_erased, 0U);
  EXPECT_EQ(report.erased, 3U);
}

TEST(VerifyOpenings, AnErasureThatDoesNotSayOfWhatIsAFinding) {
  for (const char* seqs : {"-", "", "5,3", "5-5", "05", "1,,2", "7-5", "1,2,", "1-2-3"}) {
    LedgerInMemory ledger = sound_ledger();
    ledger.append("detail.erased", {{"seqs", *seqs == '\0' ? "x" : seqs}});
    ledger.sign();
    EXPECT_TRUE(finds(ledger.check(), 12, "its seqs")) << seqs;
  }
}

}  // namespace
}  // namespace chancery::verify
