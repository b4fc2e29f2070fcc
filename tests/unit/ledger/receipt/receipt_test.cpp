#include "ledger/receipt/receipt.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/ledger/receipt/receipts_in_memory.h"

namespace chancery::receipt {
namespace {

constexpr unsigned kOwnSender = entry::kSender | entry::kOwnAgency;
constexpr unsigned kOwnRecipient = entry::kRecipient | entry::kOwnAgency;

std::string reason_of(const std::variant<Receipt, Failure>& checked) {
  const auto* failure = std::get_if<Failure>(&checked);
  return failure == nullptr ? "" : failure->reason;
}

std::vector<std::string> fields_of(const std::string& openings) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < openings.size();) {
    const std::size_t end = openings.find('\n', at);
    const auto line = opening::parse_line(std::string_view(openings).substr(at, end - at));
    fields.push_back(line ? line->field : "(none)");
    at = end + 1;
  }
  return fields;
}

TEST(Receipt, SaysWhatItsEntrySays) {
  const ReceiptsInMemory log = sample_receipts();
  for (std::uint64_t seq = 0; seq < log.texts.size(); ++seq) {
    const auto checked = check(log.prove(seq).encode(), log.keys());
    const auto* receipt = std::get_if<Receipt>(&checked);
    ASSERT_NE(receipt, nullptr) << reason_of(checked);
    EXPECT_EQ(receipt->entry.text(), log.texts[seq]);
    EXPECT_EQ(receipt->checkpoint.size, log.texts.size());
  }
}

TEST(Receipt, EveryChangedBitAndEveryCutIsNoticed) {
  const ReceiptsInMemory log = sample_receipts();
  const std::string sound = log.prove(kAccepted).encode();
  for (std::size_t at = 0; at < sound.size(); ++at) {
    EXPECT_NE(reason_of(check(sound.substr(0, at), log.keys())), "") << "cut at " << at;
    std::string changed = sound;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    EXPECT_NE(reason_of(check(changed, log.keys())), "") << "changed at " << at;
  }
  EXPECT_NE(reason_of(check(sound + "\n", log.keys())), "");
}

TEST(Receipt, ProvesNothingToWhoHasNoKeyOrAnothers) {
  const ReceiptsInMemory log = sample_receipts();
  const std::string sound = log.prove(kMade).encode();
  EXPECT_EQ(std::get<Failure>(check(sound, {})).kind, Failure::Kind::unreadable);
  const auto other = note::SigningKey::generate(note::KeyType::ed25519, ReceiptsInMemory::kOrigin).verifier();
  EXPECT_EQ(std::get<Failure>(check(sound, std::span(&other, 1))).kind, Failure::Kind::not_signed);
  const std::vector<note::VerifierKey> half{
      log.key.verifier(),
      note::SigningKey::generate(note::KeyType::ml_dsa_44, ReceiptsInMemory::kOrigin).verifier()};
  EXPECT_NE(reason_of(check(sound, half)), "");
  const auto elsewhere = note::SigningKey::generate(note::KeyType::ed25519, "example.org/other").verifier();
  EXPECT_NE(reason_of(check(sound, std::span(&elsewhere, 1))).find("example.org/other"), std::string::npos);
  const std::vector<note::VerifierKey> mixed{log.key.verifier(), elsewhere};
  EXPECT_EQ(std::get<Failure>(check(sound, mixed)).kind, Failure::Kind::unreadable);
}

TEST(Receipt, ItsEntryMustBeTheOneThatIsProvenAndWhole) {
  ReceiptsInMemory log = sample_receipts();
  note::Proof proof = log.prove(kAccepted);
  proof.extra = log.texts[kMade];
  EXPECT_NE(reason_of(check(proof.encode(), log.keys())), "");
  proof.extra.clear();
  EXPECT_EQ(std::get<Failure>(check(proof.encode(), log.keys())).kind, Failure::Kind::unreadable);

  entry::Entry bare = std::get<entry::Entry>(entry::parse(log.texts.back()));
  bare.seq = log.texts.size();
  bare.commitments.clear();
  log.texts.push_back(bare.text());
  log.frontier.append(merkle::leaf_hash(log.texts.back()), log.stored);
  EXPECT_NE(reason_of(check(log.prove(bare.seq).encode(), log.keys())).find("is no delivery.opened"),
            std::string::npos);
}

TEST(Openings, GoToThePartiesThatTheTableNames) {
  const ReceiptsInMemory log = sample_receipts();
  const auto given = [&](std::uint64_t seq, unsigned parties) {
    return fields_of(format_openings(seq, log.events[seq].name, log.openings[seq], parties));
  };
  using Fields = std::vector<std::string>;
  EXPECT_EQ(given(kAccepted, kOwnSender), (Fields{"account", "address", "key", "name", "rows-in", "rows-out",
                                                  "sha256", "size", "subjects"}));
  EXPECT_EQ(given(kAccepted, kOwnRecipient & ~entry::kOwnAgency), Fields{});
  EXPECT_EQ(given(kMade, entry::kSender), (Fields{"name", "recipients", "rows", "sha256"}));
  EXPECT_EQ(given(kMade, kOwnRecipient), (Fields{"name", "recipients", "rows", "sha256"}));
  EXPECT_EQ(given(kMade + 1, entry::kSender), Fields{});
  EXPECT_EQ(given(kMade + 1, kOwnRecipient), (Fields{"account", "address", "key"}));
  EXPECT_EQ(given(kMade + 1, entry::kNobody), Fields{});
}

TEST(Openings, AreCheckedLineByLine) {
  const ReceiptsInMemory log = sample_receipts();
  const auto checked = check(log.prove(kAccepted).encode(), log.keys());
  const Receipt& receipt = std::get<Receipt>(checked);
  const auto openings = [&](std::uint64_t seq) {
    return format_openings(seq, log.events[seq].name, log.openings[seq], kOwnSender);
  };
  const std::string sound = openings(kAccepted);
  const Opened opened = check_openings(sound, receipt);
  EXPECT_EQ(opened.findings, std::vector<std::string>{});
  EXPECT_EQ(opened.values.at("name"), "oct.csv");
  EXPECT_EQ(opened.values.at("subjects"), "");
  EXPECT_EQ(opened.values.size(), 9U);
  EXPECT_TRUE(check_openings("", receipt).values.empty());

  EXPECT_EQ(check_openings(openings(kMade), receipt).findings.size(), 4U) << "of another entry";
  EXPECT_EQ(check_openings(sound + sound, receipt).findings.size(), 9U) << "twice";
  EXPECT_EQ(check_openings("\n" + sound, receipt).findings,
            std::vector<std::string>{"line 1: it is no opening"});
  for (std::size_t at = 0; at < sound.size(); ++at) {
    std::string changed = sound;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    EXPECT_FALSE(check_openings(changed, receipt).findings.empty()) << "changed at " << at;
    const Opened cut = check_openings(sound.substr(0, at), receipt);
    EXPECT_EQ(cut.findings.empty(), at == 0 || sound[at - 1] == '\n') << "cut at " << at;
    EXPECT_TRUE(std::ranges::includes(opened.values, cut.values)) << "cut at " << at;
  }
}

TEST(Receipt, LengthsAreKnownBeforeTheTextsAreMade) {
  ReceiptsInMemory log = sample_receipts();
  for (int i = 0; i < 40; ++i)
    log.append("file.refused", {{"code", "too-large"}},
               {{"reason", std::string(static_cast<std::size_t>(i), 'r')}});
  for (std::uint64_t seq = 0; seq < log.texts.size(); ++seq) {
    const entry::Event& event = log.events[seq];
    EXPECT_EQ(entry_bytes(seq, event), log.texts[seq].size());
    EXPECT_EQ(receipt_bytes(log.texts[seq].size(), seq, log.frontier.size(), log.checkpoint().size()),
              log.prove(seq).encode().size());
    for (unsigned parties = 0; parties < 16; ++parties) {
      EXPECT_EQ(openings_bytes(seq, event, parties),
                format_openings(seq, event.name, log.openings[seq], parties).size());
    }
  }
  for (std::uint64_t size = 1; size < 70; ++size) {
    merkle::Frontier frontier;
    std::vector<merkle::Hash> stored;
    for (std::uint64_t i = 0; i < size; ++i) frontier.append({}, stored);
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto path = merkle::inclusion_proof(index, size, [&](std::uint64_t at) { return stored[at]; });
      EXPECT_EQ(
          receipt_bytes(0, index, size, 0) - receipt_bytes(0, index, index + 1, 0) +
              45 * merkle::inclusion_proof(index, index + 1, [&](std::uint64_t at) { return stored[at]; })
                       .size(),
          45 * path.size())
          << index << " of " << size;
    }
  }
}

}  // namespace
}  // namespace chancery::receipt
