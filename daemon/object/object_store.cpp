#include "daemon/object/object_store.h"

#include <cerrno>
#include <ctime>
#include <memory>
#include <system_error>
#include <utility>

#include <botan/hex.h>
#include <botan/system_rng.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/object/beside.h"

namespace chancery::object {

namespace {

constexpr std::size_t kIdDigits = 32;
constexpr std::time_t kOrphanSeconds = std::time_t{30} * 24 * 3600;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Descriptor open_directory(int at, const char* name) {
  if (::mkdirat(at, name, 0700) != 0 && errno != EEXIST)
    fail(std::string("cannot make the directory ") + name);
  Descriptor directory(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (directory.get() < 0) fail(std::string("cannot open the directory ") + name);
  return directory;
}

void sync(int fd, const char* what) {
  if (::fsync(fd) != 0) fail(std::string("cannot sync ") + what);
}

bool is_id(std::string_view text) {
  return text.size() == kIdDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

ObjectId random_id() {
  std::array<std::uint8_t, kIdDigits / 2> bytes{};
  Botan::system_rng().randomize(bytes);
  return Botan::hex_encode(bytes, false);
}

unsigned shelf_of(const ObjectId& id) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  return digit(id[0]) * 16 + digit(id[1]);
}

std::string file_name(const ObjectId& id) { return id + ".age"; }

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Visits the names in a directory other than "." and "..".
void for_each_name(int directory, const std::function<void(std::string_view)>& visit) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) fail("cannot read a directory of objects");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(copy));
  if (!stream) {
    ::close(copy);
    fail("cannot read a directory of objects");
  }
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(name);
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Draft::Draft(const ObjectStore& store, ObjectId id, std::string temporary_name, Descriptor file)
    : store_(&store),
      id_(std::move(id)),
      temporary_name_(std::move(temporary_name)),
      file_(std::move(file)),
      writer_(file_.get()) {}

Draft::Draft(Draft&& other) noexcept
    : store_(other.store_),
      id_(std::move(other.id_)),
      temporary_name_(std::move(other.temporary_name_)),
      file_(std::move(other.file_)),
      writer_(std::move(other.writer_)),
      kept_(std::exchange(other.kept_, true)) {}

Draft::~Draft() {
  if (!kept_) ::unlinkat(store_->temporary_.get(), temporary_name_.c_str(), 0);
}

// The name comes before the flushes, so that both can be under way at once: a file system then writes one
// commit of its journal for them, not two one after the other. What a crash leaves between is an object that
// no entry names.
void Draft::keep() {
  writer_.flush();
  const int shelf = store_->shelves_[shelf_of(id_)].get();
  if (::renameat(store_->temporary_.get(), temporary_name_.c_str(), shelf, file_name(id_).c_str()) != 0)
    fail("cannot move an object to its place");
  kept_ = true;
  Beside directory;
  directory.run([shelf] { sync(shelf, "a directory of objects"); });
  const bool synced = ::fdatasync(file_.get()) == 0;
  const int error = errno;
  directory.wait();
  if (!synced) throw std::system_error(error, std::generic_category(), "cannot sync an object");
}

std::vector<std::uint8_t> Object::read(std::uint64_t offset, std::size_t length) const {
  std::vector<std::uint8_t> bytes(length);
  std::size_t have = 0;
  while (have < length) {
    const ssize_t count =
        ::pread(file_.get(), bytes.data() + have, length - have, static_cast<off_t>(offset + have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot read an object");
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

ObjectStore::ObjectStore(const std::filesystem::path& directory) {
  Beside::prepare();
  std::filesystem::create_directories(directory);
  root_ = Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root_.get() < 0) fail("cannot open " + directory.string());
  if (::flock(root_.get(), LOCK_EX | LOCK_NB) != 0)
    fail("cannot lock " + directory.string() + "; is another chanceryd running on it?");
  temporary_ = open_directory(root_.get(), "tmp");
  orphans_ = open_directory(root_.get(), "orphans");
  for (unsigned i = 0; i < shelves_.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    shelves_[i] = open_directory(root_.get(), Botan::hex_encode(&byte, 1, false).c_str());
  }
  sync(root_.get(), directory.c_str());
  purge_orphans();
}

Draft ObjectStore::create(std::string_view label) const {
  ObjectId id = random_id();
  std::string name = id + '~' + std::string(label);
  Descriptor file(
      ::openat(temporary_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) fail("cannot make an object");
  return Draft(*this, std::move(id), std::move(name), std::move(file));
}

std::optional<Object> ObjectStore::open(const ObjectId& id) const {
  if (!is_id(id)) return std::nullopt;
  Descriptor file(
      ::openat(shelves_[shelf_of(id)].get(), file_name(id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::nullopt;
    fail("cannot open an object");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("cannot stat an object");
  return Object(std::move(file), static_cast<std::uint64_t>(status.st_size));
}

bool ObjectStore::remove(const ObjectId& id) const noexcept {
  if (!is_id(id)) return true;
  const std::string name = file_name(id);
  return ::unlinkat(shelves_[shelf_of(id)].get(), name.c_str(), 0) == 0 || errno == ENOENT;
}

void ObjectStore::set_aside(const ObjectId& id) const {
  if (!is_id(id)) return;
  const std::string name = file_name(id);
  const int shelf = shelves_[shelf_of(id)].get();
  // The time of setting aside, from which the 30 days run.
  if (::utimensat(shelf, name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::renameat(shelf, name.c_str(), orphans_.get(), name.c_str()) != 0)
    fail("cannot set an object aside");
}

void ObjectStore::purge_orphans() const {
  const std::time_t before = std::time(nullptr) - kOrphanSeconds;
  for_each_name(orphans_.get(), [&](std::string_view name) {
    struct stat status {};
    const std::string file(name);
    if (::fstatat(orphans_.get(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_mtime < before)
      ::unlinkat(orphans_.get(), file.c_str(), 0);
  });
}

void ObjectStore::for_each(const std::function<void(const ObjectId&)>& visit) const {
  for (const Descriptor& shelf : shelves_) {
    for_each_name(shelf.get(), [&](std::string_view name) {
      if (name.size() == kIdDigits + 4 && name.ends_with(".age") && is_id(name.substr(0, kIdDigits)))
        visit(ObjectId(name.substr(0, kIdDigits)));
    });
  }
}

std::vector<Leftover> ObjectStore::leftovers() const {
  std::vector<Leftover> found;
  for_each_name(temporary_.get(), [&](std::string_view name) {
    const bool ours = name.size() > kIdDigits && name[kIdDigits] == '~' && is_id(name.substr(0, kIdDigits));
    found.push_back({ours ? std::string(name.substr(kIdDigits + 1)) : std::string(), std::string(name)});
  });
  return found;
}

void ObjectStore::remove_leftover(const Leftover& leftover) const {
  if (::unlinkat(temporary_.get(), leftover.temporary_name.c_str(), 0) != 0 && errno != ENOENT)
    fail("cannot remove what an earlier process left");
}

ObjectStore::Space ObjectStore::space() const {
  struct statvfs status {};
  if (::fstatvfs(root_.get(), &status) != 0) fail("cannot ask for free space");
  return {status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize};
}

}  // namespace chancery::object
