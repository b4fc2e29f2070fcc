#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client/cli/commands.h"

namespace chancery::cli {
namespace {

std::string complaint(std::vector<const char*> words) {
  words.insert(words.begin(), "chancery");
  try {
    dispatch(words);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

std::string output(std::vector<const char*> words) {
  words.insert(words.begin(), "chancery");
  testing::internal::CaptureStdout();
  dispatch(words);
  return testing::internal::GetCapturedStdout();
}

TEST(Dispatch, HelpListsEveryCommandAndTheExitCodes) {
  const std::string text = output({"--help"});
  for (const Command& command : commands()) {
    EXPECT_NE(text.find("\n  " + std::string(command.name)), std::string::npos) << command.name;
    EXPECT_NE(text.find(command.summary), std::string::npos) << command.name;
  }
  EXPECT_NE(text.find("Exit status: 0"), std::string::npos);
}

TEST(Dispatch, EveryCommandHasHelpWithAnExample) {
  for (const Command& command : commands()) {
    if (command.name == "help") {
      continue;
    }
    const std::string name(command.name);
    std::vector<const char*> words{name.c_str(), "--help"};
    const std::size_t space = name.find(' ');
    const std::string first = name.substr(0, space);
    const std::string second = space == std::string::npos ? "" : name.substr(space + 1);
    if (!second.empty()) {
      words = {first.c_str(), second.c_str(), "--help"};
    }
    const std::string text = output(words);
    EXPECT_NE(text.find("Usage:"), std::string::npos) << name;
    EXPECT_NE(text.find("Example:\n  chancery " + name), std::string::npos) << name;
  }
}

TEST(Dispatch, NoCommandIsAMistakeAndAnUnknownOneSuggestsTheNearest) {
  EXPECT_NE(complaint({}).find("`chancery --help` lists them all"), std::string::npos);
  EXPECT_NE(complaint({"hlep"}).find("Did you mean `chancery help`?"), std::string::npos);
  EXPECT_NE(complaint({"help", ""}).find("`chancery --help` lists them all"), std::string::npos);
  EXPECT_NE(complaint({"xylophone"}).find("`chancery --help` lists them all"), std::string::npos);
  EXPECT_NE(complaint({"ledgr", "shwo"}).find("Did you mean `chancery ledger show`?"), std::string::npos);
  EXPECT_NE(complaint({"ledger", "key", "ad"}).find("Did you mean `chancery ledger key add`?"),
            std::string::npos);
  EXPECT_NE(
      complaint({"ledger", "key"}).find("`ledger key` needs a further word: `chancery ledger key list`"),
      std::string::npos);
  EXPECT_NE(complaint({"sael", "a.csv"}).find("Did you mean `chancery seal`?"), std::string::npos);
  EXPECT_NE(complaint({"help", "hepl"}).find("Did you mean `chancery help`?"), std::string::npos);
}

TEST(Dispatch, NamesAreUniqueAndOfOneWordToThree) {
  for (const Command& command : commands()) {
    EXPECT_LE(std::count(command.name.begin(), command.name.end(), ' '), 2) << command.name;
    EXPECT_EQ(std::count_if(commands().begin(), commands().end(),
                            [&](const Command& other) { return other.name == command.name; }),
              1)
        << command.name;
  }
}

}  // namespace
}  // namespace chancery::cli
