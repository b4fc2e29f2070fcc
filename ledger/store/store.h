#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/merkle/merkle.h"

// The ledger's tables in one LMDB environment (docs/ledger-service.md, "Tables"). What a table holds, in
// which order, and that a commit is durable whole or not there at all; what the bytes mean is for ledger/log
// and ledger/verify.
namespace chancery::store {

enum class Fault {
  absent,   // there is no ledger in that folder
  busy,     // another process has it open for writing, or this one has it open already
  damaged,  // what is there is not a ledger, or not whole: what() says where
  full,     // the map is full: nothing was written, and reading goes on
  failed,   // the disk or the system refused
};

class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& what) : std::runtime_error(what), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

enum class Mode { read_write, read_only };

inline constexpr std::string_view kSchema = "1";
#ifdef __SANITIZE_THREAD__
inline constexpr std::size_t kMapBytes = std::size_t{1} << 34;  // it leaves a program little more than 1 TiB
#else
inline constexpr std::size_t kMapBytes = std::size_t{1} << 40;  // address space, not disk
#endif

// What a checkpoint is stored under.
struct CheckpointName {
  std::uint64_t size = 0;  // entries that it covers
  entry::Micros time = 0;  // when it was signed
};

// A signed note of a tree head, as it was at `time`.
struct StoredCheckpoint {
  std::uint64_t size = 0;
  entry::Micros time = 0;
  std::string note;
};

// What one commit changes. Entries, nodes, ids and openings continue those that are stored.
struct Batch {
  std::uint64_t first_seq = 0;
  std::vector<std::string> entries;                 // canonical text, of first_seq, first_seq + 1, ...
  std::vector<entry::EventId> ids;                  // one for each entry
  std::vector<std::vector<std::uint8_t>> openings;  // one for each entry, sealed; an empty one is not stored
  std::vector<merkle::Hash> nodes;                  // stored hashes from stored_count(first_seq) on
  merkle::Hash root{};  // of the tree with these entries; ignored if there are none
  std::vector<StoredCheckpoint> checkpoints;
  std::vector<CheckpointName> dropped_checkpoints;  // which are kept no longer; one that is not there is none
  std::map<std::uint64_t, std::vector<std::uint8_t>>
      resealed;                             // openings that are there, by seq; empty: dropped
  std::map<std::string, std::string> meta;  // names other than the store's own (schema, size, root)
};

// One consistent view of the tables. It holds a read transaction: pages it can see cannot be reused, so keep
// it for one answer and no longer. Not to be shared between threads; must not outlive its Store. Every
// function throws Error(damaged) naming the row when a row that must be there is not, or has a wrong length.
class Snapshot {
 public:
  ~Snapshot();
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;

  std::uint64_t size() const;
  merkle::Hash root() const;  // as written by the last commit; not recomputed

  // Views into the map, valid as long as this snapshot.
  std::string_view entry(std::uint64_t seq) const;
  std::span<const std::uint8_t> opening(std::uint64_t seq) const;  // empty when there is none (any more)

  merkle::Hash stored_hash(std::uint64_t index) const;
  std::uint64_t stored_hashes() const;  // rows in `node`
  merkle::NodeReader node_reader() const;
  std::optional<std::uint64_t> find(const entry::EventId& id) const;
  std::uint64_t entries() const;  // rows in `entry`, `id`
  std::uint64_t ids() const;

  // Calls `visit` for each entry from `from` on, in order, until it answers false. A gap or a key of another
  // length throws. One cursor, so this is as fast as the pages can be read.
  using Visit = std::function<bool(std::uint64_t seq, std::string_view text)>;
  void visit_entries(std::uint64_t from, const Visit& visit) const;
  // Those that are there, from a seq on; the bytes are valid as long as this snapshot.
  void visit_openings(
      std::uint64_t from,
      const std::function<bool(std::uint64_t seq, std::span<const std::uint8_t> sealed)>& visit) const;
  void visit_hashes(std::uint64_t from,
                    const std::function<bool(std::uint64_t index, const merkle::Hash&)>& visit) const;
  // In order of size, then time, from the first that is not before (size, time); the views are valid during
  // the call.
  using VisitCheckpoint = std::function<bool(std::uint64_t size, entry::Micros time, std::string_view note)>;
  void visit_checkpoints(std::uint64_t from_size, entry::Micros from_time,
                         const VisitCheckpoint& visit) const;
  std::optional<StoredCheckpoint> newest_checkpoint() const;
  std::optional<std::string> meta(std::string_view name) const;

 private:
  friend class Store;
  struct State;
  explicit Snapshot(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The environment. snapshot() is thread-safe; commit() is for one thread at a time.
class Store {
 public:
  // With read_write, makes the folder and an empty ledger where there is none, and holds a lock that keeps
  // other writers out. Throws Error.
  static Store open(const std::filesystem::path& folder, Mode mode, std::size_t map_bytes = kMapBytes);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  // All of `batch`, on disk, when it returns. Throws Error: `full` changes nothing and may be followed by
  // other commits; after any other the outcome is unknown until the next start, and the store takes no more
  // commits.
  void commit(const Batch& batch);

  Snapshot snapshot() const;

  // Why commits are refused (damage found when opening, a failed commit, opened for reading), or nullopt.
  std::optional<std::string> refuses_commits() const;

  // Frees what readers hold that have died without saying so; their pages could never be used again.
  void clear_stale_readers();

  std::size_t used_bytes() const;  // of map_bytes(): what the tables' pages take, free ones included
  std::size_t map_bytes() const;
  std::uint64_t free_bytes() const;  // that this user may still write on the ledger's file system

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::store
