#include "client/cli/file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chancery::cli {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::generic_category().message(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int number, bool owned = true) : number_(number), owned_(owned) {}
  ~Descriptor() {
    if (owned_ && number_ >= 0) {
      ::close(number_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
  bool owned_;
};

void write_all(int descriptor, std::span<const std::uint8_t> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      fail("cannot write " + name);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

// One line on a terminal, rewritten a few times a second.
class Progress {
 public:
  Progress(std::string verb, std::optional<std::uint64_t> total)
      : shown_(::isatty(STDERR_FILENO) == 1), verb_(std::move(verb)), total_(total) {}
  ~Progress() {
    if (printed_) {
      std::fputs("\r\033[K", stderr);
    }
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::size_t bytes) {
    done_ += bytes;
    const auto now = Clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(200)) {
      return;
    }
    last_ = now;
    const double mib = static_cast<double>(done_) / (1024 * 1024);
    const double seconds = std::chrono::duration<double>(now - start_).count();
    std::fprintf(stderr, "\r\033[K%s: %.0f MiB", verb_.c_str(), mib);
    if (total_ && *total_ > 0) {
      std::fprintf(stderr, " of %.0f (%.0f%%)", static_cast<double>(*total_) / (1024 * 1024),
                   100.0 * static_cast<double>(done_) / static_cast<double>(*total_));
    }
    std::fprintf(stderr, ", %.0f MiB/s", mib / std::max(seconds, 1e-3));
    std::fflush(stderr);
    printed_ = true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool shown_;
  bool printed_ = false;
  std::string verb_;
  std::optional<std::uint64_t> total_;
  std::uint64_t done_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

// The signals by which people, and the end of a session, stop a program.
constexpr int kStopping[] = {SIGINT, SIGTERM, SIGHUP};

// The temporary file that exists now, for the signal handler; its path stays where it is.
std::array<char, PATH_MAX> unfinished_path{};
std::atomic<bool> unfinished = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void remove_unfinished(int signal) {
  if (unfinished.exchange(false)) ::unlink(unfinished_path.data());
  ::raise(signal);  // its default action, which SA_RESETHAND has put back, comes when this returns
}

// Makes the temporary file; from then on a signal that stops the program removes it first. A signal that is
// ignored, as by nohup, stays so.
int make_temporary(std::string& path) {
  sigset_t stopping;
  sigset_t before;
  sigemptyset(&stopping);
  for (const int signal : kStopping) {
    sigaddset(&stopping, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &stopping, &before);
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor >= 0 && path.size() < unfinished_path.size()) {
    path.copy(unfinished_path.data(), path.size());
    unfinished_path.at(path.size()) = '\0';
    unfinished = true;
    for (const int signal : kStopping) {
      struct sigaction action {};
      if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = remove_unfinished;
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        ::sigaction(signal, &action, nullptr);
      }
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return descriptor;
}

std::optional<std::uint64_t> size_of(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

Output::Output(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (path_ == "-") {
    descriptor_ = STDOUT_FILENO;
  } else if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    descriptor_ =
        ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);  // a pipe or a device has no other name to be under
  } else {
    temporary_ = path_ + ".XXXXXX";
    descriptor_ = make_temporary(temporary_);
  }
  if (descriptor_ < 0) {
    temporary_.clear();
    fail("cannot create " + path_);
  }
}

Output::~Output() {
  if (descriptor_ >= 0 && descriptor_ != STDOUT_FILENO) {
    ::close(descriptor_);
  }
  if (!temporary_.empty()) {
    unfinished = false;
    ::unlink(temporary_.c_str());
  }
}

void Output::write(std::span<const std::uint8_t> bytes) { write_all(descriptor_, bytes, path_); }

void Output::commit() {
  if (temporary_.empty()) {
    return;
  }
  if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail("cannot write " + path_);
  }
  unfinished = false;
  temporary_.clear();
}

void read_through(const std::string& path, const std::string& verb,
                  const std::function<void(std::span<const std::uint8_t>)>& take) {
  const bool standard = path == "-";
  const Descriptor file(standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC), !standard);
  if (file.number() < 0) {
    fail("cannot open " + path);
  }
  Progress progress(verb, size_of(file.number()));
  std::vector<std::uint8_t> buffer(std::size_t{256} * 1024);
  for (;;) {
    const ssize_t count = ::read(file.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      fail("cannot read " + path);
    }
    if (count == 0) {
      return;
    }
    take(std::span(buffer).first(static_cast<std::size_t>(count)));
    progress.add(static_cast<std::size_t>(count));
  }
}

void write_new_private(const std::filesystem::path& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.number() < 0) {
    fail("cannot create " + path.string());
  }
  write_all(file.number(), std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()),
            path.string());
  if (::fsync(file.number()) != 0) {
    fail("cannot write " + path.string());
  }
}

}  // namespace chancery::cli
