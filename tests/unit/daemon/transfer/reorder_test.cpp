#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <malloc.h>

#include "stage.h"
#include "tests/unit/unequal_bytes.h"

// Writes that come before their time: how far ahead they may be, and what holding them takes.
namespace chancery::transfer {
namespace {

constexpr std::size_t kKibibyte = 1024, kMebibyte = 1024 * kKibibyte;
constexpr std::size_t kWindow = 4 * kMebibyte;

class ReorderTest : public testing::Test {
 protected:
  std::optional<Problem> write(std::size_t offset, std::size_t size) {
    return Stage::write(upload, offset, bytes.substr(offset, size));
  }
  std::optional<Problem> close() {
    return Stage::wait([&](Done done) { stage.exchange->close(upload, std::move(done)); });
  }
  std::string delivered() {
    const auto waiting = stage.exchange->projection().waiting("beta", "flow");
    if (waiting.size() != 1) return "(not delivered)";
    auto opened = stage.open_delivery(waiting[0]);
    const auto& reading = std::get<std::shared_ptr<Reading>>(opened);
    std::string sealed;
    while (sealed.size() < waiting[0].sealed_size)
      sealed += Stage::read(reading, sealed.size(), 255 * kKibibyte);
    return Stage::opened(sealed, stage.beta);
  }

  static std::string some_bytes(std::size_t size) {
    const auto bytes = unequal_bytes(size);
    return {bytes.begin(), bytes.end()};
  }

  const std::string bytes = some_bytes(20 * kMebibyte);
  Stage stage;
  std::shared_ptr<Upload> upload = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
};

TEST_F(ReorderTest, WhatEndsFourMebibytesAheadIsTaken) {
  // At the start, and further on.
  for (const std::size_t have : {std::size_t{0}, kWindow}) {
    constexpr std::size_t kLast = 100'000;
    EXPECT_FALSE(write(have + kWindow - kLast, kLast));
    EXPECT_FALSE(write(have + 1, kWindow - kLast - 1));
    EXPECT_EQ(upload->contiguous(), have);
    EXPECT_FALSE(write(have, 1));
    EXPECT_EQ(upload->contiguous(), have + kWindow);
  }
  ASSERT_FALSE(close());
  EXPECT_EQ(delivered(), bytes.substr(0, 2 * kWindow));
}

TEST_F(ReorderTest, AByteFurtherAheadIsRefused) {
  for (const std::size_t have : {std::size_t{0}, std::size_t{1000}}) {
    upload = std::get<std::shared_ptr<Upload>>(stage.begin("a.bin"));
    ASSERT_FALSE(write(0, have));
    const auto problem = write(have + kWindow - 99'999, 100'000);
    ASSERT_TRUE(problem) << have;
    EXPECT_EQ(problem->sentence,
              "The file must be written from its start to its end; there is a gap of more than 4 MiB.");
    EXPECT_TRUE(close());
  }
  EXPECT_EQ(delivered(), "(not delivered)");
}

std::size_t private_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kibibytes = 0;
    if (word == "RssAnon:" && status >> kibibytes) return kibibytes * kKibibyte;
  }
  ADD_FAILURE() << "no RssAnon";
  return 0;
}

// docs/architecture.md, "Threads of chanceryd": what it holds early; 640 KiB to hash; and 1 MiB for each of
// two agencies.
TEST_F(ReorderTest, AFileThatIsAlwaysAheadOfItselfTakesTheMemoryThatThePageSays) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "much of the memory is the sanitizer's";
#endif
  constexpr std::size_t kPiece = 32 * kKibibyte;
  std::size_t most = 0;
  ::malloc_trim(0);
  const std::size_t before = private_memory();
  for (std::size_t have = 0; have < bytes.size(); have += kWindow) {
    for (std::size_t at = have + kPiece; at < have + kWindow; at += kPiece) ASSERT_FALSE(write(at, kPiece));
    most = std::max(most, private_memory());
    ASSERT_EQ(upload->contiguous(), have);
    ASSERT_FALSE(write(have, kPiece));
    most = std::max(most, private_memory());
  }
  EXPECT_LT(most, before + kWindow + 640 * kKibibyte + 2 * kMebibyte + 512 * kKibibyte);
  EXPECT_GT(most, before + kWindow - kMebibyte) << "it was not held";
  ASSERT_FALSE(close());
  EXPECT_EQ(delivered(), bytes);
}

}  // namespace
}  // namespace chancery::transfer
