#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/opening/opening.h"

// The key files of the ledger service: one secret of base64 text each, mode 0400, owned by the service.
namespace chancery::log {

// Who opens a folder of keys, and so whose it must be: the service's own, or (to read it) that of any user
// when this one is root.
enum class KeyUse { service, reader };

// A folder of key files (mode 0700). Every function throws log::Error with a sentence when the folder or a
// file has another owner or mode, is no regular file, or does not hold what it should. Not thread-safe.
class KeyFolder {
 public:
  // For the service, makes the folder where there is none; its parent must be there.
  explicit KeyFolder(std::filesystem::path path, KeyUse use = KeyUse::service);

  bool holds(const std::string& name) const;
  // The secret in file `name`, which must be `bytes` long.
  std::vector<std::uint8_t> read(const std::string& name, std::size_t bytes) const;
  // The same, or nullopt when there is no such file.
  std::optional<std::vector<std::uint8_t>> read_if_there(const std::string& name, std::size_t bytes) const;
  // Writes a new file, on disk with its name when this returns. A file of that name is never replaced.
  void create(const std::string& name, std::span<const std::uint8_t> secret) const;
  // Writes a file that is no secret, over the one of that name if there is one. After a crash it is whole:
  // this one or the one before. It counts as no change.
  void replace(const std::string& name, std::span<const std::uint8_t> content) const;
  // Gives a file another name, on disk when this returns. A file that has that name is gone then.
  void rename(const std::string& from, const std::string& to) const;
  // Overwrites and removes a file, if it is there; its name is gone from the disk when this returns.
  void destroy(const std::string& name) const;
  // Removes what a create() that was cut off has left beside those files (not in `epoch`).
  void clear_drafts() const;
  // The files (not in `epoch`) whose names begin like that, in order.
  std::vector<std::string> names(std::string_view prefix) const;

  const std::filesystem::path& path() const { return path_; }

  // How often files were made, renamed or removed through this object; thread-safe.
  std::uint64_t changes() const { return changes_.load(); }

 private:
  std::filesystem::path write_draft(const std::string& name, std::span<const std::uint8_t> secret) const;

  std::filesystem::path path_;
  KeyUse use_;
  mutable std::atomic<std::uint64_t> changes_ = 0;
};

// The leaf hash of the entry log.genesis that the keys were first used for: with it neither a ledger that is
// gone nor another one is taken for a new one and signed a second time from the start.
inline constexpr const char* kLedgerFile = "ledger";

// Whether the keys are tied to the ledger that begins with this entry; also when they are tied to none yet.
[[nodiscard]] bool are_keys_of(const KeyFolder& folder, std::string_view genesis);

// The key of one epoch, nullopt when its file is not there (any more).
std::optional<opening::EpochKey> read_epoch_key(const KeyFolder& folder, std::uint64_t epoch);
opening::EpochKey create_epoch_key(const KeyFolder& folder, std::uint64_t epoch);

// The key that will take its place (docs/ledger-service.md, "Erasure"); nullopt when there is none.
std::optional<opening::EpochKey> read_next_epoch_key(const KeyFolder& folder, std::uint64_t epoch);
void create_next_epoch_key(const KeyFolder& folder, std::uint64_t epoch);  // if there is none
// Puts the next key in the place of the present one, which is destroyed. Goes on where it was interrupted,
// and does nothing when it is done.
void replace_epoch_key(const KeyFolder& folder, std::uint64_t epoch);

}  // namespace chancery::log
