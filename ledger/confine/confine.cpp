#include "ledger/confine/confine.h"

#include <cerrno>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

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

// libseccomp answers with negated errno values.
void check(int answer, const char* what) {
  if (answer < 0) throw std::system_error(-answer, std::generic_category(), what);
}

}  // namespace

void give_up_what_a_daemon_never_needs() {
  const rlimit none{};
  if (::setrlimit(RLIMIT_CORE, &none) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot do without core files");
  const std::unique_ptr<void, decltype(&::seccomp_release)> filter(::seccomp_init(SCMP_ACT_ALLOW),
                                                                   &::seccomp_release);
  if (filter == nullptr)
    throw std::system_error(ENOMEM, std::generic_category(), "cannot make a seccomp filter");
  std::istringstream names{std::string(kDenied)};
  for (std::string name; names >> name;) {
    if (kLeaksAreSought && name == "ptrace") continue;
    const int call = ::seccomp_syscall_resolve_name(name.c_str());
    if (call == __NR_SCMP_ERROR) throw std::logic_error("libseccomp does not know " + name);
    check(::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0), "cannot make a seccomp filter");
  }
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1), "cannot confine every thread (seccomp)");
  check(::seccomp_load(filter.get()), "the kernel does not take a seccomp filter");
}

}  // namespace chancery::confine
