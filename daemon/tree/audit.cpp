#include "daemon/tree/audit.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chancery::tree {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{10};  // a worker waits no longer for a refresh
constexpr std::uint32_t kMostBytes = 256 * 1024;

std::optional<Audit::Node> node_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::nullopt;
  return Audit::Node{S_ISDIR(status.st_mode), static_cast<std::uint64_t>(status.st_size),
                     entry::Micros{status.st_mtim.tv_sec} * 1'000'000};
}

}  // namespace

AuditFile::~AuditFile() { ::close(descriptor_); }

std::uint64_t AuditFile::size() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::vector<std::uint8_t> AuditFile::read(std::uint64_t offset, std::uint32_t length) const {
  std::vector<std::uint8_t> bytes(std::min(length, kMostBytes));
  if (offset > size()) return {};
  const ssize_t count = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (count < 0)
    throw std::system_error(errno, std::generic_category(), "a file of the export cannot be read");
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

Audit::Audit(fs::path folder, std::function<void()> refresh, std::function<Clock::time_point()> now)
    : folder_(std::move(folder)), refresh_(std::move(refresh)), now_(std::move(now)) {}

// Names of an export never begin with a dot; what does is not for others.
std::optional<fs::path> Audit::place(const std::string& path) const {
  if (path.starts_with('.') || path.find("/.") != std::string::npos || path.starts_with('/') ||
      path.find('\0') != std::string::npos)
    return std::nullopt;
  return path.empty() ? folder_ : folder_ / path;
}

void Audit::touch() {
  const std::lock_guard lock(mutex_);
  used_ = now_();
}

bool Audit::is_due() const {
  const auto now = now_();
  return (!refreshed_ || now - *refreshed_ >= kFresh) && (!used_ || now - *used_ >= kInUse);
}

void Audit::refresh() {
  {
    const std::lock_guard lock(mutex_);
    if (refreshing_ || !is_due()) return;
    refreshing_ = true;
  }
  refresh_();
  const std::lock_guard lock(mutex_);
  refreshing_ = false;
  refreshed_ = now_();
  refreshing_ended_.notify_all();
}

std::optional<Audit::Node> Audit::find(const std::string& path) {
  const auto at = place(path);
  return at ? node_of(*at) : std::nullopt;
}

std::vector<std::pair<std::string, Audit::Node>> Audit::list(const std::string& path) {
  if (path.empty()) {
    refresh();
    // One that somebody else has begun.
    std::unique_lock lock(mutex_);
    if (!refreshing_ended_.wait_for(lock, kPatience, [this] { return !refreshing_; }))
      throw std::runtime_error("the export is being brought up to date");
    used_ = now_();
  }
  touch();
  std::vector<std::pair<std::string, Node>> nodes;
  const auto at = place(path);
  std::error_code error;
  for (fs::directory_iterator one(at.value_or(fs::path()), error); !error && one != fs::directory_iterator();
       one.increment(error)) {
    const std::string name = one->path().filename().string();
    if (name.starts_with('.')) continue;
    if (const auto node = node_of(one->path())) nodes.emplace_back(name, *node);
  }
  std::ranges::sort(nodes, {}, [](const auto& node) { return node.first; });
  return nodes;
}

std::shared_ptr<const AuditFile> Audit::open(const std::string& path) {
  const auto at = place(path);
  if (!at) return nullptr;
  touch();
  const int descriptor = ::open(at->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return nullptr;
  auto file = std::make_shared<const AuditFile>(descriptor);
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? file : nullptr;
}

}  // namespace chancery::tree
