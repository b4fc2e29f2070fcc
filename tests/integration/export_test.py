"""`chancery ledger export` from a running hub and from its folder."""

import hashlib
import shutil
import subprocess
import sys
import unittest

import hub as hubs

CONTENT = b"surname,dob\r\nKowalczyk,1987-02-11\r\n"


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def personal_values(hub):
    """What the exchanges of a test have told the hub about people, as it stands behind commitments."""
    fingerprint = subprocess.run(["ssh-keygen", "-lf", f"{hub.key(hub.sender)}.pub"], capture_output=True, text=True,
                                 check=True).stdout.split()[1]
    return [b"kowalczyk-family", b"Kowalczyk", b"127.0.0.1", fingerprint.encode(), fingerprint.removeprefix("SHA256:").encode(),
            hashlib.sha256(CONTENT).hexdigest().encode(), hub.user(hub.sender).encode(), hub.user(hub.receiver).encode()]


class Export(unittest.TestCase):
    def setUp(self):
        self.hub = hubs.Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.rename_account(self.hub.sender, "okafor-ward")
        self.rename_account(self.hub.receiver, "lindqvist-desk")
        self.hub.start()
        self.out = self.hub.root / "export"

    def rename_account(self, agency, name):
        """So that an account's name is in no agency's id."""
        path = self.hub.directory / "agencies" / f"{agency}.toml"
        path.write_text(path.read_text().replace(f'user = "{self.hub.user(agency)}"', f'user = "{name}"'))
        self.hub.agencies[agency]["accounts"][0]["user"] = name

    def put(self, count, word="kowalczyk-family"):
        folder = self.hub.root / "outgoing"
        folder.mkdir(exist_ok=True)
        names = [f"{word}-{number}.csv" for number in range(count)]
        for name in names:
            (folder / name).write_bytes(CONTENT)
        self.hub.sftp(self.hub.sender, *(f"put {folder / name} {self.hub.send_folder()}/{name}" for name in names))

    def export(self, where, out=None, *flags):
        return self.hub.chancery("ledger", "export", *flags, self.hub.path(where), out or self.out)

    def wait_for_checkpoint(self):
        """Until a checkpoint covers every entry."""
        size = len(self.hub.entries())
        hubs.wait_until("a checkpoint", lambda: f"the last covers {size} entries\n" in
                        self.hub.chancery("ledger", "verify", self.hub.path("ledger_socket")).stdout)

    def test_it_grows_over_the_socket_and_is_the_same_from_the_folder(self):
        self.put(3)
        self.wait_for_checkpoint()
        self.export("ledger_socket")
        first = files(self.out)
        self.put(130, "more")
        self.wait_for_checkpoint()
        self.assertIn("entries of", self.export("ledger_socket").stdout)
        second = files(self.out)
        self.assertNotEqual(first["checkpoint"], second["checkpoint"])
        self.assertTrue((self.out / "tile/entries/000").is_file())
        self.assertFalse(set(first) & set(second) & {p for p in first if ".p/" in p})
        self.hub.stop()
        self.export("ledger")
        self.export("ledger", self.hub.root / "fresh")
        self.assertTrue(files(self.out) == files(self.hub.root / "fresh"), "grown and fresh differ")
        self.hub.chancery("ledger", "verify", "--policy", self.out / "log-policy", self.out)
        for seq in (0, 200, 256):
            proofs = [self.hub.chancery("ledger", "prove", seq, self.hub.path("ledger")).stdout,
                      self.hub.chancery("ledger", "prove", seq, self.out).stdout]
            self.assertEqual(*proofs)
        shown = self.hub.chancery("ledger", "show", self.out).stdout
        self.assertGreater(shown.count("\n"), 256)
        self.assertNotIn("more-1", shown)
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=self.out, check=True)

    def test_it_tells_nothing_of_a_person(self):
        self.put(2)
        self.hub.sftp(self.hub.receiver, f"get -r {self.hub.collect_folder()} {self.hub.root}/collected")
        self.hub.sftp(self.hub.sender, f"-put {self.hub.root}/outgoing/kowalczyk-family-0.csv "
                      "/send/nowhere/kowalczyk-family.csv")
        hubs.wait_until("the refusal's entry", lambda: "file.refused" in {entry["event"] for entry in self.hub.entries()}, 90)
        self.wait_for_checkpoint()
        self.export("ledger_socket", None, "--policies", self.hub.path("policies"))
        exported = files(self.out)
        policies = {path for path in exported if path.startswith("policies/")}
        self.assertTrue(policies)
        self.hub.chancery("ledger", "verify", self.out)
        for value in personal_values(self.hub):
            shown = self.hub.chancery("ledger", "show", "--json", self.hub.path("ledger_socket")).stdout
            self.assertTrue(value == b"Kowalczyk" or value.decode() in shown, f"the hub was never told {value}")
            for path, content in exported.items():
                # The policy names accounts; it goes to auditors and says nothing of what anybody did.
                if path not in policies:
                    self.assertFalse(value in content, f"{value} in {path}")

    def verify_py(self, *arguments):
        """What the program in the export says of it."""
        return subprocess.run([sys.executable, self.out / "verify.py", *arguments, self.out], capture_output=True, text=True)

    def test_the_program_that_it_carries_verifies_it(self):
        self.put(2)
        self.hub.sftp(self.hub.receiver, f"get -r {self.hub.collect_folder()} {self.hub.root}/collected")
        self.wait_for_checkpoint()
        self.export("ledger_socket", None, "--policies", self.hub.path("policies"))
        kept, old = self.hub.root / "kept-checkpoint", self.hub.root / "old-copy"
        shutil.copy(self.out / "checkpoint", kept)
        shutil.copytree(self.out, old)
        self.put(130, "more")
        self.wait_for_checkpoint()
        self.export("ledger_socket", None, "--policies", self.hub.path("policies"))
        exported = files(self.out)
        done = self.verify_py("--policy", self.out / "log-policy", "--newer-than", kept, "--max-age", "1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"it continues {kept}", done.stdout)
        self.assertEqual(files(self.out), exported, "the program has left something in the export")
        rolled_back = subprocess.run([sys.executable, self.out / "verify.py", "--newer-than", self.out / "checkpoint", old],
                                     capture_output=True, text=True)
        self.assertEqual(rolled_back.returncode, 1, rolled_back.stdout)
        bundle = self.out / "tile/entries/000"
        bundle.write_bytes(bundle.read_bytes().replace(b"event delivery.made", b"event delivery.mode", 1))
        done = self.verify_py()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "(?m)^entry [0-9]+: its hash is not the one in tile/0/000$")

    def test_an_export_is_checked_as_one_whatever_lies_in_it(self):
        self.put(2)
        self.wait_for_checkpoint()
        self.export("ledger_socket")
        self.hub.stop()
        shutil.copy(self.hub.root / self.hub.path("ledger") / "data.mdb", self.out)  # which verifies
        (bundle,) = (self.out / "tile/entries/000.p").iterdir()
        bundle.write_bytes(bundle.read_bytes().replace(b"event file.accepted", b"event file.abcepted"))
        done = self.hub.chancery("ledger", "verify", self.out, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("read          an export, every file of it", done.stdout)
        self.assertIn("data.mdb has no place in an export", done.stdout)
        self.assertIn(f"tile/0/000.p/{bundle.name}", done.stdout)
        self.assertFalse((self.out / "lock.mdb").exists(), "the tables were opened")

    def test_an_export_that_was_changed_does_not_verify(self):
        self.put(2)
        self.wait_for_checkpoint()
        self.export("ledger_socket")
        (bundle,) = (self.out / "tile/entries/000.p").iterdir()
        before = bundle.read_bytes()
        place = before.index(b"event file.accepted")
        bundle.write_bytes(before[:place] + b"event file.abcepted" + before[place + 19:])
        done = self.hub.chancery("ledger", "verify", self.out, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"tile/0/000.p/{bundle.name}", done.stdout)
        bundle.write_bytes(before[:100])
        done = self.hub.chancery("ledger", "verify", self.out, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"tile/entries/000.p/{bundle.name} is not a bundle", done.stdout)
        for arguments in (("verify", "--keys", self.hub.path("ledger_keys"), self.out), ("prove", "999", self.out),
                          ("export", self.out, self.hub.root / "again")):
            self.assertEqual(self.hub.chancery("ledger", *arguments, check=False).returncode, 2)

    def test_auditors_copy_it_over_sftp_and_nobody_else_sees_it(self):
        sizes = []
        for round_ in range(2):
            self.put(3 + 130 * round_, f"kowalczyk-family-{round_}")
            self.wait_for_checkpoint()
            self.hub.processes["chanceryd"].terminate()
            self.hub.processes.pop("chanceryd").wait()
            self.hub.start_chanceryd()
            size = len(self.hub.entries()) - 1
            audit = self.hub.directory / "var" / "audit"
            hubs.wait_until("an export", lambda: (audit / "checkpoint").is_file()
                            and int((audit / "checkpoint").read_text().split("\n")[1]) >= size)
            copy = self.hub.root / f"copy-{round_}"
            copy.mkdir()
            self.hub.sftp("audit", f"get -r /audit {copy}/")
            self.hub.chancery("ledger", "verify", "--policy", copy / "audit/log-policy", copy / "audit")
            copied = files(copy / "audit")
            self.assertTrue(copied == files(audit))
            self.assertTrue(any(path.startswith("policies/") for path in copied))
            sizes.append(int(copied["checkpoint"].split(b"\n")[1]))
            for value in [b"kowalczyk-family", *personal_values(self.hub)]:
                for path, content in copied.items():
                    self.assertFalse(value in content and not path.startswith("policies/"), f"{value} in {path}")
        self.assertGreater(sizes[1], sizes[0] + 256)

        before = files(audit)
        for command in (f"put {self.hub.root}/copy-0/audit/checkpoint /audit/checkpoint", f"put {self.hub.root}/copy-0/audit/checkpoint /audit/new",
                        "rm /audit/checkpoint", "rename /audit/checkpoint /audit/c", "mkdir /audit/new", "rmdir /audit/tile",
                        "chmod 777 /audit/checkpoint", "symlink /audit/checkpoint /audit/link", "get /audit/.writing /dev/null",
                        "get /audit/../host_key /dev/null", "ls /audit/nothing"):
            self.assertNotEqual(self.hub.sftp("audit", command, check=False).returncode, 0, command)
        self.assertTrue(files(audit) == before)
        self.assertIn("verify.py", self.hub.sftp("audit", "ls /audit").stdout)
        self.assertNotIn("audit", self.hub.sftp(self.hub.sender, "ls /").stdout)
        for command in ("ls /audit", "get /audit/checkpoint /dev/null", "get -r /audit /dev/null"):
            self.assertNotEqual(self.hub.sftp(self.hub.sender, command, check=False).returncode, 0, command)

    def test_mistakes_are_answered_with_a_hint_and_harm_nothing(self):
        papers = self.hub.root / "papers"
        papers.mkdir()
        (papers / "letter.txt").write_text("dear")
        for arguments, words in [
            ((self.hub.path("ledger_socket"), papers), "choose another folder"),
            ((self.hub.path("ledger_socket"),), "then the folder to write"),
            ((self.hub.root / "none", self.out), "neither the folder of a ledger nor the socket"),
            ((self.hub.path("ledger_socket"), self.hub.root / "none" / "out"), "No such file"),
            (("--policies", self.hub.root / "none", self.hub.path("ledger_socket"), self.out), "no folder of policies"),
        ]:
            done = self.hub.chancery("ledger", "export", *arguments, check=False)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr)
        self.assertEqual(files(papers), {"letter.txt": b"dear"})
        self.assertIn("Example:", self.hub.chancery("ledger", "export", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
