#include "policies/toml/document.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/temporary_folder.h"

namespace chancery::toml {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> texts(const Mistakes& mistakes) {
  std::vector<std::string> all;
  for (const Mistake& mistake : mistakes) {
    all.push_back(mistake.text());
  }
  return all;
}

using Texts = std::vector<std::string>;

// A reader that knows one key of each type.
Texts read_everything(std::string_view text) {
  Mistakes mistakes;
  Document document = Document::parse(text, "f.toml", mistakes);
  Table table = document.root();
  table.required_string("name");
  table.required_text("purpose");
  table.optional_integer("count", 1, 9);
  table.optional_choice("state", {"on", "off", "idle"});
  table.optional_size("size", 1 << 20);
  table.optional_date("day");
  table.distinct_strings("list", 1, 3);
  if (auto inner = table.optional_table("inner")) {
    inner->optional_string("text");
    inner->finish();
  }
  for (Table& row : table.tables("rows")) {
    row.required_string("id");
    row.finish();
  }
  table.finish();
  sort_mistakes(mistakes);
  return texts(mistakes);
}

constexpr std::string_view kGood = "name = \"n\"\npurpose = \"p\"\nlist = [\"a\"]\n";

struct Case {
  std::string_view line;  // follows kGood as line 4
  std::string_view mistake;
};

class OneMistake : public testing::TestWithParam<Case> {};

TEST_P(OneMistake, IsPlacedAndExplained) {
  const Texts found = read_everything(std::string(kGood) + std::string(GetParam().line) + "\n");
  EXPECT_EQ(found, Texts{std::string(GetParam().mistake)});
}

INSTANTIATE_TEST_SUITE_P(
    Document, OneMistake,
    testing::Values(
        Case{"count = 10", "f.toml:4:9: \"count\" is 10: expected an integer from 1 to 9"},
        Case{"count = \"1\"", "f.toml:4:9: \"count\" is a string: expected an integer from 1 to 9"},
        Case{"state = \"of\"", "f.toml:4:9: \"state\" is \"of\": expected on, off or idle"},
        Case{"state = [\"on\"]", "f.toml:4:9: \"state\" is an array: expected a string"},
        Case{"day = \"2026-11-01\"",
             "f.toml:4:7: \"day\" is a string: expected a date without quotes or time, such as 2026-11-01"},
        Case{"day = 2026-11-01T10:00:00",
             "f.toml:4:7: \"day\" is a date with a time: expected a date without quotes or time, such as "
             "2026-11-01"},
        Case{"inner = 3", "f.toml:4:9: \"inner\" is an integer: expected a table, [inner]"},
        Case{"inner = {text = 1.5}", "f.toml:4:17: \"text\" is a floating-point number: expected a string"},
        Case{"inner = {txt = \"x\"}", "f.toml:4:10: unknown key \"txt\"; did you mean \"text\"?"},
        Case{"rows = [{id = \"a\"}, 7]",
             "f.toml:4:21: element 2 of \"rows\" is an integer: expected an array of tables, [[rows]]"},
        Case{"  [[rows]]", "f.toml:4:3: the key \"id\" is missing: expected a string"},
        Case{"inner = {text = \"\"}", "f.toml:4:17: \"text\" is empty: expected some text"},
        Case{"inner = {text = \"a\\u001bb\"}",
             "f.toml:4:17: \"text\" holds the control character U+001B: expected text that can be seen"},
        Case{"inner = {text = \"a\\u202eb\"}",
             "f.toml:4:17: \"text\" holds the control character U+202E: expected text that can be seen"},
        Case{"inner = {text = \"\"\"a\nb\"\"\"}",
             "f.toml:4:17: \"text\" holds the control character U+000A: expected text that can be seen"},
        Case{"stat = \"on\"", "f.toml:4:1: unknown key \"stat\"; did you mean \"state\"?"},
        Case{"frobnicate = 1",
             "f.toml:4:1: unknown key \"frobnicate\": expected one of name, purpose, count, state, "
             "size, day, "
             "list, inner or rows"}));

TEST(Document, ReportsAMissingKeyAtTheTablesBeginning) {
  EXPECT_EQ(read_everything("purpose = \"p\"\n"),
            (Texts{"f.toml:1:1: the key \"list\" is missing: expected an array of strings",
                   "f.toml:1:1: the key \"name\" is missing: expected a string"}));
}

TEST(Document, ReportsElementsOfArraysWhereTheyStand) {
  EXPECT_EQ(read_everything("name = \"n\"\npurpose = \"p\"\nlist = [\"a\",\n  \"a\",\n  4]\n"),
            (Texts{"f.toml:4:3: element 2 of \"list\" repeats element 1: expected it once",
                   "f.toml:5:3: element 3 of \"list\" is an integer: expected a string"}));
  EXPECT_EQ(read_everything("name = \"n\"\npurpose = \"p\"\nlist = []\n"),
            Texts{"f.toml:3:8: \"list\" has 0 elements: expected 1 to 3"});
}

TEST(Document, FindsEveryMistakeInOneRun) {
  EXPECT_EQ(read_everything("nam = 1\ncount = 0\nlist = 3\nday = 4\n").size(), 6U);
}

TEST(Document, PlacesWhatIsNotToml) {
  const std::vector<std::pair<std::string_view, std::string>> cases{
      {"name = \"n\"\nname = \"m\"\n", "f.toml:2:"},
      {"name = \n", "f.toml:1:"},
      {"a = 1\n\n[b\n", "f.toml:3:"},
      {"name = \"\xff\"\n", "f.toml:1:"},
      {"day = 2026-02-30\n", "f.toml:1:"},
      {"name = \"open", "f.toml:1:"},
      {"a = 1\n[[[b]]]\nc = 2\n", "f.toml:2:1: this line is not valid TOML"}};
  for (const auto& [text, place] : cases) {
    Mistakes mistakes;
    Document document = Document::parse(text, "f.toml", mistakes);
    EXPECT_FALSE(document.valid());
    Table table = document.root();  // answers nothing and adds nothing
    EXPECT_EQ(table.required_string("name"), "");
    table.finish();
    ASSERT_EQ(mistakes.size(), 1U) << text;
    EXPECT_TRUE(mistakes[0].text().starts_with(place)) << mistakes[0].text();
  }
}

TEST(Document, ReadsSizes) {
  const std::vector<std::pair<std::string_view, std::uint64_t>> good{
      {"7", 7},       {"\"7 B\"", 7}, {"\"2kB\"", 2000}, {"\"1 MiB\"", 1 << 20}, {"\"1024 KiB\"", 1 << 20},
      {"1_000", 1000}};
  for (const auto& [text, bytes] : good) {
    Mistakes mistakes;
    Document document = Document::parse("size = " + std::string(text), "f", mistakes);
    EXPECT_EQ(document.root().optional_size("size", 1 << 20), bytes) << text;
    EXPECT_TRUE(mistakes.empty());
  }
  for (const std::string text :
       {"0", "-1", "1048577", "\"1 GiB\"", "\"5\"", "\"5  B\"", "\"-5 B\"", "\"5 b\"", "\"+5 B\"", "\"5 B \"",
        "\"18446744073709551615 TiB\"", "\"99999999999999999999 B\"", "1.5", "\"1.5 kB\"", "true"}) {
    Mistakes mistakes;
    Document document = Document::parse("size = " + text, "f", mistakes);
    EXPECT_EQ(document.root().optional_size("size", 1 << 20), std::nullopt) << text;
    EXPECT_EQ(mistakes.size(), 1U) << text;
  }
}

class Files : public testing::Test {
 protected:
  ~Files() override { fs::remove_all(directory_); }
  std::string problem(const fs::path& path) {
    Mistakes mistakes;
    EXPECT_FALSE(Document::read(path, "x", mistakes).valid());
    return mistakes.empty() ? "" : mistakes[0].text();
  }
  const fs::path directory_ = make_temporary_folder("toml");
};

TEST_F(Files, OnlyRegularOnesOfReasonableSizeAreRead) {
  EXPECT_EQ(problem(directory_ / "none"), "x:1:1: there is no such file");
  EXPECT_EQ(problem(directory_), "x:1:1: this is not a regular file");
  std::ofstream(directory_ / "good") << "a = 1\n";
  fs::create_symlink("good", directory_ / "link");
  EXPECT_EQ(problem(directory_ / "link"), "x:1:1: this is a symbolic link: expected the file itself");
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(problem(directory_ / "fifo"), "x:1:1: this is not a regular file");
  std::ofstream(directory_ / "full") << std::string(1 << 20, '\n');
  std::ofstream(directory_ / "large") << std::string((1 << 20) + 1, '\n');
  EXPECT_EQ(problem(directory_ / "large"), "x:1:1: the file is too large: expected at most 1 MiB");
  Mistakes mistakes;
  EXPECT_TRUE(Document::read(directory_ / "good", "x", mistakes).valid());
  EXPECT_TRUE(Document::read(directory_ / "full", "x", mistakes).valid());
  EXPECT_TRUE(mistakes.empty());
}

}  // namespace
}  // namespace chancery::toml
