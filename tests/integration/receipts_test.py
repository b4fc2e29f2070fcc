"""Receipts as the parties to a transfer fetch them with OpenSSH's sftp, and check them offline years later."""

import json
import shutil
import statistics
import time
import unittest

from hub import Hub, wait_until

WITHIN_SECONDS = 2.0  # a second is promised; a slow machine gets some more


class Receipts(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.hub.start()
        self.sender, self.receiver = self.hub.sender, self.hub.receiver
        self.policy = self.hub.root / "log-policy"
        self.hub.sftp(self.sender, f"get /receipts/log-keys/log-policy {self.policy}")

    def put(self, name, content=b"a,b\r\n1,2\r\n", check=True):
        path = self.hub.root / name
        path.write_bytes(content)
        self.hub.sftp(self.sender, f"put {path} {self.hub.send_folder()}/", check=check)
        return path

    def fetch(self, agency):
        """Everything of an agency's /receipts but the log's keys: name -> path."""
        folder = self.hub.root / f"receipts-{agency}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.hub.sftp(agency, f"get -r /receipts {folder}/")
        return {p.name: p for p in folder.rglob("*") if p.is_file() and p.parent.name != "log-keys"}

    def find(self, files, start, end):
        """The file of a transfer's own outcome, START.ID.END."""
        (found,) = [path for name, path in files.items() if name.startswith(start + ".") and name.endswith(end)
                    and len(name) == len(start) + 33 + len(end)]
        return found

    def verify(self, receipt, *flags, code=0):
        done = self.hub.chancery("receipt", "verify", "--json", "--policy", self.policy, *flags, receipt, check=False)
        self.assertEqual(done.returncode, code, f"{receipt} {flags}: {done.stdout} {done.stderr}")
        return json.loads(done.stdout)

    def verify_all(self, files):
        """Verifies each receipt with its openings; answers them, and all the values that were opened."""
        receipts, values = {}, []
        for name, path in files.items():
            if name.endswith(".receipt"):
                openings = path.with_suffix(".openings")
                receipts[name] = self.verify(path, "--openings", openings)
                values += [value for value in receipts[name]["details"].values() if value]
        self.assertEqual({n.rsplit(".", 1)[0] for n in files if n.endswith(".openings")}, {n.rsplit(".", 1)[0] for n in receipts})
        return receipts, values

    def collect(self, name):
        sealed = self.hub.root / f"{name}.age"
        self.hub.sftp(self.receiver, f"get {self.hub.collect_folder()}/{name}.age {sealed}",
                      f"rm {self.hub.collect_folder()}/{name}.age")
        plain = self.hub.root / f"opened-{name}"
        plain.write_bytes(self.hub.open_sealed(self.receiver, sealed))
        return sealed, plain

    def test_each_party_proves_each_outcome_and_learns_nothing_of_the_other(self):
        sent = self.put("oct.csv")
        self.put("bad\u200bname.csv", check=False)
        client = self.hub.paramiko(self.sender)
        file = client.open_sftp().open(f"{self.hub.send_folder()}/vanished.csv", "wb")
        file.write(b"x" * 100_000)
        file.flush()
        client.get_transport().sock.close()
        # Open until the hub has seen the end of the session; then kept for its client to go on with, until it is given up.
        wait_until("the dropped upload to be given up", lambda: self.hub.sftp(
            self.sender, f"rm {self.hub.send_folder()}/vanished.csv", check=False).returncode == 0)
        sealed, plain = self.collect("oct.csv")

        def abandoned():
            ids = [e["plain"]["transfer"] for e in self.hub.entries() if e["event"] == "file.abandoned"]
            return [n for n in self.hub.sftp(self.sender, "ls -1 /receipts/*/*").stdout.split()
                    if "vanished.csv" in n and n.endswith(".receipt") and any(i in n for i in ids)]
        wait_until("the abandoned upload's receipt", abandoned)
        time.sleep(0.5)  # for the acknowledgement to be signed for
        ours, theirs = self.fetch(self.sender), self.fetch(self.receiver)
        of_sender, to_sender = self.verify_all(ours)
        of_receiver, to_receiver = self.verify_all(theirs)
        self.assertEqual({r["event"] for r in of_sender.values()},
                         {"file.accepted", "file.refused", "file.abandoned", "delivery.made", "delivery.opened",
                          "delivery.collected", "delivery.acknowledged"})
        self.assertEqual({r["event"] for r in of_receiver.values()},
                         {"delivery.made", "delivery.opened", "delivery.collected", "delivery.acknowledged"})

        secrets = {}
        for agency in (self.sender, self.receiver):
            account = self.hub.agencies[agency]["accounts"][0]
            secrets[agency] = {account["user"]}
        fingerprints = {value for value in to_sender + to_receiver if value.startswith("SHA256:")}
        self.assertEqual(len(fingerprints), 2)
        self.assertEqual(len(fingerprints & set(to_sender)), 1)
        self.assertEqual(len(fingerprints & set(to_receiver)), 1)
        self.assertTrue(secrets[self.sender] <= set(to_sender) and secrets[self.receiver] <= set(to_receiver))
        self.assertFalse(secrets[self.receiver] & set(to_sender) or secrets[self.sender] & set(to_receiver))
        for name, receipt in of_sender.items():
            if receipt["event"] in ("delivery.opened", "delivery.collected", "delivery.acknowledged"):
                self.assertEqual(set(receipt["details"].values()), {None}, name)

        receipt = self.find(ours, "oct.csv", ".receipt")
        flags = ("--openings", receipt.with_suffix(".openings"), "--content")
        self.assertEqual(self.verify(receipt, *flags, sent)["content"], "file")
        self.assertEqual(self.verify(receipt, *flags, sealed, code=1)["content"], "another")
        receipt = self.find(theirs, "oct.csv", ".receipt")
        flags = ("--openings", receipt.with_suffix(".openings"), "--content")
        self.assertEqual(self.verify(receipt, *flags, plain)["content"], "file")
        self.assertEqual(self.verify(receipt, *flags, sealed)["content"], "sealed")
        self.assertEqual(self.verify(receipt, *flags, self.policy, code=1)["content"], "another")
        words = self.hub.chancery("receipt", "verify", "--policy", self.policy, receipt).stdout
        self.assertIn("was delivered to " + self.receiver, words)
        self.hub.verify()

    def test_a_receipt_is_there_within_a_second_and_as_long_as_the_listing_says(self):
        with self.hub.paramiko(self.sender) as client:
            sftp = client.open_sftp()
            longest = 0.0
            for i in range(5):
                name = f"fresh-{i}.csv"
                with sftp.open(f"{self.hub.send_folder()}/{name}", "wb") as file:
                    file.write(b"rows")
                done = time.monotonic()
                (month,) = [f"/receipts/{m}" for m in sftp.listdir("/receipts") if m != "log-keys"]

                def listed():
                    return [e for e in sftp.listdir_attr(month) if e.filename.startswith(name) and e.filename.endswith(".receipt")]
                wait_until(f"the receipt of {name}", listed)
                longest = max(longest, time.monotonic() - done)
            print(f"\na receipt was listed at most {longest:.3f} s after OK")
            self.assertLess(longest, WITHIN_SECONDS)
            wait_until("the receipts of the deliveries", lambda: sum(".delivered." in n for n in sftp.listdir(month)) == 10)
            for folder in (month, "/receipts/log-keys"):
                for entry in sftp.listdir_attr(folder):
                    path = f"{folder}/{entry.filename}"
                    content = sftp.open(path).read()
                    self.assertEqual((entry.st_size, sftp.stat(path).st_size), (len(content), len(content)), path)
                    self.assertEqual(sftp.open(path).read(), content)
                    with self.assertRaises(OSError):
                        sftp.remove(path)
            for path in (f"{month}/nosuch.receipt", "/receipts/log-keys/nosuch", f"{month}/x.{'0' * 32}.opened.receipt"):
                with self.assertRaises(FileNotFoundError):
                    sftp.stat(path)
                with self.assertRaises(FileNotFoundError):
                    sftp.open(path)

    def test_a_refusal_has_its_page_within_a_second(self):
        folder, took = self.hub.send_folder(), []
        self.put("sent.csv")
        with self.hub.paramiko(self.sender) as client:
            sftp = client.open_sftp()
            (month,) = [f"/receipts/{m}" for m in sftp.listdir("/receipts") if m != "log-keys"]
            # Each for another reason: equal ones within a minute share a page.
            for code, attempt in {"name-invalid": lambda: sftp.open(f"{folder}/bad\u200bname.csv", "wb"),
                                  "already-delivered": lambda: sftp.remove(f"{folder}/sent.csv"),
                                  "not-readable": lambda: sftp.open(f"{folder}/sent.csv", "rb"),
                                  "no-folders": lambda: sftp.mkdir(f"{folder}/new")}.items():
                before = set(sftp.listdir(month))
                with self.assertRaises(OSError):
                    attempt()
                done = time.monotonic()
                (page,) = wait_until(f"the page of {code}",
                                     lambda: [n for n in sftp.listdir(month) if n.endswith(".txt") and n not in before])
                self.assertIn(f"Reason ({code})".encode(), sftp.open(f"{month}/{page}").read())
                took.append(time.monotonic() - done)
        print(f"\na refusal's page was read {', '.join(f'{each:.3f}' for each in took)} s after the no")
        self.assertLess(statistics.median(took), 1)

    def test_nobody_else_sees_them(self):
        self.put("oct.csv")
        time.sleep(0.5)
        (receipt,) = [n for n in self.fetch(self.sender) if n.endswith(".delivered.receipt")]
        month = time.strftime("%Y-%m", time.gmtime())
        with self.hub.paramiko(self.receiver) as client:
            with self.assertRaises(FileNotFoundError):
                client.open_sftp().open(f"/receipts/{month}/{receipt}")

    def test_after_a_crash_all_of_them_are_there_and_verify(self):
        self.put("oct.csv")
        self.put("nov.csv")
        self.collect("oct.csv")
        time.sleep(0.5)
        before = self.fetch(self.sender)
        kept = self.hub.root / "kept"
        shutil.copytree(self.hub.root / f"receipts-{self.sender}", kept)
        self.hub.kill("chanceryd")
        self.hub.kill("chancery-ledgerd")
        self.hub.start()
        after = self.fetch(self.sender)
        self.assertEqual(set(before), set(after))
        self.verify_all(after)
        self.verify_all({p.name: p for p in kept.rglob("*") if p.is_file() and p.parent.name != "log-keys"})
        for name, path in after.items():
            if name.endswith(".openings"):
                (old,) = kept.rglob(name)
                self.assertEqual(path.read_bytes(), old.read_bytes())

    def test_while_the_ledger_is_away_words_are_there_and_proofs_come_back_with_it(self):
        self.put("oct.csv")
        time.sleep(0.5)
        before = self.find(self.fetch(self.sender), "oct.csv", ".receipt").read_bytes()
        self.hub.kill("chancery-ledgerd")
        began = time.monotonic()
        listed = self.hub.sftp(self.sender, "ls -1 /receipts/*/oct.csv.*").stdout
        self.assertIn(".txt", listed)
        self.assertEqual(len([t for n, t in self.hub.receipts(self.sender).items() if n.startswith("oct.csv.")]), 1)
        self.assertNotEqual(self.hub.sftp(self.sender, f"get /receipts/*/*.receipt {self.hub.root}/", check=False).returncode, 0)
        self.assertNotEqual(self.hub.sftp(self.sender, "ls /receipts/log-keys", check=False).returncode, 0)
        self.assertLess(time.monotonic() - began, 15)
        self.hub.start_ledgerd()
        wait_until("the ledger's return", lambda: self.hub.sftp(self.sender, "ls /receipts/log-keys", check=False).returncode == 0)
        self.assertEqual(self.find(self.fetch(self.sender), "oct.csv", ".receipt").read_bytes(), before)

    def test_the_logs_keys_are_the_same_for_all_and_prove_themselves(self):
        files = []
        for agency in (self.sender, self.receiver):
            folder = self.hub.root / f"keys-{agency}"
            folder.mkdir()
            self.hub.sftp(agency, f"get -r /receipts/log-keys {folder}/")
            files.append({p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()})
        self.assertEqual(files[0], files[1])
        self.assertEqual(set(files[0]), {"0.genesis.receipt", "log-policy", "log-policy.ed25519"})
        said = self.verify(folder / "log-keys" / "0.genesis.receipt")
        self.assertEqual((said["event"], said["ml_dsa_checked"]), ("log.genesis", True))
        self.assertIn(said["plain"]["vkey"].encode(), files[0]["log-policy"])
        self.assertIn(said["plain"]["mldsa-vkey"].encode(), files[0]["log-policy"])
        self.assertEqual(self.hub.chancery("ledger", "verify", "--policy", self.policy, self.hub.path("ledger_socket")).returncode, 0)

    def test_another_hubs_policy_proves_nothing_and_damage_is_found(self):
        self.put("oct.csv")
        time.sleep(0.5)
        receipt = self.find(self.fetch(self.sender), "oct.csv", ".receipt")
        with Hub() as other:
            policy = other.root / "log-policy"
            other.sftp(other.sender, f"get /receipts/log-keys/log-policy {policy}")
            self.assertEqual(self.hub.chancery("receipt", "verify", "--policy", policy, receipt, check=False).returncode, 1)
        self.assertEqual(self.hub.chancery("receipt", "verify", receipt, check=False).returncode, 2)
        sound = receipt.read_bytes()
        damaged = self.hub.root / "damaged"
        for at in range(0, len(sound), 97):
            for changed in (sound[:at], sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1:]):
                damaged.write_bytes(changed)
                done = self.hub.chancery("receipt", "verify", "--policy", self.policy, damaged, check=False)
                self.assertIn(done.returncode, (1, 2), at)
                self.assertRegex(done.stdout + done.stderr, "NOT VERIFIED|CANNOT TELL", at)


if __name__ == "__main__":
    unittest.main()
