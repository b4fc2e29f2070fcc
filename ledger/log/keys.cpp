#include "ledger/log/keys.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <botan/base64.h>
#include <botan/exceptn.h>
#include <botan/mem_ops.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/log/error.h"

namespace chancery::log {
namespace {

constexpr std::size_t kEpochKeyBytes = 32;
constexpr const char* kDraft = ".new";

class File {
 public:
  explicit File(int handle) : handle_(handle) {}
  ~File() {
    if (handle_ >= 0) ::close(handle_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int handle() const { return handle_; }

 private:
  int handle_;
};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw Error(path.string() + ": " + what);
}

[[noreturn]] void fail_errno(const std::filesystem::path& path) { fail(path, std::strerror(errno)); }

void sync_folder(const std::filesystem::path& path) {
  const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.handle() < 0 || ::fsync(folder.handle()) != 0) fail_errno(path);
}

// Whoever signs must not be given keys by somebody else; root may read those of the service.
bool may_belong_to(uid_t owner, KeyUse use) {
  return owner == ::geteuid() || (use == KeyUse::reader && ::geteuid() == 0);
}

void check_folder(const std::filesystem::path& path, KeyUse use) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) fail_errno(path);
  if (!S_ISDIR(info.st_mode)) fail(path, "is not a folder; the keys must be in a folder of their own");
  if (!may_belong_to(info.st_uid, use))
    fail(path, "belongs to another user; chown it to the one that runs the ledger");
  if ((info.st_mode & 0077) != 0) fail(path, "is open to other users; chmod it to 0700");
}

void make_folder(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0) {
    sync_folder(path.parent_path().empty() ? "." : path.parent_path());
  } else if (errno != EEXIST) {
    fail_errno(path);
  }
  check_folder(path, KeyUse::service);
}

void check_file(int handle, const std::filesystem::path& path, KeyUse use) {
  struct stat info {};
  if (::fstat(handle, &info) != 0) fail_errno(path);
  if (!S_ISREG(info.st_mode)) fail(path, "is not a regular file");
  if (!may_belong_to(info.st_uid, use))
    fail(path, "belongs to another user; chown it to the one that runs the ledger");
  if ((info.st_mode & 07777) != 0400)
    fail(path, "must have mode 0400, so that only its owner reads it; chmod it");
}

void write_all(int handle, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(handle, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_errno(path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string epoch_file(std::uint64_t epoch) { return "epoch/" + std::to_string(epoch); }
std::string next_file(std::uint64_t epoch) { return epoch_file(epoch) + ".next"; }
std::string old_file(std::uint64_t epoch) { return epoch_file(epoch) + ".old"; }

std::optional<opening::EpochKey> read_key(const KeyFolder& folder, const std::string& file) {
  const auto secret = folder.read_if_there(file, kEpochKeyBytes);
  return secret ? std::optional<opening::EpochKey>(*secret) : std::nullopt;
}

}  // namespace

KeyFolder::KeyFolder(std::filesystem::path path, KeyUse use) : path_(std::move(path)), use_(use) {
  for (const auto& folder : {path_, path_ / "epoch"}) {
    use == KeyUse::service ? make_folder(folder) : check_folder(folder, use);
  }
}

bool KeyFolder::holds(const std::string& name) const {
  struct stat info {};
  if (::lstat((path_ / name).c_str(), &info) == 0) return true;
  if (errno != ENOENT) fail_errno(path_ / name);
  return false;
}

std::vector<std::uint8_t> KeyFolder::read(const std::string& name, std::size_t bytes) const {
  auto secret = read_if_there(name, bytes);
  if (!secret) fail(path_ / name, std::strerror(ENOENT));
  return *std::move(secret);
}

std::optional<std::vector<std::uint8_t>> KeyFolder::read_if_there(const std::string& name,
                                                                  std::size_t bytes) const {
  const auto path = path_ / name;
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.handle() < 0 && errno == ENOENT) return std::nullopt;
  if (file.handle() < 0) fail_errno(path);
  check_file(file.handle(), path, use_);
  std::array<char, 256> text{};
  const ssize_t length = ::read(file.handle(), text.data(), text.size());
  if (length < 0) fail_errno(path);
  try {
    const std::string_view line(text.data(), static_cast<std::size_t>(length));
    auto secret = Botan::unlock(Botan::base64_decode(line.substr(0, line.find('\n')), false));
    Botan::secure_scrub_memory(text.data(), text.size());
    if (secret.size() == bytes && line.size() < text.size()) return secret;
  } catch (const Botan::Exception&) {
    Botan::secure_scrub_memory(text.data(), text.size());
  }
  fail(path,
       "does not hold a key of " + std::to_string(bytes) + " bytes in base64 (restore it from a backup)");
}

// Writes `secret` whole to the disk, under a name that nothing reads.
std::filesystem::path KeyFolder::write_draft(const std::string& name,
                                             std::span<const std::uint8_t> secret) const {
  auto draft = path_ / (name + kDraft);
  ::unlink(draft.c_str());  // left by a start that was interrupted, before its name was given
  const File file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
  if (file.handle() < 0) fail_errno(draft);
  std::string text = Botan::base64_encode(secret) + "\n";
  write_all(file.handle(), text, draft);
  Botan::secure_scrub_memory(text.data(), text.size());
  if (::fsync(file.handle()) != 0) fail_errno(draft);
  return draft;
}

void KeyFolder::create(const std::string& name, std::span<const std::uint8_t> secret) const {
  const auto path = path_ / name;
  const auto draft = write_draft(name, secret);
  if (::link(draft.c_str(), path.c_str()) != 0) fail_errno(path);  // unlike rename, never replaces
  if (::unlink(draft.c_str()) != 0) fail_errno(draft);
  sync_folder(path.parent_path());
  ++changes_;
}

void KeyFolder::replace(const std::string& name, std::span<const std::uint8_t> content) const {
  const auto draft = write_draft(name, content);
  if (::rename(draft.c_str(), (path_ / name).c_str()) != 0) fail_errno(path_ / name);
}

// What a disk keeps of overwritten blocks is beyond a program; what the file shows is not.
void KeyFolder::destroy(const std::string& name) const {
  const auto path = path_ / name;
  if (!holds(name)) return;
  if (::chmod(path.c_str(), 0600) != 0) fail_errno(path);
  {
    const File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat info {};
    if (file.handle() < 0 || ::fstat(file.handle(), &info) != 0) fail_errno(path);
    if (!S_ISREG(info.st_mode)) fail(path, "is not a regular file");
    write_all(file.handle(), std::string(static_cast<std::size_t>(info.st_size), '\0'), path);
    if (::fsync(file.handle()) != 0) fail_errno(path);
  }
  if (::unlink(path.c_str()) != 0) fail_errno(path);
  sync_folder(path.parent_path());
  ++changes_;
}

void KeyFolder::rename(const std::string& from, const std::string& to) const {
  const auto path = path_ / from;
  if (::rename(path.c_str(), (path_ / to).c_str()) != 0) fail_errno(path);
  sync_folder(path.parent_path());
  ++changes_;
}

void KeyFolder::clear_drafts() const {
  for (const std::string& name : names("")) {
    if (!name.ends_with(kDraft)) continue;
    // Not overwritten: it may be a second name of the file that it was to become.
    if (::unlink((path_ / name).c_str()) != 0) fail_errno(path_ / name);
    sync_folder(path_);
  }
}

std::vector<std::string> KeyFolder::names(std::string_view prefix) const {
  std::vector<std::string> found;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator(path_, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    auto name = at->path().filename().string();
    if (name.starts_with(prefix)) found.push_back(std::move(name));
  }
  if (error) fail(path_, error.message());
  std::ranges::sort(found);
  return found;
}

bool are_keys_of(const KeyFolder& folder, std::string_view genesis) {
  const merkle::Hash leaf = merkle::leaf_hash(genesis);
  return !folder.holds(kLedgerFile) || std::ranges::equal(folder.read(kLedgerFile, leaf.size()), leaf);
}

std::optional<opening::EpochKey> read_epoch_key(const KeyFolder& folder, std::uint64_t epoch) {
  return read_key(folder, epoch_file(epoch));
}

opening::EpochKey create_epoch_key(const KeyFolder& folder, std::uint64_t epoch) {
  const auto key = opening::EpochKey::generate();
  folder.create(epoch_file(epoch), key.bytes());
  return key;
}

std::optional<opening::EpochKey> read_next_epoch_key(const KeyFolder& folder, std::uint64_t epoch) {
  return read_key(folder, next_file(epoch));
}

void create_next_epoch_key(const KeyFolder& folder, std::uint64_t epoch) {
  if (!folder.holds(next_file(epoch))) {
    folder.create(next_file(epoch), opening::EpochKey::generate().bytes());
  }
}

// A file is never overwritten under the name that it is read by, so that each of these is whole at any time.
void replace_epoch_key(const KeyFolder& folder, std::uint64_t epoch) {
  if (folder.holds(next_file(epoch))) {
    if (folder.holds(epoch_file(epoch))) folder.rename(epoch_file(epoch), old_file(epoch));
    folder.rename(next_file(epoch), epoch_file(epoch));
  }
  folder.destroy(old_file(epoch));
}

}  // namespace chancery::log
