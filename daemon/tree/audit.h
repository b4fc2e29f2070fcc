#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ledger/entry/entry.h"

namespace chancery::tree {

// A file of the export, open for reading: it stays what it was, also when the export is brought up to date.
class AuditFile {
 public:
  explicit AuditFile(int descriptor) : descriptor_(descriptor) {}
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  std::uint64_t size() const;
  // Empty at the end. Throws std::system_error.
  std::vector<std::uint8_t> read(std::uint64_t offset, std::uint32_t length) const;

 private:
  int descriptor_;
};

// What auditors see as /audit: the export of the ledger (docs/ledger-format.md, "Export") as it lies in a
// folder of the hub's state, for reading. It is not touched while somebody reads, so that what is copied in
// one go fits together. Thread-safe; reads the disk, so for workers.
class Audit {
 public:
  struct Node {
    bool folder = false;
    std::uint64_t size = 0;
    entry::Micros modified = 0;
  };
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kFresh{60};  // it is not brought up to date sooner again
  static constexpr std::chrono::seconds kInUse{60};  // after the last reading

  // `refresh` brings the export up to date; what goes wrong it says to the log itself and does not throw.
  Audit(std::filesystem::path folder, std::function<void()> refresh,
        std::function<Clock::time_point()> now = Clock::now);

  // Paths are below the folder, without `.` and `..`; the empty one is the folder itself.
  std::optional<Node> find(const std::string& path);
  // Listing the folder itself brings the export up to date first. Throws std::runtime_error when that takes
  // long.
  std::vector<std::pair<std::string, Node>> list(const std::string& path);
  std::shared_ptr<const AuditFile> open(const std::string& path);

  // Brings the export up to date unless that has been done, or somebody has read, within the last minute.
  void refresh();

 private:
  std::optional<std::filesystem::path> place(const std::string& path) const;
  void touch();
  bool is_due() const;  // mutex_ is held

  const std::filesystem::path folder_;
  const std::function<void()> refresh_;
  const std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_;
  std::optional<Clock::time_point> refreshed_, used_;
  bool refreshing_ = false;
  std::condition_variable refreshing_ended_;
};

}  // namespace chancery::tree
