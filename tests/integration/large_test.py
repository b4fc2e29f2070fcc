"""One large file through a whole hub with OpenSSH's client: 1 GiB, or as many MiB as the first argument says; it takes
twice that of the disk. Further arguments of the form NAME=VALUE are options of the client."""

import hashlib
import os
import subprocess
import sys
import unittest

from hub import BIN, Hub

MIB = 1 << 20
MEBIBYTES = int(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1024
OPTIONS = [word for option in [a for a in sys.argv[1:] if "=" in a] for word in ("-o", option)]
REKEY_MEBIBYTES = sum(int(each[len("RekeyLimit="):-1]) for each in OPTIONS if each.startswith("RekeyLimit="))
sys.argv = [a for a in sys.argv if "=" not in a]
BLOCK = os.urandom(MIB)
WARM_UP = 64  # MiB: what the first file of all makes the daemon keep does not grow with a file's size
MOST_BY_TAKING, MOST_BY_GIVING = 8, 32  # MiB; what a session may hold is 4, the rest is for the allocator
SECONDS = 300 + MEBIBYTES // 4


def block(number):
    """No two are alike, so that none can be lost, repeated or swapped unseen."""
    return number.to_bytes(8, "big") + BLOCK[8:]


class Large(unittest.TestCase):
    def memory(self, key):
        with open(f"/proc/{self.hub.processes['chanceryd'].pid}/status") as status:
            return int(status.read().split(key + ":")[1].split()[0]) / 1024

    def growth(self, agency, command):
        """MiB by which chanceryd was larger than before at some time while an agency's client ran a command."""
        with open(f"/proc/{self.hub.processes['chanceryd'].pid}/clear_refs", "w") as peak:
            peak.write("5")
        before = self.memory("VmRSS")
        # Keys last as long as what is on its way, so that a get asks for little ahead.
        few = ["-R", "2", "-B", "16384"] if REKEY_MEBIBYTES and command.startswith("get") else []
        done = self.hub.sftp(agency, command, options=["-v", *few, *OPTIONS], timeout=SECONDS)
        self.exchanges = done.stderr.count("SSH2_MSG_NEWKEYS received")
        return self.memory("VmHWM") - before

    def check_exchanges(self):
        """Of keys, in the last session: as many as the client's RekeyLimit implies, if it has one."""
        if REKEY_MEBIBYTES:
            print(f"keys were exchanged {self.exchanges} times")
            self.assertGreaterEqual(self.exchanges, 0.9 * MEBIBYTES / REKEY_MEBIBYTES)

    def send(self, name, mebibytes):
        """The hash of what was sent, and the growth."""
        path, sent = self.hub.root / name, hashlib.sha256()
        with open(path, "wb") as file:
            for number in range(mebibytes):
                file.write(block(number))
                sent.update(block(number))
        grown = self.growth(self.hub.sender, f"put {path} {self.hub.send_folder()}/")
        path.unlink()
        return sent.hexdigest(), grown

    def collect(self, name):
        """The path of what was collected, and the growth."""
        sealed = self.hub.root / f"{name}.age"
        return sealed, self.growth(self.hub.receiver, f"get {self.hub.collect_folder()}/{sealed.name} {sealed}")

    def test_it_is_sent_collected_and_opened_in_little_memory(self):
        with Hub() as self.hub:
            self.send("warm-up.bin", WARM_UP)  # not collected before the other is sent, which would use that memory too
            sent, taking = self.send("large.bin", MEBIBYTES)
            self.check_exchanges()
            self.collect("warm-up.bin")
            sealed, giving = self.collect("large.bin")
            self.check_exchanges()
            print(f"chanceryd grew by {taking:.1f} MiB taking {MEBIBYTES} MiB, and by {giving:.1f} giving them")
            self.assertEqual(self.open(sealed), sent)
            (accepted,) = [e for e in self.hub.entries() if e["event"] == "file.accepted" and sent in str(e)]
            self.assertIn(str(MEBIBYTES * MIB), str(accepted))
            self.hub.verify()
            self.assertLessEqual(taking, MOST_BY_TAKING)
            self.assertLessEqual(giving, MOST_BY_GIVING)

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
