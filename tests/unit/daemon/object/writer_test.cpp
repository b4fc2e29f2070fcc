#include "daemon/object/writer.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/unit/temporary_folder.h"
#include "tests/unit/unequal_bytes.h"

namespace chancery::object {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMebibyte = std::size_t{1} << 20U;

class WriterTest : public testing::Test {
 protected:
  WriterTest() : file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {}
  ~WriterTest() override {
    ::close(file_);
    fs::remove_all(directory_);
  }

  std::vector<std::uint8_t> content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const fs::path directory_ = make_temporary_folder("writer");
  const fs::path path_ = directory_ / "file";
  const int file_;
};

void write_in_steps(Writer& writer, std::span<const std::uint8_t> bytes, std::size_t step) {
  while (!bytes.empty()) {
    const auto next = bytes.first(std::min(bytes.size(), step));
    writer.write(next);
    bytes = bytes.subspan(next.size());
  }
}

TEST_F(WriterTest, WhatIsWrittenIsThereWhateverItsSizeAndSteps) {
  const auto all = unequal_bytes(11 * kMebibyte);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, 8 * kMebibyte - 1, 8 * kMebibyte, 8 * kMebibyte + 1, 9 * kMebibyte,
        10 * kMebibyte + 4096, 11 * kMebibyte - 1}) {
    for (const std::size_t step : {std::size_t{65'552}, 3 * kMebibyte + 7, all.size()}) {
      ASSERT_EQ(::ftruncate(file_, 0), 0);
      ASSERT_EQ(::lseek(file_, 0, SEEK_SET), 0);
      Writer writer(file_);
      write_in_steps(writer, std::span(all).first(size), step);
      EXPECT_EQ(writer.size(), size);
      writer.flush();
      ASSERT_TRUE(std::ranges::equal(content(), std::span(all).first(size)))
          << size << " in steps of " << step;
    }
  }
}

TEST_F(WriterTest, OneThatWasMovedGoesOn) {
  const auto all = unequal_bytes(10 * kMebibyte + 5);
  Writer first(file_);
  first.write(std::span(all).first(9 * kMebibyte + 1));
  Writer second(std::move(first));
  second.write(std::span(all).subspan(9 * kMebibyte + 1));
  second.flush();
  EXPECT_EQ(second.size(), all.size());
  EXPECT_TRUE(std::ranges::equal(content(), all));
}

TEST_F(WriterTest, AfterAFlushAllIsThereAndItGoesOn) {
  const auto all = unequal_bytes(20 * kMebibyte);
  Writer writer(file_);
  std::size_t done = 0;
  for (const std::size_t end :
       {9 * kMebibyte + 3, 9 * kMebibyte + 5, 12 * kMebibyte, 15 * kMebibyte + 1, all.size()}) {
    write_in_steps(writer, std::span(all).subspan(done, end - done), 65'552);
    writer.flush();
    done = end;
    ASSERT_TRUE(std::ranges::equal(content(), std::span(all).first(end))) << end;
  }
}

TEST_F(WriterTest, WhatIsLargeDoesNotFillThePageCache) {
  struct statfs system {};
  ASSERT_EQ(::fstatfs(file_, &system), 0);
  if (system.f_type == TMPFS_MAGIC || ::fcntl(file_, F_SETFL, O_WRONLY | O_DIRECT) != 0)
    GTEST_SKIP() << "this file system has no direct writes, or is nothing but cache";
  ASSERT_EQ(::fcntl(file_, F_SETFL, O_WRONLY), 0);
  constexpr std::size_t kSize = 32 * kMebibyte;
  Writer writer(file_);
  write_in_steps(writer, unequal_bytes(kSize), 65'552);
  writer.flush();
  ASSERT_EQ(::fdatasync(file_), 0);
  const int reading = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  void* const mapped = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, reading, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  std::vector<unsigned char> pages(kSize / static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
  ASSERT_EQ(::mincore(mapped, kSize, pages.data()), 0);
  ::munmap(mapped, kSize);
  ::close(reading);
  const auto cached = std::ranges::count_if(pages, [](unsigned char page) { return (page & 1U) != 0; });
  EXPECT_LE(static_cast<std::size_t>(cached), pages.size() / 2) << "of " << pages.size();
}

TEST_F(WriterTest, OnlySoManyHoldMemoryAndTheOthersGoOnWithoutIt) {
  const auto direct = [&] { return (::fcntl(file_, F_GETFL) & O_DIRECT) != 0; };
  if (::fcntl(file_, F_SETFL, O_WRONLY | O_DIRECT) != 0)
    GTEST_SKIP() << "this file system has no direct writes";
  ASSERT_EQ(::fcntl(file_, F_SETFL, O_WRONLY), 0);
  const auto all = unequal_bytes(12 * kMebibyte + 5);
  Places one(1);
  const fs::path other_path = directory_ / "other";
  const int other_file = ::open(other_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  {
    Writer other(other_file, one);
    other.write(std::span(all).first(9 * kMebibyte));  // it has the place
    Writer writer(file_, one);
    write_in_steps(writer, all, 65'552);
    EXPECT_FALSE(direct());
    writer.flush();
    EXPECT_TRUE(std::ranges::equal(content(), all));
  }
  ::close(other_file);
  ASSERT_EQ(::ftruncate(file_, 0), 0);
  ASSERT_EQ(::lseek(file_, 0, SEEK_SET), 0);
  Writer writer(file_, one);  // the place was given back
  write_in_steps(writer, all, 65'552);
  EXPECT_TRUE(direct());
  writer.flush();
  EXPECT_TRUE(std::ranges::equal(content(), all));
  EXPECT_TRUE(one.try_acquire());
}

TEST_F(WriterTest, AnErrorOfTheDiskIsToldByTheEndAtTheLatest) {
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 9 * kMebibyte;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto write_all = [&](std::size_t size) {
    Writer writer(file_);
    writer.write(unequal_bytes(size));
    writer.flush();
  };
  for (const std::size_t size : {9 * kMebibyte + 1, 10 * kMebibyte, 20 * kMebibyte}) {
    ASSERT_EQ(::lseek(file_, 0, SEEK_SET), 0);
    try {
      write_all(size);
      ADD_FAILURE() << size;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::file_too_large) << size;
    }
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
}

}  // namespace
}  // namespace chancery::object
