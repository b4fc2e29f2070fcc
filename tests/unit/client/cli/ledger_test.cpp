#include <algorithm>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "client/cli/escape.h"
#include "client/cli/sentence.h"
#include "ledger/note/log_policy.h"
#include "ledger/note/proof.h"
#include "tests/unit/client/cli/command_test.h"
#include "tests/unit/ledger/verify/ledger_in_memory.h"

// `chancery ledger verify`, `show` and `prove` over a ledger on disk, as a person would run them.
namespace chancery::cli {
namespace {

using verify::LedgerInMemory;

class LedgerCommands : public CommandTest {
 protected:
  LedgerInMemory ledger_ = verify::sound_ledger();

  void write() {
    store::Store store = store::Store::open(folder_, store::Mode::read_write, std::size_t{64} << 20);
    store::Batch batch;
    batch.entries = ledger_.entries;
    batch.nodes = ledger_.stored;
    batch.root = ledger_.frontier.root();
    for (std::size_t i = 0; i < ledger_.entries.size(); ++i) {
      batch.ids.push_back({static_cast<std::uint8_t>(i)});
    }
    batch.openings.resize(batch.entries.size());
    for (const auto& [size, note] : ledger_.checkpoints) {
      batch.checkpoints.push_back({size, 0, note});
    }
    store.commit(batch);
  }

  std::size_t lines() const { return static_cast<std::size_t>(std::ranges::count(output_, '\n')); }
};

TEST_F(LedgerCommands, VerifySaysWhatItCheckedAndWhetherTheKeyWasGiven) {
  write();
  EXPECT_EQ(run_words({"ledger", "verify", folder_}), kOk) << output_;
  EXPECT_TRUE(prints("Verified: the ledger example.org/hub"));
  EXPECT_TRUE(prints("the tables in a ledger's folder, and no other file there"));
  EXPECT_TRUE(prints("entries       12, from 2026-"));
  EXPECT_TRUE(prints(merkle::to_base64(ledger_.frontier.root())));
  EXPECT_TRUE(prints("NOT PINNED")) << output_;
  EXPECT_EQ(run_words({"ledger", "verify", "--key", ledger_.key.verifier().text(), folder_}), kOk);
  EXPECT_TRUE(prints("as given with --key")) << output_;
}

TEST_F(LedgerCommands, VerifyNamesTheEntryThatWasChangedAndExitsWithOne) {
  ledger_.entries[5].replace(ledger_.entries[5].find("council"), 7, "counciL");
  write();
  EXPECT_EQ(run_words({"ledger", "verify", folder_}), kRefused);
  EXPECT_TRUE(prints("NOT VERIFIED") && prints("entry 5: ")) << output_;
  EXPECT_EQ(run_words({"ledger", "verify", "--json", folder_}), kRefused);
  const auto report = boost::json::parse(output_);
  EXPECT_FALSE(report.at("verified").as_bool());
  EXPECT_EQ(report.at("findings").at(0).at("seq").as_int64(), 5);
}

TEST_F(LedgerCommands, VerifyExitsWithTwoWhenItCannotTell) {
  EXPECT_EQ(run_words({"ledger", "verify", folder_}), kFailed);
  EXPECT_EQ(run_words({"ledger", "verify"}), kFailed);
  write();
  EXPECT_EQ(run_words({"ledger", "verify", "--key", "no key", folder_}), kFailed);
}

TEST_F(LedgerCommands, ShowPrintsASentenceForEachEntryThatPassesTheFilters) {
  write();
  EXPECT_EQ(run_words({"ledger", "show", folder_}), kOk);
  EXPECT_EQ(lines(), 12U);
  EXPECT_TRUE(prints("0  2026-11-02 09:30:00 UTC  the ledger of example.org/hub begins")) << output_;
  EXPECT_TRUE(prints("council began to read object o3")) << output_;
  EXPECT_EQ(run_words({"ledger", "show", "--agency", "council", folder_}), kOk);
  EXPECT_EQ(lines(), 11U);
  EXPECT_EQ(run_words({"ledger", "show", "--agency", "police", folder_}), kOk);
  EXPECT_EQ(output_, "");
  EXPECT_EQ(run_words({"ledger", "show", "--since", "2026-11-02T09:30:00.007", folder_}), kOk);
  EXPECT_EQ(lines(), 5U) << output_;
  EXPECT_EQ(run_words({"ledger", "show", "--since", "2026-11-03", folder_}), kOk);
  EXPECT_EQ(output_, "");
  EXPECT_EQ(run_words({"ledger", "show", "--since", "yesterday", folder_}), kFailed);
}

TEST_F(LedgerCommands, ShowPrintsOneJsonObjectALine) {
  write();
  EXPECT_EQ(run_words({"ledger", "show", "--json", "--since", "2026-11-02T09:30:00.011", folder_}), kOk);
  const auto entry = boost::json::parse(output_);
  EXPECT_EQ(entry.at("seq").as_int64(), 11);
  EXPECT_EQ(entry.at("event").as_string(), "delivery.opened");
  EXPECT_EQ(entry.at("plain").at("agency").as_string(), "council");
  EXPECT_TRUE(entry.at("details").at("account").is_null());
}

TEST_F(LedgerCommands, KeyPolicyPrintsWhatVerifyTakes) {
  write();
  ASSERT_EQ(run_words({"ledger", "key", "policy", folder_}), kOk) << output_;
  const auto parsed = note::parse_log_policy(output_);
  ASSERT_TRUE(std::holds_alternative<note::LogPolicy>(parsed)) << output_;
  EXPECT_EQ(std::get<note::LogPolicy>(parsed).keys().size(), 2U);
}

TEST_F(LedgerCommands, ProvePrintsAProofThatOthersCanCheck) {
  write();
  ASSERT_EQ(run_words({"ledger", "prove", "7", folder_}), kOk) << output_;
  const auto parsed = note::parse_proof(output_);
  const auto* proof = std::get_if<note::Proof>(&parsed);
  ASSERT_NE(proof, nullptr);
  const std::vector keys{ledger_.key.verifier(), ledger_.ml_dsa.verifier()};
  EXPECT_EQ(proof->extra, ledger_.entries[7]);
  EXPECT_EQ(note::check_proof(*proof, ledger_.entries[7], LedgerInMemory::kOrigin, keys), std::nullopt);
  EXPECT_EQ(run_words({"ledger", "prove", "12", folder_}), kFailed);
  EXPECT_EQ(run_words({"ledger", "prove", "seven", folder_}), kFailed);
}

TEST_F(LedgerCommands, ProveRefusesAnEntryThatTheCheckpointDoesNotHold) {
  ledger_.entries[7].replace(ledger_.entries[7].find("council"), 7, "counciL");
  write();
  EXPECT_EQ(run_words({"ledger", "prove", "7", folder_}), kRefused);
  EXPECT_EQ(output_, "");
}

TEST(Sentence, EveryEventHasOneAndItNamesOnlyFieldsOfThatEvent) {
  for (const entry::EventRow& row : entry::event_table()) {
    const std::string words = sentence(row.name, [&](std::string_view field) {
      const bool plain = std::ranges::find(row.plain, field) != row.plain.end();
      const bool committed =
          std::ranges::find(row.committed, field, &entry::CommittedField::key) != row.committed.end();
      EXPECT_TRUE(plain || committed) << row.name << " has no field " << field;
      return std::optional<std::string>("VALUE");
    });
    EXPECT_NE(words.find("VALUE"), std::string::npos) << row.name;
    EXPECT_EQ(words.find_first_of("{}|"), std::string::npos) << words;
  }
  EXPECT_EQ(sentence("case.opened", [](std::string_view) { return std::nullopt; }),
            "case.opened (an event that this version does not know)");
}

TEST(Escaped, NothingReachesTheTerminalButWhatCanBeSeen) {
  EXPECT_EQ(escaped("oct 2026.csv"), "oct 2026.csv");
  EXPECT_EQ(escaped("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(escaped("a\x1B[31m\r\n"), "a\\u{1B}[31m\\u{D}\\u{A}");
  EXPECT_EQ(escaped("a\xC2\x9B"
                    "31m"),
            "a\\u{9B}31m");
  EXPECT_EQ(escaped("cod\xE2\x80\xAE"
                    "exe.pdf"),
            "cod\\u{202E}exe.pdf");
  EXPECT_EQ(escaped("a\xFF\x80"), "a\\xFF\\x80");
  EXPECT_EQ(escaped("a\\b"), "a\\\\b");
  EXPECT_EQ(as_utf8("a\xFF\n"), "a\\xFF\n");
}

}  // namespace
}  // namespace chancery::cli
