#include "ledger/exports/exports.h"

#include <algorithm>

#include "ledger/exports/documents.h"
#include "ledger/exports/sums.h"
#include "ledger/note/log_policy.h"
#include "tests/unit/ledger/exports/fixture.h"

namespace chancery::exports {
namespace {

using Files = std::map<std::string, std::string>;

std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(ExportTest, has_every_file_of_the_page_and_no_other) {
  GrowingLedger ledger;
  ledger.grow_to(3);
  ledger.grow_to(257);
  const Result result = write(ledger, "out");
  const Files files = content("out");
  std::vector<std::string> names;
  for (const auto& [path, bytes] : files) names.push_back(path);
  std::vector<std::string> expected{
      "SHA256SUMS",       "checkpoint",          "checkpoints/",        "checkpoints/257",
      "checkpoints/3",    "log-policy",          "log-policy.ed25519",  "tile/",
      "tile/0/",          "tile/0/000",          "tile/0/001.p/",       "tile/0/001.p/1",
      "tile/1/",          "tile/1/000.p/",       "tile/1/000.p/1",      "tile/entries/",
      "tile/entries/000", "tile/entries/001.p/", "tile/entries/001.p/1"};
  for (const Document& document : documents()) expected.emplace_back(document.name);
  std::ranges::sort(expected);
  EXPECT_EQ(names, expected);
  EXPECT_EQ(result.origin, "example.org/hub");
  EXPECT_EQ(result.entries, 257U);
  EXPECT_EQ(result.files, 13 - 2 + documents().size());
  EXPECT_EQ(result.written_files, result.files);
  EXPECT_EQ(files.at("checkpoint"), ledger.checkpoints.back().second);
  EXPECT_EQ(files.at("checkpoints/257"), ledger.checkpoints.back().second);
  const std::string last = ledger.entries.back();
  EXPECT_EQ(files.at("tile/entries/001.p/1"), std::string(1, '\0') + static_cast<char>(last.size()) + last);
  EXPECT_TRUE(files.at("FORMAT.md").starts_with("# The ledger's format\n"));
}

TEST_F(ExportTest, sums_are_of_every_other_file) {
  GrowingLedger ledger;
  ledger.grow_to(600);
  write(ledger, "out");
  Files files = content("out");
  const auto sums = parse_sums(files.at("SHA256SUMS"));
  ASSERT_TRUE(sums);
  files.erase("SHA256SUMS");
  std::erase_if(files, [](const auto& file) { return file.first.ends_with('/'); });
  EXPECT_EQ(sums->size(), files.size());
  for (const auto& [path, bytes] : files) EXPECT_EQ(sums->at(path), merkle::sha256_of(bytes)) << path;
}

TEST_F(ExportTest, grown_is_byte_for_byte_what_is_written_at_once) {
  GrowingLedger ledger;
  for (const std::uint64_t size : {1U, 255U, 256U, 257U, 513U, 65535U, 65536U, 65537U, 65792U, 70000U}) {
    ledger.grow_to(size);
    write(ledger, "grown");
    EXPECT_EQ(content("grown"), fresh(ledger)) << size;
  }
}

TEST_F(ExportTest, what_is_full_is_not_written_again) {
  GrowingLedger ledger;
  ledger.grow_to(1000);
  write(ledger, "out");
  const auto time = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  for (const char* path : {"tile/0/002", "tile/entries/002", "FORMAT.md"})
    std::filesystem::last_write_time(folder_ / "out" / path, time);
  ledger.grow_to(1100);
  const Result result = write(ledger, "out");
  for (const char* path : {"tile/0/002", "tile/entries/002", "FORMAT.md"})
    EXPECT_EQ(std::filesystem::last_write_time(folder_ / "out" / path), time) << path;
  // The last bundle and tile that were partial, what came after, a tile above, and the signed ones.
  EXPECT_EQ(result.written_files, 2U + 2U + 1U + 1U + 2U);
  EXPECT_EQ(write(ledger, "out").written_files, 0U);
}

TEST_F(ExportTest, interrupted_anywhere_it_keeps_the_former_and_is_completed_by_the_next) {
  GrowingLedger ledger;
  ledger.grow_to(600);
  write(ledger, "before");
  const Files former = content("before");
  ledger.grow_to(800);
  const Files whole = fresh(ledger);
  for (const std::uint64_t rows : {0U, 1U, 20U, 200U, 300U, 450U, 700U, 800U}) {
    std::filesystem::remove_all(folder_ / "out");
    std::filesystem::copy(folder_ / "before", folder_ / "out", std::filesystem::copy_options::recursive);
    ledger.fail_after = rows;
    EXPECT_THROW(write(ledger, "out"), std::runtime_error) << rows;
    ledger.fail_after = ~std::uint64_t{0};
    const Files halfway = content("out");
    for (const auto& [path, bytes] : former) EXPECT_EQ(halfway.at(path), bytes) << rows << ": " << path;
    put("out/.writing", "half a fi");
    put("out/tile/0/003.p/7", "of another interruption");
    write(ledger, "out");
    EXPECT_EQ(content("out"), whole) << rows;
  }
}

TEST_F(ExportTest, the_first_export_may_be_interrupted_too) {
  GrowingLedger ledger;
  ledger.grow_to(600);
  const Files whole = fresh(ledger);
  for (const std::uint64_t rows : {1U, 300U, 601U, 1500U, 1790U}) {
    std::filesystem::remove_all(folder_ / "out");
    ledger.fail_after = rows;
    EXPECT_THROW(write(ledger, "out"), std::runtime_error);
    ledger.fail_after = ~std::uint64_t{0};
    EXPECT_FALSE(content("out").contains("checkpoint"));
    write(ledger, "out");
    EXPECT_EQ(content("out"), whole) << rows;
  }
}

TEST_F(ExportTest, it_goes_on_from_what_an_interrupted_one_has_written) {
  GrowingLedger ledger;
  const auto later =
      note::SigningKey::from_seed(note::KeyType::ed25519, ledger.origin, std::vector<std::uint8_t>(32, 8));
  ledger.append_event("log.key.add", {{"last-trusted-size", "-"}, {"vkey", later.verifier().text()}});
  ledger.grow_to(1000);
  fresh(ledger);
  const std::uint64_t asked = ~std::uint64_t{0} - ledger.fail_after;  // for all of it
  ledger.fail_after = 1 + 1994 + 600;  // the keys' entry, all hashes, two full bundles, a part of the third
  EXPECT_THROW(write(ledger, "out"), std::runtime_error);
  const auto time = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  for (const char* path : {"tile/entries/000", "tile/entries/001"})
    std::filesystem::last_write_time(folder_ / "out" / path, time);
  ledger.fail_after = ~std::uint64_t{0};
  ledger.grow_to(1100);
  const Result result = write(ledger, "out");
  EXPECT_EQ(~std::uint64_t{0} - ledger.fail_after,
            asked - 512 + (100 + 202 + 1));  // and what is new
  for (const char* path : {"tile/entries/000", "tile/entries/001"})
    EXPECT_EQ(std::filesystem::last_write_time(folder_ / "out" / path), time) << path;
  EXPECT_EQ(content("out"), fresh(ledger));
  EXPECT_EQ(result.written_files, result.files - 2 - 3);  // three tiles too
}

TEST_F(ExportTest, of_an_interrupted_one_only_what_is_right_is_kept) {
  GrowingLedger ledger;
  ledger.grow_to(1000);
  const Files whole = fresh(ledger);
  const auto repairs = [&](const std::string& path, const std::string& bytes) {
    std::filesystem::remove_all(folder_ / "out");
    std::filesystem::copy(folder_ / "fresh", folder_ / "out", std::filesystem::copy_options::recursive);
    std::filesystem::remove(folder_ / "out/checkpoint");
    put("out/" + path, bytes);
    write(ledger, "out");
    EXPECT_EQ(content("out"), whole) << path;
  };
  for (const char* path : {"tile/entries/001", "tile/entries/003.p/232", "tile/0/001", "tile/0/003.p/232",
                           "tile/1/000.p/3", "FORMAT.md", "SHA256SUMS", "checkpoints/1000"}) {
    std::string bytes = whole.at(path);
    bytes[bytes.size() / 2] ^= 1;
    repairs(path, bytes);
    repairs(path, bytes + "more");
    repairs(path, bytes.substr(0, bytes.size() / 2));
    repairs(path, "");
  }
  repairs("tile/entries/001", whole.at("tile/entries/000"));
}

// Between the two files that come last, and with one that was lost or cut short meanwhile.
TEST_F(ExportTest, an_export_that_does_not_fit_its_sums_is_written_anew) {
  GrowingLedger ledger;
  ledger.grow_to(600);
  write(ledger, "old");
  ledger.grow_to(800);
  const Files whole = fresh(ledger);
  const auto repairs = [&](const std::function<void()>& damage) {
    std::filesystem::remove_all(folder_ / "out");
    std::filesystem::copy(folder_ / "old", folder_ / "out", std::filesystem::copy_options::recursive);
    damage();
    write(ledger, "out");
    EXPECT_EQ(content("out"), whole);
  };
  repairs([&] { put("out/SHA256SUMS", whole.at("SHA256SUMS")); });
  repairs([&] { std::filesystem::remove(folder_ / "out/SHA256SUMS"); });
  repairs([&] { put("out/tile/0/001", "short"); });
  repairs([&] { std::filesystem::remove(folder_ / "out/tile/entries/000"); });
  repairs([&] { std::filesystem::remove(folder_ / "out/log-policy"); });
}

TEST_F(ExportTest, checkpoints_are_the_kept_ones_and_the_last_of_each_size) {
  GrowingLedger ledger;
  ledger.grow_to(10);
  ledger.grow_to(10);
  ledger.grow_to(20);
  write(ledger, "out");
  EXPECT_EQ(content("out").at("checkpoints/10"), ledger.checkpoints[1].second);
  ledger.sign();
  write(ledger, "out");
  EXPECT_EQ(content("out").at("checkpoints/20"), ledger.checkpoints[3].second);
  EXPECT_EQ(content("out").at("checkpoint"), ledger.checkpoints[3].second);
  ledger.checkpoints.erase(ledger.checkpoints.begin(), ledger.checkpoints.begin() + 2);
  write(ledger, "out");
  EXPECT_FALSE(content("out").contains("checkpoints/10"));
  EXPECT_EQ(content("out"), fresh(ledger));
}

TEST_F(ExportTest, log_policy_names_the_keys_in_use) {
  GrowingLedger ledger;
  const auto later =
      note::SigningKey::from_seed(note::KeyType::ed25519, ledger.origin, std::vector<std::uint8_t>(32, 8));
  const auto keys_of = [&](const char* file) {
    const auto policy = note::parse_log_policy(content("out").at(file));
    return std::get<note::LogPolicy>(policy).keys();
  };
  ledger.grow_to(5);
  write(ledger, "out");
  EXPECT_EQ(keys_of("log-policy"), (std::vector{ledger.key.verifier(), ledger.ml_dsa.verifier()}));
  EXPECT_EQ(keys_of("log-policy.ed25519"), std::vector{ledger.key.verifier()});
  ledger.append_event("log.key.add", {{"last-trusted-size", "-"}, {"vkey", later.verifier().text()}});
  ledger.grow_to(700);
  write(ledger, "out");
  EXPECT_EQ(keys_of("log-policy"),
            (std::vector{ledger.key.verifier(), later.verifier(), ledger.ml_dsa.verifier()}));
  ledger.append_event("log.key.retire",
                      {{"last-trusted-size", "700"}, {"vkey", ledger.key.verifier().text()}});
  ledger.grow_to(710);
  write(ledger, "out");
  EXPECT_EQ(keys_of("log-policy"), (std::vector{later.verifier(), ledger.ml_dsa.verifier()}));
  EXPECT_EQ(content("out"), fresh(ledger));
}

TEST_F(ExportTest, policies_are_copied_and_never_dropped) {
  const std::string one(64, 'a');
  const std::string two(64, 'b');
  put("kept/" + one + "/agencies/council.toml", "name = 'Council'\n");
  put("kept/.new-" + two + "/agencies/council.toml", "unfinished");
  GrowingLedger ledger;
  ledger.grow_to(5);
  write(ledger, "out", "kept");
  EXPECT_EQ(content("out").at("policies/" + one + "/agencies/council.toml"), "name = 'Council'\n");
  EXPECT_FALSE(content("out").contains("policies/.new-" + two + "/"));
  put("kept/" + two + "/routes/r1.toml", "state = 'live'\n");
  ledger.grow_to(300);
  write(ledger, "out", "kept");
  EXPECT_EQ(content("out"), fresh(ledger, "kept"));
  ledger.grow_to(400);
  write(ledger, "out");
  EXPECT_EQ(content("out"), fresh(ledger, "kept"));
}

TEST_F(ExportTest, a_folder_that_is_something_else_is_refused_and_left_alone) {
  GrowingLedger ledger;
  ledger.grow_to(5);
  put("papers/letter.txt", "dear");
  EXPECT_NE(message_of([&] { write(ledger, "papers"); }).find("no export of a ledger"), std::string::npos);
  EXPECT_EQ(content("papers"), (Files{{"letter.txt", "dear"}}));

  GrowingLedger other("example.com/other");
  other.grow_to(5);
  write(other, "other");
  const Files before = content("other");
  EXPECT_NE(message_of([&] { write(ledger, "other"); }).find("is an export of example.com/other"),
            std::string::npos);
  std::filesystem::remove(folder_ / "other/checkpoint");
  EXPECT_NE(message_of([&] { write(ledger, "other"); }).find("log-policy of another ledger"),
            std::string::npos);

  write(ledger, "longer");
  GrowingLedger copy;
  copy.grow_to(4);
  EXPECT_NE(message_of([&] { write(copy, "longer"); }).find("rolled back"), std::string::npos);
  copy.append("another history");
  copy.grow_to(6);
  EXPECT_NE(message_of([&] { write(copy, "longer"); }).find("another history"), std::string::npos);
  EXPECT_EQ(content("longer"), fresh(ledger));
}

TEST_F(ExportTest, without_a_checkpoint_there_is_nothing_to_export) {
  GrowingLedger ledger;
  EXPECT_NE(message_of([&] { write(ledger, "out"); }).find("no checkpoint yet"), std::string::npos);
}

TEST_F(ExportTest, one_at_a_time_writes_into_a_folder) {
  GrowingLedger ledger;
  ledger.grow_to(5);
  const Folder held(folder_ / "out");
  EXPECT_NE(message_of([&] { write(ledger, "out"); }).find("another export"), std::string::npos);
}

TEST_F(ExportTest, links_in_the_folder_are_not_followed) {
  GrowingLedger ledger;
  ledger.grow_to(5);
  write(ledger, "out");
  put("secret", "untouched");
  std::filesystem::create_symlink(folder_ / "secret", folder_ / "out/.writing");
  std::filesystem::remove(folder_ / "out/log-policy");
  std::filesystem::create_symlink(folder_ / "secret", folder_ / "out/log-policy");
  ledger.grow_to(7);
  write(ledger, "out");
  EXPECT_EQ(read_file(folder_ / "secret", 100), "untouched");
  EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder_ / "out/log-policy")));
}

TEST_F(ExportTest, nor_are_links_to_folders) {
  GrowingLedger ledger;
  ledger.grow_to(5);
  write(ledger, "out");
  std::filesystem::create_directory(folder_ / "elsewhere");
  for (const char* name : {"tile", "tile/entries", "checkpoints"}) {
    ledger.grow_to(ledger.entries.size() + 1);
    std::filesystem::rename(folder_ / "out" / name, folder_ / "aside");
    std::filesystem::create_symlink(folder_ / "elsewhere", folder_ / "out" / name);
    EXPECT_NE(message_of([&] { write(ledger, "out"); }).find("is no folder"), std::string::npos) << name;
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "elsewhere")) << name;
    std::filesystem::remove(folder_ / "out" / name);
    std::filesystem::rename(folder_ / "aside", folder_ / "out" / name);
    write(ledger, "out");
    EXPECT_EQ(content("out"), fresh(ledger)) << name;
  }
}

}  // namespace
}  // namespace chancery::exports
