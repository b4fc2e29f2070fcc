"""Bad input after the log-in: every refusal is a sentence and an entry, and loses nothing. Before it: only SSH's own no."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from hub import Hub, wait_until


class Refusals(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.hub.start()
        self.file = self.hub.root / "rows.csv"
        self.file.write_bytes(b"a,b\r\n1,2\r\n")

    def put(self, name, check=True, path=None):
        return self.hub.sftp(self.hub.sender, f"put {path or self.file} {self.hub.send_folder()}/{name}", check=check)

    def edit_route(self, old, new):
        (path,) = (self.hub.directory / "routes").glob("*.toml")
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def set_route(self, key, value):
        (path,) = (self.hub.directory / "routes").glob("*.toml")
        text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith(key))
        path.write_text(f'{text}\n{key} = "{value}"\n')
        self.hub.reload()

    def codes(self, event="file.refused"):
        return [e["plain"]["code"] for e in self.hub.entries() if e["event"] == event]

    def reasons(self):
        return "\n".join(self.hub.receipts(self.hub.sender).values())

    def test_a_suspended_route_refuses_and_holds_and_a_reload_lifts_it(self):
        self.put("before.csv")
        self.edit_route('state = "live"', 'state = "suspended"')
        self.assertIn("reloaded", self.hub.reload())
        done = self.put("during.csv", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("suspended", done.stderr)
        self.assertIn("suspended", self.reasons())
        for agency, folder in ((self.hub.sender, self.hub.send_folder()), (self.hub.receiver, self.hub.collect_folder())):
            self.hub.sftp(agency, f"get /README.txt {self.hub.root}/readme")
            self.assertIn(f"{folder}   suspended", (self.hub.root / "readme").read_text())
        self.assertEqual(self.codes(), ["not-live"])
        held = self.hub.sftp(self.hub.receiver, f"get {self.hub.collect_folder()}/before.csv.age {self.hub.root}/x", check=False)
        self.assertNotEqual(held.returncode, 0)
        self.edit_route('state = "suspended"', 'state = "live"')
        self.hub.reload()
        self.put("after.csv")
        self.hub.sftp(self.hub.receiver, f"get {self.hub.collect_folder()}/before.csv.age {self.hub.root}/x")
        states = [(e["plain"]["from"], e["plain"]["to"]) for e in self.hub.entries() if e["event"] == "route.state"]
        self.assertEqual(states, [("-", "live"), ("live", "suspended"), ("suspended", "live")])

    def test_a_reload_before_the_rename_changes_no_rule_but_can_withdraw_the_route(self):
        folder = self.hub.send_folder()
        self.put("one.csv.part")
        self.put("two.csv.part")
        self.edit_route('accept = ["*"]', 'accept = ["*.pdf"]')
        self.assertIn("reloaded", self.hub.reload())
        self.assertNotEqual(self.put("three.csv", check=False).returncode, 0)
        self.hub.sftp(self.hub.sender, f"rename {folder}/one.csv.part {folder}/one.csv")
        self.edit_route('state = "live"', 'state = "suspended"')
        self.assertIn("reloaded", self.hub.reload())
        done = self.hub.sftp(self.hub.sender, f"rename {folder}/two.csv.part {folder}/two.csv", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("suspended", done.stderr)
        self.assertEqual(self.codes(), ["name-not-accepted", "not-live"])
        began, _, withdrawn = [e["plain"]["policy"] for e in self.hub.entries() if e["event"] == "policy.activated"]
        policies = {e["event"]: e["plain"]["policy"] for e in self.hub.entries() if e["event"].startswith("file.")}
        self.assertEqual(policies, {"file.accepted": began, "file.refused": withdrawn})

    def test_a_reload_with_a_mistake_changes_nothing_and_names_the_place(self):
        self.edit_route('state = "live"', 'state = "lively"')
        said = self.hub.reload()
        self.assertIn("reload refused", said)
        self.assertRegex(said, r"routes/[a-z-]+\.toml:\d+:\d+")
        self.put("still.csv")
        activated = [e for e in self.hub.entries() if e["event"] == "policy.activated"]
        self.assertEqual(len(activated), 1)

    def test_a_damaged_configuration_does_not_start_and_names_the_place(self):
        self.hub.stop()
        self.edit_route("state =", "state = = ")
        with self.assertRaises(AssertionError) as caught:
            self.hub.start()
        self.assertRegex(str(caught.exception), r"routes/[a-z-]+\.toml:\d+:\d+")
        self.assertIn("exited with 2", str(caught.exception))
        self.hub.processes.pop("chanceryd", None)

    def test_a_file_that_is_too_large_ends_at_the_first_excess_byte(self):
        self.set_route("max_size", "1 MiB")
        exact, over = self.hub.root / "exact", self.hub.root / "over"
        exact.write_bytes(os.urandom(1 << 20))
        over.write_bytes(os.urandom((1 << 20) + 1))
        self.put("exact.csv", path=exact)
        done = self.put("over.csv", check=False, path=over)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("too-large", self.codes())
        self.assertIn("too-large", self.reasons())
        self.assertNotIn("over.csv", self.hub.sftp(self.hub.receiver, f"ls {self.hub.collect_folder()}").stdout)

    def test_what_refuses_a_file_is_said_once_however_many_writes_are_under_way(self):
        self.set_route("max_size", "1 MiB")
        over = self.hub.root / "over"
        over.write_bytes(bytes(12 << 20))
        done = self.hub.sftp(self.hub.sender, f"-put {over} {self.hub.send_folder()}/one.csv\n"
                             f"-put {over} {self.hub.send_folder()}/two.csv", check=False)
        said = [line for line in done.stderr.splitlines() if "Split the file" in line]
        # Of each file by its WRITEs and by its CLOSE; the client asks nothing in between.
        self.assertIn(len(said), (2, 3, 4), done.stderr)

    def test_a_route_that_finishes_by_rename_says_so(self):
        self.set_route("finish", "rename")
        done = self.put("direct.csv", check=False)
        self.assertIn("temporary", done.stderr)
        folder = self.hub.send_folder()
        self.put("ok.csv.part")
        self.hub.sftp(self.hub.sender, f"rename {folder}/ok.csv.part {folder}/ok.csv")
        self.assertIn("ok.csv.age", self.hub.sftp(self.hub.receiver, f"ls {self.hub.collect_folder()}").stdout)

    def test_an_account_that_is_withdrawn_loses_its_session(self):
        with self.hub.paramiko(self.hub.receiver) as client:
            sftp = client.open_sftp()
            sftp.listdir("/")
            path = self.hub.directory / "agencies" / f"{self.hub.receiver}.toml"
            text = path.read_text()
            path.write_text(text[: text.index("[[accounts]]")])
            self.hub.reload()
            with self.assertRaises(PermissionError):
                sftp.listdir("/")
        self.assertNotEqual(self.hub.sftp(self.hub.receiver, "ls /", check=False).returncode, 0)

    def test_while_the_ledger_is_away_nothing_is_taken_and_everything_goes_on_later(self):
        self.put("before.csv")
        self.hub.kill("chancery-ledgerd")
        started = time.monotonic()
        done = self.put("during.csv", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("try again later", done.stderr)
        self.assertLess(time.monotonic() - started, 60)
        reading = self.hub.sftp(self.hub.receiver, f"get {self.hub.collect_folder()}/before.csv.age {self.hub.root}/x", check=False)
        self.assertNotEqual(reading.returncode, 0)
        self.assertIn("nothing can be collected", reading.stderr)
        self.assertNotIn("during.csv", self.hub.sftp(self.hub.receiver, f"ls {self.hub.collect_folder()}").stdout)
        self.hub.start_ledgerd()
        wait_until("the hub takes files again", lambda: self.put("after.csv", check=False).returncode == 0, 30)
        refused = {self.hub.sender, self.hub.receiver}
        wait_until("the refusals are recorded", lambda: refused == {
            e["plain"]["agency"] for e in self.hub.entries() if e["plain"].get("code") == "ledger-unavailable"}, 90)
        self.assertIn("Nothing was changed", "\n".join(self.hub.receipts(self.hub.receiver).values()))
        self.hub.verify()

    def test_before_the_log_in_a_stranger_and_an_account_hear_the_same(self):
        stranger = self.hub.root / "stranger"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        heard = set()
        for user in (self.hub.user(self.hub.sender), "nobody-of-that-name", "root"):
            options = self.hub.ssh_options(self.hub.sender)
            options[options.index("-i") + 1] = str(stranger)
            done = subprocess.run(["sftp", *options, "-P", str(self.hub.port), "-b", "-", f"{user}@127.0.0.1"], input="ls\n",
                                  capture_output=True, text=True, timeout=60)
            self.assertNotEqual(done.returncode, 0)
            heard.add(done.stderr.replace(user, "USER"))
        self.assertEqual(len(heard), 1, heard)

    def test_a_full_disk_is_told_and_loses_nothing(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        self.hub.stop()
        objects = self.hub.path("objects")
        shutil.rmtree(objects)
        objects.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", objects], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("a small file system cannot be mounted here")
        try:
            self.hub.start()
            large = self.hub.root / "large"
            large.write_bytes(os.urandom(16 << 20))
            done = self.put("large.csv", check=False, path=large)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("disk is full", self.reasons())
            self.assertIn("disk", self.codes())
            self.assertRegex(self.hub.log("chanceryd"), r"An upload to [a-z-]+ failed: cannot write an object: No space left on device\n")
            self.put("small.csv")
            self.hub.sftp(self.hub.receiver, f"get {self.hub.collect_folder()}/small.csv.age {self.hub.root}/small.age")
            self.assertEqual(self.hub.open_sealed(self.hub.receiver, self.hub.root / "small.age"), self.file.read_bytes())
            self.assertEqual(list((objects / "tmp").iterdir()), [])
            self.hub.verify()
            self.hub.stop()
        finally:
            subprocess.run(["umount", "-l", objects], check=True)

    def test_a_damaged_ledger_takes_nothing_more_and_says_where(self):
        self.put("before.csv")
        self.hub.stop()
        (data,) = self.hub.path("ledger").glob("**/data.mdb")
        altered = data.read_bytes().replace(b"event file.accepted", b"event file.acceptee")  # old pages too
        self.assertNotEqual(altered, data.read_bytes())
        data.write_bytes(altered)
        found = self.hub.chancery("ledger", "verify", self.hub.path("ledger"), check=False)
        self.assertEqual(found.returncode, 1, found.stdout + found.stderr)
        self.assertRegex(found.stdout + found.stderr, r"entry \d+")


if __name__ == "__main__":
    unittest.main()
