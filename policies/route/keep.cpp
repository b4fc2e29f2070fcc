#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "policies/route/policy.h"

namespace chancery::route {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), what + " " + path.string());
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags)
      : path_(path), number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (number_ < 0) {
      fail("cannot open", path);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }

  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(number_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) {
        fail("cannot write", path_);
      }
      bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
  }
  void sync() const {
    if (::fsync(number_) != 0) {
      fail("cannot sync", path_);
    }
  }

 private:
  fs::path path_;
  int number_;
};

void sync_directory(const fs::path& path) { Descriptor(path, O_RDONLY | O_DIRECTORY).sync(); }

void write_whole(const Policy& policy, const fs::path& directory) {
  fs::create_directory(directory);
  for (const char* folder : {"agencies", "agreements", "routes"}) {
    fs::create_directory(directory / folder);
  }
  for (const auto& [path, bytes] : policy.files) {
    const Descriptor file(directory / path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    file.write(bytes);
    file.sync();
  }
  for (const char* folder : {"agencies", "agreements", "routes"}) {
    sync_directory(directory / folder);
  }
  sync_directory(directory);
}

}  // namespace

void keep_policy(const Policy& policy, const fs::path& policies) {
  fs::create_directories(policies);
  const fs::path kept = policies / policy.hash;
  if (!fs::exists(kept)) {
    const fs::path unfinished = policies / (".new-" + policy.hash);
    fs::remove_all(unfinished);  // of a start that was interrupted
    write_whole(policy, unfinished);
    fs::rename(unfinished, kept);
  }
  sync_directory(policies);
}

}  // namespace chancery::route
