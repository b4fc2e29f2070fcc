#pragma once

// What a daemon gives up before it meets anybody's bytes. Pure but for the process it changes.
namespace chancery::confine {

// From here on this process leaves no core file, in which plain text or keys could be, and, by seccomp(2), no
// thread of it and no child can execve(2), ptrace(2), process_vm_readv(2), mount(2), chroot(2), unshare(2) or
// clone(2) into a new namespace, load a kernel module or another kernel, use bpf(2), perf_event_open(2),
// userfaultfd(2), io_uring or the kernel's keyrings, nor call what is of those families: that fails with
// EPERM, and clone3(2) with ENOSYS. A call by another architecture's numbering ends the process. It cannot be
// undone, and does without privileges: a set-uid program gives none any more. What files the process may open
// is not changed: /proc/PID/mem of another process of the same user is one of them, against which the
// daemons' users differ.
//
// systemd's SystemCallFilter= cannot deny execve(2), since it starts the daemon with that call. With
// AddressSanitizer ptrace(2) is left: its search for leaks needs it.
//
// Throws std::system_error where the kernel has no such filters or may not be asked for them.
void give_up_what_a_daemon_never_needs();

}  // namespace chancery::confine
