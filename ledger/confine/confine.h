#pragma once

// What a daemon gives up before it meets anybody's bytes. Pure but for the process it changes.
namespace chancery::confine {

// From here on this process leaves no core file, in which plain text or keys could be, and, by seccomp(2), no
// thread of it and no child can start a program, trace or read another process, mount or enter another root
// or namespace, load a kernel module or another kernel, or use bpf(2), perf_event_open(2), userfaultfd(2),
// io_uring or the kernel's keyrings: these calls fail with EPERM, those of another architecture's numbering
// end the process. It cannot be undone, and does without privileges: a set-uid program gives none any more.
// systemd's SystemCallFilter= cannot do the first, since it starts the daemon with that call.
//
// With AddressSanitizer ptrace(2) is left: its search for leaks needs it.
//
// Throws std::system_error where the kernel has no such filters.
void give_up_what_a_daemon_never_needs();

}  // namespace chancery::confine
