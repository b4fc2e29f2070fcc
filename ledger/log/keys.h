#pragma once

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
  // Writes a new file, on disk with its name when this returns. A file of that name is never replaced.
  void create(const std::string& name, std::span<const std::uint8_t> secret) const;
  // Overwrites and removes a file, if it is there; its name is gone from the disk when this returns.
  void destroy(const std::string& name) const;
  // The files (not in `epoch`) whose names begin like that, in order.
  std::vector<std::string> names(std::string_view prefix) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  KeyUse use_;
};

// The leaf hash of the entry log.genesis that the keys were first used for: with it neither a ledger that is
// gone nor another one is taken for a new one and signed a second time from the start.
inline constexpr const char* kLedgerFile = "ledger";

// Whether the keys are tied to the ledger that begins with this entry; also when they are tied to none yet.
[[nodiscard]] bool are_keys_of(const KeyFolder& folder, std::string_view genesis);

// The key of one epoch, nullopt when its file is not there (any more).
std::optional<opening::EpochKey> read_epoch_key(const KeyFolder& folder, std::uint64_t epoch);
opening::EpochKey create_epoch_key(const KeyFolder& folder, std::uint64_t epoch);

}  // namespace chancery::log
