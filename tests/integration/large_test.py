"""One large file through a whole hub with OpenSSH's client: 1 GiB, or as many MiB as the first argument says. Further
arguments of the form NAME=VALUE are options of the client."""

import hashlib
import os
import subprocess
import sys
import unittest

from hub import BIN, Hub

MIB = 1 << 20
MEBIBYTES = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1024
OPTIONS = [word for option in [a for a in sys.argv[1:] if "=" in a] for word in ("-o", option)]
sys.argv = [a for a in sys.argv if "=" not in a]
BLOCK = os.urandom(MIB)
MOST_GROWN = 32  # MiB; what a session may hold is 4, the rest is for the allocator


def block(number):
    """No two are alike, so that none can be lost, repeated or swapped unseen."""
    return number.to_bytes(8, "big") + BLOCK[8:]


class Large(unittest.TestCase):
    def memory(self, key):
        with open(f"/proc/{self.hub.processes['chanceryd'].pid}/status") as status:
            return int(status.read().split(key + ":")[1].split()[0]) // 1024

    def test_it_is_sent_collected_and_opened_in_little_memory(self):
        with Hub() as self.hub:
            path, sent = self.hub.root / "large.bin", hashlib.sha256()
            with open(path, "wb") as file:
                for number in range(MEBIBYTES):
                    file.write(block(number))
                    sent.update(block(number))
            before = self.memory("VmRSS")
            self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/", options=OPTIONS, timeout=600)
            path.unlink()
            sealed = self.hub.root / "large.bin.age"
            self.hub.sftp(self.hub.receiver, f"get {self.hub.collect_folder()}/large.bin.age {sealed}", options=OPTIONS,
                          timeout=600)
            grown = self.memory("VmHWM") - before
            self.assertEqual(self.open(sealed), sent.hexdigest())
            (accepted,) = [e for e in self.hub.entries() if e["event"] == "file.accepted"]
            self.assertIn(sent.hexdigest(), str(accepted))
            self.assertIn(str(MEBIBYTES * MIB), str(accepted))
            self.hub.verify()
            print(f"chanceryd grew by {grown} MiB")
            self.assertLess(grown, MOST_GROWN)

    def open(self, sealed):
        """The hash of the plain text, read from a pipe."""
        opener = subprocess.Popen([BIN / "chancery", "open", "-i", self.hub.identity(self.hub.receiver), sealed],
                                  stdout=subprocess.PIPE)
        got = hashlib.sha256()
        with opener.stdout:
            while piece := opener.stdout.read(MIB):
                got.update(piece)
        self.assertEqual(opener.wait(), 0)
        return got.hexdigest()


if __name__ == "__main__":
    unittest.main()
