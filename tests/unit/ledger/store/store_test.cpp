#include "ledger/store/store.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/temporary_folder.h"

namespace chancery::store {
namespace {

class Folder {
 public:
  Folder() : path_(make_temporary_folder("chancery-store")) {}
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string text_of(std::uint64_t seq) { return "entry number " + std::to_string(seq); }

entry::EventId id_of(std::uint64_t seq) {
  entry::EventId id{};
  for (std::size_t i = 0; i < 8; ++i)
    id[i] = static_cast<std::uint8_t>((seq * 0x9E3779B97F4A7C15U) >> (8 * i));
  return id;
}

// Appends `count` entries that are numbered texts.
Batch next(merkle::Frontier& frontier, std::size_t count) {
  Batch batch;
  batch.first_seq = frontier.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t seq = batch.first_seq + i;
    batch.entries.push_back(text_of(seq));
    batch.ids.push_back(id_of(seq));
    batch.openings.push_back(seq % 3 == 0 ? std::vector<std::uint8_t>{} : std::vector<std::uint8_t>{1, 2, 3});
    frontier.append(merkle::leaf_hash(text_of(seq)), batch.nodes);
  }
  batch.root = frontier.root();
  return batch;
}

void fill(const std::filesystem::path& path, std::size_t batches, std::size_t each) {
  Store store = Store::open(path, Mode::read_write);
  merkle::Frontier frontier(store.snapshot().size(), store.snapshot().node_reader());
  for (std::size_t i = 0; i < batches; ++i) store.commit(next(frontier, each));
}

Fault fault_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.fault();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Fault::failed;
}

TEST(Store, holds_what_was_committed_after_reopening) {
  const Folder folder;
  fill(folder / "ledger", 3, 100);
  const Store store = Store::open(folder / "ledger", Mode::read_only);
  const Snapshot view = store.snapshot();
  EXPECT_EQ(view.size(), 300U);
  std::uint64_t seen = 0;
  view.visit_entries(0, [&](std::uint64_t seq, std::string_view text) {
    EXPECT_EQ(text, text_of(seq));
    EXPECT_EQ(view.find(id_of(seq)), seq);
    EXPECT_EQ(view.opening(seq).size(), seq % 3 == 0 ? 0U : 3U);
    ++seen;
    return true;
  });
  EXPECT_EQ(seen, 300U);
  EXPECT_EQ(merkle::tree_root(300, view.node_reader()), view.root());
  EXPECT_EQ(view.find(id_of(301)), std::nullopt);
  EXPECT_EQ(fault_of([&] { (void)view.entry(300); }), Fault::damaged);
}

TEST(Store, a_snapshot_does_not_see_later_commits) {
  const Folder folder;
  Store store = Store::open(folder / "ledger", Mode::read_write);
  merkle::Frontier frontier;
  store.commit(next(frontier, 2));
  const Snapshot before = store.snapshot();
  store.commit(next(frontier, 2));
  EXPECT_EQ(before.size(), 2U);
  EXPECT_EQ(store.snapshot().size(), 4U);
}

TEST(Store, keeps_checkpoints_in_order_and_meta) {
  const Folder folder;
  Store store = Store::open(folder / "ledger", Mode::read_write);
  EXPECT_FALSE(store.snapshot().newest_checkpoint());
  Batch batch;
  batch.checkpoints = {{256, 7, "later"}, {3, 9, "first"}, {256, 6, "between"}};
  batch.meta["head"] = "what was signed";
  store.commit(batch);
  std::string order;
  store.snapshot().visit_checkpoints(0, 0, [&](std::uint64_t, entry::Micros, std::string_view note) {
    order += std::string(note) + " ";
    return true;
  });
  EXPECT_EQ(order, "first between later ");
  EXPECT_EQ(store.snapshot().newest_checkpoint()->note, "later");
  EXPECT_EQ(store.snapshot().meta("head"), "what was signed");
  EXPECT_EQ(store.snapshot().meta("tail"), std::nullopt);
}

TEST(Store, read_only_refuses_commits_and_absence_is_said) {
  const Folder folder;
  EXPECT_EQ(fault_of([&] { (void)Store::open(folder / "ledger", Mode::read_only); }), Fault::absent);
  fill(folder / "ledger", 1, 1);
  Store store = Store::open(folder / "ledger", Mode::read_only);
  merkle::Frontier frontier(1, store.snapshot().node_reader());
  EXPECT_EQ(fault_of([&] { store.commit(next(frontier, 1)); }), Fault::failed);
}

TEST(Store, is_opened_once_by_a_process_and_written_by_one) {
  const Folder folder;
  const Store store = Store::open(folder / "ledger", Mode::read_write);
  EXPECT_EQ(fault_of([&] { (void)Store::open(folder / "ledger", Mode::read_only); }), Fault::busy);
  const pid_t child = ::fork();
  if (child == 0) {
    // The inherited registration stands in the way of a fair trial, so the child asks under another name.
    std::filesystem::create_directory_symlink(folder / "ledger", folder / "alias");
    ::execl("/usr/bin/flock", "flock", "--nonblock", (folder / "alias" / "writer.lock").c_str(), "true",
            nullptr);
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1) << "another process could take the writer's lock";
}

TEST(Store, a_batch_that_does_not_continue_the_ledger_ends_writing) {
  const Folder folder;
  Store store = Store::open(folder / "ledger", Mode::read_write);
  merkle::Frontier frontier;
  store.commit(next(frontier, 4));
  merkle::Frontier other;
  EXPECT_EQ(fault_of([&] { store.commit(next(other, 4)); }), Fault::damaged);
  EXPECT_TRUE(store.refuses_commits());
  EXPECT_EQ(store.snapshot().size(), 4U);
}

TEST(Store, a_full_map_fails_the_batch_and_nothing_else) {
  const Folder folder;
  Store store = Store::open(folder / "ledger", Mode::read_write, std::size_t{1} << 20);
  merkle::Frontier frontier;
  std::uint64_t size = 0;
  const auto fill_up = [&] {
    for (;;) {
      const Batch batch = next(frontier, 200);
      store.commit(batch);
      size = frontier.size();
    }
  };
  EXPECT_EQ(fault_of(fill_up), Fault::full);
  EXPECT_GT(size, 1000U);
  EXPECT_EQ(store.snapshot().size(), size);
  EXPECT_FALSE(store.refuses_commits());
  EXPECT_LE(store.used_bytes(), store.map_bytes());
  merkle::Frontier again(size, store.snapshot().node_reader());
  EXPECT_EQ(again.root(), store.snapshot().root());
}

TEST(Store, a_full_map_can_be_reopened_larger) {
  const Folder folder;
  {
    Store store = Store::open(folder / "ledger", Mode::read_write, std::size_t{256} << 10);
    merkle::Frontier frontier;
    EXPECT_EQ(fault_of([&] { store.commit(next(frontier, 20000)); }), Fault::full);
  }
  fill(folder / "ledger", 1, 20000);
  EXPECT_EQ(Store::open(folder / "ledger", Mode::read_only).snapshot().size(), 20000U);
}

// Overwrites every place in the file where `bytes` stand.
void replace_in_file(const std::filesystem::path& path, const std::string& from, const std::string& to) {
  std::ifstream in(path, std::ios::binary);
  std::string all{std::istreambuf_iterator<char>(in), {}};
  std::size_t count = 0;
  for (std::size_t at = all.find(from); at != std::string::npos; at = all.find(from, at + 1), ++count) {
    all.replace(at, from.size(), to);
  }
  ASSERT_GT(count, 0U);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << all;
}

TEST(Store, damaged_hashes_at_the_edge_are_found_when_opening) {
  const Folder folder;
  fill(folder / "ledger", 1, 5);
  const merkle::Hash leaf = merkle::leaf_hash(text_of(4));
  const std::string from(leaf.begin(), leaf.end());
  std::string to = from;
  to[7] = static_cast<char>(to[7] ^ 1);
  replace_in_file(folder / "ledger" / "data.mdb", from, to);
  const Store store = Store::open(folder / "ledger", Mode::read_write);
  ASSERT_TRUE(store.refuses_commits());
  EXPECT_NE(store.refuses_commits()->find("tree of 5 entries"), std::string::npos)
      << *store.refuses_commits();
}

TEST(Store, a_file_cut_short_or_of_another_kind_is_refused) {
  const Folder folder;
  fill(folder / "ledger", 10, 200);
  const auto file = folder / "ledger" / "data.mdb";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_EQ(fault_of([&] { (void)Store::open(folder / "ledger", Mode::read_only); }), Fault::damaged);
  std::ofstream(file, std::ios::trunc) << std::string(16384, 'x');
  EXPECT_EQ(fault_of([&] { (void)Store::open(folder / "ledger", Mode::read_only); }), Fault::damaged);
}

TEST(Store, an_unknown_schema_is_refused) {
  const Folder folder;
  fill(folder / "ledger", 1, 1);
  {
    Store store = Store::open(folder / "ledger", Mode::read_write);
    Batch batch;
    batch.meta["schema"] = "2";
    store.commit(batch);
  }
  EXPECT_EQ(fault_of([&] { (void)Store::open(folder / "ledger", Mode::read_write); }), Fault::damaged);
}

TEST(Store, root_that_reads_a_restored_ledger_does_not_shut_its_owner_out) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can read another user's ledger";
  constexpr uid_t kNobody = 65534;
  const Folder folder;
  const auto ledger = folder / "ledger";
  fill(ledger, 1, 3);
  std::filesystem::remove(ledger / "lock.mdb");  // which is in no backup
  for (const auto& path : {ledger, ledger / "data.mdb"})
    ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(Store::open(ledger, Mode::read_only).snapshot().size(), 3U);
  struct stat lock {};
  ASSERT_EQ(::lstat((ledger / "lock.mdb").c_str(), &lock), 0);
  EXPECT_EQ(lock.st_uid, kNobody);
  EXPECT_EQ(lock.st_gid, kNobody);
  EXPECT_EQ(Store::open(ledger, Mode::read_only).snapshot().size(), 3U);
}

// Pages are given back behind a reader, many times over for so many rows.
TEST(Store, what_was_read_stays_readable_to_the_end_of_the_snapshot) {
  const Folder folder;
  fill(folder / "ledger", 40, 1000);
  const Store store = Store::open(folder / "ledger", Mode::read_only);
  const Snapshot snapshot = store.snapshot();
  std::vector<std::string_view> kept;
  snapshot.visit_entries(0, [&](std::uint64_t seq, std::string_view text) {
    kept.push_back(text);
    EXPECT_EQ(snapshot.entry(seq / 2), kept[seq / 2]);
    return true;
  });
  ASSERT_EQ(kept.size(), 40'000U);
  for (std::uint64_t seq = 0; seq < kept.size(); ++seq) ASSERT_EQ(kept[seq], text_of(seq));
}

}  // namespace
}  // namespace chancery::store
