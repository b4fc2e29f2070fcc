"""chancery-ledgerd is killed while an upload is under way. When it is back within seconds, CLOSE has waited for it; when it
stays away, CLOSE fails in words. Either way a file is in the ledger once or not at all."""

import hashlib
import os
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from hub import Hub, wait_until  # noqa: E402

PATIENCE = 6  # seconds that the hub waits for it


class LedgerReturns(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.hub.start()
        self.client = self.hub.paramiko(self.hub.sender)
        self.addCleanup(self.client.close)
        self.sftp = self.client.open_sftp()
        self.sftp.get_channel().settimeout(60)
        self.content = os.urandom(3 << 20)

    def opened(self, name):
        file = self.sftp.open(f"{self.hub.send_folder()}/{name}", "wb")
        file.write(self.content[:len(self.content) // 2])
        return file

    def rest(self, file):
        file.write(self.content[len(self.content) // 2:])

    def close(self, file):
        """What CLOSE answers: "ok", or the sentence of a failure. paramiko's own close() hides it."""
        from paramiko.sftp import CMD_CLOSE
        file._closed = True
        try:
            self.sftp._request(CMD_CLOSE, file.handle)
        except OSError as status:
            return str(status)
        return "ok"

    def accepted(self):
        return [entry for entry in self.hub.entries() if entry["event"] == "file.accepted"]

    def check(self, *names):
        """These were delivered whole, nothing else was, and the ledger has each once and verifies."""
        with self.hub.paramiko(self.hub.receiver) as client:
            sftp = client.open_sftp()
            found = sorted(sftp.listdir(self.hub.collect_folder()))
            self.assertEqual(found, sorted(f"{name}.age" for name in names))
            for name in found:
                sftp.get(f"{self.hub.collect_folder()}/{name}", str(self.hub.root / "sealed"))
                opened = self.hub.open_sealed(self.hub.receiver, self.hub.root / "sealed")
                self.assertEqual(hashlib.sha256(opened).digest(), hashlib.sha256(self.content).digest())
        self.assertEqual(len(self.accepted()), len(names))
        self.assertEqual(len({entry["plain"]["transfer"] for entry in self.accepted()}), len(names))
        objects = [p for p in self.hub.path("objects").rglob("*") if p.is_file() and p.parent.name != "orphans"]
        self.assertEqual(len(objects), len(names), objects)
        self.hub.verify()

    def test_close_waits_for_a_service_that_is_back_in_time(self):
        for attempt in range(5):  # on a machine that is too busy to start it in time there is nothing to see
            name, returned = f"rows-{attempt}.bin", []

            def restart():
                begun = time.monotonic()
                self.hub.start_ledgerd()
                returned.append(time.monotonic() - begun)

            file = self.opened(name)
            self.hub.kill("chancery-ledgerd")
            self.rest(file)
            restarting = threading.Thread(target=restart)
            restarting.start()
            said = self.close(file)
            restarting.join()
            if said == "ok" or returned[0] < PATIENCE - 3:
                break
            wait_until("the ledger's return", lambda: "answers again" in self.hub.log("chanceryd"), 30)
        self.assertEqual(said, "ok")
        self.check(name)

    def test_close_fails_in_words_when_it_stays_away_and_a_repeat_is_taken_once(self):
        file = self.opened("rows.bin")
        self.hub.kill("chancery-ledgerd")
        self.rest(file)
        begun = time.monotonic()
        said = self.close(file)
        self.assertGreater(time.monotonic() - begun, PATIENCE - 1, "it was waited for")
        self.assertIn("cannot record transfers at the moment, so nothing of this file was kept. Please try again later.", said)
        with self.assertRaisesRegex(OSError, "cannot record transfers at the moment"):
            self.sftp.open(f"{self.hub.send_folder()}/while-away.bin", "wb")
        self.hub.start_ledgerd()
        wait_until("the ledger's return", lambda: "answers again" in self.hub.log("chanceryd"), 30)
        self.check()
        file = self.opened("rows.bin")
        self.rest(file)
        self.assertEqual(self.close(file), "ok")
        self.check("rows.bin")


if __name__ == "__main__":
    unittest.main()
