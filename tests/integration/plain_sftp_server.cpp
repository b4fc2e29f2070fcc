// The SFTP engine over the machine's own files and stdio, as `sftp -D` wants a server: for OpenSSH's regress
// scripts. It takes the options of OpenSSH's sftp-server that those use: -e and -l LEVEL (ignored), -R (read
// only), -p LIST and -P LIST (requests that are allowed, or not). Links are denied as in docs/sftp.md. What
// it denied goes to the file $PLAIN_SFTP_LOG, one sentence a line.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/sftp/engine.h"

namespace {

using namespace chancery::sftp;

// A denial that is not the operating system's.
struct Denied {
  std::string sentence;
};

void require(bool done) {
  if (!done) throw std::system_error(errno, std::generic_category());
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) { require(fd >= 0); }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

Attributes attributes_of(const struct stat& found) {
  Attributes attributes;
  attributes.size = static_cast<std::uint64_t>(found.st_size);
  attributes.owner = Attributes::Owner{found.st_uid, found.st_gid};
  attributes.permissions = found.st_mode;
  attributes.times = Attributes::Times{static_cast<std::uint32_t>(found.st_atime),
                                       static_cast<std::uint32_t>(found.st_mtime)};
  return attributes;
}

int open_flags(std::uint32_t flags) {
  const bool writes = (flags & (kWrite | kAppend)) != 0;
  int result = O_CLOEXEC | O_NOCTTY;
  result |= !writes ? O_RDONLY : (flags & kRead) != 0 ? O_RDWR : O_WRONLY;
  if ((flags & kAppend) != 0) result |= O_APPEND;
  if ((flags & kCreate) != 0) result |= O_CREAT;
  if ((flags & kTruncate) != 0) result |= O_TRUNC;
  if ((flags & kExclusive) != 0) result |= O_EXCL;
  return result;
}

struct Times {
  std::array<timespec, 2> values;
  explicit Times(const Attributes::Times& times)
      : values{{{static_cast<time_t>(times.accessed), 0}, {static_cast<time_t>(times.modified), 0}}} {}
};

// Serves the operations of one session. Paths that do not begin with "/" are relative to the directory in
// which the program was started.
class Files {
 public:
  // Throws what the operating system or the page says no with.
  Reply serve(Request& request) {
    return std::visit([&](auto& operation) { return answer(request.id, operation); }, request.operation);
  }

 private:
  static Reply ok() { return StatusReply{}; }

  Reply answer(std::uint64_t id, const Open& open) {
    const mode_t mode = open.attributes.permissions.value_or(0666) & 07777;
    files_.emplace(Engine::handle_for(id), std::make_shared<Descriptor>(::openat(
                                               AT_FDCWD, open.path.c_str(), open_flags(open.flags), mode)));
    return OpenedReply{};
  }
  Reply answer(std::uint64_t, const Close& close) {
    files_.erase(close.handle);
    listed_.erase(close.handle);
    return ok();
  }
  Reply answer(std::uint64_t, const Read& read) {
    DataReply reply;
    reply.data.resize(read.length);
    const ssize_t got =
        ::pread(fd(read.handle), reply.data.data(), reply.data.size(), static_cast<off_t>(read.offset));
    require(got >= 0);
    reply.data.resize(static_cast<std::size_t>(got));
    return reply;
  }
  Reply answer(std::uint64_t, const Write& write) {
    for (std::size_t done = 0; done < write.data.size();) {
      const ssize_t put = ::pwrite(fd(write.handle), write.data.data() + done, write.data.size() - done,
                                   static_cast<off_t>(write.offset + done));
      require(put > 0);
      done += static_cast<std::size_t>(put);
    }
    return ok();
  }
  static Reply answer(std::uint64_t, const Stat& stat) {
    struct stat found {};
    require(::fstatat(AT_FDCWD, stat.path.c_str(), &found, stat.follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0);
    return AttributesReply{attributes_of(found)};
  }
  Reply answer(std::uint64_t, const HandleStat& stat) {
    struct stat found {};
    require(::fstat(fd(stat.handle), &found) == 0);
    return AttributesReply{attributes_of(found)};
  }
  static Reply answer(std::uint64_t, const SetStat& set) {
    const char* const path = set.path.c_str();
    const int flag = set.follow ? 0 : AT_SYMLINK_NOFOLLOW;
    const Attributes& to = set.attributes;
    if (to.size) require(::truncate(path, static_cast<off_t>(*to.size)) == 0);
    if (to.permissions) require(::fchmodat(AT_FDCWD, path, *to.permissions & 07777, flag) == 0);
    if (to.times) require(::utimensat(AT_FDCWD, path, Times(*to.times).values.data(), flag) == 0);
    if (to.owner) require(::fchownat(AT_FDCWD, path, to.owner->uid, to.owner->gid, flag) == 0);
    return ok();
  }
  Reply answer(std::uint64_t, const HandleSetStat& set) {
    const int file = fd(set.handle);
    const Attributes& to = set.attributes;
    if (to.size) require(::ftruncate(file, static_cast<off_t>(*to.size)) == 0);
    if (to.permissions) require(::fchmod(file, *to.permissions & 07777) == 0);
    if (to.times) require(::futimens(file, Times(*to.times).values.data()) == 0);
    if (to.owner) require(::fchown(file, to.owner->uid, to.owner->gid) == 0);
    return ok();
  }
  Reply answer(std::uint64_t id, const OpenDirectory& open) {
    files_.emplace(Engine::handle_for(id),
                   std::make_shared<Descriptor>(
                       ::openat(AT_FDCWD, open.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    return OpenedReply{true};
  }
  Reply answer(std::uint64_t, const ReadDirectory& read) {
    if (!listed_.insert(read.handle).second) return NamesReply{};
    const int copy = ::dup(fd(read.handle));
    require(copy >= 0);
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(copy));
    require(directory != nullptr);
    NamesReply names;
    while (const dirent* entry = ::readdir(directory.get())) {
      struct stat found {};
      if (::fstatat(copy, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
      std::ostringstream line;
      line << (S_ISDIR(found.st_mode) ? 'd' : '-') << "rw------- 1 " << found.st_uid << " " << found.st_gid
           << " " << found.st_size << " Jan  1  1970 " << entry->d_name;
      names.files.push_back({entry->d_name, line.str(), attributes_of(found)});
    }
    return names;
  }
  static Reply answer(std::uint64_t, const Remove& remove) {
    require(::unlinkat(AT_FDCWD, remove.path.c_str(), 0) == 0);
    return ok();
  }
  static Reply answer(std::uint64_t, const MakeDirectory& make) {
    require(::mkdirat(AT_FDCWD, make.path.c_str(), 0777) == 0);
    return ok();
  }
  static Reply answer(std::uint64_t, const RemoveDirectory& remove) {
    require(::unlinkat(AT_FDCWD, remove.path.c_str(), AT_REMOVEDIR) == 0);
    return ok();
  }
  // Whether something is there or not, as in docs/sftp.md.
  static Reply answer(std::uint64_t, const RealPath& real) {
    const std::string path = std::filesystem::weakly_canonical(real.path.empty() ? "." : real.path).string();
    return NamesReply{{{path, path, {}}}};
  }
  static Reply answer(std::uint64_t, const Rename& rename) {
    require(::renameat2(AT_FDCWD, rename.from.c_str(), AT_FDCWD, rename.to.c_str(),
                        rename.replace ? 0U : unsigned{RENAME_NOREPLACE}) == 0);
    return ok();
  }
  static Reply answer(std::uint64_t, const ReadLink&) { throw Denied{"There are no links here."}; }
  static Reply answer(std::uint64_t, const MakeLink&) { throw Denied{"Links cannot be made here."}; }
  static Reply answer(std::uint64_t, const StatFileSystem& stat) {
    struct statvfs found {};
    require(::statvfs(stat.path.c_str(), &found) == 0);
    return FileSystemReply{found.f_frsize, found.f_blocks, found.f_bavail};
  }
  Reply answer(std::uint64_t, const Sync& sync) {
    require(::fsync(fd(sync.handle)) == 0);
    return ok();
  }
  static Reply answer(std::uint64_t, const CheckFile&) {
    throw Denied{"No hash is recorded of this: read it, and hash what you have read."};
  }

  int fd(HandleId handle) const { return files_.at(handle)->get(); }

  std::map<HandleId, std::shared_ptr<Descriptor>> files_;
  std::set<HandleId> listed_;
};

// What sftp-server calls an operation, and whether it writes. In the order of the variant.
struct Named {
  const char* name;
  bool writes;
};

Named named(const Operation& operation) {
  static constexpr std::array kNames = {
      Named{"open", false},    Named{"close", false},    Named{"read", false},   Named{"write", true},
      Named{"stat", false},    Named{"fstat", false},    Named{"setstat", true}, Named{"fsetstat", true},
      Named{"opendir", false}, Named{"readdir", false},  Named{"remove", true},  Named{"mkdir", true},
      Named{"rmdir", true},    Named{"realpath", false}, Named{"rename", true},  Named{"readlink", false},
      Named{"symlink", true},  Named{"statvfs", false},  Named{"fsync", true},   Named{"check-file", false}};
  static_assert(kNames.size() == std::variant_size_v<Operation>);
  Named result = kNames.at(operation.index());
  if (const auto* open = std::get_if<Open>(&operation)) result.writes = (open->flags & ~unsigned{kRead}) != 0;
  if (const auto* stat = std::get_if<Stat>(&operation); stat != nullptr && !stat->follow)
    result.name = "lstat";
  if (const auto* rename = std::get_if<Rename>(&operation); rename != nullptr && rename->replace)
    result.name = "posix-rename";
  return result;
}

// What the options allow.
struct Permission {
  bool read_only = false;
  bool listed = false;  // only what is in `allowed`
  std::set<std::string> allowed, denied;

  bool permits(const Operation& operation) const {
    const Named request = named(operation);
    if (read_only && request.writes) return false;
    if (listed && !allowed.contains(request.name)) return false;
    return !denied.contains(request.name);
  }
};

std::set<std::string> split(const std::string& list) {
  std::set<std::string> names;
  std::istringstream in(list);
  for (std::string name; std::getline(in, name, ',');) names.insert(name);
  return names;
}

Permission parse(int count, char** arguments) {
  Permission permission;
  for (int option = 0; (option = ::getopt(count, arguments, "el:Rp:P:")) != -1;) {
    if (option == 'R') permission.read_only = true;
    if (option == 'p') {
      permission.listed = true;
      permission.allowed = split(optarg);
    }
    if (option == 'P') permission.denied = split(optarg);
    if (option == '?') std::exit(2);
  }
  return permission;
}

void log_denied(const std::string& sentence) {
  const char* const path = std::getenv("PLAIN_SFTP_LOG");
  if (path != nullptr) std::ofstream(path, std::ios::app) << sentence << "\n";
}

Status status_of(int error) {
  if (error == ENOENT) return Status::no_such_file;
  return error == EACCES || error == EPERM ? Status::permission_denied : Status::failure;
}

Reply serve(Files& files, const Permission& permission, Request& request) {
  if (!permission.permits(request.operation))
    return StatusReply{Status::permission_denied, "The options of this server do not allow that."};
  try {
    return files.serve(request);
  } catch (const Denied& denied) {
    log_denied(denied.sentence);
    return StatusReply{Status::permission_denied, denied.sentence};
  } catch (const std::system_error& error) {
    return StatusReply{status_of(error.code().value()), error.code().message()};
  }
}

void write_whole(const std::vector<std::uint8_t>& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data() + done, bytes.size() - done);
    require(written > 0);
    done += static_cast<std::size_t>(written);
  }
}

}  // namespace

int main(int count, char** arguments) try {
  const Permission permission = parse(count, arguments);
  Files files;
  Engine* self = nullptr;
  Engine engine({}, [&](Request request) { self->reply(request.id, serve(files, permission, request)); });
  self = &engine;
  std::vector<std::uint8_t> buffer(std::size_t{64} * 1024);
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    require(got >= 0);
    if (got == 0) return 0;
    for (std::span<const std::uint8_t> rest(buffer.data(), static_cast<std::size_t>(got)); !rest.empty();) {
      rest = rest.subspan(engine.feed(rest));
      write_whole(engine.take_output());
    }
    if (!engine.broken()) continue;
    std::cerr << engine.reason() << "\n";
    return 1;
  }
} catch (const std::exception& error) {
  std::cerr << "plain_sftp_server: " << error.what() << "\n";
  return 1;
}
