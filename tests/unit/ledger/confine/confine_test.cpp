#include "ledger/confine/confine.h"

#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chancery::confine {
namespace {

struct Call {
  const char* name;
  long number;
};

// The five kinds that no daemon of this field should have, each by the call that it begins with.
constexpr Call kCalls[] = {
    {"execve", SYS_execve},   {"execveat", SYS_execveat},
    {"ptrace", SYS_ptrace},   {"mount", SYS_mount},
    {"fsopen", SYS_fsopen},   {"bpf", SYS_bpf},
    {"unshare", SYS_unshare}, {"io_uring_setup", SYS_io_uring_setup},
};

// Whether the call is denied before it looks at its arguments, which are wrong for each of them.
bool denied(long number) {
  errno = 0;
  return ::syscall(number, -1L, 1L, -1L, -1L, -1L, -1L) == -1 && errno == EPERM;
}

// Whether something holds in a child that is confined first, or is not; in a child, since a confined process
// stays so.
bool in_a_child(bool confined, const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      if (confined) give_up_what_a_daemon_never_needs();
      ::_exit(holds() ? 0 : 1);
    } catch (...) {
      ::_exit(3);
    }
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2) << status;
  return status == 0;
}

TEST(Confine, DeniesWhatADaemonNeverNeeds) {
  for (const auto& call : kCalls) {
#if defined(__SANITIZE_ADDRESS__)
    if (call.number == SYS_ptrace) continue;
#endif
    EXPECT_TRUE(in_a_child(true, [&] { return denied(call.number); })) << call.name;
  }
}

// That a call was not denied anyway. An ordinary user's kernel denies some of them, so only this one is
// asked.
TEST(Confine, TakesAwayWhatWasThere) {
  EXPECT_FALSE(in_a_child(false, [] { return denied(SYS_execve); }));
}

// By clone(2) too, whose threads are left.
TEST(Confine, DeniesNewNamespaces) {
  for (const long flag : {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID}) {
    EXPECT_TRUE(in_a_child(true, [&] {
      errno = 0;
      return ::syscall(SYS_clone, flag | SIGCHLD, 0L, 0L, 0L, 0L) == -1 && errno == EPERM;
    })) << flag;
  }
}

TEST(Confine, LeavesThreadsAndTheRest) {
  EXPECT_TRUE(in_a_child(true, [] {
    bool ran = false;
    std::thread([&ran] { ran = true; }).join();
    return ran;
  }));
  for (const long number : {SYS_read, SYS_openat, SYS_futex}) {
    EXPECT_FALSE(in_a_child(true, [&] { return denied(number); })) << number;
  }
}

TEST(Confine, LeavesNoCoreFile) {
  EXPECT_TRUE(in_a_child(true, [] {
    rlimit limit{};
    return ::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur <= 1 && limit.rlim_max <= 1;
  }));
}

}  // namespace
}  // namespace chancery::confine
