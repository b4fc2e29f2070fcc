#include <filesystem>

#include <gtest/gtest.h>

#include "tests/unit/ledger/verify/ledger_in_memory.h"

// The same checks over the tables on disk.
namespace chancery::verify {
namespace {

class VerifyStore : public ::testing::Test {
 protected:
  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("verify-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));

  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const LedgerInMemory& ledger) {
    store::Store store = store::Store::open(folder_, store::Mode::read_write, std::size_t{64} << 20);
    store::Batch batch;
    batch.entries = ledger.entries;
    batch.nodes = ledger.stored;
    batch.root = ledger.frontier.root();
    for (const std::string& text : ledger.entries) {
      const auto parsed = entry::parse(text);
      batch.ids.push_back(std::get<entry::Entry>(parsed).id);
    }
    batch.openings.resize(batch.entries.size());
    for (const auto& [size, note] : ledger.checkpoints) {
      batch.checkpoints.push_back({size, 0, note});
    }
    store.commit(batch);
  }

  Report check_folder() {
    const store::Store store = store::Store::open(folder_, store::Mode::read_only);
    const store::Snapshot snapshot = store.snapshot();
    return check(source_of(snapshot), {});
  }
};

TEST_F(VerifyStore, ASoundLedgerOnDiskHasNoFindings) {
  LedgerInMemory ledger = sound_ledger();
  write(ledger);
  const Report report = check_folder();
  EXPECT_TRUE(report.verified()) << list(report);
  EXPECT_EQ(report.entries, 12U);
  EXPECT_EQ(report.checkpoints, 2U);
  EXPECT_EQ(report.withheld, 34U);
}

TEST_F(VerifyStore, AnEntryEditedOnDiskIsNamed) {
  LedgerInMemory ledger = sound_ledger();
  ledger.entries[5].replace(ledger.entries[5].find("council"), 7, "counciL");
  write(ledger);
  EXPECT_TRUE(finds(check_folder(), 5, "hash that was stored"));
}

TEST_F(VerifyStore, AWrongRootOrSizeInMetaIsFound) {
  LedgerInMemory ledger = sound_ledger();
  Source source = ledger.source();
  source.head = [&] { return note::Checkpoint{"", 12, {}}; };
  EXPECT_TRUE(finds(check(source, {}), std::nullopt, "the root that the ledger has written down"));
  source.head = [&] { return note::Checkpoint{"", 11, ledger.frontier.root()}; };
  EXPECT_TRUE(finds(check(source, {}), std::nullopt, "says that it has 11 entries"));
}

}  // namespace
}  // namespace chancery::verify
