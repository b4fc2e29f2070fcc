"""`chancery ledger` over a ledger that a running hub writes, and over its folder."""

import ctypes
import json
import subprocess
import unittest

import hub as hubs


LMDB_READ_ONLY = 0x20000


def readers(folder):
    """{process: whether it holds a snapshot} of those that an LMDB environment knows of, as mdb_stat -r tells it."""
    lmdb = ctypes.CDLL("liblmdb.so.0")
    environment = ctypes.c_void_p()
    rows = []
    line = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda text, _: rows.append(text.split()) or 0)
    if lmdb.mdb_env_create(ctypes.byref(environment)):
        raise AssertionError("no environment")
    try:
        if error := lmdb.mdb_env_open(environment, bytes(folder), LMDB_READ_ONLY, 0o600):
            raise AssertionError(f"{folder} cannot be opened: {error}")
        if (result := lmdb.mdb_reader_list(environment, line, None)) < 0:
            raise AssertionError(f"the readers cannot be listed: {result}")
    finally:
        lmdb.mdb_env_close(environment)
    return {int(row[0]): row[2] != b"-" for row in rows if row[0].isdigit()}


class Ledger(unittest.TestCase):
    def setUp(self):
        self.hub = hubs.Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)

    def report(self, where, *flags):
        done = self.hub.chancery("ledger", "verify", "--json", *flags, self.hub.path(where), check=False)
        return json.loads(done.stdout)

    def put(self, name):
        path = self.hub.root / name
        path.write_text("a,b\r\n1,2\r\n")
        self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/")

    def test_a_hub_that_was_restarted_verifies_over_its_socket_and_from_its_folder(self):
        for round_ in range(3):
            self.hub.start()
            self.put(f"round-{round_}.csv")
            self.hub.verify()
            if round_ < 2:
                self.hub.stop()
        anchors = [e for e in self.hub.entries() if e["event"] == "log.anchor"]
        self.assertEqual(len(anchors), 2)
        socket, folder = self.report("ledger_socket"), self.report("ledger")
        for report in (socket, folder):
            self.assertEqual(report["findings"], [])
            self.assertGreater(report["checkpoints"], 4)
        self.assertEqual(socket["withheld"], 0)
        self.assertGreater(socket["opened"], 10)

    def test_details_on_disk_are_opened_with_the_key_files(self):
        self.hub.start()
        self.put("offline.csv")
        self.hub.stop()
        keys = self.hub.path("ledger_keys")
        self.assertEqual(self.report("ledger")["opened"], 0)
        report = self.report("ledger", "--keys", keys)
        self.assertEqual((report["findings"], report["withheld"]), ([], 0))
        self.assertGreater(report["opened"], 10)
        shown = self.hub.chancery("ledger", "show", "--keys", keys, self.hub.path("ledger")).stdout
        self.assertIn("offline.csv", shown)
        self.assertNotIn("offline.csv", self.hub.chancery("ledger", "show", self.hub.path("ledger")).stdout)

        epoch = keys / "epoch" / "0"
        epoch.rename(keys / "aside")
        report = self.report("ledger", "--keys", keys)
        self.assertIn("no entry says that they were erased", report["findings"][0]["text"])
        (keys / "aside").rename(epoch)

        other = hubs.Hub()
        self.addCleanup(other.__exit__, None, None, None)
        other.start()
        other.stop()
        done = self.hub.chancery("ledger", "verify", "--keys", other.path("ledger_keys"), self.hub.path("ledger"), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("belong to another ledger", done.stderr)
        done = self.hub.chancery("ledger", "verify", "--keys", self.hub.root / "none", self.hub.path("ledger"), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertFalse((self.hub.root / "none").exists())

    def test_a_page_that_is_left_open_holds_no_snapshot(self):
        subprocess.run([hubs.BIN / "ledger_fill", self.hub.path("ledger"), self.hub.path("ledger_keys"),
                        self.hub.settings["origin"], "3000", self.hub.sender, self.hub.receiver, self.hub.route["id"]],
                       check=True)
        with subprocess.Popen([hubs.BIN / "chancery", "ledger", "show", "--keys", self.hub.path("ledger_keys"),
                               self.hub.path("ledger")], stdout=subprocess.PIPE) as show:
            try:
                first = show.stdout.readline()
                hubs.wait_until("the pipe is full and the ledger is let go of",
                                lambda: not readers(self.hub.path("ledger")).get(show.pid))
                entries = [first, *show.stdout]
            finally:
                show.kill()
        self.assertGreaterEqual(len(entries), 3000)
        self.assertEqual([int(line.split()[0]) for line in entries], list(range(len(entries))), "read on without a gap")


if __name__ == "__main__":
    unittest.main()
