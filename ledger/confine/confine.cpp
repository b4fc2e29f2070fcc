#include "ledger/confine/confine.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <sched.h>
#include <seccomp.h>
#include <sys/resource.h>

namespace chancery::confine {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLeaksAreSought = true;
#else
constexpr bool kLeaksAreSought = false;
#endif

constexpr std::string_view kDenied =
    "execve execveat "
    "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp "
    "mount umount2 move_mount fsopen fsconfig fsmount fspick open_tree mount_setattr pivot_root chroot "
    "unshare setns open_by_handle_at "
    "init_module finit_module delete_module kexec_load kexec_file_load "
    "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
    "add_key request_key keyctl";

constexpr const char* kNoFilter = "cannot make a seccomp filter";

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

// libseccomp answers with negated errno values.
void check(int answer, const char* what) {
  if (answer < 0) throw std::system_error(-answer, std::generic_category(), what);
}

// New threads are left, new namespaces are not. clone3's flags are in memory, where no filter sees them: the
// C library takes clone where there is no clone3.
void deny_namespaces(const Filter& filter) {
  for (const int each : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                         CLONE_NEWPID, CLONE_NEWNET}) {
    const auto flag = static_cast<scmp_datum_t>(each);
    check(::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag)),
          kNoFilter);
  }
  check(::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0), kNoFilter);
}

// At most a byte: too little for a file, and the kernel starts no program of core_pattern's for a process
// whose limit is exactly that (fs/coredump.c), while it does for one whose limit is 0.
void give_up_core_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_max = std::min<rlim_t>(limit.rlim_max, 1);
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_CORE, &limit) == 0) return;
  }
  throw std::system_error(errno, std::generic_category(), "cannot do without core files");
}

}  // namespace

void give_up_what_a_daemon_never_needs() {
  give_up_core_files();
  const Filter filter(::seccomp_init(SCMP_ACT_ALLOW), &::seccomp_release);
  if (filter == nullptr) throw std::system_error(ENOMEM, std::generic_category(), kNoFilter);
  std::istringstream names{std::string(kDenied)};
  for (std::string name; names >> name;) {
    if (kLeaksAreSought && name == "ptrace") continue;
    const int call = ::seccomp_syscall_resolve_name(name.c_str());
    if (call == __NR_SCMP_ERROR) throw std::logic_error("libseccomp does not know " + name);
    check(::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0), kNoFilter);
  }
  deny_namespaces(filter);
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), kNoFilter);
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1), "cannot confine every thread (seccomp)");
  check(::seccomp_load(filter.get()), "the kernel does not take a seccomp filter");
}

}  // namespace chancery::confine
