#include <gtest/gtest.h>

#include "tests/unit/ledger/verify/ledger_in_memory.h"

// What finds a ledger that is whole in itself: a checkpoint from elsewhere, and the age of its last entry.
namespace chancery::verify {
namespace {

Report check_newer(LedgerInMemory& ledger, const std::string& note) {
  return check(ledger.source(), {}, {.newer_than = {note}, .not_before = std::nullopt});
}

TEST(NewerThan, ALedgerThatContinuesTheCheckpointVerifies) {
  LedgerInMemory ledger = sound_ledger();
  for (const auto& [size, note] : ledger.checkpoints) {
    EXPECT_TRUE(check_newer(ledger, note).verified());
  }
}

TEST(NewerThan, ACheckpointOfASizeThatIsNotKeptIsCheckedToo) {
  LedgerInMemory ledger = sound_ledger();
  const std::string old = ledger.checkpoints.front().second;
  ledger.checkpoints.erase(ledger.checkpoints.begin());
  EXPECT_TRUE(check_newer(ledger, old).verified());
}

TEST(NewerThan, AnOldCopyIsFoundByALaterCheckpoint) {
  LedgerInMemory ledger = sound_ledger();
  LedgerInMemory later = sound_ledger();
  later.append("delivery.opened", {});
  later.sign();
  EXPECT_TRUE(ledger.check().verified());
  const Report report = check_newer(ledger, later.checkpoints.back().second);
  EXPECT_TRUE(finds(report, std::nullopt, "the checkpoint of 13 entries that the ledger should continue"));
  EXPECT_TRUE(finds(report, std::nullopt, "the end is missing")) << list(report);
}

TEST(NewerThan, AnotherHistoryIsFoundByACheckpointOfTheFirst) {
  LedgerInMemory ledger = sound_ledger();
  LedgerInMemory other;
  for (int i = 1; i < 14; ++i) {
    other.append("delivery.opened", {{"agency", "another"}});
  }
  other.sign();
  EXPECT_TRUE(other.check().verified());
  EXPECT_TRUE(finds(check_newer(other, ledger.checkpoints.back().second), std::nullopt, "was changed"));
}

TEST(NewerThan, ACheckpointThatTheLogDidNotSignIsAFinding) {
  LedgerInMemory ledger = sound_ledger();
  EXPECT_TRUE(finds(check_newer(ledger, "no note"), std::nullopt, "is not a signed tree head"));
  LedgerInMemory stranger;
  const auto key = note::SigningKey::from_seed(note::KeyType::ed25519, LedgerInMemory::kOrigin,
                                               std::vector<std::uint8_t>(32, 1));
  stranger.sign(key);
  EXPECT_TRUE(
      finds(check_newer(ledger, stranger.checkpoints.back().second), std::nullopt, "is not signed by"));
}

TEST(MaximumAge, TheLastEntrysTimeIsCompared) {
  LedgerInMemory ledger = sound_ledger();
  const entry::Micros last = ledger.check().last_time;
  EXPECT_TRUE(check(ledger.source(), {}, {.newer_than = {}, .not_before = last}).verified());
  const Report stale = check(ledger.source(), {}, {.newer_than = {}, .not_before = last + 1});
  EXPECT_TRUE(finds(stale, 11, "nothing has been recorded since")) << list(stale);
  const auto until = [&](entry::Micros time) {
    return check(ledger.source(), {}, {.newer_than = {}, .not_before = 0, .not_after = time});
  };
  EXPECT_TRUE(until(last).verified());
  EXPECT_TRUE(finds(until(last - 1), 11, "which has not come yet")) << list(until(last - 1));
}

TEST(FalseSignature, OfAKeyThatTheLedgerNamesIsAFindingWhetherOrNotTheKeyIsInUse) {
  LedgerInMemory ledger = sound_ledger();
  const auto retired = note::SigningKey::from_seed(note::KeyType::ed25519, LedgerInMemory::kOrigin,
                                                   std::vector<std::uint8_t>(32, 3));
  ledger.append("log.key.add", {{"vkey", retired.verifier().text()}});
  ledger.append("log.key.retire", {{"vkey", retired.verifier().text()}, {"last-trusted-size", "13"}});
  ledger.sign({&ledger.key, &retired, &ledger.ml_dsa});
  EXPECT_TRUE(ledger.check().verified()) << list(ledger.check());
  auto parsed = std::get<note::Note>(note::parse_note(ledger.checkpoints.back().second));
  parsed.signatures.at(1).signature.at(5) ^= 1;
  ledger.checkpoints.back().second = parsed.encode();
  EXPECT_TRUE(finds(ledger.check(), std::nullopt, "has a false signature")) << list(ledger.check());
}

}  // namespace
}  // namespace chancery::verify
