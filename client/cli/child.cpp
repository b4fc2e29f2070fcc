#include "client/cli/child.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chancery::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::generic_category().message(errno));
}

// A datagram socket under an abstract name that the system chooses; `name` becomes what NOTIFY_SOCKET says.
int listen_for_notifications(std::string& name) {
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t length = sizeof(address.sun_family);
  const int on = 1;
  if (descriptor < 0 || ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    fail("cannot listen for the daemons");
  }
  length = sizeof(address);
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    fail("cannot listen for the daemons");
  }
  const std::size_t size = length - offsetof(sockaddr_un, sun_path);
  name = "@" + std::string(&address.sun_path[1], size - 1);
  return descriptor;
}

// One message from this very process; anybody else's is as good as none.
std::string receive_from(int descriptor, pid_t pid) {
  std::array<char, 4096> text{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* header = size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) {
    return "";
  }
  const auto* sender = reinterpret_cast<const ucred*>(CMSG_DATA(header));
  return sender->pid == pid ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

// What the child does between fork and exec: only calls that are safe there, and setenv, which is safe since
// this process has one thread.
[[noreturn]] void become(pid_t parent, const std::string& socket, std::vector<char*>& words) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) {  // it died before the line above
    ::_exit(EXIT_FAILURE);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setenv("NOTIFY_SOCKET", socket.c_str(), 1);
  ::unsetenv("WATCHDOG_USEC");  // of whoever started this process
  ::unsetenv("WATCHDOG_PID");
  ::execv(words[0], words.data());
  ::_exit(127);
}

std::string described(int status) {
  if (WIFSIGNALED(status)) {
    return "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) +
           ")";
  }
  return "exited with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Child::Child(std::string name, const std::string& path, const std::vector<std::string>& arguments)
    : name_(std::move(name)) {
  std::string socket;
  notifications_ = listen_for_notifications(socket);
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    become(parent, socket, pointers);
  }
  if (pid_ < 0) {
    ::close(notifications_);
    fail("cannot start " + path);
  }
}

Child::~Child() {
  if (!ended()) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(notifications_);
}

void Child::signal(int number) const {
  if (!reaped_) {
    ::kill(pid_, number);
  }
}

bool Child::take_ready() {
  std::istringstream lines(receive_from(notifications_, pid_));
  for (std::string line; std::getline(lines, line);) {
    if (line == "READY=1") {
      return true;
    }
  }
  return false;
}

std::optional<std::string> Child::ended() {
  if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
    reaped_ = true;
  }
  return reaped_ ? std::optional(described(status_)) : std::nullopt;
}

std::string find_program(const std::string& name) {
  std::error_code error;
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path();
  const char* path = std::getenv("PATH");
  std::istringstream folders(beside.string() + ":" + (path == nullptr ? "" : path));
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = std::string(folder).append("/").append(name);
    if (!folder.empty() && fs::is_regular_file(candidate, error) && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  throw std::runtime_error("the program " + name + " is neither in " + beside.string() +
                           ", beside this one, nor in PATH. Build or install it first.");
}

}  // namespace chancery::cli
