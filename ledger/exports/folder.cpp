#include "ledger/exports/folder.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chancery::exports {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kMode = 0644;  // it is for others to read, as umask allows

std::string reason() { return std::generic_category().message(errno); }

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

std::optional<std::string> read_file(const fs::path& path, std::size_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.number() < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO) return std::nullopt;
    throw Error(path.string() + " cannot be read: " + reason() + ".");
  }
  struct stat status {};
  if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) > most) {
    return std::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t count = ::read(file.number(), bytes.data() + length, bytes.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(path.string() + " cannot be read: " + reason() + ".");
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
  }
  bytes.resize(length);
  return bytes;
}

void walk(const fs::path& root, const std::string& folder,
          const std::function<void(const std::string& path, bool regular)>& visit) {
  const fs::path top = folder.empty() ? root : root / folder;
  try {
    if (fs::symlink_status(top).type() != fs::file_type::directory) return;
    for (const fs::directory_entry& one : fs::recursive_directory_iterator(top)) {
      const fs::file_type type = one.symlink_status().type();
      if (type == fs::file_type::directory) continue;
      const std::string path = one.path().lexically_relative(root).string();
      visit(path, type == fs::file_type::regular);
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(std::string(error.what()) + ".");
  }
}

Folder::Folder(fs::path root) : root_(std::move(root)) {
  if (::mkdir(root_.c_str(), 0755) != 0 && errno != EEXIST) fail("cannot be made", "");
  descriptor_ = ::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) fail("is no folder that can be opened", "");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const bool busy = errno == EWOULDBLOCK;
    ::close(descriptor_);
    if (busy) throw Error(root_.string() + ": another export is being written there.");
    fail("cannot be locked", "");
  }
  if (::unlinkat(descriptor_, kWriting, 0) != 0 && errno != ENOENT) {
    ::close(descriptor_);
    fail("cannot be removed", kWriting);
  }
}

Folder::~Folder() {
  leave();
  ::close(descriptor_);
}

void Folder::fail(const std::string& what, const std::string& path) const {
  const std::string why = reason();
  throw Error((path.empty() ? root_ : root_ / path).string() + " " + what + ": " + why + ".");
}

bool Folder::empty() const {
  for (const fs::directory_entry& one : fs::directory_iterator(root_)) {
    if (one.path().filename() != kWriting) return false;
  }
  return true;
}

std::optional<std::uint64_t> Folder::length(const std::string& path) const {
  struct stat status {};
  if (::fstatat(descriptor_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(status.st_size);
}

// Step by step from the root, so that no link on the way is followed.
void Folder::enter(const std::string& folder) {
  if (parent_ >= 0 && folder == made_) return;
  int at = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  for (const fs::path& element : fs::path(folder)) {
    const Descriptor above(at);
    if (at >= 0 && ::mkdirat(at, element.c_str(), 0755) != 0 && errno != EEXIST)
      fail("cannot be made", folder);
    at = at < 0 ? at : ::openat(at, element.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (at < 0) fail("is no folder that can be opened", folder);
  leave();
  parent_ = at;
  made_ = folder;
}

void Folder::leave() {
  if (parent_ >= 0) ::close(std::exchange(parent_, -1));
}

void Folder::write(const std::string& path, std::string_view bytes, bool durable) {
  const std::size_t slash = path.rfind('/');
  enter(slash == std::string::npos ? "" : path.substr(0, slash));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (::unlinkat(descriptor_, kWriting, 0) != 0 && errno != ENOENT) fail("cannot be removed", kWriting);
  const Descriptor file(::openat(descriptor_, kWriting, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (file.number() < 0 || !write_all(file.number(), bytes) || (durable && ::fsync(file.number()) != 0) ||
      ::renameat(descriptor_, kWriting, parent_, name.c_str()) != 0 || (durable && ::fsync(parent_) != 0)) {
    fail("cannot be written", path);
  }
}

void Folder::remove(const std::string& path) {
  if (::unlinkat(descriptor_, path.c_str(), 0) != 0 && errno != ENOENT) fail("cannot be removed", path);
  leave();
  for (std::string folder = path; folder.find('/') != std::string::npos;) {
    folder.resize(folder.rfind('/'));
    if (::unlinkat(descriptor_, folder.c_str(), AT_REMOVEDIR) != 0) return;
  }
}

void Folder::sync() const {
  if (::syncfs(descriptor_) != 0) fail("cannot be written to disk", "");
}

}  // namespace chancery::exports
