#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/entry/entry.h"
#include "ledger/merkle/merkle.h"
#include "ledger/note/note.h"
#include "ledger/opening/opening.h"

// The stub through which the hub and the command line talk to chancery-ledgerd over its AF_UNIX socket.
namespace chancery::service {

// The service cannot be reached, or said something that is not an answer.
class Unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What became of a batch.
enum class Outcome {
  durable,  // every entry is in the ledger and on disk; `seqs` are theirs, in the batch's order
  refused,  // nothing was appended and a repetition will not be either; `reason` says why
  unknown,  // no answer came: it may or may not be in the ledger. Submit the same batch again to learn which.
};

struct Appended {
  Outcome outcome = Outcome::unknown;
  std::vector<std::uint64_t> seqs;
  std::vector<entry::Micros> times;  // the entries' times, in the same order
  std::string reason;
  bool try_again =
      false;  // refused only for now (no connection, the service busy or its disk full): it may pass later
};

struct Head {
  std::uint64_t size = 0;
  merkle::Hash root{};
  std::string origin;
  bool writable = true;  // false after damage, a failed commit, or on a full disk: only reading goes on
  std::string reason;    // why it is not writable
  std::string warning;   // what will need the administrator soon; empty when nothing does
};

struct StoredEntry {
  std::string text;                                                // canonical bytes
  std::vector<std::pair<std::string, opening::Opening>> openings;  // those not erased; empty unless asked for
};

// The same in bytes that lie elsewhere, and without salts: for reading many.
struct EntryView {
  std::string_view text;
  std::vector<std::pair<std::string_view, std::string_view>> details;  // committed fields, values
};

struct StoredCheckpoint {
  std::uint64_t size = 0;  // entries that it covers
  entry::Micros time = 0;  // when it was signed
  std::string note;
};

// A key that signs checkpoints, or did.
struct LogKey {
  std::uint64_t seq = 0;                           // of the entry that names it
  std::string vkey;                                // as a C2SP verifier key
  std::optional<std::uint64_t> last_trusted_size;  // if it was retired or revoked
};

// What became of a change of the keys. Repeated with the same id, it is done once.
struct KeyChanged {
  Outcome outcome = Outcome::unknown;
  std::uint64_t seq = 0;  // of the entry, if durable
  std::string vkey;
  std::string words;  // for the administrator: what to do next, or why it was not done
  bool try_again = false;
};

// A hold in force: entries whose details must not be erased.
struct Hold {
  std::string seqs;   // "12,15-18"
  std::string basis;  // docs/ledger-format.md, "Events"
};

// Sets or clears a hold. Officer and reason have 1 to 4,096 bytes.
struct HoldChange {
  bool set = true;
  std::string seqs, basis, officer, reason;
};

// Which table row of "who may append what" this caller claims; the service checks it against the peer's uid.
enum class Role { hub, administrator, reader };

// One connection, made on first use and again after it was lost, each time with a `hello` that fences off the
// previous connection of the same role. Thread-safe. Nothing here blocks but what says so.
class Client {
 public:
  Client(std::filesystem::path socket, Role role);
  ~Client();  // completes what is outstanding as `unknown`
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Appends all of `batch` or nothing. `done` is called exactly once, from the client's own thread or (when
  // there is no connection to be had) from the caller's, and must not block or throw. The ids make it
  // idempotent: a batch that is in the ledger already with the same fields answers its old seqs.
  using Done = std::function<void(Appended)>;
  void submit(std::vector<entry::Event> batch, std::chrono::milliseconds deadline, Done done);

  // submit() and wait.
  Appended append(std::vector<entry::Event> batch, std::chrono::milliseconds deadline);

  // The following block, and throw Unavailable when no answer comes within 10 s.
  Head head();
  // Entries [from, from + count), at most 1,024 and at most 8 MiB a call (so it may answer fewer; at least
  // one if there is one). Openings are for hub and administrator, and for a reader who is the user of either.
  std::vector<StoredEntry> entries(std::uint64_t from, std::uint32_t count, bool with_openings);
  // Visits [from, end), for a whole ledger: they are asked for ahead while earlier ones are visited, and an
  // entry's bytes are valid during its call. Throws Unavailable also when the ledger has fewer.
  void visit_entries(std::uint64_t from, std::uint64_t end, bool with_openings,
                     const std::function<void(std::uint64_t seq, const EntryView&)>& visit);
  std::optional<std::uint64_t> find(const entry::EventId& id);
  // Proofs for a tree of `size` entries, which must not be larger than the ledger.
  std::vector<merkle::Hash> inclusion(std::uint64_t seq, std::uint64_t size);
  std::vector<merkle::Hash> consistency(std::uint64_t old_size, std::uint64_t size);
  std::optional<std::string> checkpoint();  // the newest signed note, if there is one yet
  // The kept checkpoints in order of size, then time, from the first that is not before (size, time): at most
  // `count`, 1,024 and 8 MiB a call, at least one if there is one. The next ones are asked for with the last
  // one's size and its time + 1.
  std::vector<StoredCheckpoint> checkpoints(std::uint64_t from_size, entry::Micros from_time,
                                            std::uint32_t count);
  // The stored hashes of leaves and nodes from an index on (merkle::stored_index): at most `count` and 8,192
  // a call, at least one if there is one.
  std::vector<merkle::Hash> hashes(std::uint64_t from, std::uint32_t count);

  // All keys that entries name, in their order.
  std::vector<LogKey> keys();
  // For the administrator: docs/ledger-service.md, "Rotating keys". They block until it is done, a minute at
  // most; without an answer the outcome is `unknown`, and the same change with the same id tells.
  KeyChanged add_key(const entry::EventId& id, note::KeyType type, std::string reason);
  KeyChanged retire_key(const entry::EventId& id, std::uint32_t key_id, std::string reason);
  KeyChanged revoke_key(const entry::EventId& id, std::uint32_t key_id, std::uint64_t last_trusted_size,
                        std::string reason);

  std::vector<Hold> holds();  // in the order in which they were set
  // For the administrator: docs/ledger-service.md, "Erasure". They block until it is done. An erasure answers
  // the seqs of erasure.begun and detail.erased; without an answer for ten minutes, or when the service
  // stops, the outcome is `unknown`, and what has begun goes on without being asked for again. `reference`
  // has 1 to 4,096 bytes and must not name the person.
  Appended erase(std::string seqs, std::string basis, std::string reference);
  Appended change_hold(HoldChange change);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace chancery::service
