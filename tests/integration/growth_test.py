"""A ledger that grows to ten million entries, or to as many as the first argument says: a power of ten.

Its proofs and look-ups stay quick, and its export takes little memory. Needs 20 GB of disk for ten million.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ENTRIES = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 10_000_000
BIN = pathlib.Path(os.environ["CHANCERY_BIN"])
BYTES_EACH = 2000  # ledger and export together take less
MOST_MEMORY = 64 << 20
MOST_MICROSECONDS = 1000
# What does not grow with the ledger but for log n still takes longer where less of it is in the processor's caches: per factor
# of a hundred, a proof took 3 to 6 times as long and a look-up 2 to 7 times. What is linear would take 100 times.
MOST_TIMES = 20


class Growth(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="growth-"))
        self.addCleanup(shutil.rmtree, self.root)
        if shutil.disk_usage(self.root).free < ENTRIES * BYTES_EACH:
            self.skipTest(f"{ENTRIES} entries need {ENTRIES * BYTES_EACH >> 30} GiB of disk")

    def run_counted(self, *command):
        """What it has said, and the most memory that it had (or that this script had when it began)."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with process.stdout:
            said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, said)
        return said, usage.ru_maxrss * 1024

    def test_it_stays_quick_and_is_exported_in_little_memory(self):
        grown, _ = self.run_counted(BIN / "growth_bench", str(ENTRIES), self.root, "keep")
        print(grown)
        rows = [list(map(float, line.split())) for line in grown.splitlines()[1:]]
        self.assertGreaterEqual(rows[-1][0], ENTRIES)
        for size, _, proof, lookup in rows:
            self.assertLess(proof, MOST_MICROSECONDS, f"a proof at {size}")
            self.assertLess(lookup, MOST_MICROSECONDS, f"a look-up at {size}")
        for (_, _, *few), (size, _, *many) in zip(rows, rows[2:]):
            for before, after in zip(few, many):
                self.assertLess(after, MOST_TIMES * max(before, 0.5), f"at {size} entries, from a hundredth of them")
        rates = [rate for _, rate, _, _ in rows]
        self.assertGreater(rates[-1], max(rates) / 4, "appends")
        for what in ("written", "brought up to date"):
            said, memory = self.run_counted(BIN / "chancery", "ledger", "export", self.root / "ledger",
                                            self.root / "out")
            print(f"{what}: {memory / (1 << 20):.1f} MiB. {said}")
            self.assertGreaterEqual(int(re.match(r"Exported (\d+) entries", said)[1]), ENTRIES)
            self.assertLess(memory, MOST_MEMORY, what)


if __name__ == "__main__":
    unittest.main()
