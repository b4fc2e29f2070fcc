"""Whole folders, as schedulers move them: mirrored, copied, checked and collected by patterns; and folders of very many."""

import concurrent.futures
import os
import unittest

from hub import HubCase
from sftp_clients import CLIENTS, Lftp, OpenSsh, Psftp, Rclone, Scp, quoted

FILES = {f"rows {number:02}.csv": b"a,b\r\n%d,2\r\n" % number for number in range(30)}
MANY = int(os.environ.get("CHANCERY_MANY", "1000"))
SESSIONS = 5


class Folders(HubCase):
    def setUp(self):
        for which in (Lftp, OpenSsh, Psftp, Rclone, Scp):
            self.assertEqual(which.missing(), [], "run scripts/setup")
        self.send, self.collect = self.hub.send_folder(), self.hub.collect_folder()
        self.outbox = self.folder("outbox")
        for name, content in FILES.items():
            (self.outbox / name).write_bytes(content)

    def tearDown(self):
        """The next test finds nothing that waits."""
        rest = self.folder("rest")
        self.hub.sftp(self.hub.receiver, f"-get {self.collect}/* {rest}/", f"-rm {self.collect}/*")

    def folder(self, name):
        path = self.hub.root / f"{self.id().rsplit('.', 1)[1]}-{name}"
        path.mkdir()
        return path

    def accepted(self):
        return sum(entry["event"] == "file.accepted" for entry in self.hub.entries())

    def waiting(self):
        listed = self.hub.sftp(self.hub.receiver, f"cd {self.collect}", "ls -1").stdout.splitlines()
        return [line for line in listed if not line.startswith("sftp> ")]

    def add_to_outbox(self, name):
        (self.outbox / name).write_bytes(b"new\r\n")

    def check_new(self, name):
        """It has left the outbox and is at the receiver's, who takes it away."""
        self.assertFalse((self.outbox / name).exists())
        target = self.hub.root / name
        self.hub.sftp(self.hub.receiver, f"get {self.collect}/{name}.age {target}", f"rm {self.collect}/{name}.age")
        self.assertEqual(self.hub.open_sealed(self.hub.receiver, target), b"new\r\n")

    def check_inbox(self, inbox):
        self.assertEqual(sorted(path.name for path in inbox.iterdir()), [name + ".age" for name in sorted(FILES)])
        for name, content in FILES.items():
            self.assertEqual(self.hub.open_sealed(self.hub.receiver, inbox / (name + ".age")), content)

    def put_all(self):
        self.hub.sftp(self.hub.sender, f"put {quoted(self.outbox)}/* {self.send}/")

    def test_lftp_mirrors_up_once_and_down_with_acknowledgement(self):
        sender, receiver = Lftp(self.hub, self.hub.sender), Lftp(self.hub, self.hub.receiver)
        before = self.accepted()
        sender.commands(f"mirror -R {self.outbox} {self.send}")
        self.assertEqual(self.accepted() - before, len(FILES))
        sender.commands(f"mirror -R {self.outbox} {self.send}")
        sender.commands(f"mirror -R --Remove-source-files {self.outbox} {self.send}")
        self.assertEqual(self.accepted() - before, len(FILES), "what was sent is not sent again")
        self.add_to_outbox("new.csv")
        sender.commands(f"mirror -R --Remove-source-files {self.outbox} {self.send}")
        self.check_new("new.csv")
        inbox = self.folder("inbox")
        receiver.commands(f"mirror --Remove-source-files {self.collect} {inbox}")
        self.check_inbox(inbox)
        self.assertEqual(self.waiting(), [])

    def test_rclone_copies_up_once_checks_and_moves_down(self):
        sender, receiver = Rclone(self.hub, self.hub.sender), Rclone(self.hub, self.hub.receiver)
        before = self.accepted()
        sender.rclone("copy", self.outbox, f"hub:{self.send}")
        self.assertEqual(self.accepted() - before, len(FILES))
        sender.rclone("copy", self.outbox, f"hub:{self.send}")
        self.assertEqual(self.accepted() - before, len(FILES), "what was sent is not sent again")
        sender.rclone("check", "--one-way", self.outbox, f"hub:{self.send}")
        self.add_to_outbox("newer.csv")
        sender.rclone("move", self.outbox, f"hub:{self.send}")
        self.check_new("newer.csv")
        inbox = self.folder("inbox")
        receiver.rclone("copy", f"hub:{self.collect}", inbox)
        receiver.rclone("check", "--download", f"hub:{self.collect}", inbox)
        receiver.rclone("move", f"hub:{self.collect}", inbox)
        self.check_inbox(inbox)
        self.assertEqual(self.waiting(), [])

    def test_patterns_collect_a_folder(self):
        self.put_all()
        ways = {
            "sftp": lambda inbox: OpenSsh(self.hub, self.hub.receiver).batch(f"get {self.collect}/* {inbox}/"),
            "scp": lambda inbox: (lambda scp: scp.scp(scp.at(f"{self.collect}/*"), inbox))(Scp(self.hub, self.hub.receiver)),
            "psftp": lambda inbox: Psftp(self.hub, self.hub.receiver).batch(f"lcd {inbox}", f"cd {self.collect}", "mget *"),
            "lftp": lambda inbox: Lftp(self.hub, self.hub.receiver).commands(f"mget -O {inbox} {self.collect}/*"),
        }
        for name, collect in ways.items():
            with self.subTest(name):
                inbox = self.folder(name)
                collect(inbox)
                self.check_inbox(inbox)


class Many(HubCase):
    def put_part(self, number):
        outbox = self.hub.root / f"outbox-{number}"
        outbox.mkdir()
        for file in range(number, MANY, SESSIONS):
            (outbox / f"file {file:05}.csv").write_bytes(b"%d\r\n" % file)
        self.hub.sftp(self.hub.sender, f"lcd {outbox}", f"cd {self.hub.send_folder()}", "put *", timeout=900)

    def test_very_many_files_are_listed_in_full_by_every_client(self):
        with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(self.put_part, range(SESSIONS)))
        names = [f"file {number:05}.csv" for number in range(MANY)]
        algorithms = "strict"  # the default; first whoever can do with it
        for name, client in sorted(CLIENTS.items(), key=lambda each: each[1].algorithms() != algorithms):
            if "list" in client.cannot or getattr(client, "unusable", lambda: None)():
                continue
            with self.subTest(name):
                if client.algorithms() != algorithms:
                    self.hub.stop()
                    self.hub.set("algorithms", algorithms := client.algorithms())
                    self.hub.start()
                sent = client(self.hub, self.hub.sender).names(self.hub.send_folder())
                waiting = client(self.hub, self.hub.receiver).names(self.hub.collect_folder())
                self.assertEqual(sorted(name for name in sent if name not in (".", "..")), names)
                self.assertEqual(sorted(name for name in waiting if name not in (".", "..")),
                                 [name + ".age" for name in names])


if __name__ == "__main__":
    unittest.main()
