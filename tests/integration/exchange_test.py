"""The main job, end to end, with OpenSSH's sftp: send, collect, open, acknowledge, be refused, verify."""

import hashlib
import os
import pathlib
import re
import resource
import subprocess
import time
import unittest

from hub import HubCase, wait_until

MOST_SEARCHED = 1 << 30  # larger ones are a sanitizer's


class Exchange(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = cls.hub.root / "files"
        cls.files.mkdir()

    def make(self, name, content):
        path = self.files / name
        path.write_bytes(content)
        return path

    def fetch(self, shown):
        """Collects one delivery and opens it."""
        target = self.hub.root / "fetched.age"
        target.unlink(missing_ok=True)
        self.hub.sftp(self.hub.receiver, f'get "{self.hub.collect_folder()}/{shown}" {target}')
        return self.hub.open_sealed(self.hub.receiver, target)

    def events_of_last_delivery(self):
        deliveries = [e for e in self.hub.entries() if e["event"].startswith("delivery.")]
        last = [e for e in deliveries if e["event"] == "delivery.made"][-1]
        return [e["event"] for e in deliveries if e["plain"]["object"] == last["plain"]["object"]]

    def test_files_of_many_sizes_arrive_whole(self):
        for size in (0, 1, 32767, 32768, 32769, 65535, 65536, 65537, 1_000_000, 20_000_003):
            content = os.urandom(size)
            path = self.make(f"size-{size}.bin", content)
            self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/")
            self.assertEqual(self.fetch(f"size-{size}.bin.age"), content, size)
        self.hub.verify()

    def test_listing_shows_names_sizes_and_times_on_both_sides(self):
        path = self.make("listed.csv", b"a,b\r\n1,2\r\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        self.hub.sftp(self.hub.sender, f"put -p {path} {self.hub.send_folder()}/")
        sent = self.hub.sftp(self.hub.sender, f"ls -l {self.hub.send_folder()}").stdout
        self.assertRegex(sent, r"(?m)^-rw.* 10 .*2023.*listed\.csv$")
        waiting = self.hub.sftp(self.hub.receiver, f"ls -l {self.hub.collect_folder()}").stdout
        self.assertRegex(waiting, r"listed\.csv\.age")
        self.assertIn("README.txt", self.hub.sftp(self.hub.sender, "ls /").stdout)

    def test_awkward_names_arrive_under_their_own_names(self):
        for name in ("with space.csv", "caf\u00e9.csv", "\U0001F600.csv", "quote'.csv", "n" * 196 + ".csv"):
            path = self.make("awkward", name.encode())
            self.hub.sftp(self.hub.sender, f'put {path} "{self.hub.send_folder()}/{name}"')
            with self.hub.paramiko(self.hub.receiver) as client:
                self.assertIn(name + ".age", client.open_sftp().listdir(self.hub.collect_folder()))

    def test_a_temporary_name_is_delivered_at_its_rename(self):
        path = self.make("slow.csv", b"rows")
        folder = self.hub.send_folder()
        self.hub.sftp(self.hub.sender, f"put {path} {folder}/slow.csv.part")
        self.assertNotIn("slow.csv", self.hub.sftp(self.hub.receiver, f"ls {self.hub.collect_folder()}").stdout)
        self.hub.sftp(self.hub.sender, f"rename {folder}/slow.csv.part {folder}/slow.csv")
        self.assertEqual(self.fetch("slow.csv.age"), b"rows")

    def test_removal_acknowledges_and_only_after_collecting(self):
        path = self.make("ack.csv", b"rows")
        self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/")
        shown = f"{self.hub.collect_folder()}/ack.csv.age"
        early = self.hub.sftp(self.hub.receiver, f"rm {shown}", check=False)
        self.assertNotEqual(early.returncode, 0)
        self.assertIn("Download it first", early.stderr)
        self.hub.sftp(self.hub.receiver, f"get {shown} {self.hub.root}/ack.age", f"rm {shown}")
        self.assertNotIn("ack.csv.age", self.hub.sftp(self.hub.receiver, f"ls {self.hub.collect_folder()}").stdout)
        (text,) = [t for n, t in self.hub.receipts(self.hub.sender).items() if n.startswith("ack.csv.")]
        for word in ("ACCEPTED", "DELIVERED", "COLLECTED", "ACKNOWLEDGED"):
            self.assertIn(word, text)
        self.assertNotIn(f"account {self.hub.user(self.hub.receiver)}", text, "the other agency's account is its own affair")
        events = [e["event"] for e in self.hub.entries()]
        for event in ("delivery.opened", "delivery.collected", "delivery.acknowledged"):
            self.assertIn(event, events)

    def test_what_was_sent_can_be_neither_read_nor_removed_nor_renamed(self):
        path = self.make("gone.csv", b"rows")
        folder = self.hub.send_folder()
        self.hub.sftp(self.hub.sender, f"put {path} {folder}/")
        for command in (f"get {folder}/gone.csv {self.hub.root}/back", f"rm {folder}/gone.csv",
                        f"rename {folder}/gone.csv {folder}/other.csv"):
            self.assertNotEqual(self.hub.sftp(self.hub.sender, command, check=False).returncode, 0, command)
        self.assertEqual(self.fetch("gone.csv.age"), b"rows")

    def test_folders_cannot_be_made_or_removed_and_links_neither(self):
        for command in ("mkdir /send/new", f"rmdir {self.hub.send_folder()}", "mkdir /new", "symlink README.txt /x",
                        f"put {self.make('x', b'x')} /x", f"put {self.make('x', b'x')} /collect/x"):
            done = self.hub.sftp(self.hub.sender, command, check=False)
            self.assertNotEqual(done.returncode, 0, command)

    def test_an_agency_sees_its_own_routes_only(self):
        self.assertEqual(self.hub.sftp(self.hub.receiver, "ls -1 /send").stdout.split(), ["sftp>", "ls", "-1", "/send"])
        for command in (f"ls {self.hub.send_folder()}", "ls /send/no-such-route"):
            self.assertNotEqual(self.hub.sftp(self.hub.receiver, command, check=False).returncode, 0)
        path = self.make("foreign.csv", b"rows")
        mine = self.hub.sftp(self.hub.receiver, f"put {path} {self.hub.send_folder()}/", check=False)
        none = self.hub.sftp(self.hub.receiver, f"put {path} /send/no-such-route/", check=False)
        self.assertNotEqual(mine.returncode, 0)
        sentence = lambda done, route: sorted(done.stderr.replace(route, "R").splitlines())
        self.assertEqual(sentence(mine, self.hub.route["id"]), sentence(none, "no-such-route"))

    def test_a_refused_name_is_told_on_stderr_in_receipts_and_in_the_ledger(self):
        path = self.make("bad", b"rows")
        done = self.hub.sftp(self.hub.sender, f'put {path} "{self.hub.send_folder()}/bad\u202ename.csv"', check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"name")
        texts = [t for n, t in self.hub.receipts(self.hub.sender).items() if n.startswith("invalid-name.")]
        self.assertTrue(any("REFUSED" in t and "name-invalid" in t for t in texts), texts)
        refused = [e for e in self.hub.entries() if e["event"] == "file.refused"]
        self.assertTrue(any(e["plain"]["code"] == "name-invalid" for e in refused))

    def test_the_pages_say_who_you_are_and_which_key_the_hub_has(self):
        target = self.hub.root / "README.txt"
        self.hub.sftp(self.hub.receiver, f"get /README.txt {target}")
        text = target.read_bytes().decode()
        self.assertIn(self.hub.user(self.hub.receiver), text)
        self.assertIn("\r\n", text)
        self.assertRegex(text, r"SHA256:[A-Za-z0-9+/]{43}")
        self.assertIn(self.hub.agencies[self.hub.receiver]["seal_to"][0], text)
        self.assertIn(f"/collect/{self.hub.route['id']}   live\r\n", text)
        for way in ("chancery open -i identity.txt", "age -d -i identity.txt", "Windows (winget install FiloSottile.age)", "Linux",
                    "need age 1.3 or later"):
            self.assertIn(way, text)
        self.hub.sftp(self.hub.sender, f"get /README.txt {target}")
        self.assertIn(f"/send/{self.hub.route['id']}   live, names: *, at most ", target.read_text())

    def test_a_coming_host_key_is_announced_at_a_reload_and_the_present_one_stays(self):
        present, target = self.hub.directory / "var/host_key", self.hub.root / "announced.txt"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{present}.next"], check=True)
        coming = pathlib.Path(f"{present}.next.pub").read_text().split()[1]
        try:
            fingerprint = subprocess.run(["ssh-keygen", "-lf", f"{present}.next"], capture_output=True, text=True,
                                         check=True).stdout.split()[1]
            self.assertIn(f"the host key's successor {fingerprint} is announced in README.txt", self.hub.reload())
            self.hub.sftp(self.hub.sender, f"get /README.txt {target}")  # known_hosts has the present key only
            self.assertIn(coming, target.read_text())
        finally:
            for suffix in (".next", ".next.pub"):
                pathlib.Path(f"{present}{suffix}").unlink()
            self.hub.reload()
        self.hub.sftp(self.hub.sender, f"get /README.txt {target}")
        self.assertNotIn(coming, target.read_text())

    def assert_nowhere(self, marker):
        """In no file of the hub's and no log, nor in what the ledger's service may write of its memory."""
        files = [file for file in self.hub.directory.rglob("*") if file.is_file()]
        self.assertGreater(len(files), 10)
        for file in [*files, *self.hub.logs.values()]:
            self.assertNotIn(marker, file.read_bytes(), file)
        pid = self.hub.processes["chancery-ledgerd"].pid
        searched = 0
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                start, end = (int(address, 16) for address in line.split()[0].split("-"))
                if "w" in line.split()[1] and end - start < MOST_SEARCHED and "[vvar]" not in line:
                    memory.seek(start)
                    self.assertNotIn(marker, memory.read(end - start), line)
                    searched += end - start
        self.assertGreater(searched, 1 << 20)

    def test_a_marker_in_a_file_is_nowhere_on_the_hubs_disk(self):
        marker = b"Margaret-Ashworth-" + os.urandom(8).hex().encode()
        path = self.make("marked.csv", marker * 10_000)
        self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/")
        self.assertIn(marker, self.fetch("marked.csv.age"))
        self.assert_nowhere(marker)

    def test_neither_daemon_leaves_a_core_file(self):
        for name, process in self.hub.processes.items():
            self.assertLessEqual(max(resource.prlimit(process.pid, resource.RLIMIT_CORE)), 1, name)

    def test_every_thread_of_both_daemons_is_confined(self):
        for name, process in self.hub.processes.items():
            threads = list(pathlib.Path(f"/proc/{process.pid}/task").iterdir())
            states = [re.search(r"(?m)^Seccomp:\s(\d)$", (thread / "status").read_text())[1] for thread in threads]
            # The thread sanitizer has a thread of its own, made before the program begins.
            self.assertGreaterEqual(states.count("2"), max(len(states) - 1, 2), (name, states))

    def test_names_are_not_readable_on_the_hubs_disk(self):
        name = "name-" + os.urandom(8).hex() + ".csv"
        self.hub.sftp(self.hub.sender, f"put {self.make('n', b'rows')} {self.hub.send_folder()}/{name}")
        for file in self.hub.directory.rglob("*"):
            if file.is_file() and "clients" not in file.parts:
                self.assertNotIn(name.encode(), file.read_bytes(), file)

    def test_a_thousand_files_in_one_session(self):
        folder, marker = self.hub.root / "thousand", b"Margaret-Ashworth-" + os.urandom(8).hex().encode()
        folder.mkdir(exist_ok=True)
        for i in range(1000):
            content = marker + hashlib.sha256(str(i).encode()).digest() * (i % 7)
            (folder / f"t{i:04}.csv").write_bytes(content)
        self.hub.sftp(self.hub.sender, f"lcd {folder}", f"cd {self.hub.send_folder()}", "put t*.csv")
        listing = self.hub.sftp(self.hub.receiver, f"ls -1 {self.hub.collect_folder()}").stdout
        self.assertEqual(len(re.findall(r"t\d{4}\.csv\.age", listing)), 1000)
        self.assertEqual(self.fetch("t0006.csv.age"), marker + hashlib.sha256(b"6").digest() * 6)
        self.assert_nowhere(marker)
        self.hub.verify()

    def test_a_client_that_vanishes_delivers_nothing(self):
        client = self.hub.paramiko(self.hub.sender)
        file = client.open_sftp().open(f"{self.hub.send_folder()}/vanished.csv", "wb")
        file.write(b"x" * 500_000)
        file.flush()
        client.get_transport().sock.close()
        self.assertNotIn("vanished", self.hub.sftp(self.hub.receiver, f"ls {self.hub.collect_folder()}").stdout)
        remove = f"rm {self.hub.send_folder()}/vanished.csv"
        wait_until("the end of the connection", lambda: self.hub.sftp(self.hub.sender, remove, check=False).returncode == 0)
        wait_until("file.abandoned", lambda: [e for e in self.hub.entries() if e["event"] == "file.abandoned"
                                              and e["plain"]["code"] == "removed"])
        self.assertNotIn("vanished", self.hub.sftp(self.hub.sender, f"ls {self.hub.send_folder()}").stdout)
        temporary = list((self.hub.path("objects") / "tmp").iterdir())
        self.assertEqual(temporary, [])

    def test_what_was_read_from_the_disk_but_never_given_to_the_client_is_not_collected(self):
        import paramiko
        source = self.make("asked.bin", os.urandom(1 << 20))
        self.hub.sftp(self.hub.sender, f"put {source} {self.hub.send_folder()}/")
        path = f"{self.hub.collect_folder()}/asked.bin.age"
        with self.hub.paramiko(self.hub.receiver) as client:
            # It asks for all of the file at once, and makes room for 64 KiB of the answers.
            channel = client.get_transport().open_session(window_size=65536)
            channel.invoke_subsystem("sftp")
            sftp = paramiko.SFTPClient(channel)
            file = sftp.open(path, "rb")
            file.prefetch(file.stat().st_size)
            time.sleep(1)
        refused = self.hub.sftp(self.hub.receiver, f"rm {path}", check=False)
        self.assertIn("Download it first", refused.stderr)
        self.assertEqual(self.events_of_last_delivery(), ["delivery.made", "delivery.opened"])
        self.hub.sftp(self.hub.receiver, f"get {path} {self.hub.root}/asked.age", f"rm {path}")
        self.assertEqual(self.events_of_last_delivery()[-2:], ["delivery.collected", "delivery.acknowledged"])


if __name__ == "__main__":
    unittest.main()
