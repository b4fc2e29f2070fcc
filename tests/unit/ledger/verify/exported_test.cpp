#include "ledger/verify/exported.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <gtest/gtest.h>

#include "ledger/exports/exports.h"
#include "ledger/exports/sums.h"
#include "tests/unit/ledger/verify/ledger_in_memory.h"
#include "tests/unit/temporary_folder.h"

// An export that was changed is found out, and the place is named.
namespace chancery::verify {
namespace {

namespace fs = std::filesystem;

exports::Source source_of(const LedgerInMemory& ledger) {
  return {ledger.checkpoints.back().second,
          [&](std::uint64_t from, const auto& visit) {
            for (std::uint64_t i = from; i < ledger.entries.size() && visit(i, ledger.entries[i]); ++i) {
            }
          },
          [&](std::uint64_t from, std::uint64_t end, const auto& visit) {
            for (std::uint64_t i = from; i < end && visit(ledger.stored.at(i)); ++i) {
            }
          },
          [&](const auto& visit) {
            for (const auto& [size, note] : ledger.checkpoints) {
              if (!visit(size, note)) return;
            }
          }};
}

LedgerInMemory ledger_of(std::size_t entries) {
  LedgerInMemory ledger;
  ledger.sign();
  while (ledger.entries.size() < entries) {
    ledger.append("delivery.opened",
                  {{"agency", "council"}, {"object", "o" + std::to_string(ledger.entries.size())}});
  }
  ledger.sign();
  return ledger;
}

class ExportedTest : public ::testing::Test {
 protected:
  ExportedTest() {
    folder_ = make_temporary_folder("chancery-exported");
    out_ = folder_ / "out";
  }
  ~ExportedTest() override { fs::remove_all(folder_); }

  void write(const LedgerInMemory& ledger, const fs::path& policies = "") {
    const exports::Source source = source_of(ledger);
    exports::write_export(source, {out_, policies, {}});
  }
  Report check() const { return check({}); }
  Report check(std::span<const note::VerifierKey> pinned) const {
    Exported exported(out_);
    return verify::check(exported.source(), pinned);
  }
  std::string read(const std::string& path) const {
    std::ifstream file(out_ / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& path, const std::string& bytes) const {
    fs::create_directories((out_ / path).parent_path());
    std::ofstream(out_ / path, std::ios::binary) << bytes;
  }
  // What somebody does who has changed an export and knows what SHA256SUMS is.
  void sum_up() const {
    exports::Sums sums;
    fs::remove(out_ / "SHA256SUMS");
    for (const auto& one : fs::recursive_directory_iterator(out_)) {
      const std::string path = one.path().lexically_relative(out_).string();
      if (one.is_regular_file()) sums[path] = merkle::sha256_of(read(path));
    }
    put("SHA256SUMS", exports::format_sums(sums));
  }
  // What is found when one file is another, with SHA256SUMS that goes with it.
  Report with(const std::string& path, const std::string& bytes) const {
    const bool existed = fs::exists(out_ / path);
    const std::string before = read(path);
    const std::string sums = read("SHA256SUMS");
    put(path, bytes);
    sum_up();
    Report report = check();
    existed ? put(path, before) : static_cast<void>(fs::remove(out_ / path));
    put("SHA256SUMS", sums);
    return report;
  }

  fs::path folder_;
  fs::path out_;
};

TEST_F(ExportedTest, what_was_exported_verifies_and_counts_the_same) {
  for (const std::size_t size : {1U, 2U, 255U, 256U, 257U, 600U}) {
    fs::remove_all(out_);
    LedgerInMemory ledger = ledger_of(size);
    write(ledger);
    ledger.give_openings = false;
    const Report from_memory = ledger.check();
    const Report report = check();
    EXPECT_TRUE(report.verified()) << list(report);
    EXPECT_EQ(report.entries, size);
    EXPECT_EQ(report.root, from_memory.root);
    EXPECT_EQ(report.withheld, from_memory.withheld);
    EXPECT_EQ(report.covered, size);
    EXPECT_EQ(report.origin, LedgerInMemory::kOrigin);
  }
}

TEST_F(ExportedTest, pinned_keys_are_used) {
  const LedgerInMemory ledger = ledger_of(5);
  write(ledger);
  const auto other = note::SigningKey::from_seed(note::KeyType::ed25519, LedgerInMemory::kOrigin,
                                                 std::vector<std::uint8_t>(32, 8));
  EXPECT_TRUE(check(std::vector{ledger.key.verifier()}).verified());
  EXPECT_FALSE(check(std::vector{other.verifier()}).verified());
}

// Every 13th byte, another bit each time; the page, which SHA256SUMS alone covers, more rarely.
TEST_F(ExportedTest, a_flipped_bit_anywhere_is_found) {
  write(ledger_of(8));
  std::vector<std::string> paths;
  for (const auto& one : fs::recursive_directory_iterator(out_)) {
    if (one.is_regular_file()) paths.push_back(one.path().lexically_relative(out_).string());
  }
  EXPECT_GE(paths.size(), 9U);
  unsigned bit = 0;
  for (const std::string& path : paths) {
    const std::string before = read(path);
    const std::size_t step = path == "FORMAT.md" || path.ends_with(".py") ? 9973 : 13;
    for (std::size_t at = 0; at < before.size(); at += step) {
      std::string changed = before;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (bit++ % 8)));
      put(path, changed);
      EXPECT_FALSE(check().verified()) << path << ", byte " << at;
    }
    put(path, before);
  }
  EXPECT_TRUE(check().verified());
}

// A ledger with a refusal, an erasure, a rotation and the anchors that go with it.
LedgerInMemory eventful_ledger() {
  LedgerInMemory ledger;
  const auto next = note::SigningKey::from_seed(note::KeyType::ed25519, LedgerInMemory::kOrigin,
                                                std::vector<std::uint8_t>(32, 8));
  const auto anchor = [&] {
    const auto& [size, note] = ledger.checkpoints.back();
    ledger.append("log.anchor", {{"size", std::to_string(size)},
                                 {"root", merkle::to_base64(ledger.frontier.root())},
                                 {"note-sha256", exports::to_hex(merkle::sha256_of(note))}});
  };
  ledger.append("file.refused", {{"agency", "council"}, {"code", "too-large"}, {"count", "1"}});
  ledger.append("log.key.add", {{"vkey", next.verifier().text()}});
  ledger.sign({&ledger.key, &next, &ledger.ml_dsa});
  anchor();
  ledger.append("log.key.retire", {{"vkey", ledger.key.verifier().text()}, {"last-trusted-size", "3"}});
  ledger.append("erasure.begun", {{"basis", "request"}, {"seqs", "1"}});
  ledger.append("detail.erased", {{"basis", "request"}, {"seqs", "1"}});
  ledger.sign(next);
  return ledger;
}

// All bits with CHANCERY_EVERY_BIT, else one in 211. The programs and the page are covered by SHA256SUMS
// alone.
TEST_F(ExportedTest, a_flipped_bit_is_found_also_when_the_sums_go_with_it) {
  write(eventful_ledger());
  ASSERT_TRUE(check().verified()) << list(check());
  std::vector<std::string> paths;
  for (const auto& one : fs::recursive_directory_iterator(out_)) {
    const std::string path = one.path().lexically_relative(out_).string();
    if (one.is_regular_file() && path != "SHA256SUMS" && path != "FORMAT.md" && !path.ends_with(".py")) {
      paths.push_back(path);
    }
  }
  const std::size_t step = std::getenv("CHANCERY_EVERY_BIT") != nullptr ? 1 : 211;
  std::size_t flipped = 0;
  for (const std::string& path : paths) {
    const std::string before = read(path);
    for (std::size_t bit = 0; bit < 8 * before.size(); bit += step, ++flipped) {
      std::string changed = before;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      ASSERT_FALSE(with(path, changed).verified()) << path << ", bit " << bit;
    }
  }
  std::cout << flipped << " bits of " << paths.size() << " files flipped: all found\n";
}

TEST_F(ExportedTest, a_file_that_is_missing_short_or_too_many_is_named) {
  write(ledger_of(300));
  for (const char* path :
       {"checkpoint", "checkpoints/1", "checkpoints/300", "log-policy", "log-policy.ed25519", "tile/0/000",
        "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44", "FORMAT.md"}) {
    const std::string before = read(path);
    fs::remove(out_ / path);
    const bool in_sums_only = std::string(path).starts_with("checkpoints/");
    const Report missing = check();
    const std::string words =
        in_sums_only ? std::string(path) + " is listed" : std::string(path) + " is missing";
    EXPECT_NE(list(missing).find(words), std::string::npos) << list(missing);
    put(path, before.substr(0, before.size() - 1));
    const Report shorter = check();
    EXPECT_NE(list(shorter).find(std::string(path) + " "), std::string::npos) << path << "\n"
                                                                              << list(shorter);
    put(path, before);
  }
  put("tile/0/001.p/43", "x");
  EXPECT_TRUE(finds(check(), std::nullopt, "tile/0/001.p/43 is not listed in SHA256SUMS"));
  fs::remove(out_ / "tile/0/001.p/43");
  fs::create_symlink(out_ / "checkpoint", out_ / "link");
  EXPECT_TRUE(finds(check(), std::nullopt, "link is no plain file"));
  fs::remove(out_ / "link");
  fs::remove(out_ / "SHA256SUMS");
  EXPECT_TRUE(finds(check(), std::nullopt, "SHA256SUMS is missing"));
}

TEST_F(ExportedTest, changes_that_the_sums_go_along_with_are_found_and_named) {
  const LedgerInMemory ledger = ledger_of(600);
  write(ledger);
  std::string tile = read("tile/0/001");
  tile[5 * 32] = static_cast<char>(tile[5 * 32] ^ 1);
  EXPECT_TRUE(finds(with("tile/0/001", tile), 256 + 5, "tile/0/001"));
  std::string upper = read("tile/1/000.p/2");
  upper[33] = static_cast<char>(upper[33] ^ 1);
  EXPECT_TRUE(finds(with("tile/1/000.p/2", upper), std::nullopt,
                    "hash 1 of tile/1/000.p/2 is not that of the entries 256 to 511"));
  std::string bundle = read("tile/entries/001");
  bundle.replace(bundle.find("\nagency council", 40 * 300), 15, "\nagency counsel");
  EXPECT_FALSE(with("tile/entries/001", bundle).verified());
  bundle = read("tile/entries/002.p/88");
  const Report longer = with("tile/entries/002.p/88", bundle + '\0');
  EXPECT_TRUE(finds(longer, 600, "tile/entries/002.p/88 is not a bundle of 88 entries")) << list(longer);
  EXPECT_TRUE(finds(with("log-policy", read("log-policy.ed25519")), std::nullopt,
                    "log-policy does not name the keys"));
  EXPECT_TRUE(finds(with("checkpoint", read("checkpoints/1")), 0, "tile/entries/000.p/1 is missing"));
  EXPECT_TRUE(finds(with("checkpoints/1", read("checkpoint")), std::nullopt, "is one of another size"));
  EXPECT_TRUE(finds(with("checkpoints/17", read("checkpoint")), std::nullopt, "is one of another size"));
  EXPECT_TRUE(check().verified());
  put("checkpoints/x", read("checkpoint"));
  put("tile/2/000.p/1", std::string(32, 'x'));
  sum_up();
  EXPECT_TRUE(finds(check(), std::nullopt, "checkpoints/x is not named after a size"));
  EXPECT_TRUE(finds(check(), std::nullopt, "tile/2/000.p/1 is listed in SHA256SUMS and is not part"));
}

TEST_F(ExportedTest, policies_are_what_their_names_say_and_all_are_there) {
  const std::string file = "name = 'Council'\n";
  const std::string hash = exports::to_hex(
      merkle::sha256_of(exports::to_hex(merkle::sha256_of(file)) + "  agencies/council.toml\n"));
  fs::create_directories(folder_ / "kept" / hash / "agencies");
  std::ofstream(folder_ / "kept" / hash / "agencies/council.toml") << file;
  LedgerInMemory ledger = ledger_of(3);
  ledger.append("policy.activated", {{"files", "1"}, {"policy", hash}});
  ledger.sign();
  write(ledger, folder_ / "kept");
  EXPECT_TRUE(check().verified()) << list(check());
  const std::string path = "policies/" + hash + "/agencies/council.toml";
  EXPECT_TRUE(finds(with(path, "name = 'Counsel'\n"), std::nullopt, "another policy than its name says"));
  ledger.append("policy.activated", {{"files", "1"}, {"policy", std::string(64, 'a')}});
  ledger.sign();
  write(ledger);
  EXPECT_TRUE(finds(check(), 4, "not in policies/")) << list(check());
  fs::remove_all(out_ / "policies");
  sum_up();
  EXPECT_TRUE(check().verified());
}

TEST_F(ExportedTest, damage_that_leaves_next_to_nothing_is_no_crash) {
  fs::create_directories(out_);
  EXPECT_FALSE(Exported::is_one(out_));
  EXPECT_FALSE(check().verified());
  put("checkpoint",
      "example.org/hub\n9223372036854775807\n" + std::string(43, 'A') + "=\n\n— example.org/hub AAAAAA==\n");
  EXPECT_TRUE(Exported::is_one(out_));
  put("data.mdb", "a ledger's tables");
  EXPECT_TRUE(Exported::is_one(out_));
  EXPECT_FALSE(check().verified());
  put("SHA256SUMS", "\n");
  put("tile", "a file");
  put("checkpoints", "a file");
  EXPECT_FALSE(check().verified());
}

}  // namespace
}  // namespace chancery::verify
