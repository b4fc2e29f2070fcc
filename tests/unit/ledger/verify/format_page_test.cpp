#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include "ledger/entry/event_table.h"
#include "ledger/note/proof.h"
#include "ledger/opening/opening.h"
#include "tests/unit/ledger/verify/ledger_in_memory.h"

// docs/ledger-format.md says what the code does: its event table and its example are read and compared.
namespace chancery::verify {
namespace {

std::string page() {
  std::ifstream file(std::string(CHANCERY_SOURCE_DIR) + "/docs/ledger-format.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The content of the block that begins with ```text NAME, without its last line feed.
std::string block(const std::string& name) {
  const std::string text = page();
  const std::string opening = "```text " + name + "\n";
  const std::size_t begin = text.find(opening);
  EXPECT_NE(begin, std::string::npos) << name;
  const std::size_t end = text.find("\n```", begin);
  return begin == std::string::npos ? "" : text.substr(begin + opening.size(), end - begin - opening.size());
}

std::vector<std::uint8_t> unhex(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string letters(unsigned opened_to) {
  std::string text;
  text += (opened_to & entry::kSender) != 0 ? "S" : "";
  text += (opened_to & entry::kRecipient) != 0 ? "R" : "";
  text += (opened_to & entry::kAuditor) != 0 ? "A" : "";
  text += (opened_to & entry::kOwnAgency) != 0 ? "O" : "";
  return text;
}

std::string row_of(const entry::EventRow& row) {
  constexpr const char* kAuthors[] = {"service", "hub", "administrator"};
  std::string plain;
  for (const std::string_view key : row.plain) {
    plain += (plain.empty() ? "`" : " `") + std::string(key) + "`";
  }
  std::string committed;
  for (const entry::CommittedField& field : row.committed) {
    committed += (committed.empty() ? "`" : ", `") + std::string(field.key) + "` " + letters(field.opened_to);
  }
  return "| `" + std::string(row.name) + "` | " + plain + " | " + committed + " | " +
         kAuthors[static_cast<std::size_t>(row.author)] + " |";
}

TEST(FormatPage, ItsEventTableIsTheCodes) {
  std::istringstream lines(page());
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && line.empty()) {
      break;
    }
    inside = inside || line.starts_with("| event |");
    if (inside && line.starts_with("| `")) {
      rows.push_back(line);
    }
  }
  ASSERT_EQ(rows.size(), entry::event_table().size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i], row_of(entry::event_table()[i]));
  }
}

// The example as a ledger, from the page alone.
struct Example {
  std::vector<std::string> entries{block("entry0") + "\n", block("entry1") + "\n"};
  std::string checkpoint = block("checkpoint") + "\n";
  note::SigningKey key =
      note::SigningKey::from_seed(note::KeyType::ed25519, LedgerInMemory::kOrigin, unhex(block("seed")));
  note::SigningKey ml_dsa = note::SigningKey::from_seed(note::KeyType::ml_dsa_44, LedgerInMemory::kOrigin,
                                                        unhex(block("mldsa-seed")));
  LedgerInMemory ledger;

  Example() {
    ledger.entries.clear();
    ledger.openings.clear();
    ledger.stored.clear();
    ledger.frontier = {};
    for (const std::string& text : entries) {
      ledger.add_text(text);
    }
    std::istringstream lines(block("openings"));
    for (std::string line; std::getline(lines, line);) {
      const auto read = opening::parse_line(line);
      EXPECT_TRUE(read) << line;
      ledger.openings.at(read->seq).push_back({read->field, read->opening});
    }
    ledger.checkpoints.emplace_back(2, checkpoint);
  }
};

TEST(FormatPage, ItsExampleIsByteForByteWhatTheCodeWrites) {
  const Example example;
  EXPECT_EQ(example.key.verifier().text(), block("vkey"));
  EXPECT_EQ(example.ml_dsa.verifier().text(), block("mldsa-vkey"));
  for (std::size_t i = 0; i < 2; ++i) {
    const auto parsed = entry::parse(example.entries[i]);
    ASSERT_TRUE(std::holds_alternative<entry::Entry>(parsed));
    EXPECT_EQ(std::get<entry::Entry>(parsed).text(), example.entries[i]);
    EXPECT_EQ(merkle::to_base64(merkle::leaf_hash(example.entries[i])), block("leaf" + std::to_string(i)));
  }
  EXPECT_EQ(merkle::to_base64(example.ledger.frontier.root()), block("root"));
  // Ed25519 signs the same each time; ML-DSA-44 does not, so that its line can only be verified.
  const note::SigningKey* const keys[] = {&example.key};
  const note::Checkpoint head{LedgerInMemory::kOrigin, 2, example.ledger.frontier.root()};
  EXPECT_TRUE(example.checkpoint.starts_with(note::sign_note(head.body(), keys, 0).encode()));
  const note::Proof proof{example.entries[1], 1, {merkle::leaf_hash(example.entries[0])}, example.checkpoint};
  EXPECT_EQ(proof.encode(), block("proof") + "\n");
}

TEST(FormatPage, ItsExampleVerifiesAsALedger) {
  Example example;
  const std::vector keys{example.key.verifier(), example.ml_dsa.verifier()};
  const Report report = example.ledger.check(keys);
  EXPECT_TRUE(report.verified()) << list(report);
  EXPECT_EQ(report.opened, 4U);
  EXPECT_EQ(report.withheld + report.erased, 0U);
}

}  // namespace
}  // namespace chancery::verify
