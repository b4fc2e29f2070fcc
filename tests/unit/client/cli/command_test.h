#pragma once

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "client/cli/commands.h"

namespace chancery::cli {

// Commands run in this process, as a person would run them, and a folder of the test's own.
class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~CommandTest() override { std::filesystem::remove_all(folder_); }

  // The exit status of `chancery` with these words; what was printed, or is wrong, is in output_.
  int run_words(const std::vector<std::string>& words) {
    std::vector<const char*> arguments{"chancery"};
    std::ranges::transform(words, std::back_inserter(arguments), &std::string::c_str);
    std::ostringstream captured;
    std::streambuf* const before = std::cout.rdbuf(captured.rdbuf());
    int status = kFailed;
    try {
      status = dispatch(arguments);
    } catch (const std::exception& error) {
      captured << error.what();
    }
    std::cout.rdbuf(before);
    output_ = captured.str();
    return status;
  }
  bool prints(const std::string& words) const { return output_.find(words) != std::string::npos; }

  std::filesystem::path folder_ = [] {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    return std::filesystem::path(::testing::TempDir()) /
           (std::string(test->test_suite_name()) + "-" + test->name());
  }();
  std::string output_;
};

}  // namespace chancery::cli
