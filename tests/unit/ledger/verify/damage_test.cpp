#include <functional>

#include <gtest/gtest.h>

#include "tests/unit/ledger/verify/ledger_in_memory.h"

// Every way to change, drop, add or reorder what a ledger holds is found, and where.
namespace chancery::verify {
namespace {

TEST(Verify, ASoundLedgerHasNoFindings) {
  LedgerInMemory ledger = sound_ledger();
  const Report report = ledger.check(ledger.key.verifier());
  EXPECT_TRUE(report.verified()) << list(report);
  EXPECT_EQ(report.entries, 12U);
  EXPECT_EQ(report.root, ledger.frontier.root());
  EXPECT_EQ(report.checkpoints, 2U);
  EXPECT_EQ(report.covered, 12U);
  EXPECT_EQ(report.stored_hashes, ledger.stored.size());
  EXPECT_EQ(report.opened, 1U + 11 * 3);
  EXPECT_EQ(report.origin, LedgerInMemory::kOrigin);
  EXPECT_EQ(report.keys, std::vector{ledger.key.verifier().text()});
}

TEST(Verify, EveryChangedByteIsFoundAtItsEntryOrTheNext) {
  const LedgerInMemory sound = sound_ledger();
  for (std::uint64_t seq = 0; seq < sound.entries.size(); ++seq) {
    for (std::size_t at = 0; at < sound.entries[seq].size(); at += 7) {
      LedgerInMemory ledger = sound_ledger();
      ledger.entries[seq][at] = static_cast<char>(ledger.entries[seq][at] ^ 1);
      const Report report = ledger.check(ledger.key.verifier());
      ASSERT_TRUE(finds(report, seq, "hash that was stored")) << seq << " " << at << "\n" << list(report);
    }
  }
}

TEST(Verify, AnEditWithAllStoredHashesAndLaterEntriesRewrittenIsFoundByTheCheckpoint) {
  LedgerInMemory sound = sound_ledger();
  LedgerInMemory forged;
  for (int i = 1; i < 12; ++i) {
    forged.append("delivery.opened",
                  {{"agency", i == 5 ? "police" : "council"}, {"object", "o" + std::to_string(i)}});
  }
  forged.checkpoints = sound.checkpoints;
  const Report report = forged.check(sound.key.verifier());
  EXPECT_FALSE(report.verified());
  EXPECT_EQ(report.checkpoints, 1U) << "the checkpoint of 4 entries is still right";
  EXPECT_TRUE(finds(report, std::nullopt, "the checkpoint of 12 entries is not that of these entries"))
      << list(report);
}

TEST(Verify, AMissingEndIsFoundByTheCheckpoint) {
  LedgerInMemory ledger = sound_ledger();
  ledger.entries.resize(10);
  ledger.stored.resize(merkle::stored_count(10));
  const Report report = ledger.check();
  EXPECT_TRUE(finds(report, std::nullopt, "the end is missing")) << list(report);
}

TEST(Verify, AMissingOrSwappedEntryIsFoundThere) {
  LedgerInMemory ledger = sound_ledger();
  ledger.entries.erase(ledger.entries.begin() + 6);
  EXPECT_TRUE(finds(ledger.check(), 6, "it says that it is entry 7"));
  ledger = sound_ledger();
  std::swap(ledger.entries[6], ledger.entries[7]);
  EXPECT_TRUE(finds(ledger.check(), 6, "it says that it is entry 7"));
}

TEST(Verify, AbsenceIsAFinding) {
  LedgerInMemory ledger = sound_ledger();
  ledger.checkpoints.clear();
  EXPECT_TRUE(finds(ledger.check(), std::nullopt, "there is no checkpoint"));
  ledger.entries.clear();
  ledger.stored.clear();
  EXPECT_TRUE(finds(ledger.check(), std::nullopt, "empty"));
}

TEST(Verify, EveryChangedStoredHashIsFound) {
  const LedgerInMemory sound = sound_ledger();
  for (std::size_t at = 0; at < sound.stored.size(); ++at) {
    LedgerInMemory ledger = sound_ledger();
    ledger.stored[at][3] ^= 1;
    ASSERT_FALSE(ledger.check().verified()) << at;
  }
  LedgerInMemory ledger = sound_ledger();
  ledger.stored.pop_back();
  EXPECT_FALSE(ledger.check().verified());
  ledger = sound_ledger();
  ledger.stored.push_back({});
  EXPECT_TRUE(finds(ledger.check(), std::nullopt, "that no entry has"));
}

// One entry that was hashed, chained and signed as it is, but should never have been written.
Report check_with(const std::function<void(entry::Entry&, LedgerInMemory&)>& change) {
  LedgerInMemory ledger = sound_ledger();
  entry::Entry wrong = ledger.next("delivery.opened", {});
  change(wrong, ledger);
  ledger.append(wrong);
  ledger.sign();
  return ledger.check(ledger.key.verifier());
}

TEST(Verify, AWronglyPlacedEntryIsFoundEvenIfItWasSigned) {
  EXPECT_TRUE(check_with([](auto&, auto&) {}).verified());
  EXPECT_TRUE(finds(check_with([](auto& entry, auto&) { entry.seq = 13; }), 12, "entry 13"));
  EXPECT_TRUE(finds(check_with([](auto& entry, auto&) { entry.prev[0] ^= 1; }), 12, "its prev"));
  EXPECT_TRUE(finds(check_with([](auto& entry, auto&) { entry.time -= 2000; }), 12, "its time is before"));
  EXPECT_TRUE(finds(check_with([](auto& entry, auto&) { entry.id[0] = 4; }), 12, "it has the id of entry 4"));
  EXPECT_TRUE(
      finds(check_with([](auto& entry, auto&) { entry.plain["more"] = "1"; }), 12, "unexpected plain"));
  EXPECT_TRUE(
      finds(check_with([](auto& entry, auto&) { entry.plain.erase("agency"); }), 12, "missing plain"));
  EXPECT_TRUE(finds(check_with([](auto& entry, auto&) { entry.commitments["z"] = {}; }), 12, "committed"));
  EXPECT_TRUE(finds(check_with([](auto& entry, auto& ledger) { entry = ledger.next("log.genesis", {}); }), 12,
                    "a second log.genesis"));
}

TEST(Verify, BytesOutsideTheGrammarAreFoundEvenIfTheyWereSigned) {
  LedgerInMemory ledger = sound_ledger();
  ledger.add_text(ledger.next("delivery.opened", {}).text() + "\n");
  ledger.sign();
  EXPECT_TRUE(finds(ledger.check(), 12, "not an entry"));
}

TEST(Verify, AnUnknownEventVerifiesAndIsCounted) {
  for (const char* name :
       {"case.opened", "log.key.rename", "log.moved", "hold.extended", "erasure.planned"}) {
    const Report report = check_with([&](auto& entry, auto&) {
      entry.event = name;
      entry.commitments.clear();
    });
    EXPECT_TRUE(report.verified()) << name << "\n" << list(report);
    EXPECT_EQ(report.unknown_events, 1U) << name;
  }
}

TEST(Verify, AFirstEntryThatIsNoGenesisIsFound) {
  LedgerInMemory ledger = sound_ledger();
  ledger.entries.erase(ledger.entries.begin());
  EXPECT_TRUE(finds(ledger.check(), 0, "not log.genesis"));
}

TEST(Verify, ManyFindingsAreCountedAndNotAllKept) {
  LedgerInMemory ledger;
  for (int i = 0; i < 300; ++i) {
    ledger.add_text("x");
  }
  const Report report = ledger.check();
  EXPECT_EQ(report.findings.size(), kMaxFindings);
  EXPECT_GE(report.more_findings, 200U);
}

TEST(Verify, WhatTheSourceCannotReadEndsTheCheck) {
  LedgerInMemory ledger = sound_ledger();
  Source source = ledger.source();
  source.entries = [](const auto&) { throw std::runtime_error("no answer"); };
  EXPECT_THROW(check(source, {}), std::runtime_error);
}

}  // namespace
}  // namespace chancery::verify
