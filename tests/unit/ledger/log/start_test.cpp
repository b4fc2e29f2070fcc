#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "ledger/log/log_keys.h"
#include "tests/unit/ledger/log/fixture.h"

namespace chancery::log {
namespace {

using Start = LogTest;

std::string refusal_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST_F(Start, key_files_are_for_their_owner_only) {
  open().reset();
  EXPECT_EQ(mode_of(folder_ / "keys"), 0700U);
  for (const char* name : {kEd25519File, kMlDsaFile, "epoch/0", "ledger"}) {
    EXPECT_EQ(mode_of(folder_ / "keys" / name), 0400U) << name;
  }
  for (const char* name : {kEd25519File, kMlDsaFile, "epoch/0"}) {
    std::filesystem::permissions(folder_ / "keys" / name, std::filesystem::perms(0440));
    EXPECT_NE(refusal_of([&] { open().reset(); }).find("mode 0400"), std::string::npos) << name;
    std::filesystem::permissions(folder_ / "keys" / name, std::filesystem::perms(0400));
  }
  std::filesystem::permissions(folder_ / "keys", std::filesystem::perms(0755));
  EXPECT_NE(refusal_of([&] { open().reset(); }).find("0700"), std::string::npos);
}

TEST_F(Start, key_files_of_another_owner_are_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  open().reset();
  constexpr uid_t kNobody = 65534;
  const auto owned_by = [&](const std::filesystem::path& path, uid_t owner) {
    ASSERT_EQ(::chown(path.c_str(), owner, static_cast<gid_t>(-1)), 0) << path;
  };
  for (const char* name : {"", kEd25519File, kMlDsaFile, "epoch", "epoch/0", "ledger"}) {
    const auto path = folder_ / "keys" / name;
    owned_by(path, kNobody);
    EXPECT_NE(refusal_of([&] { open().reset(); }).find("belongs to another user"), std::string::npos) << path;
    owned_by(path, ::geteuid());
  }
  EXPECT_EQ(refusal_of([&] { open().reset(); }), "");
}

TEST_F(Start, missing_keys_are_never_made_again) {
  open().reset();
  for (const char* name : {kEd25519File, kMlDsaFile, "epoch/0"}) {
    const auto path = folder_ / "keys" / name;
    std::filesystem::rename(path, folder_ / "aside");
    EXPECT_NE(refusal_of([&] { open().reset(); }).find("missing"), std::string::npos) << name;
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::rename(folder_ / "aside", path);
  }
  EXPECT_EQ(refusal_of([&] { open().reset(); }), "");
}

TEST_F(Start, keys_that_signed_a_ledger_do_not_begin_another) {
  open().reset();
  std::filesystem::rename(folder_ / "ledger", folder_ / "gone");
  EXPECT_NE(refusal_of([&] { open().reset(); }).find("restore it"), std::string::npos);
}

TEST_F(Start, other_keys_and_another_origin_are_refused) {
  open().reset();
  Options other = options();
  other.origin = "elsewhere.example.org";
  EXPECT_NE(refusal_of([&] { Log log(other); }).find("origin"), std::string::npos);
  other.origin = "with space";
  EXPECT_NE(refusal_of([&] { Log log(other); }).find("origin"), std::string::npos);
  const auto seed = folder_ / "keys" / kEd25519File;
  std::filesystem::remove(seed);
  KeyFolder(folder_ / "keys").create(kEd25519File, std::vector<std::uint8_t>(32, 7));
  EXPECT_NE(refusal_of([&] { open().reset(); }).find("not the keys"), std::string::npos);
}

TEST_F(Start, a_broken_key_file_is_refused) {
  open().reset();
  const auto seed = folder_ / "keys" / kEd25519File;
  for (const char* text : {"", "AAAA\n", "not base64!\n"}) {
    std::filesystem::remove(seed);
    std::ofstream(seed) << text;
    std::filesystem::permissions(seed, std::filesystem::perms(0400));
    EXPECT_NE(refusal_of([&] { open().reset(); }).find("32 bytes"), std::string::npos) << text;
  }
}

TEST_F(Start, genesis_pins_both_keys) {
  const auto log = open();
  const auto vkey_of = [&](const char* file, note::KeyType type) {
    const auto seed = KeyFolder(folder_ / "keys").read(file, note::SigningKey::kSeedBytes);
    return note::SigningKey::from_seed(type, log->origin(), seed).verifier().text();
  };
  const auto genesis = entry_at(*log, 0);
  EXPECT_EQ(genesis.plain.at("vkey"), vkey_of(kEd25519File, note::KeyType::ed25519));
  const std::string mldsa_vkey = vkey_of(kMlDsaFile, note::KeyType::ml_dsa_44);
  EXPECT_EQ(genesis.plain.at("mldsa-vkey"), mldsa_vkey);
  EXPECT_EQ(genesis.plain.at("origin"), log->origin());
  // 1 type byte and 1312 bytes of key are 1752 characters of base64.
  EXPECT_EQ(mldsa_vkey.size(), log->origin().size() + 1 + 8 + 1 + 1752);
  EXPECT_EQ(mldsa_vkey.substr(log->origin().size() + 10, 1), "B");  // 0x06 in front
}

// Changes one byte of the file wherever `text` stands.
void damage(const std::filesystem::path& file, const std::string& text) {
  std::ifstream in(file, std::ios::binary);
  std::string all{std::istreambuf_iterator<char>(in), {}};
  std::size_t count = 0;
  for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1), ++count)
    all[at] ^= 1;
  ASSERT_GT(count, 0U) << text;
  std::ofstream(file, std::ios::binary | std::ios::trunc) << all;
}

TEST_F(Start, a_damaged_last_entry_is_named_and_nothing_more_is_taken) {
  std::string id;  // of the anchor that close() writes
  {
    const auto log = open();
    append(*log, accepted("a"));
    log->close();
    id = entry::to_hex(entry_at(*log, log->head().size - 1).id);
  }
  damage(folder_ / "ledger/data.mdb", "id " + id);
  const auto log = open();
  const Head head = log->head();
  EXPECT_FALSE(head.writable);
  EXPECT_EQ(head.size, 3U);
  EXPECT_NE(head.reason.find("entry 2 is damaged"), std::string::npos) << head.reason;
  EXPECT_EQ(append(*log, accepted("b")).outcome, Outcome::busy);
  EXPECT_EQ(log->entries(0, 2, false).size(), 2U);
}

TEST_F(Start, a_damaged_first_entry_is_named_and_what_is_there_is_served) {
  std::string vkey;
  {
    const auto log = open();
    append(*log, accepted("a"));
    vkey = entry_at(*log, 0).plain.at("vkey");
  }
  std::filesystem::copy(folder_ / "ledger", folder_ / "sound");
  for (const std::string& text : {std::string("event log.genesis"), "vkey " + vkey, vkey + "\nc.reason"}) {
    std::filesystem::copy_file(folder_ / "sound/data.mdb", folder_ / "ledger/data.mdb",
                               std::filesystem::copy_options::overwrite_existing);
    damage(folder_ / "ledger/data.mdb", text);
    std::string alarm;
    Options given = options();
    given.alarm = [&](bool writable, const std::string& what) { alarm = writable ? "" : what; };
    Log log(given);
    EXPECT_FALSE(log.head().writable);
    EXPECT_EQ(log.head().size, 3U);
    EXPECT_NE(log.head().reason.find("entry 0 is damaged"), std::string::npos) << log.head().reason;
    EXPECT_NE(alarm.find("entry 0 is damaged"), std::string::npos) << alarm;
    EXPECT_EQ(append(log, accepted("b")).outcome, Outcome::busy);
    EXPECT_EQ(entry_at(log, 1).event, "file.accepted");
    EXPECT_TRUE(log.checkpoint());
  }
}

TEST_F(Start, a_damaged_signed_head_is_served_for_reading_only) {
  open().reset();
  {
    auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
    store::Batch batch;
    batch.meta["head"] = "short";
    store.commit(batch);
  }
  const auto log = open();
  EXPECT_FALSE(log->head().writable);
  EXPECT_NE(log->head().reason.find("the signed head"), std::string::npos) << log->head().reason;
  EXPECT_EQ(entry_at(*log, 0).event, "log.genesis");
}

TEST_F(Start, an_entry_lost_behind_a_signed_checkpoint_is_noticed) {
  auto log = open();
  append(*log, accepted("a"));
  log->close();
  log.reset();
  // Somebody puts an earlier state of the ledger back but keeps the signed head.
  {
    auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
    store::Batch batch;
    std::string head = *store.snapshot().meta("head");
    head[7] = static_cast<char>(head[7] + 1);  // a size that was never reached
    batch.meta["head"] = head;
    store.commit(batch);
  }
  log = open();
  EXPECT_FALSE(log->head().writable);
  EXPECT_NE(log->head().reason.find("the end of the ledger is missing"), std::string::npos)
      << log->head().reason;
  const auto before = log->checkpoint();
  log->close();
  EXPECT_EQ(log->checkpoint(), before) << "an inconsistent tree was signed";
}

// The copy is whole and says of itself that nothing is missing; the keys know better.
TEST_F(Start, an_older_copy_of_the_ledger_is_not_signed_on) {
  auto log = open();
  append(*log, accepted("a"));
  log->close();
  log.reset();
  std::filesystem::copy(folder_ / "ledger", folder_ / "backup");
  log = open();
  append(*log, accepted("b"));
  log->close();
  const auto newest = log->head();
  log.reset();
  std::filesystem::rename(folder_ / "ledger", folder_ / "newest");
  std::filesystem::rename(folder_ / "backup", folder_ / "ledger");
  log = open();
  EXPECT_FALSE(log->head().writable);
  EXPECT_NE(log->head().reason.find("the end of the ledger is missing"), std::string::npos)
      << log->head().reason;
  const auto before = log->checkpoint();
  EXPECT_EQ(append(*log, accepted("c")).outcome, Outcome::busy);
  log->close();
  EXPECT_EQ(log->checkpoint(), before);
  log.reset();
  std::filesystem::remove_all(folder_ / "ledger");
  std::filesystem::rename(folder_ / "newest", folder_ / "ledger");
  log = open();
  EXPECT_TRUE(log->head().writable) << log->head().reason;
  EXPECT_EQ(log->head().root, newest.root);
}

TEST_F(Start, nothing_is_signed_that_the_keys_cannot_remember) {
  std::atomic<int> said = 0;
  Options watched = options();
  watched.alarm = [&](bool, const std::string& what) { said += what.find("no checkpoint is signed") == 0; };
  Log log(watched);
  append(log, accepted("a"));
  pass(1'000'000);
  ASSERT_TRUE(soon([&] { return log.checkpoint()->find("\n2\n") != std::string::npos; }));
  std::filesystem::create_directories(folder_ / "keys" / "signed.new" / "in the way");
  EXPECT_EQ(append(log, accepted("b")).outcome, Outcome::durable);
  pass(1'000'000);
  ASSERT_TRUE(soon([&] { return said > 0; }));
  pass(1'000'000);
  EXPECT_EQ(append(log, accepted("c")).outcome, Outcome::durable);
  EXPECT_EQ(said, 1);
  EXPECT_NE(log.checkpoint()->find("\n2\n"), std::string::npos) << *log.checkpoint();
  std::filesystem::remove_all(folder_ / "keys" / "signed.new");
  pass(1'000'000);
  EXPECT_TRUE(soon([&] { return log.checkpoint()->find("\n4\n") != std::string::npos; }));
}

TEST_F(Start, a_tree_that_contradicts_the_signed_head_is_never_signed) {
  auto log = open();
  append(*log, accepted("a"));
  log.reset();
  {
    auto store = store::Store::open(folder_ / "ledger", store::Mode::read_write);
    store::Batch batch;
    std::string head = *store.snapshot().meta("head");
    head[20] = static_cast<char>(head[20] ^ 1);
    batch.meta["head"] = head;
    store.commit(batch);
  }
  log = open();
  EXPECT_FALSE(log->head().writable);
  const auto before = log->checkpoint();
  EXPECT_EQ(append(*log, accepted("b")).outcome, Outcome::busy);
  log->close();
  EXPECT_EQ(log->checkpoint(), before);
}

}  // namespace
}  // namespace chancery::log
