#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ledger/log/keys.h"
#include "ledger/note/named_key.h"
#include "ledger/store/store.h"

// The keys that sign for the ledger: docs/ledger-format.md, "Keys", and docs/ledger-service.md, "Rotating
// keys".
namespace chancery::log {

// A key that an entry names.
struct NamedKey : note::NamedKey {
  std::optional<std::uint64_t> ended_by;  // seq of the first entry that says so
};

// Rows of the store's meta: u64be each.
inline constexpr const char* kKeyEntries = "log-keys";  // seqs of the log.key.* entries
inline constexpr const char* kHandover = "handover";    // seq of the log.key.add that is not pinned yet

// Adds what a log.genesis or log.key.* says of the keys. False when it does not say it as it should.
[[nodiscard]] bool name_keys(const entry::EntryView& view, std::uint64_t seq, std::vector<NamedKey>& keys);

// The keys that the entries name, the genesis entry's two first; or which of these entries is damaged. Reads
// those entries only.
[[nodiscard]] std::variant<std::vector<NamedKey>, std::string> named_keys(const store::Snapshot& snapshot);

// The files of the first two keys, and how those of later ones begin.
inline constexpr const char* kEd25519File = "log-ed25519";
inline constexpr const char* kMlDsaFile = "log-ml-dsa-44";

inline constexpr note::KeyType kKeyTypes[] = {note::KeyType::ed25519, note::KeyType::ml_dsa_44};
const char* name_of(note::KeyType type);          // "Ed25519"
std::string id_of(const note::VerifierKey& key);  // its id, 8 hex digits

// The named keys together with their files. Not thread-safe: the writer's, once there is one.
class LogKeys {
 public:
  // Those of a ledger that is to be begun: makes the two files where they are not there. Throws Error.
  static LogKeys begin(const KeyFolder& folder, const std::string& origin);
  // Those that `snapshot` names, of which the good ones have their files. Throws Error, with a sentence, when
  // one is missing or another's, or when no key of a kind is left. What is damaged names no keys.
  static LogKeys open(const KeyFolder& folder, const std::string& origin, const store::Snapshot& snapshot);

  const std::vector<NamedKey>& named() const { return named_; }
  std::optional<std::size_t> find(std::uint32_t id) const;  // in named()
  // How many of that type are good for checkpoints of `size` entries.
  std::size_t count(note::KeyType type, std::uint64_t size) const;
  // All keys that are good for `size`.
  std::vector<const note::SigningKey*> signers(std::uint64_t size) const;
  // The log.key.add whose checkpoint no log.anchor pins yet.
  std::optional<std::uint64_t> handover() const { return handover_; }

  // A key for log.key.add, on disk when this returns: one whose file no entry names, or a new one.
  note::SigningKey spare(note::KeyType type) const;

  // What became durable, and the rows of meta for the entry `seq` that is to say so.
  void added(std::uint64_t seq, note::SigningKey key);
  void ended(std::size_t which, std::uint64_t last_trusted_size, std::uint64_t seq);
  void handed_over() { handover_.reset(); }
  std::string key_entries_with(std::uint64_t seq) const;
  static std::string encode(std::uint64_t seq);

  // Whether a key has ended and has its file still, for want of a checkpoint without it.
  bool awaits_checkpoint(std::uint64_t signed_size) const;
  // Removes the files of keys that had ended before a checkpoint of `signed_size` entries was signed. Tries
  // once for each: throws Error.
  void destroy_ended(std::uint64_t signed_size);

 private:
  struct Signing {  // parallel to named_
    std::optional<note::SigningKey> key;
    bool has_file = false;
  };
  LogKeys(const KeyFolder& folder, std::string origin) : folder_(&folder), origin_(std::move(origin)) {}
  std::string file_of(const NamedKey& named) const;
  void read_files(std::uint64_t size);

  const KeyFolder* folder_;
  std::string origin_;
  std::vector<NamedKey> named_;
  std::vector<Signing> signing_;
  std::string key_entries_;  // the row
  std::optional<std::uint64_t> handover_;
};

}  // namespace chancery::log
