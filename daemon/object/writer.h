#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "daemon/object/places.h"

namespace chancery::object {

// Writes a file from its start to its end; what comes after its first 8 MiB past the page cache, where the
// file system can: it is not copied there and pushes nothing out, and the disk holds the writer back, not
// only the flush at the end. Such a file takes 1 MiB of memory, until flush(): 512 KiB are on their way,
// beside the caller, while the next are gathered. Where no place for that is left it goes through the cache.
// Not thread-safe. After an exception it can only be
// destroyed.
class Writer {
 public:
  // `file`, which is empty, must outlive it, as must `places`.
  explicit Writer(int file, Places& places = shared_places());
  ~Writer();
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) = delete;

  // Throws std::system_error: it may be for what an earlier call was given.
  void write(std::span<const std::uint8_t> bytes);

  // Writes what is still in memory; more may follow. Durable by fdatasync only. Throws as write() does.
  void flush();

  std::uint64_t size() const { return size_; }

 private:
  static Places& shared_places();
  struct Gathered;
  void gather(std::span<const std::uint8_t> bytes);

  int file_;
  Places* places_;
  std::uint64_t size_ = 0;
  std::uint64_t direct_from_;           // never below size_, unless what is written is being gathered
  std::unique_ptr<Gathered> gathered_;  // past the page cache only
};

}  // namespace chancery::object
