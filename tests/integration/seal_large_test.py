"""5 GiB through a pipe: chancery seals and age opens, and the other way, in constant memory and without a file."""

import hashlib
import os
import resource
import subprocess
import tempfile
import unittest

CHANCERY = os.path.join(os.environ["CHANCERY_BIN"], "chancery")
AGES = [program for program in os.environ.get("CHANCERY_AGE", "").split(":") if program]
SIZE = 5 << 30
BLOCK = os.urandom(1 << 20)


class Large(unittest.TestCase):
    def pipe(self, seal, unseal):
        """Feeds SIZE bytes to `seal`, its output to `unseal`, and compares hashes."""
        sealer = subprocess.Popen(seal, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        opener = subprocess.Popen(unseal, stdin=sealer.stdout, stdout=subprocess.PIPE)
        sealer.stdout.close()
        sent, got = hashlib.sha256(), hashlib.sha256()
        if os.fork() == 0:
            opener.stdout.close()
            for _ in range(SIZE >> 20):
                sealer.stdin.write(BLOCK)
            sealer.stdin.close()
            os._exit(0)
        sealer.stdin.close()
        for _ in range(SIZE >> 20):
            sent.update(BLOCK)
            got.update(opener.stdout.read(1 << 20))
        self.assertEqual(opener.stdout.read(), b"")
        self.assertEqual((sealer.wait(), opener.wait()), (0, 0))
        os.wait()
        opener.stdout.close()
        self.assertEqual(sent.hexdigest(), got.hexdigest())

    def test_both_ways_with_age(self):
        if not AGES:
            self.skipTest("age is not installed; scripts/setup installs it")
        with tempfile.TemporaryDirectory() as folder:
            identity = os.path.join(folder, "key")
            made = subprocess.run([CHANCERY, "keygen", "-o", identity], capture_output=True, check=True)
            recipient = made.stdout.decode().strip()
            self.pipe([CHANCERY, "seal", "-r", recipient], [AGES[0], "-d", "-i", identity])
            self.pipe([AGES[0], "-r", recipient], [CHANCERY, "open", "-i", identity])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"the largest of the programs had {peak} MiB resident")
        self.assertLess(peak, 128)


if __name__ == "__main__":
    unittest.main()
