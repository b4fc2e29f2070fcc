"""`chancery ledger key` over a running hub: both kinds of keys are rotated while files come in."""

import json
import threading
import time
import unittest

import hub as hubs


class Rotation(unittest.TestCase):
    def setUp(self):
        self.hub = hubs.Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.hub.start()
        self.socket = self.hub.path("ledger_socket")

    def key(self, *words, status=0):
        done = self.hub.chancery("ledger", "key", *words, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def keys(self):
        return [json.loads(line) for line in self.key("list", self.socket, "--json").splitlines()]

    def policy(self, name, *flags):
        path = self.hub.root / name
        path.write_text(self.key("policy", *flags, self.socket))
        return path

    def put(self, name):
        path = self.hub.root / name
        path.write_text("a,b\r\n1,2\r\n")
        self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/")

    def verify(self, *trust):
        for where in ("ledger_socket", "ledger"):
            done = self.hub.chancery("ledger", "verify", *trust, self.hub.path(where), check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_both_kinds_are_rotated_while_files_come_in(self):
        first = self.policy("first")
        old = {key["kind"]: key for key in self.keys()}
        stop, sent, failures = threading.Event(), [], []

        def send():
            while not stop.is_set():
                try:
                    self.put(f"file-{len(sent)}.csv")
                    sent.append(1)
                except AssertionError as failure:
                    failures.append(failure)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for kind in ("ed25519", "ml-dsa-44"):
                self.assertIn("is added by entry", self.key("add", self.socket, kind, "--reason", "yearly rotation"))
                self.assertIn("has ended by entry", self.key("retire", self.socket, old[kind]["id"]))
        finally:
            stop.set()
            sender.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(sent), 0)
        newest = self.policy("newest")
        self.assertNotEqual(newest.read_text(), first.read_text())
        self.assertIn("quorum none", self.policy("newest.ed25519", "--ed25519").read_text())
        trusts = (("--policy", first), ("--policy", newest), ("--key", old["ed25519"]["vkey"]), ())
        for trust in trusts:
            self.verify(*trust)
        self.hub.chancery("ledger", "prove", "0", self.socket)  # by the present keys
        audit = self.hub.root / "audit"
        self.hub.chancery("ledger", "export", self.socket, audit)
        self.assertEqual((audit / "log-policy").read_text(), newest.read_text())
        self.assertEqual(self.key("policy", audit), newest.read_text())
        for trust in trusts:
            self.hub.chancery("ledger", "verify", *trust, audit)
        self.assertIn("yearly rotation", self.hub.chancery("ledger", "show", "--json", self.socket).stdout)
        self.hub.stop()
        files = sorted(p.name for p in self.hub.path("ledger_keys").glob("log-*"))
        self.assertEqual([name.rsplit("-", 1)[0] for name in files], ["log-ed25519", "log-ml-dsa-44"])

        # A key file that is open to others, and one that is gone, are no start.
        added = self.hub.path("ledger_keys") / files[0]
        added.chmod(0o440)
        with self.assertRaisesRegex(AssertionError, "mode 0400"):
            self.hub.start_ledgerd()
        added.chmod(0o400)
        added.rename(self.hub.root / "aside")
        with self.assertRaisesRegex(AssertionError, "is missing; restore it from a backup"):
            self.hub.start_ledgerd()
        (self.hub.root / "aside").rename(added)
        self.hub.start()
        for trust in trusts:
            self.verify(*trust)

    def proven(self, trusted, receipt):
        """What `chancery receipt verify` says of a receipt to whoever trusts these keys, or None if it does not verify."""
        keys = [word for vkey in trusted for word in ("--key", vkey)]
        done = self.hub.chancery("receipt", "verify", *keys, "--json", receipt, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def walk(self, trusted, folder):
        """The keys of the log that are good now, for whoever trusted these: by the receipts of /receipts/log-keys alone."""
        trusted, ended = set(trusted), set()
        for receipt in sorted(folder.glob("*.receipt"), key=lambda path: int(path.name.split(".")[0])):
            said = self.proven(trusted, receipt)
            if said is not None and said["event"] == "log.key.add":
                trusted.add(said["plain"]["vkey"])
            elif said is not None and said["event"] == "log.key.retire":
                ended.add(said["plain"]["vkey"])
        return trusted - ended

    def test_who_holds_the_first_key_walks_to_the_present_one_over_sftp(self):
        hub, kept = self.hub, self.hub.root / "kept"
        kept.mkdir()
        hub.sftp(hub.receiver, f"get /receipts/log-keys/log-policy {kept}/")
        first = {key["kind"]: key["vkey"] for key in self.keys()}
        for _ in range(2):
            for old in [key for key in self.keys() if key["last_trusted_size"] is None]:
                self.key("add", self.socket, old["kind"])
                self.put(f"before-{old['id']}.csv")
                self.key("retire", self.socket, old["id"])
                self.put(f"after-{old['id']}.csv")
        present = {key["vkey"] for key in self.keys() if key["last_trusted_size"] is None}
        self.assertEqual(len(present), 2)
        self.assertFalse(present & set(first.values()))

        def fetched():
            folder = hub.root / f"fetched-{time.monotonic_ns()}"
            folder.mkdir()
            hub.sftp(hub.receiver, f"get -r /receipts/log-keys {folder}/", f"get /receipts/*/after-*.receipt {folder}/")
            return folder
        # The hub looks each second for what others have appended.
        folder = hubs.wait_until("receipts of every change of keys", lambda: len(list((
            where := fetched()).glob("log-keys/*.receipt"))) == 9 and where)
        receipts = folder / "log-keys"
        kinds = sorted(path.name.split(".")[1] for path in receipts.glob("*.receipt"))
        self.assertEqual(kinds, ["add"] * 4 + ["genesis"] + ["retire"] * 4)
        newest = max(folder.glob("after-*.receipt"), key=lambda path: self.proven(present, path)["seq"]
                     if self.proven(present, path) else -1)

        for trusted in (first.values(), [first["ed25519"]], [first["ml-dsa-44"]]):
            self.assertIsNone(self.proven(trusted, newest), "the first keys alone do not sign any more")
            walked = self.walk(trusted, receipts)
            self.assertGreaterEqual(walked, present)
            said = self.proven(present & walked, newest)
            self.assertTrue(said and said["ml_dsa_checked"])
        policy = (receipts / "log-policy").read_text()
        self.assertTrue(all(vkey in policy for vkey in present))
        self.assertNotEqual(policy, (kept / "log-policy").read_text())

        # A link that is missing is not jumped over, and a stranger's keys lead nowhere.
        for path in receipts.glob("*.add.receipt"):
            path.rename(path.with_suffix(".aside"))
            self.assertFalse(present <= self.walk(first.values(), receipts), path.name)
            path.with_suffix(".aside").rename(path)
        with hubs.Hub() as other:
            stranger = [json.loads(line)["vkey"] for line in
                        other.chancery("ledger", "key", "list", other.path("ledger_socket"), "--json").stdout.splitlines()]
            self.assertEqual(self.walk(stranger, receipts), set(stranger))

    def test_a_revocation_says_who_needs_the_new_keys(self):
        first = self.policy("first")
        old = self.keys()[0]
        self.assertIn("add another one first", self.key("retire", self.socket, old["id"], status=1))
        self.assertIn("add another one first", self.key("revoke", self.socket, old["id"], "1", status=1))
        self.put("file.csv")
        size = next(int(w.rstrip(";.")) for w in self.key("add", self.socket, "ed25519").split() if w.rstrip(";.").isdigit())
        self.assertIn("give the present log-policy again", self.key("revoke", self.socket, old["id"], str(size)))
        self.assertEqual(self.keys()[0]["last_trusted_size"], size)
        self.verify("--policy", self.policy("newest"))
        for trust in (("--policy", first), ()):
            done = self.hub.chancery("ledger", "verify", *trust, self.socket, check=False)
            self.assertEqual(done.returncode, 1, "the old keys open no way above the size")

    def test_what_cannot_be_done_says_so(self):
        self.assertIn("8 hex digits", self.key("retire", self.socket, "nonsense", status=2))
        self.assertIn("names no key", self.key("retire", self.socket, "00000000", status=1))
        self.assertIn("the kind of a key", self.key("add", self.socket, "rsa", status=2))
        self.assertIn("SIZE must be a number", self.key("revoke", self.socket, "00000000", "many", status=2))
        self.assertIn("needs a further word", self.key(status=2))
        self.hub.stop()
        self.assertIn("is chancery-ledgerd running?", self.key("add", self.socket, "ed25519", status=2))
        self.assertEqual(len(self.key("list", self.hub.path("ledger")).splitlines()), 2)
        for word in ("list", "add", "retire", "revoke", "policy"):
            self.assertIn("Example:", self.key(word, "--help"))


if __name__ == "__main__":
    unittest.main()
