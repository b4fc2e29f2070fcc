#include "daemon/tree/receipts.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <set>

#include <gtest/gtest.h>

#include "ledger/note/log_policy.h"
#include "tests/unit/daemon/transfer/stage.h"
#include "tests/unit/ledger/receipt/receipts_in_memory.h"

// What each party to a transfer finds in /receipts: docs/ledger-format.md, "Receipts".
namespace chancery::tree {
namespace {

using receipt::ReceiptsInMemory;
using transfer::Stage;
using transfer::Transfer;

class ReceiptsTest : public testing::Test {
 protected:
  ~ReceiptsTest() override { stage.exchange->stop(); }

  // The ledger with real entries: what the stage's one has recorded so far, committed to and signed.
  ReceiptsInMemory log() const {
    ReceiptsInMemory made;
    if (rotated)
      made.key = note::SigningKey::from_seed(note::KeyType::ed25519, ReceiptsInMemory::kOrigin,
                                             std::vector<std::uint8_t>(32, 8));
    for (const auto& stored : stage.ledger.stored)
      made.append(stored.event.name, stored.event.plain, stored.event.committed);
    return made;
  }

  Evidence evidence() {
    const auto asked = [this] {
      ++questions;
      if (silent) throw service::Unavailable("it does not answer");
      return log();
    };
    return {[asked](std::uint64_t from, std::uint32_t count) {
              const auto log = asked();
              std::vector<service::StoredEntry> found;
              for (std::uint64_t i = from; i < std::min<std::uint64_t>(from + count, log.texts.size()); ++i)
                found.push_back({log.texts[i], log.openings[i]});
              return found;
            },
            [asked](std::uint64_t seq, std::uint64_t size) {
              const auto log = asked();
              return merkle::inclusion_proof(seq, size, [&](std::uint64_t at) { return log.stored.at(at); });
            },
            [asked]() -> std::optional<std::string> { return asked().checkpoint(); },
            [asked](std::uint64_t) -> std::optional<std::string> { return asked().checkpoint(); }};
  }

  Transfer transfer(const std::string& name) const {
    for (const auto& month : stage.exchange->projection().months("alpha"))
      for (const auto& one : stage.exchange->projection().outcomes("alpha", month))
        if (one.name == name) return one;
    ADD_FAILURE() << "no transfer of " << name;
    return {};
  }
  void deliver_and_collect(const std::string& name) {
    ASSERT_FALSE(stage.put(name, "rows"));
    const auto waiting = stage.exchange->projection().waiting("beta", "flow");
    const auto delivery = std::find_if(waiting.begin(), waiting.end(),
                                       [&](const auto& one) { return one.shown_name == name + ".age"; });
    ASSERT_NE(delivery, waiting.end());
    auto opened = stage.open_delivery(*delivery);
    auto& reading = std::get<std::shared_ptr<transfer::Reading>>(opened);
    Stage::read(reading, 0, 1 << 20);
    reading.reset();
    EXPECT_FALSE(Stage::wait([&](transfer::Done done) {
      stage.exchange->acknowledge(stage.receiver, *delivery, std::move(done));
    }));
  }
  std::vector<std::string> kinds(const std::vector<ReceiptFile>& files, const Transfer& of) {
    std::vector<std::string> kinds;
    const std::string stem = receipt_stem(of);
    for (const ReceiptFile& file : files) {
      EXPECT_TRUE(file.name.starts_with(stem)) << file.name;
      kinds.push_back(file.name.substr(std::min(stem.size(), file.name.size())));
    }
    return kinds;
  }

  Stage stage;
  int questions = 0;
  bool silent = false;
  bool rotated = false;
  Receipts receipts{evidence()};
};

TEST_F(ReceiptsTest, EachPartyHasItsOwnAndTheyVerify) {
  deliver_and_collect("oct.csv");
  const Transfer sent = transfer("oct.csv");
  receipts.cover(sent.steps.back().seq);
  const auto log = this->log();
  const auto check = [&](const std::string& agency, const std::set<std::string>& secrets) {
    const auto files = receipts.of(sent, agency);
    std::string all;
    for (std::size_t i = 0; i + 1 < files.size(); i += 2) {
      const std::string bytes = receipts.read(files[i]);
      const std::string openings = receipts.read(files[i + 1]);
      EXPECT_EQ(bytes.size(), files[i].size) << files[i].name;
      EXPECT_EQ(openings.size(), files[i + 1].size) << files[i + 1].name;
      const auto checked = receipt::check(bytes, log.keys());
      const auto* sound = std::get_if<receipt::Receipt>(&checked);
      EXPECT_NE(sound, nullptr) << files[i].name;
      if (sound == nullptr) continue;
      const auto opened = receipt::check_openings(openings, *sound);
      EXPECT_TRUE(opened.findings.empty());
      for (const auto& [field, value] : opened.values) all += value + "\n";
    }
    for (const std::string& secret : secrets)
      EXPECT_EQ(all.find(secret), std::string::npos) << agency << secret;
    return std::pair(kinds(files, sent), all);
  };
  const auto [of_sender, to_sender] = check("alpha", {"beta-collect", "SHA256:b", "127.0.0.2"});
  EXPECT_NE(to_sender.find("alpha-upload"), std::string::npos);
  EXPECT_NE(to_sender.find("SHA256:a"), std::string::npos);
  const auto has = [](const std::vector<std::string>& kinds, const std::string& kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  };
  for (const char* kind : {".receipt", ".openings", ".delivered.receipt", ".opened.receipt",
                           ".collected.receipt", ".acknowledged.receipt", ".acknowledged.openings"})
    EXPECT_TRUE(has(of_sender, kind)) << kind;
  EXPECT_EQ(of_sender.size(), 12U) << "beta and gamma were delivered to";

  const auto [of_beta, to_beta] = check("beta", {"alpha-upload", "SHA256:a", "127.0.0.1"});
  EXPECT_EQ(of_beta, (std::vector<std::string>{".receipt", ".openings", ".opened.receipt", ".opened.openings",
                                               ".collected.receipt", ".collected.openings",
                                               ".acknowledged.receipt", ".acknowledged.openings"}));
  EXPECT_NE(to_beta.find("beta-collect"), std::string::npos);
  const auto [of_gamma, to_gamma] = check("gamma", {"beta", "alpha-upload"});
  EXPECT_EQ(of_gamma, (std::vector<std::string>{".receipt", ".openings"}));
  EXPECT_TRUE(receipts.of(sent, "delta").empty());
}

TEST_F(ReceiptsTest, OfASecondEntryOfAKindTheNameHasTheSeq) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const Transfer sent = transfer("oct.csv");
  receipts.cover(sent.steps.back().seq);
  const std::string second = ".delivered-" + std::to_string(sent.steps.back().seq);
  EXPECT_EQ(kinds(receipts.of(sent, "alpha"), sent),
            (std::vector<std::string>{".receipt", ".openings", ".delivered.receipt", ".delivered.openings",
                                      second + ".receipt", second + ".openings"}));
}

TEST_F(ReceiptsTest, RefusedAndAbandonedHaveThemToo) {
  ASSERT_TRUE(stage.put("oct.exe", "MZ"));
  auto begun = stage.begin("nov.csv");
  stage.exchange->drop(std::get<std::shared_ptr<transfer::Upload>>(begun));
  stage.exchange->stop();
  for (const char* name : {"oct.exe", "nov.csv"}) {
    const Transfer ended = transfer(name);
    receipts.cover(ended.steps.back().seq);
    const auto files = receipts.of(ended, "alpha");
    ASSERT_EQ(files.size(), 2U) << name;
    const auto checked = receipt::check(receipts.read(files[0]), log().keys());
    ASSERT_TRUE(std::holds_alternative<receipt::Receipt>(checked));
    EXPECT_TRUE(receipt::check_openings(receipts.read(files[1]), std::get<receipt::Receipt>(checked))
                    .values.contains("reason"));
  }
}

TEST_F(ReceiptsTest, BytesStayWhileTheLedgerGrowsAndAppearOnlyWhenCovered) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const Transfer first = transfer("oct.csv");
  silent = true;
  receipts.cover(first.steps.back().seq);
  EXPECT_TRUE(receipts.of(first, "alpha").empty()) << "nothing is listed that cannot be proven yet";
  silent = false;
  receipts.cover(first.steps.back().seq);
  const auto files = receipts.of(first, "alpha");
  const std::string before = receipts.read(files[0]);
  for (int i = 0; i < 40; ++i) {
    ASSERT_FALSE(stage.put("more.csv", std::to_string(i)));
    receipts.cover(stage.ledger.stored.size() - 1);
  }
  EXPECT_EQ(receipts.read(files[0]), before);
  EXPECT_EQ(receipts.of(first, "alpha")[0].size, files[0].size);
  const int asked = questions;
  receipts.cover(first.steps.back().seq);
  EXPECT_EQ(questions, asked) << "what is covered is not asked for again";
  silent = true;
  EXPECT_THROW((void)receipts.read(files[0]), service::Unavailable);
}

TEST_F(ReceiptsTest, AMonthOfTenThousandTransfersIsListedQuickly) {
  constexpr int kTransfers = 10'000;
  stage.record_transfers(kTransfers);
  stage.open();
  receipts.cover(stage.ledger.stored.size() - 1);
  const auto began = std::chrono::steady_clock::now();
  std::size_t files = 0;
  for (const Transfer& one : stage.exchange->projection().outcomes("alpha", "2026-09"))
    files += receipts.of(one, "alpha").size();
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  EXPECT_EQ(files, std::size_t{4} * kTransfers);
  EXPECT_LT(took.count(), 5000) << "with room for sanitizers";
  std::cout << files << " receipts and openings: " << took.count() << " ms\n";
}

TEST_F(ReceiptsTest, AfterARotationAllAreMadeForCheckpointsOfThePresentKeys) {
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  const Transfer first = transfer("oct.csv");
  receipts.cover(first.steps.back().seq);
  rotated = true;
  ASSERT_FALSE(stage.put("nov.csv", "rows"));
  receipts.cover(stage.ledger.stored.size() - 1);
  const auto checked = receipt::check(receipts.read(receipts.of(first, "alpha")[0]), log().keys());
  EXPECT_TRUE(std::holds_alternative<receipt::Receipt>(checked));
}

TEST_F(ReceiptsTest, NamesFitIntoAFolderAndLeadToTheirTransfer) {
  std::string long_name = std::string(158, 'n') + "\u00e9\u00e9" + std::string(30, 'x') + ".csv";
  ASSERT_FALSE(stage.put(long_name, "rows"));
  const Transfer sent = transfer(long_name);
  receipts.cover(sent.steps.back().seq);
  EXPECT_TRUE(receipt_stem(sent).starts_with(std::string(158, 'n') + "\u00e9."));
  for (const ReceiptFile& file : receipts.of(sent, "alpha")) {
    EXPECT_LE(file.name.size(), 255U);
    EXPECT_EQ(id_in(file.name), sent.id);
  }
  EXPECT_EQ(id_in(receipt_stem(sent) + ".txt"), sent.id);
  EXPECT_EQ(id_in("a.b.c"), "");
  EXPECT_EQ(id_in(""), "");
  EXPECT_EQ(id_in(std::string(32, 'g') + "." + std::string(32, 'g') + ".txt"), "");
}

TEST_F(ReceiptsTest, TheLogsKeysAreTheSameForAllAndOfNow) {
  const auto others = [&](const std::string& event, const std::map<std::string, std::string>& plain) {
    stage.ledger.stored.push_back({stage.ledger.stored.size(), stage.ledger.now, {{}, event, plain, {}}});
  };
  const ReceiptsInMemory keys;
  const auto next = note::SigningKey::generate(note::KeyType::ed25519, ReceiptsInMemory::kOrigin).verifier();
  others("log.genesis",
         {{"vkey", keys.key.verifier().text()}, {"mldsa-vkey", keys.ml_dsa.verifier().text()}});
  ASSERT_FALSE(stage.put("oct.csv", "rows"));
  others("log.key.add", {{"vkey", next.text()}});
  others("log.anchor", {});
  others("log.key.retire", {{"vkey", keys.key.verifier().text()}, {"last-trusted-size", "3"}});

  const auto pages = receipts.log_keys(*stage.exchange);
  ASSERT_EQ(pages.size(), 5U);
  EXPECT_TRUE(pages[0].name.ends_with(".genesis.receipt"));
  EXPECT_TRUE(pages[1].name.ends_with(".add.receipt"));
  EXPECT_TRUE(pages[2].name.ends_with(".retire.receipt"));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(std::holds_alternative<receipt::Receipt>(receipt::check(pages[i].bytes, keys.keys())));
  const auto policy = note::parse_log_policy(pages[3].bytes);
  EXPECT_EQ(std::get<note::LogPolicy>(policy).keys(), (std::vector{next, keys.ml_dsa.verifier()}));
  EXPECT_EQ(pages[4].name, "log-policy.ed25519");
  EXPECT_TRUE(stage.exchange->projection().not_applied(stage.ledger.stored.size()).empty());
}

}  // namespace
}  // namespace chancery::tree
