"""The systemd units, users and folders, as systemd's own tools read them. Run by ctest with CHANCERY_BIN (the programs'
folder); the units are beside it, as they would be installed."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

BIN = os.environ["CHANCERY_BIN"]
UNITS = os.path.join(os.path.dirname(BIN), "systemd")
SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "systemd")
SERVICES = {"chancery-ledgerd.service": "5", "chanceryd.service": "15"}  # most exposed, of 100, by `systemd-analyze security`
DENIED = {"ptrace", "mount", "bpf", "io_uring_setup", "process_vm_readv", "reboot"}  # execve: the daemons deny it themselves
NEEDED = {"execve", "openat", "accept4", "epoll_wait"}


def tool(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed; scripts/setup installs it")
class Units(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.paths = []
        for service in SERVICES:
            with open(os.path.join(UNITS, service), encoding="utf-8") as file:
                text, count = re.subn(r"(?m)^ExecStart=\S+/", f"ExecStart={BIN}/", file.read())
            self.assertEqual(count, 1)
            self.paths.append(os.path.join(folder.name, service))
            with open(self.paths[-1], "w", encoding="utf-8") as file:
                file.write(text)

    def test_systemd_finds_nothing_wrong(self):
        status, said = tool("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *self.paths)
        about_us = [line for line in said.splitlines() if "chancery" in line]
        self.assertEqual((status, about_us), (0, []), said)

    def test_systemd_finds_something_wrong_when_it_is(self):
        with open(self.paths[1], "a", encoding="utf-8") as file:
            file.write("\n[Service]\nProtectEverything=yes\n")
        _, said = tool("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *self.paths)
        self.assertIn("ProtectEverything", said)

    def test_little_is_left_exposed(self):
        for path in self.paths:
            most = SERVICES[os.path.basename(path)]
            status, said = tool("systemd-analyze", "security", "--offline=true", f"--threshold={most}", "--no-pager", path)
            self.assertEqual(status, 0, said)

    def calls(self, name):
        """The system calls in one of systemd's sets, with those of the sets in it."""
        status, said = tool("systemd-analyze", "syscall-filter", "--no-pager", name)
        self.assertEqual(status, 0, said)
        words = [line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
        return {call for word in words for call in (self.calls(word) if word.startswith("@") else {word})}

    def test_system_calls_of_other_trades_are_denied(self):
        for path in self.paths:
            allowed = set()
            with open(path, encoding="utf-8") as file:
                for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", file.read()):
                    named = set().union(*(self.calls(word) if word.startswith("@") else {word} for word in line.removeprefix("~").split()))
                    allowed = allowed - named if line.startswith("~") else allowed | named
            self.assertEqual((allowed & DENIED, NEEDED - allowed), (set(), set()), path)

    def test_memory_is_written_to_no_disk(self):
        for path in self.paths:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertLessEqual({"LimitCORE=0", "MemorySwapMax=0"}, set(lines[lines.index("[Service]"):]), path)

    def test_only_the_flags_that_the_programs_have_are_used(self):
        for path in self.paths:
            with open(path, encoding="utf-8") as file:
                command = next(line for line in file if line.startswith("ExecStart=")).split("=", 1)[1].split()
            _, known = tool(command[0], "--help")
            for flag in (word for word in command[1:] if word.startswith("--")):
                self.assertIn(flag + " ", known, command[0])

    def test_users_are_those_that_the_units_name(self):
        with open(os.path.join(SOURCE, "sysusers.conf"), encoding="utf-8") as file:
            users = {line.split()[1] for line in file if line.startswith("u ")}
        named = set()
        for path in self.paths:
            with open(path, encoding="utf-8") as file:
                named.update(re.findall(r"(?m)^(?:User|Group|SupplementaryGroups)=(\S+)$", file.read()))
        self.assertEqual(users, named)

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "systemd-sysusers is not installed")
    def test_the_users_file_is_read(self):
        status, said = tool("systemd-sysusers", "--dry-run", os.path.join(SOURCE, "sysusers.conf"))
        self.assertEqual(status, 0, said)


if __name__ == "__main__":
    unittest.main()
