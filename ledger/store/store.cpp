#include "ledger/store/store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <numeric>
#include <set>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ledger/store/snapshot.h"

namespace chancery::store {
namespace {

// LMDB must not be opened twice by one process: closing one would drop the other's file locks.
class Registration {
 public:
  explicit Registration(const std::filesystem::path& folder) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0)
      throw Error(Fault::failed, folder.string() + ": " + std::strerror(errno));
    key_ = {info.st_dev, info.st_ino};
    const std::scoped_lock lock(mutex());
    if (!open().insert(key_).second) {
      throw Error(Fault::busy, folder.string() + ": the ledger is open in this process already");
    }
  }
  ~Registration() {
    const std::scoped_lock lock(mutex());
    open().erase(key_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  using Folder = std::pair<dev_t, ino_t>;
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  static std::set<Folder>& open() {
    static std::set<Folder> instance;
    return instance;
  }
  Folder key_;
};

// Keeps a second writing process out for as long as it lives.
class WriterLock {
 public:
  explicit WriterLock(const std::filesystem::path& folder)
      : file_(::open((folder / "writer.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (file_ < 0) throw Error(Fault::failed, folder.string() + "/writer.lock: " + std::strerror(errno));
    if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(file_);
    throw Error(Fault::busy,
                folder.string() + ": another process writes this ledger (is chancery-ledgerd running?)");
  }
  ~WriterLock() { ::close(file_); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  int file_;
};

void clear_readers(MDB_env* env) {
  int dead = 0;
  check(mdb_reader_check(env, &dead), "stale readers cannot be cleared");
}

// LMDB makes its lock file for readers, too. Where root looks into another user's ledger, such as a backup
// that was put back, that file would be root's and shut the user out.
void leave_lock_to_owner(const std::filesystem::path& folder) {
  struct stat ledger {};
  if (::geteuid() != 0 || ::lstat((folder / "data.mdb").c_str(), &ledger) != 0) return;
  const int file =
      ::open((folder / "lock.mdb").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return;  // it is there; or LMDB will say why not
  const bool given = ::fchown(file, ledger.st_uid, ledger.st_gid) == 0;
  ::close(file);
  if (!given) throw Error(Fault::failed, folder.string() + "/lock.mdb: " + std::strerror(errno));
}

EnvPtr open_environment(const std::filesystem::path& folder, Mode mode, std::size_t map_bytes) {
  MDB_env* handle = nullptr;
  check(mdb_env_create(&handle), "LMDB cannot be started");
  EnvPtr env(handle);
  check(mdb_env_set_maxdbs(handle, 8), "the tables cannot be prepared");
  check(mdb_env_set_mapsize(handle, map_bytes), "the map's size cannot be set");
  if (mode == Mode::read_only) leave_lock_to_owner(folder);
  const unsigned flags = MDB_NOTLS | (mode == Mode::read_only ? MDB_RDONLY : 0U);
  const int code = mdb_env_open(handle, folder.c_str(), flags, 0600);
  const std::string whose = code == EACCES ? " (data.mdb and lock.mdb in it must belong to this user)" : "";
  check(code, folder.string() + ": the ledger cannot be opened" + whose);
  if (mode == Mode::read_write) clear_readers(handle);
  return env;
}

// A map that reaches past the end of its file kills the process at the first missing page, so look before.
void check_file_length(MDB_env* env, const std::filesystem::path& folder) {
  MDB_envinfo info{};
  MDB_stat stat{};
  check(mdb_env_info(env, &info), "the map cannot be inspected");
  check(mdb_env_stat(env, &stat), "the map cannot be inspected");
  std::error_code error;
  const auto length = std::filesystem::file_size(folder / "data.mdb", error);
  const std::uintmax_t needed = (info.me_last_pgno + 1) * std::uintmax_t{stat.ms_psize};
  if (error || length < needed) {
    throw Error(Fault::damaged, (folder / "data.mdb").string() + " is cut short: " + std::to_string(length) +
                                    " of " + std::to_string(needed) + " bytes (restore it from a backup)");
  }
}

std::size_t named_tables(MDB_env* env) {
  MDB_stat stat{};
  check(mdb_env_stat(env, &stat), "the tables cannot be counted");
  return stat.ms_entries;
}

Tables open_tables(MDB_txn* txn, bool create) {
  Tables tables;
  const std::pair<const char*, MDB_dbi*> names[] = {{"entry", &tables.entry},
                                                    {"node", &tables.node},
                                                    {"id", &tables.id},
                                                    {"opening", &tables.opening},
                                                    {"checkpoint", &tables.checkpoint},
                                                    {"meta", &tables.meta}};
  for (const auto& [name, table] : names) {
    check(mdb_dbi_open(txn, name, create ? MDB_CREATE : 0U, table),
          std::string("the table ") + name + " is missing");
  }
  return tables;
}

void put(MDB_txn* txn, MDB_dbi table, MDB_val key, MDB_val value, unsigned flags, const char* what) {
  check(mdb_put(txn, table, &key, &value, flags), what);
}

void put_size_and_root(MDB_txn* txn, MDB_dbi meta, std::uint64_t size, const merkle::Hash& root) {
  const Key length = big_endian(size);
  put(txn, meta, value_of("size"), value_of(length), 0, "the size cannot be written");
  put(txn, meta, value_of("root"), value_of(root), 0, "the root cannot be written");
}

// What disagrees between the tables, cheaply: lengths, the right edge of the tree, nothing that is linear.
std::optional<std::string> disagreement(const Snapshot& snapshot) {
  const std::uint64_t size = snapshot.size();
  const std::uint64_t entries = snapshot.entries();
  const std::string count = std::to_string(size);
  if (entries != size) {
    return "the table entry holds " + std::to_string(entries) + " entries, meta says " + count;
  }
  if (snapshot.ids() != size)
    return "the table id holds " + std::to_string(snapshot.ids()) + " ids, meta says " + count;
  if (snapshot.stored_hashes() != merkle::stored_count(size)) {
    return "the table node holds " + std::to_string(snapshot.stored_hashes()) + " hashes, a tree of " +
           count + " has " + std::to_string(merkle::stored_count(size));
  }
  if (size > 0) (void)snapshot.entry(size - 1);
  if (merkle::Frontier(size, snapshot.node_reader()).root() != snapshot.root()) {
    return "the stored hashes at the right edge of the tree of " + count +
           " entries do not give the root in meta";
  }
  return std::nullopt;
}

}  // namespace

struct Store::State {
  std::filesystem::path folder;
  Mode mode = Mode::read_only;
  std::unique_ptr<Registration> registration;
  std::unique_ptr<WriterLock> lock;
  EnvPtr env;
  Tables tables;
  mutable std::mutex mutex;
  std::optional<std::string> refusal;  // guarded by mutex

  void refuse(std::string reason) {
    const std::scoped_lock guard(mutex);
    if (!refusal) refusal = std::move(reason);
  }

  void look_over(const Snapshot& snapshot) {
    const auto schema = snapshot.meta("schema");
    if (schema != kSchema) {
      throw Error(Fault::damaged, folder.string() + ": the ledger's schema is \"" +
                                      schema.value_or("(none)").substr(0, 32) + "\", this program knows \"" +
                                      std::string(kSchema) + "\"");
    }
    try {
      if (auto found = disagreement(snapshot)) refuse("the ledger is damaged: " + *found);
    } catch (const Error& error) {
      refuse(std::string("the ledger is damaged: ") + error.what());
    }
  }

  void write(MDB_txn* txn, const Batch& batch) const {
    write_entries(txn, batch);
    for (const StoredCheckpoint& checkpoint : batch.checkpoints) {
      const CheckpointKey name = checkpoint_key(checkpoint.size, checkpoint.time);
      put(txn, tables.checkpoint, value_of(name), value_of(checkpoint.note), 0,
          "a checkpoint cannot be written");
    }
    for (const auto& [size, time] : batch.dropped_checkpoints) {
      const CheckpointKey name = checkpoint_key(size, time);
      MDB_val key = value_of(name);
      const int code = mdb_del(txn, tables.checkpoint, &key, nullptr);
      if (code != MDB_NOTFOUND) check(code, "a checkpoint cannot be dropped");
    }
    write_resealed(txn, batch);
    for (const auto& [name, value] : batch.meta) {
      put(txn, tables.meta, value_of(name), value_of(value), 0, "meta cannot be written");
    }
  }

  void write_resealed(MDB_txn* txn, const Batch& batch) const {
    for (const auto& [seq, sealed] : batch.resealed) {
      const Key name = big_endian(seq);
      MDB_val key = value_of(name);
      MDB_val value{};
      const std::string what = "the openings of entry " + std::to_string(seq) + " cannot be replaced";
      check(mdb_get(txn, tables.opening, &key, &value), what);
      if (sealed.empty()) {
        check(mdb_del(txn, tables.opening, &key, nullptr), what);
      } else {
        value = value_of(sealed);
        check(mdb_put(txn, tables.opening, &key, &value, 0), what);
      }
    }
  }

  void write_entries(MDB_txn* txn, const Batch& batch) const {
    if (batch.entries.empty()) return;
    if (batch.ids.size() != batch.entries.size() || batch.openings.size() != batch.entries.size() ||
        rows(txn, tables.entry) != batch.first_seq) {
      throw Error(Fault::damaged,
                  "a batch does not continue the ledger at entry " + std::to_string(batch.first_seq));
    }
    append_rows(txn, tables.entry, batch.first_seq, batch.entries, "an entry cannot be appended");
    append_rows(txn, tables.node, merkle::stored_count(batch.first_seq), batch.nodes,
                "a hash cannot be appended");
    append_rows(txn, tables.opening, batch.first_seq, batch.openings, "an opening cannot be appended");
    write_ids(txn, batch);
    put_size_and_root(txn, tables.meta, batch.first_seq + batch.entries.size(), batch.root);
  }

  template <typename Row>
  static void append_rows(MDB_txn* txn, MDB_dbi table, std::uint64_t first, const std::vector<Row>& rows,
                          const char* what) {
    const CursorPtr handle = cursor(txn, table);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (std::empty(rows[i])) continue;
      const Key name = big_endian(first + i);
      MDB_val key = value_of(name);
      MDB_val value = value_of(rows[i]);
      check(mdb_cursor_put(handle.get(), &key, &value, MDB_APPEND), what);
    }
  }

  // In the order of the ids, so that each page of that table is visited once.
  void write_ids(MDB_txn* txn, const Batch& batch) const {
    std::vector<std::size_t> order(batch.ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return batch.ids[i]; });
    const CursorPtr handle = cursor(txn, tables.id);
    for (const std::size_t i : order) {
      const Key seq = big_endian(batch.first_seq + i);
      MDB_val key = value_of(batch.ids[i]);
      MDB_val value = value_of(seq);
      check(mdb_cursor_put(handle.get(), &key, &value, MDB_NOOVERWRITE), "an id is in the ledger already");
    }
  }

  void create_tables() {
    TxnPtr txn = begin(env.get(), 0);
    tables = open_tables(txn.get(), true);
    put(txn.get(), tables.meta, value_of("schema"), value_of(kSchema), 0, "the schema cannot be written");
    put_size_and_root(txn.get(), tables.meta, 0, merkle::empty_root());
    check(mdb_txn_commit(txn.release()), "an empty ledger cannot be written");
  }

  void find_tables() {
    TxnPtr txn = begin(env.get(), MDB_RDONLY);
    tables = open_tables(txn.get(), false);
    check(mdb_txn_commit(txn.release()), "the tables cannot be opened");  // keeps the handles
  }

  std::unique_ptr<Snapshot::State> read() const {
    auto view = std::make_unique<Snapshot::State>();
    view->txn = begin(env.get(), MDB_RDONLY);
    view->tables = tables;
    // A service reads the same pages again and again, in short answers; a program that reads the whole does
    // not, and its memory should tell of itself alone.
    if (mode == Mode::read_only) view->pages.emplace();
    return view;
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Store Store::open(const std::filesystem::path& folder, Mode mode, std::size_t map_bytes) {
  const bool exists = std::filesystem::exists(folder / "data.mdb");
  if (!exists && mode == Mode::read_only) {
    throw Error(Fault::absent, folder.string() + ": there is no ledger here (data.mdb is missing)");
  }
  if (!exists) {
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  }
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->mode = mode;
  state->registration = std::make_unique<Registration>(folder);
  if (mode == Mode::read_write) state->lock = std::make_unique<WriterLock>(folder);
  state->env = open_environment(folder, mode, map_bytes);
  check_file_length(state->env.get(), folder);
  if (mode == Mode::read_only) state->refusal = "the ledger is open for reading only";
  if (mode == Mode::read_write && named_tables(state->env.get()) == 0) {
    state->create_tables();  // a new ledger, or one whose first commit did not get through
  } else {
    state->find_tables();
  }
  Store store(std::move(state));
  store.state_->look_over(store.snapshot());
  return store;
}

void Store::commit(const Batch& batch) {
  if (const auto reason = refuses_commits()) throw Error(Fault::failed, *reason);
  TxnPtr txn = begin(state_->env.get(), 0);
  try {
    state_->write(txn.get(), batch);
    check(mdb_txn_commit(txn.release()), "a commit failed");
  } catch (const Error& error) {
    if (error.fault() != Fault::full) {
      state_->refuse(std::string(error.what()) + "; no further commit is tried before a restart");
    }
    throw;
  }
}

Snapshot Store::snapshot() const { return Snapshot(state_->read()); }

std::optional<std::string> Store::refuses_commits() const {
  const std::scoped_lock guard(state_->mutex);
  return state_->refusal;
}

void Store::clear_stale_readers() { clear_readers(state_->env.get()); }

std::size_t Store::used_bytes() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  check(mdb_env_info(state_->env.get(), &info), "the map cannot be inspected");
  check(mdb_env_stat(state_->env.get(), &stat), "the map cannot be inspected");
  return (info.me_last_pgno + 1) * stat.ms_psize;
}

std::size_t Store::map_bytes() const {
  MDB_envinfo info{};
  check(mdb_env_info(state_->env.get(), &info), "the map cannot be inspected");
  return info.me_mapsize;
}

std::uint64_t Store::free_bytes() const {
  struct statvfs info {};
  if (::statvfs(state_->folder.c_str(), &info) != 0)
    throw Error(Fault::failed, state_->folder.string() + ": " + std::strerror(errno));
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

}  // namespace chancery::store
