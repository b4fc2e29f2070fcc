// filtered FILE PROGRAM [ARGUMENT...]: runs the program with the system calls whose names are the words of
// FILE, and no others: as systemd does by SystemCallFilter= with SystemCallErrorNumber=EPERM.
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

#include <seccomp.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ERRNO(EPERM));
  std::ifstream names(arguments[1]);
  int allowed = 0;
  for (std::string name; names >> name;) {
    // Names of other architectures' calls have no number here, and newer ones none known to the library.
    const int call = ::seccomp_syscall_resolve_name(name.c_str());
    if (call < 0) continue;
    if (::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return 3;
    ++allowed;
  }
  if (allowed == 0 || ::seccomp_load(filter) != 0) return 4;
  ::execv(arguments[2], arguments + 2);
  std::perror(arguments[2]);
  return 5;
}
