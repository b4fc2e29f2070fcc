#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/object/writer.h"

// Sealed objects on disk: OBJECTS/ab/ID.age once kept, OBJECTS/tmp/ while they are written. Only ciphertext
// comes here. Paths are made of hex digits and of ids that the policy knows, never of anything a peer sent.
namespace chancery::object {

// An object's id: 16 random bytes as 32 lower-case hex digits.
using ObjectId = std::string;

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// An object being written. Not thread-safe. Unless it was kept, its file is removed when the draft is
// destroyed. Errors of the disk throw std::system_error.
class Draft {
 public:
  ~Draft();
  Draft(Draft&& other) noexcept;
  Draft& operator=(Draft&&) = delete;

  // What is large is written a little later: an error may be told by a later call.
  void write(std::span<const std::uint8_t> bytes) { writer_.write(bytes); }
  // Writes what is still in memory, so that a draft that waits takes none; more may follow.
  void flush() { writer_.flush(); }

  // Makes the object durable under its id: rename into a directory that is there already, then fdatasync and
  // fsync of that directory at once. When it returns, the object survives a power cut; when it throws, the
  // object may be there or not: remove() it.
  void keep();

  const ObjectId& id() const { return id_; }
  std::uint64_t size() const { return writer_.size(); }

 private:
  friend class ObjectStore;
  Draft(const class ObjectStore& store, ObjectId id, std::string temporary_name, Descriptor file);

  const ObjectStore* store_;
  ObjectId id_;
  std::string temporary_name_;
  Descriptor file_;
  Writer writer_;  // of file_, which is there longer
  bool kept_ = false;
};

// A kept object, open for reading. Thread-safe.
class Object {
 public:
  // Up to `length` bytes from `offset`; fewer, or none, at the end. Throws std::system_error.
  std::vector<std::uint8_t> read(std::uint64_t offset, std::size_t length) const;
  std::uint64_t size() const { return size_; }

 private:
  friend class ObjectStore;
  Object(Descriptor file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

  Descriptor file_;
  std::uint64_t size_;
};

// What an earlier process left in tmp/: the label its draft was created with (empty if it was none of ours).
struct Leftover {
  std::string label;
  std::string temporary_name;
};

// Thread-safe. Must outlive its drafts.
class ObjectStore {
 public:
  // Makes the directories where they are missing (mode 0700), syncs them, and locks the whole for this
  // process. Throws std::system_error, also when another process has it.
  explicit ObjectStore(const std::filesystem::path& directory);

  // `label` (characters of [a-z0-9~-], at most 150) becomes part of the temporary file's name, for
  // leftovers().
  Draft create(std::string_view label) const;

  // nullopt when there is no such object.
  std::optional<Object> open(const ObjectId& id) const;

  // Removes an object; one that is not there is no error. False when it could not be: the next start does it.
  bool remove(const ObjectId& id) const noexcept;

  // Moves an object to OBJECTS/orphans, from where it is removed by the first start 30 days later. Throws
  // std::system_error.
  void set_aside(const ObjectId& id) const;

  // Every kept object's id, in no order.
  void for_each(const std::function<void(const ObjectId&)>& visit) const;

  std::vector<Leftover> leftovers() const;
  void remove_leftover(const Leftover& leftover) const;

  // Bytes that can still be written, and the size of the file system.
  struct Space {
    std::uint64_t free = 0;
    std::uint64_t total = 0;
  };
  Space space() const;

 private:
  friend class Draft;
  void purge_orphans() const;

  Descriptor root_, temporary_, orphans_;
  std::array<Descriptor, 256> shelves_;  // 00 … ff, held open: syncing one needs no look-up
};

}  // namespace chancery::object
