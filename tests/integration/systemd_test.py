"""The systemd units, users and folders, as systemd's own tools read them. Run by ctest with CHANCERY_BIN (the programs'
folder); the units are beside it, as they would be installed."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from hub import HubCase

BIN = os.environ["CHANCERY_BIN"]
UNITS = os.path.join(os.path.dirname(BIN), "systemd")
SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "systemd")
# How exposed each may be, of 100, by `systemd-analyze security`.
SERVICES = {"chancery-ledgerd.service": "5", "chanceryd.service": "15"}
# execve, too: the daemons deny it themselves.
DENIED = {"ptrace", "mount", "bpf", "io_uring_setup", "process_vm_readv", "reboot"}
NEEDED = {"execve", "openat", "accept4", "epoll_wait", "seccomp"}


def tool(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def calls_in(name):
    """The system calls in one of systemd's sets, with those of the sets in it."""
    status, said = tool("systemd-analyze", "syscall-filter", "--no-pager", name)
    assert status == 0, said
    words = [line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return {call for word in words for call in (calls_in(word) if word.startswith("@") else {word})}


def allowed_calls(unit):
    """The system calls that a unit's filters leave, read in their order as systemd does."""
    allowed = set()
    with open(unit, encoding="utf-8") as file:
        lines = re.findall(r"(?m)^SystemCallFilter=(.*)$", file.read())
    for line in lines:
        words = line.removeprefix("~").split()
        named = set().union(*(calls_in(word) if word.startswith("@") else {word} for word in words))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


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

    def test_system_calls_of_other_trades_are_denied(self):
        for path in self.paths:
            allowed = allowed_calls(path)
            self.assertEqual((allowed & DENIED, NEEDED - allowed), (set(), set()), path)

    def test_memory_is_written_to_no_disk(self):
        for path in self.paths:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertLessEqual({"LimitCORE=1", "MemorySwapMax=0"}, set(lines[lines.index("[Service]"):]), path)

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


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed; scripts/setup installs it")
@unittest.skipIf(os.environ["CHANCERY_SANITIZE"], "sanitizers need other system calls")
class Filtered(HubCase):
    def test_a_hub_works_with_the_system_calls_that_its_units_leave(self):
        self.hub.stop()
        for service, start in zip(SERVICES, (self.hub.start_ledgerd, self.hub.start_chanceryd)):
            calls = self.hub.root / f"{service}.calls"
            calls.write_text("\n".join(allowed_calls(os.path.join(UNITS, service))))
            start(wrapper=(os.path.join(BIN, "filtered"), calls))
        sent, got = self.hub.root / "sent.csv", self.hub.root / "got.age"
        sent.write_bytes(os.urandom(20_000_000))  # enough for what large objects have besides: direct writes, helpers
        shown = f"{self.hub.collect_folder()}/sent.csv.age"
        self.hub.sftp(self.hub.sender, f"put {sent} {self.hub.send_folder()}/", "get /README.txt /dev/null")
        self.hub.sftp(self.hub.receiver, f"get {shown} {got}", f"rm {shown}")
        self.assertEqual(self.hub.open_sealed(self.hub.receiver, got), sent.read_bytes())
        self.hub.reload()
        self.hub.verify()
        for process in self.hub.processes.values():  # the daemon's own is the second
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
                self.assertIn("Seccomp_filters:\t2\n", status.read())


if __name__ == "__main__":
    unittest.main()
