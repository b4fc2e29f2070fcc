"""Exports of a ledger much larger than the memory they may take: from its folder, from the running service, and one that
was killed.
"""

import filecmp
import os
import re
import shutil
import subprocess
import time
import unittest

import hub as hubs

ENTRIES = 200_000
MIB = 1 << 20
MOST_MEMORY = 64 * MIB
KILLED_AT = (100, 300, 500)  # bundles of 782
SANITIZED = bool(os.environ.get("CHANCERY_SANITIZE"))  # then much memory is the sanitizer's


def run(*arguments):
    """The command's output, and the most memory that it had (or that this script had when it began)."""
    process = subprocess.Popen([hubs.BIN / "chancery", *arguments], stdout=subprocess.PIPE, text=True)
    with process.stdout:
        out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise AssertionError(f"chancery {arguments} exited with {process.returncode}:\n{out}")
    return out, usage.ru_maxrss * 1024


def files(folder):
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


class LargeExport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = hubs.Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        subprocess.run([hubs.BIN / "ledger_fill", cls.hub.path("ledger"), cls.hub.path("ledger_keys"),
                        cls.hub.settings["origin"], str(ENTRIES), cls.hub.sender, cls.hub.receiver, cls.hub.route["id"]],
                       check=True)
        cls.whole = cls.hub.root / "from-folder"
        cls.said, cls.memory = run("ledger", "export", cls.hub.path("ledger"), cls.whole)

    def assert_little(self, memory, what):
        print(f"{what}: {memory / MIB:.1f} MiB")
        if not SANITIZED:
            self.assertLess(memory, MOST_MEMORY, what)

    def assert_same(self, out):
        ours, theirs = files(self.whole), files(out)
        self.assertEqual(ours.keys(), theirs.keys())
        differ = [name for name in ours if not filecmp.cmp(ours[name], theirs[name], shallow=False)]
        self.assertEqual(differ, [])

    def test_it_takes_little_memory_from_the_folder_and_from_the_service(self):
        self.assertGreater((self.hub.path("ledger") / "data.mdb").stat().st_size, 3 * MOST_MEMORY, "too small to tell")
        self.assertGreaterEqual(int(self.said.split()[1]), ENTRIES)
        self.assert_little(self.memory, "export from the folder")
        for what, where in (("the export", self.whole), ("the folder", self.hub.path("ledger"))):
            said, memory = run("ledger", "verify", where)
            self.assertIn("each re-hashed", said)
            self.assert_little(memory, f"verifying {what}")

        # The service appends entries of its own, so that the two exports differ at the end.
        self.hub.start_ledgerd()
        try:
            out = self.hub.root / "from-service"
            _, memory = run("ledger", "export", self.hub.path("ledger_socket"), out)
            self.assert_little(memory, "export from the service")
        finally:
            self.hub.stop()
        run("ledger", "verify", "--policy", self.whole / "log-policy", "--newer-than", self.whole / "checkpoint", out)
        _, memory = run("ledger", "export", self.hub.path("ledger"), out)
        self.assert_little(memory, "bringing an export up to date")
        shutil.rmtree(out)

    def kill_at(self, out, bundle):
        """Begins an export, or goes on with it, and kills it when a bundle is there; whether that was before its end."""
        process = subprocess.Popen([hubs.BIN / "chancery", "ledger", "export", self.hub.path("ledger"), out],
                                   stdout=subprocess.DEVNULL)
        while process.poll() is None and not (out / "tile" / "entries" / f"{bundle:03}").exists():
            time.sleep(0.001)
        process.kill()
        process.wait()
        return not (out / "checkpoint").exists()

    def kill_often(self, out):
        """Answers the bundles that are there after all of it, none of which was written twice; None if it got to an end."""
        made = {}
        for bundle in KILLED_AT:
            if not self.kill_at(out, bundle):
                return None
            after = {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in files(out).items()
                     if name.startswith("tile/entries/")}
            self.assertGreater(len(after), bundle)
            self.assertEqual({name: after.get(name) for name in made}, made)
            made = after
        return made

    def test_one_that_is_killed_goes_on_from_what_it_had(self):
        out = self.hub.root / "killed"
        for _ in range(10):  # a machine that is slow to kill lets it end
            shutil.rmtree(out, ignore_errors=True)
            if made := self.kill_often(out):
                break
        else:
            self.fail("it always ended before it was killed")
        said, memory = run("ledger", "export", self.hub.path("ledger"), out)
        self.assert_little(memory, "going on with an export")
        self.assertLessEqual(int(re.search(r"(\d+) of them written now", said)[1]), len(files(out)) - len(made))
        self.assertEqual({name: ((out / name).stat().st_ino, (out / name).stat().st_mtime_ns) for name in made}, made)
        run("ledger", "export", self.hub.path("ledger"), self.whole)  # the service may have appended since
        self.assert_same(out)
        run("ledger", "verify", "--policy", self.whole / "log-policy", out)


if __name__ == "__main__":
    unittest.main()
