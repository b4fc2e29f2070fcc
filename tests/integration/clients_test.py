"""The matrix of clients: every client of sftp_clients.py (the first argument names one) does the same duties on a whole hub."""

import hashlib
import os
import sys
import unittest

from hub import Hub, wait_until
from sftp_clients import CLIENTS, Refused

KIB, MIB = 1 << 10, 1 << 20
SIZES = (0, 1, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, 100 * MIB)
NAMES = ("two  words and more.csv", "na\u00efve caf\u00e9 \u0141\u00f3d\u017a.csv", "\U0001F4C4 \U0001F476\U0001F3FD.csv",
         "it's (1) [a] #2 %41 &+;=@$~!.csv", "n" * 196 + ".csv")
TIME = 1_700_000_000  # in November 2023

SMALL_ROUTE = """
id = "small-files"
agreement = "{agreement}"
from = ["{sender}"]
to = ["{receiver}"]
accept = ["*"]
max_size = "64 KiB"
state = "live"
"""


def needs(duty):
    """A test that is not asked of clients that cannot do this."""
    def mark(test):
        test.duty = duty
        return test
    return mark


class Duties(unittest.TestCase):
    client = None  # a class of sftp_clients.py

    @classmethod
    def setUpClass(cls):
        missing = cls.client.missing()
        assert not missing, f"not installed: {', '.join(missing)}; run scripts/setup"
        cls.unusable = getattr(cls.client, "unusable", lambda: None)()
        cls.hub = Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        (route,) = (cls.hub.directory / "routes").glob("*.toml")
        text = route.read_text()
        assert 'accept = ["*"]' in text
        route.write_text(text.replace('accept = ["*"]', 'accept = ["*.csv", "*.bin"]'))
        (route.parent / "small-files.toml").write_text(SMALL_ROUTE.format(
            agreement=cls.hub.route["agreement"], sender=cls.hub.sender, receiver=cls.hub.receiver))
        if (algorithms := cls.client.algorithms()) != "strict":  # which is the default
            cls.hub.set("algorithms", algorithms)
        cls.hub.start()
        cls.sender = cls.client(cls.hub, cls.hub.sender)
        cls.receiver = cls.client(cls.hub, cls.hub.receiver)
        cls.send, cls.collect = cls.hub.send_folder(), cls.hub.collect_folder()
        cls.files = cls.hub.root / "files"
        cls.files.mkdir()

    def setUp(self):
        if self.unusable:
            self.skipTest(self.unusable)

    def local(self, name, content=b"a,b\r\n1,2\r\n"):
        path = self.files / name
        path.write_bytes(content)
        return path

    def put(self, *files):
        """Uploads, and sees to it that the hub has taken them all."""
        self.sender.put(*files)
        if self.client.late_close:
            expected = {remote.rsplit("/", 1)[1] + ".age" for _, remote in files}
            wait_until("the delivery", lambda: expected <= set(self.waiting()))

    def waiting(self):
        """What the receiver has not acknowledged, as another client sees it."""
        listed = self.hub.sftp(self.hub.receiver, f"cd {self.collect}", "ls -1").stdout.splitlines()
        return [line for line in listed if not line.startswith("sftp> ")]

    def opened(self, sealed):
        return self.hub.open_sealed(self.hub.receiver, sealed)

    def refused(self, action, *arguments, what, sentence, name, of=None):
        """The client says that it failed, and its user can read why: from the client itself or in /receipts."""
        with self.assertRaises(Refused) as caught:
            action(*arguments)
        if what not in self.client.hides:
            self.assertIn(sentence, " ".join(str(caught.exception).split()))
        wait_until(f"a page about {name}", lambda: [text for page, text in self.hub.receipts(of or self.hub.sender).items()
                                                    if page.startswith(name) and sentence in " ".join(text.split())])

    def test_files_of_every_size_arrive_whole(self):
        sent = {f"{size}.bin": os.urandom(size) for size in SIZES}
        self.put(*[(self.local(name, content), f"{self.send}/{name}") for name, content in sent.items()])
        fetched = {name: self.hub.root / f"fetched-{name}.age" for name in sent}
        self.receiver.get(*[(f"{self.collect}/{name}.age", path) for name, path in fetched.items()])
        for name, path in fetched.items():
            self.assertEqual(hashlib.sha256(self.opened(path)).digest(), hashlib.sha256(sent[name]).digest(), name)

    def test_names_of_every_kind_are_kept_and_listed(self):
        self.put(*[(self.local(name, name.encode()), f"{self.send}/{name}") for name in NAMES])
        if "list" not in self.client.cannot:
            listed = self.receiver.names(self.collect)
            for name in NAMES:
                self.assertIn(name + ".age", listed)
        fetched = [self.hub.root / f"named-{number}" for number in range(len(NAMES))]
        self.receiver.get(*[(f"{self.collect}/{name}.age", path) for name, path in zip(NAMES, fetched)])
        self.assertEqual([self.opened(path).decode() for path in fetched], list(NAMES))

    @needs("list")
    def test_what_was_put_is_listed(self):
        self.put((self.local("listed.csv"), f"{self.send}/listed.csv"))
        self.assertIn("listed.csv", self.sender.names(self.send))

    @needs("rename")
    def test_a_temporary_name_is_delivered_at_its_rename(self):
        self.sender.put((self.local("renamed.csv"), f"{self.send}/renamed.csv.part"))
        self.assertNotIn("renamed.csv.age", self.waiting())
        self.sender.rename(f"{self.send}/renamed.csv.part", f"{self.send}/renamed.csv")
        self.assertIn("renamed.csv.age", self.waiting())

    @needs("remove")
    def test_removal_acknowledges_once_it_was_collected(self):
        self.put((self.local("removed.csv"), f"{self.send}/removed.csv"))
        path = f"{self.collect}/removed.csv.age"
        self.refused(self.receiver.remove, path, what="remove", sentence="Download it first", name="removed.csv",
                     of=self.hub.receiver)
        self.receiver.get((path, self.hub.root / "removed.age"))
        self.receiver.remove(path)
        self.assertNotIn("removed.csv.age", self.waiting())
        self.assertIn("delivery.acknowledged", [entry["event"] for entry in self.hub.entries()])

    @needs("time")
    def test_times_that_a_client_keeps_are_listed(self):
        local = self.local("timed.csv")
        os.utime(local, (TIME, TIME))
        self.sender.put_with_time(local, f"{self.send}/timed.csv")
        listed = self.hub.sftp(self.hub.sender, f"ls -l {self.send}").stdout
        self.assertRegex(listed, r"(?m)^-rw.* 10 Nov 14  2023 .*timed\.csv$")

    def test_a_refused_name_is_explained(self):
        self.refused(self.sender.put, (self.local("letter.exe"), f"{self.send}/letter.exe"),
                     what="name", sentence="does not accept a file named", name="letter.exe")
        self.assertNotIn("letter.exe.age", self.waiting())

    def test_a_name_of_201_bytes_is_refused(self):
        name = "n" * 197 + ".csv"
        self.refused(self.sender.put, (self.local(name), f"{self.send}/{name}"), what="name", sentence="200 bytes",
                     name="invalid-name")
        self.assertNotIn(name + ".age", self.waiting())

    def test_a_file_that_is_too_large_is_refused_on_its_way(self):
        local = self.local("large.bin", os.urandom(3 * MIB))
        self.refused(self.sender.put, (local, "/send/small-files/large.bin"), what="size", sentence="at most 65536 bytes",
                     name="large.bin")
        self.assertNotIn("large.bin", self.hub.sftp(self.hub.sender, "ls -1 /send/small-files").stdout)


if __name__ == "__main__":
    name = sys.argv.pop(1)
    Duties.client = CLIENTS[name]
    for method, test in list(vars(Duties).items()):
        if getattr(test, "duty", None) in Duties.client.cannot:
            delattr(Duties, method)
    unittest.main()
