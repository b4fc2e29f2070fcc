"""Connections that end in the middle of an upload, and clients that come back: each by its own way of going on."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from hub import HubCase, wait_until

sys.path.append(str(pathlib.Path(__file__).parent.parent / "fault"))
from proxies import CuttingProxy  # noqa: E402

SIZE = 20_000_003
CUT = 12_000_000  # where it is hashed beside its sealing
MIB = 1 << 20


class Resume(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = cls.hub.root / "home"
        cls.home.mkdir()
        cls.content = os.urandom(SIZE)
        cls.file = cls.hub.root / "content.bin"
        cls.file.write_bytes(cls.content)

    def remote(self, name):
        return f"{self.hub.send_folder()}/{name}"

    def proxy(self, **options):
        proxy = CuttingProxy(self.hub.port, CUT, **options)
        self.addCleanup(proxy.close)
        return proxy

    def size_there(self, name):
        """What the sender's account is shown as the file's size; None if it is not listed."""
        listed = self.hub.sftp(self.hub.sender, f"-ls -l {self.remote(name)}").stdout.splitlines()[1:]
        return int(listed[0].split()[4]) if listed else None

    def kept(self, name):
        """Waits for the end of the connection to arrive, and answers how many bytes are kept."""
        wait_until("a partial file", lambda: self.size_there(name))
        wait_until("the last of its bytes", lambda: self.size_there(name) == self.size_there(name))
        size = self.size_there(name)
        self.assertLess(size, SIZE)
        return size

    def cut_off(self, name, **options):
        """An upload by OpenSSH that ends in the middle."""
        proxy = self.proxy(**options)
        done = self.hub.sftp(self.hub.sender, f"put {self.file} {self.remote(name)}", check=False,
                             options=["-o", f"Port={proxy.port}"])
        self.assertNotEqual(done.returncode, 0)
        return self.kept(name)

    def transfers(self, name):
        """The outcomes recorded for a name, as the pages in /receipts tell them, oldest first."""
        return [text for page, text in sorted(self.hub.receipts(self.hub.sender).items(),
                                              key=lambda item: item[1].split("ledger entry ")[1])
                if page.startswith(name + ".")]

    def check_delivered(self, name, transfers=1):
        """`transfers` pages tell of the name; None where some may be gathered on a page of another's (equal abandonments)."""
        target = self.hub.root / "delivered.age"
        target.unlink(missing_ok=True)
        self.hub.sftp(self.hub.receiver, f"get {self.hub.collect_folder()}/{name}.age {target}")
        self.assertEqual(self.hub.open_sealed(self.hub.receiver, target), self.content)
        if transfers:
            self.assertEqual(len(self.transfers(name)), transfers)
        recorded = [entry["details"]["sha256"] for entry in self.hub.entries()
                    if entry["event"] == "file.accepted" and entry["details"].get("name") == name]
        self.assertEqual(recorded, [hashlib.sha256(self.content).hexdigest()])

    def run_client(self, arguments, check=True, **options):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=240,
                              env={**os.environ, "HOME": str(self.home), "PUTTYDIR": str(self.home)}, **options)
        if check:
            self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def test_what_is_kept_is_sealed(self):
        marker = b"Margaret-Ashworth-" + os.urandom(8).hex().encode()
        content, self.content = self.content, marker * (SIZE // len(marker))
        try:
            self.file.write_bytes(self.content)
            self.cut_off("marked.bin")
            partials = list((self.hub.path("objects") / "tmp").iterdir())
            self.assertGreater(max(path.stat().st_size for path in partials), MIB)
            for path in [*self.hub.directory.rglob("*"), *self.hub.logs.values()]:
                if path.is_file():
                    self.assertNotIn(marker, path.read_bytes(), path)
            self.hub.sftp(self.hub.sender, f"reput {self.file} {self.remote('marked.bin')}")
            self.check_delivered("marked.bin")
        finally:
            self.content = content
            self.file.write_bytes(content)

    def test_openssh_reput(self):
        self.cut_off("reput.bin")
        self.hub.sftp(self.hub.sender, f"reput {self.file} {self.remote('reput.bin')}")
        self.check_delivered("reput.bin")

    def test_openssh_put_begins_anew(self):
        self.cut_off("anew.bin")
        self.hub.sftp(self.hub.sender, f"put {self.file} {self.remote('anew.bin')}")
        self.check_delivered("anew.bin", transfers=2)
        self.assertIn("Reason (replaced)", "".join(self.transfers("anew.bin")))

    def test_scp_writes_in_place_and_begins_anew(self):
        self.cut_off("scp.bin")
        self.run_client(["scp", "-s", *self.hub.ssh_options(self.hub.sender), "-P", self.hub.port, self.file,
                         f"{self.hub.user(self.hub.sender)}@127.0.0.1:{self.remote('scp.bin')}"])
        self.check_delivered("scp.bin", transfers=None)

    def test_a_connection_whose_end_the_hub_has_not_seen(self):
        self.cut_off("hung.bin", hang=True)
        self.hub.sftp(self.hub.sender, f"reput {self.file} {self.remote('hung.bin')}")
        self.check_delivered("hung.bin")

    def test_lftp_goes_on_by_itself(self):
        self.assertTrue(shutil.which("lftp"), "lftp is not installed; run scripts/setup")
        proxy = self.proxy(cuts=2)
        ssh = "ssh -a -x " + " ".join(self.hub.ssh_options(self.hub.sender))
        self.run_client(["lftp", "-f", "/dev/stdin"], input=(
            f'set sftp:connect-program "{ssh}"; set net:max-retries 5; set net:reconnect-interval-base 1; set net:timeout 30; '
            f"set cmd:fail-exit yes; open sftp://{self.hub.user(self.hub.sender)}:@127.0.0.1:{proxy.port}; "
            f"put -c {self.file} -o {self.remote('lftp.bin')}; bye\n"))
        self.assertLessEqual(proxy.left, 0)
        self.check_delivered("lftp.bin")

    def test_lftp_put_c(self):
        self.assertTrue(shutil.which("lftp"), "lftp is not installed; run scripts/setup")
        self.cut_off("lftp-c.bin")
        ssh = "ssh -a -x " + " ".join(self.hub.ssh_options(self.hub.sender))
        self.run_client(["lftp", "-f", "/dev/stdin"], input=(
            f'set sftp:connect-program "{ssh}"; set net:max-retries 1; set cmd:fail-exit yes; '
            f"open sftp://{self.hub.user(self.hub.sender)}:@127.0.0.1:{self.hub.port}; "
            f"put -c {self.file} -o {self.remote('lftp-c.bin')}; bye\n"))
        self.check_delivered("lftp-c.bin")

    def test_rclone_tries_again(self):
        self.assertTrue(shutil.which("rclone"), "rclone is not installed; run scripts/setup")
        proxy = self.proxy()
        remote = (f":sftp,host=127.0.0.1,port={proxy.port},user={self.hub.user(self.hub.sender)},"
                  f"key_file='{self.hub.key(self.hub.sender)}',shell_type=none,disable_hashcheck=true,set_modtime=true:")
        self.run_client(["rclone", "--config", "/dev/null", "--retries", "5", "--retries-sleep", "1s", "copyto", self.file,
                         remote + self.remote("rclone.bin")])
        self.assertLess(proxy.left, 0)
        self.check_delivered("rclone.bin", transfers=None)
        events = [(e["event"], e["plain"].get("code")) for e in self.hub.entries()
                  if e["details"].get("name") == "rclone.bin" and e["event"].startswith("file.")]
        self.assertEqual(events, [("file.abandoned", "removed"), ("file.accepted", None)])

    def psftp(self, *commands, check=True):
        self.assertTrue(shutil.which("psftp"), "psftp is not installed; run scripts/setup")
        key = self.hub.root / "sender.ppk"
        if not key.exists():
            self.run_client(["puttygen", self.hub.key(self.hub.sender), "-O", "private", "-o", key])
        script = self.hub.root / "psftp.txt"
        script.write_text("\n".join(commands) + "\n")
        fingerprint = self.run_client(["ssh-keygen", "-lf", str(self.hub.path("host_key")) + ".pub"]).stdout.split()[1]
        return self.run_client(["psftp", "-batch", "-P", self.hub.port, "-i", key, "-hostkey", fingerprint, "-b", script, "-be",
                                f"{self.hub.user(self.hub.sender)}@127.0.0.1"], check=check)

    def test_psftp_reput(self):
        self.cut_off("psftp.bin")
        self.psftp(f"reput {self.file} {self.remote('psftp.bin')}")
        self.check_delivered("psftp.bin")

    def test_paramiko_appends(self):
        size = self.cut_off("paramiko.bin")
        with self.hub.paramiko(self.hub.sender) as client, client.open_sftp() as sftp:
            with sftp.open(self.remote("paramiko.bin"), "ab") as file:
                self.assertEqual(file.tell(), size)
                file.write(self.content[size:])
        self.check_delivered("paramiko.bin")

    def test_other_offsets_are_told_why_not(self):
        size = self.cut_off("offsets.bin")
        with self.hub.paramiko(self.hub.sender) as client, client.open_sftp() as sftp:
            for offset in (size - 1, size + 1):
                with self.assertRaisesRegex(OSError, f"first {size} bytes"):
                    with sftp.open(self.remote("offsets.bin"), "r+b") as file:
                        file.seek(offset)
                        file.write(b"x")
                        file.flush()
            with sftp.open(self.remote("offsets.bin"), "r+b") as file:
                file.seek(size)
                file.write(self.content[size:])
        self.check_delivered("offsets.bin")

    def test_after_a_restart_the_client_is_told_and_starts_over(self):
        self.cut_off("restart.bin")
        partials = list((self.hub.path("objects") / "tmp").iterdir())
        self.assertGreater(len(partials), 0)
        self.hub.kill("chanceryd")
        self.hub.start_chanceryd()
        self.assertEqual(list((self.hub.path("objects") / "tmp").iterdir()), [])
        self.assertIsNone(self.size_there("restart.bin"))
        refused = self.psftp(f"reput {self.file} {self.remote('restart.bin')}", check=False)
        self.assertIn("no such file", refused.stdout + refused.stderr)
        with self.hub.paramiko(self.hub.sender) as client, client.open_sftp() as sftp:
            with self.assertRaisesRegex(OSError, "keeps nothing of an earlier upload"):
                with sftp.open(self.remote("restart.bin"), "ab") as file:
                    file.seek(SIZE // 2)
                    file.write(b"x")
                    file.flush()
        entries = [e for e in self.hub.entries() if e["event"] == "file.abandoned"]
        self.assertIn("hub-restarted", [e["plain"]["code"] for e in entries])
        self.hub.sftp(self.hub.sender, f"put {self.file} {self.remote('restart.bin')}")
        self.check_delivered("restart.bin", transfers=None)


if __name__ == "__main__":
    unittest.main()
