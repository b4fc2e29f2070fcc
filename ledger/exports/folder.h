#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/exports/error.h"

// The folder of an export on disk. Links are never followed below it.
namespace chancery::exports {

inline constexpr const char* kWriting = ".writing";  // the name of a file while it is written

// The whole of a regular file, or nullopt when there is none of that name or it is longer than `most`. Throws
// Error when it cannot be read.
std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t most);

// Calls `visit` for everything below `root` / `folder` that is no folder, with its path from `root` and
// whether it is a regular file; in no order. Nothing is visited when there is no such folder.
void walk(const std::filesystem::path& root, const std::string& folder,
          const std::function<void(const std::string& path, bool regular)>& visit);

// A folder that is being written to; made if there is none. One at a time, also among processes: throws
// Error.
class Folder {
 public:
  explicit Folder(std::filesystem::path root);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& root() const { return root_; }
  bool empty() const;  // but for a file that was being written
  // The length of a regular file.
  std::optional<std::uint64_t> length(const std::string& path) const;
  std::optional<std::string> read(const std::string& path, std::size_t most) const {
    return read_file(root_ / path, most);
  }
  // Writes a file whole under another name and renames it. `durable`: it is on disk afterwards.
  void write(const std::string& path, std::string_view bytes, bool durable = false);
  // Removes a file, and the folders that this leaves empty.
  void remove(const std::string& path);
  // What was written is on disk afterwards.
  void sync() const;

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& path) const;

  // Makes a folder below the root the one that files are put in.
  void enter(const std::string& folder);
  void leave();

  std::filesystem::path root_;
  int descriptor_ = -1;
  int parent_ = -1;  // the folder that was entered last
  std::string made_;
};

}  // namespace chancery::exports
