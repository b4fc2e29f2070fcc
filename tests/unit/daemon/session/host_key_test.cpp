#include "daemon/session/host_key.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/unit/temporary_folder.h"

namespace chancery::session {
namespace {

namespace fs = std::filesystem;

class HostKeyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = make_temporary_folder("host-key");
    path_ = folder_ / "host_key";
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path public_path() const { return folder_ / "host_key.pub"; }
  std::string refusal() const {
    try {
      load_or_make_host_key(path_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_, path_;
};

TEST_F(HostKeyTest, IsMadeAtTheFirstStartAndStaysTheSame) {
  const HostKey made = load_or_make_host_key(path_);
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  std::string line;
  std::getline(std::ifstream(public_path()) >> std::ws, line);
  EXPECT_EQ(line, made.public_line());
  EXPECT_TRUE(made.fingerprint().starts_with("SHA256:"));
  EXPECT_EQ(load_or_make_host_key(path_).fingerprint(), made.fingerprint());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
}

TEST_F(HostKeyTest, IsNotMadeAnewWhenOnlyThePublicHalfIsThere) {
  load_or_make_host_key(path_);
  fs::remove(path_);
  EXPECT_NE(refusal().find("backup"), std::string::npos) << refusal();
  EXPECT_THROW(make_host_key(path_), Error);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(HostKeyTest, IsNeverReplaced) {
  load_or_make_host_key(path_);
  EXPECT_THROW(make_host_key(path_), Error);
}

TEST_F(HostKeyTest, IsRefusedWhenItIsNotThePublicHalfsOwn) {
  load_or_make_host_key(path_);
  fs::rename(public_path(), folder_ / "old.pub");
  fs::remove(path_);
  load_or_make_host_key(path_);
  fs::rename(folder_ / "old.pub", public_path());
  EXPECT_NE(refusal().find("is not the one of"), std::string::npos) << refusal();
}

TEST_F(HostKeyTest, IsRefusedWhenEveryoneCanReadIt) {
  load_or_make_host_key(path_);
  fs::permissions(path_, fs::perms::others_read, fs::perm_options::add);
  EXPECT_NE(refusal().find("chmod 600"), std::string::npos) << refusal();
}

TEST_F(HostKeyTest, IsRefusedWhenItIsNoKey) {
  std::ofstream(path_) << "not a key\n";
  fs::permissions(path_, fs::perms::owner_read);
  EXPECT_NE(refusal(), "");
}

TEST_F(HostKeyTest, OnlyAPublicKeyBesideItIsAnnounced) {
  const HostKey present = load_or_make_host_key(path_);
  EXPECT_FALSE(coming_host_key(path_));
  const HostKey next = load_or_make_host_key(folder_ / "host_key.next");
  fs::remove(folder_ / "host_key.next");  // its private half may be kept elsewhere until the day
  ASSERT_TRUE(coming_host_key(path_));
  EXPECT_EQ(coming_host_key(path_)->fingerprint, next.fingerprint());
  EXPECT_EQ(coming_host_key(path_)->public_line, next.public_line());
  EXPECT_EQ(load_or_make_host_key(path_).fingerprint(), present.fingerprint());
  std::ofstream(folder_ / "host_key.next.pub") << "no key\n";
  EXPECT_THROW(coming_host_key(path_), Error);
}

TEST_F(HostKeyTest, ACertificateIsNotAnnounced) {
  load_or_make_host_key(path_);
  const std::string make =
      "cd " + folder_.string() +
      " && ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -t ed25519 -N '' -f k && "
      "ssh-keygen -q -s ca -I hub -h k.pub && mv k-cert.pub host_key.next.pub";
  ASSERT_EQ(std::system(make.c_str()), 0);
  EXPECT_THROW(coming_host_key(path_), Error);
}

}  // namespace
}  // namespace chancery::session
