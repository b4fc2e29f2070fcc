#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/entry/event_table.h"
#include "ledger/log/error.h"
#include "ledger/merkle/merkle.h"
#include "ledger/note/note.h"
#include "ledger/opening/entry_seal.h"
#include "ledger/store/store.h"

// The ledger as a service sees it: append, read, prove, and checkpoints signed in time.
namespace chancery::log {

// Where the time comes from. `steady` never steps; only its differences are used.
struct Clock {
  std::function<entry::Micros()> wall;
  std::function<entry::Micros()> steady;
  static Clock system();
};

inline constexpr std::uint64_t kDiskReserve = std::uint64_t{32} << 20;

struct Options {
  std::filesystem::path folder;  // of the LMDB environment
  std::filesystem::path keys;    // of the key files
  std::string origin;            // the log's name: C2SP tlog-checkpoint's origin line
  Clock clock = Clock::system();
  std::size_t map_bytes = store::kMapBytes;
  std::uint64_t disk_reserve = kDiskReserve;  // free bytes below which nothing is appended
  // Told when the ledger becomes read-only (writable: false), takes entries again after a full disk, and when
  // its map fills up; head() has the same sentences. Called from the writer's threads; must not block, throw
  // or call the log.
  std::function<void(bool writable, const std::string& what)> alarm = {};
};

inline constexpr std::size_t kMaxBatch = 1024;   // entries of one append; also the most that share a commit
inline constexpr std::size_t kMaxQueued = 8192;  // entries
inline constexpr std::size_t kMaxQueuedBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxReadBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxReadHashes = 8192;

enum class Outcome {
  durable,  // on disk; also when these ids with these fields were there before
  refused,  // not appended, and never will be: the batch was looked at
  busy,     // turned away unseen (too much is waiting, no writing now, closing): try again later
  unknown,  // the commit failed: whether it is there shows after the next start
};

struct Appended {
  Outcome outcome = Outcome::unknown;
  std::vector<std::uint64_t> seqs;
  std::vector<entry::Micros> times;
  std::string reason;
};

struct Head {
  std::uint64_t size = 0;
  merkle::Hash root{};
  bool writable = true;
  std::string reason;   // why not
  std::string warning;  // what will need the administrator soon; empty when nothing does
};

struct StoredEntry {
  std::string text;
  std::vector<opening::FieldOpening> openings;
};

// A key that signs checkpoints, or did: docs/ledger-format.md, "Keys".
struct LogKey {
  std::uint64_t seq = 0;                           // of the entry that names it
  std::string vkey;                                // as a C2SP verifier key
  std::optional<std::uint64_t> last_trusted_size;  // if it was retired or revoked
};

// Changes of the keys. `id` becomes the entry's: a change that is repeated with it is done once. `key_id` is
// that of the verifier key, `reason` has at most 4,096 bytes.
struct AddKey {
  entry::EventId id{};
  note::KeyType type = note::KeyType::ed25519;
  std::string reason;
};
struct RetireKey {
  entry::EventId id{};
  std::uint32_t key_id = 0;
  std::string reason;
};
struct RevokeKey {
  entry::EventId id{};
  std::uint32_t key_id = 0;
  std::uint64_t last_trusted_size = 0;
  std::string reason;
};
using KeyChange = std::variant<AddKey, RetireKey, RevokeKey>;

struct KeyChanged {
  Outcome outcome = Outcome::unknown;
  std::uint64_t seq = 0;  // of the entry, if durable
  std::string vkey;
  std::string words;  // for the administrator: what to do next, or why it was not done
};

// What is asked of an erasure: docs/ledger-format.md, "Erasure". `seqs` as in an entry; `reference` (at most
// 4,096 bytes) must not name the person.
struct Erase {
  std::string seqs;
  std::string basis;
  std::string reference;
};

// Sets or clears a hold. Officer and reason have at most 4,096 bytes each.
struct HoldChange {
  bool set = true;
  std::string seqs;
  std::string basis;
  std::string officer;
  std::string reason;
};

inline constexpr std::size_t kMaxHolds = 4096;  // in force at once

// A hold in force.
struct Hold {
  std::string seqs;
  std::string basis;
};

// A ledger that is open for appending. One thread of its own writes; every function is thread-safe.
//
// A ledger that is found damaged, or whose commit failed, is still read, but takes no more entries: head()
// says why. On a disk that is nearly full it takes none until there is room again.
class Log {
 public:
  // Opens the ledger, or begins one (keys, then the entry log.genesis) where neither entries nor keys are.
  // Throws Error when there is nothing that could be served: unreadable files, keys that are missing or not
  // this ledger's, another origin.
  explicit Log(Options options);
  ~Log();  // close()
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Appends all of `batch` or nothing, checked against the event table and what `author` may append. `done`
  // is called exactly once, from this thread or the writer's, and must not block or throw.
  using Done = std::function<void(Appended)>;
  void submit(entry::Author author, std::vector<entry::Event> batch, Done done);
  Appended append(entry::Author author, std::vector<entry::Event> batch);  // submit() and wait

  // Adds, retires or revokes a signing key, with all that docs/ledger-service.md, "Rotating keys", says.
  // `done` as for submit().
  void change_key(KeyChange change, std::function<void(KeyChanged)> done);
  // All keys that entries name, in their order. Throws Error when one of these entries is damaged.
  std::vector<LogKey> keys() const;

  // Erases the details of entries for good, in the steps of docs/ledger-service.md, "Erasure", while appends
  // go on. `done` as for submit(), when all is done; then `seqs` are those of erasure.begun and
  // detail.erased. Unknown: it has begun, and goes on at the latest after the next start.
  void erase(Erase request, Done done);
  // Sets or clears a hold, which forbids erasing. `seqs` is that of its entry.
  void change_hold(HoldChange change, Done done);
  std::vector<Hold> holds() const;  // in the order in which they were set

  // Calls `done` from the writer's thread (or from this one after close()) when everything that was submitted
  // before is answered.
  void when_drained(std::function<void()> done);

  // Finishes the queue, appends log.anchor, signs a last checkpoint and stops. What is submitted after is
  // refused.
  void close();

  const std::string& origin() const;
  Head head() const;  // the durable one
  // At most `count` entries, kMaxBatch and kMaxReadBytes, but one if there is one. An entry whose openings
  // are erased, or whose epoch's key is, comes without.
  std::vector<StoredEntry> entries(std::uint64_t from, std::size_t count, bool with_openings) const;
  // The same without copies: calls `visit` with one after the other, whose bytes are valid during the call.
  // False when they must be forgotten and asked for again: a key was destroyed meanwhile.
  using Visit = std::function<void(std::string_view text, std::span<const opening::FieldOpening> openings)>;
  [[nodiscard]] bool visit_entries(std::uint64_t from, std::size_t count, bool with_openings,
                                   const Visit& visit) const;
  std::optional<std::uint64_t> find(const entry::EventId& id) const;
  // nullopt unless seq < size <= head().size, and old_size <= size <= head().size.
  std::optional<std::vector<merkle::Hash>> inclusion(std::uint64_t seq, std::uint64_t size) const;
  std::optional<std::vector<merkle::Hash>> consistency(std::uint64_t old_size, std::uint64_t size) const;
  // The stored hashes of leaves and nodes from an index on (merkle::stored_index), in order: at most `count`
  // and kMaxReadHashes, none beyond the last.
  std::vector<merkle::Hash> hashes(std::uint64_t from, std::size_t count) const;
  std::optional<std::string> checkpoint() const;  // the newest signed note
  // The kept ones in order of size, then time, from the first that is not before (size, time): at most
  // `count`, kMaxBatch and kMaxReadBytes, but one if there is one.
  std::vector<store::StoredCheckpoint> checkpoints(std::uint64_t from_size, entry::Micros from_time,
                                                   std::size_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::log
