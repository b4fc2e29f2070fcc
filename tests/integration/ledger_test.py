"""`chancery ledger` over a ledger that a running hub writes, and over its folder."""

import json
import unittest

import hub as hubs


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


if __name__ == "__main__":
    unittest.main()
