#include "daemon/tree/audit.h"

#include <fstream>
#include <stdexcept>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/unit/temporary_folder.h"

// When the export that auditors read is brought up to date, and what of the folder they see.
namespace chancery::tree {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    fs::create_directories(folder / "audit/tile/0");
    put("audit/checkpoint", "note");
    put("audit/tile/0/000", "hashes");
    put("audit/.writing", "half");
    put("secret", "key");
  }
  ~AuditTest() override { fs::remove_all(folder); }
  void put(const std::string& path, const std::string& bytes) const { std::ofstream(folder / path) << bytes; }

  const fs::path folder = make_temporary_folder("audit");
  int refreshes = 0;
  Audit::Clock::time_point now{seconds(1000)};
  Audit audit{folder / "audit", [this] { ++refreshes; }, [this] { return now; }};
};

std::string text_of(const std::shared_ptr<const AuditFile>& file) {
  const auto bytes = file->read(0, 100);
  return {bytes.begin(), bytes.end()};
}

TEST_F(AuditTest, shows_files_and_folders_and_none_that_is_being_written) {
  const auto nodes = audit.list("");
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].first, "checkpoint");
  EXPECT_EQ(nodes[0].second.size, 4U);
  EXPECT_TRUE(nodes[1].second.folder);
  EXPECT_EQ(audit.list("tile/0").at(0).first, "000");
  EXPECT_EQ(text_of(audit.open("tile/0/000")), "hashes");
  EXPECT_EQ(audit.open(".writing"), nullptr);
  EXPECT_FALSE(audit.find(".writing"));
  EXPECT_EQ(audit.open("tile"), nullptr);
  EXPECT_EQ(audit.open("nothing"), nullptr);
}

TEST_F(AuditTest, nothing_outside_is_reached) {
  fs::create_symlink(folder / "secret", folder / "audit/link");
  EXPECT_EQ(audit.open("link"), nullptr);
  EXPECT_FALSE(audit.find("link"));
  EXPECT_EQ(audit.list("").size(), 2U);
  for (const char* path : {"../secret", "tile/../../secret", "/etc/passwd"}) {
    EXPECT_EQ(audit.open(path), nullptr) << path;
    EXPECT_FALSE(audit.find(path)) << path;
  }
}

TEST_F(AuditTest, an_open_file_stays_what_it_was) {
  const auto file = audit.open("checkpoint");
  put("audit/newer", "another");
  fs::rename(folder / "audit/newer", folder / "audit/checkpoint");
  EXPECT_EQ(text_of(file), "note");
  EXPECT_EQ(file->size(), 4U);
  EXPECT_TRUE(file->read(4, 10).empty());
  EXPECT_TRUE(file->read(~std::uint64_t{0}, 10).empty());
}

TEST_F(AuditTest, is_brought_up_to_date_when_looked_at_after_a_minute) {
  static_cast<void>(audit.list(""));
  EXPECT_EQ(refreshes, 1);
  now += seconds(59);
  static_cast<void>(audit.list(""));
  EXPECT_EQ(refreshes, 1);
  now += seconds(60);
  static_cast<void>(audit.list("tile"));
  EXPECT_EQ(refreshes, 1);
  now += seconds(60);
  static_cast<void>(audit.list(""));
  EXPECT_EQ(refreshes, 2);
}

// A copy takes longer than a minute, and must fit together.
TEST_F(AuditTest, is_left_alone_while_somebody_reads) {
  static_cast<void>(audit.list(""));
  for (int i = 0; i < 20; ++i) {
    now += seconds(30);
    static_cast<void>(audit.open("checkpoint"));
    audit.refresh();
  }
  EXPECT_EQ(refreshes, 1);
  now += seconds(60);
  audit.refresh();
  EXPECT_EQ(refreshes, 2);
}

}  // namespace
}  // namespace chancery::tree
