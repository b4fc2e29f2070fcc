#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace chancery::object {

// Writes a file from its start to its end; a large one, from 8 MiB on, past the page cache where the file
// system can: nothing is copied there nor pushes out of it what others use, the disk holds the writer back
// and not only the flush at the end, and 512 KiB are written while the next are gathered. Not thread-safe.
class Writer {
 public:
  // `file`, which is empty, must outlive it.
  explicit Writer(int file);
  ~Writer();
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) = delete;

  // Throws std::system_error: it may be for what an earlier call was given.
  void write(std::span<const std::uint8_t> bytes);

  // Writes what was gathered; no more is written then. Durable by fdatasync only. Throws as write() does.
  void finish();

  std::uint64_t size() const { return size_; }

 private:
  struct Gathered;
  void gather(std::span<const std::uint8_t> bytes);

  int file_;
  std::uint64_t size_ = 0;
  std::unique_ptr<Gathered> gathered_;  // past the page cache only
};

}  // namespace chancery::object
