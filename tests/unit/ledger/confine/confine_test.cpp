#include "ledger/confine/confine.h"

#include <cerrno>
#include <csignal>
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

// What a child finds in which `confined` first; by its exit status, since a confined process stays so.
int in_a_child(bool confined, long number) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      if (confined) give_up_what_a_daemon_never_needs();
    } catch (...) {
      ::_exit(3);
    }
    ::_exit(denied(number) ? 1 : 0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Confine, DeniesWhatADaemonNeverNeeds) {
  for (const auto& call : kCalls) {
#if defined(__SANITIZE_ADDRESS__)
    if (call.number == SYS_ptrace) continue;
#endif
    EXPECT_EQ(in_a_child(true, call.number), 1) << call.name;
  }
}

// That a call was not denied anyway. An ordinary user's kernel denies some of them, so only this one is
// asked.
TEST(Confine, TakesAwayWhatWasThere) { EXPECT_EQ(in_a_child(false, SYS_execve), 0); }

// By clone(2) too, whose threads are left.
TEST(Confine, DeniesNewNamespaces) {
  for (const long flag : {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID}) {
    const pid_t child = ::fork();
    if (child == 0) {
      give_up_what_a_daemon_never_needs();
      errno = 0;
      const long made = ::syscall(SYS_clone, flag | SIGCHLD, 0L, 0L, 0L, 0L);
      ::_exit(made == -1 && errno == EPERM ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << flag;
  }
}

TEST(Confine, LeavesThreadsAndTheRest) {
  const pid_t child = ::fork();
  if (child == 0) {
    give_up_what_a_daemon_never_needs();
    bool ran = false;
    std::thread([&ran] { ran = true; }).join();
    ::_exit(ran ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const long number : {SYS_read, SYS_openat, SYS_futex}) {
    EXPECT_EQ(in_a_child(true, number), 0) << number;
  }
}

TEST(Confine, LeavesNoCoreFile) {
  const pid_t child = ::fork();
  if (child == 0) {
    give_up_what_a_daemon_never_needs();
    rlimit limit{};
    ::_exit(::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur <= 1 && limit.rlim_max <= 1 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace chancery::confine
