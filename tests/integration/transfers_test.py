"""What policies ask of transfers besides their names: manifests, quotas."""

import os
import re
import subprocess
import unittest

from hub import HubCase, wait_until


class TransferCase(HubCase):
    def route_file(self):
        return self.hub.directory / "routes" / f"{self.hub.route['id']}.toml"

    def make(self, name, content):
        path = self.hub.root / name
        path.write_bytes(content)
        return path

    def remote(self, name=""):
        return f"{self.hub.send_folder()}/{name}"

    def delivered(self, name):
        target = self.hub.root / "delivered.age"
        target.unlink(missing_ok=True)
        self.hub.sftp(self.hub.receiver, f"-get {self.hub.collect_folder()}/{name}.age {target}")
        return self.hub.open_sealed(self.hub.receiver, target) if target.exists() else None


class Manifests(TransferCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = cls.route_file(cls)
        path.write_text(re.sub(r'finish = "\w+"', 'finish = "manifest"', path.read_text()))
        cls.hub.chancery("policy", "check", cls.hub.directory)
        cls.hub.reload()

    def manifest(self, name):
        """By the real sha256sum, in the file's folder."""
        path = self.hub.root / f"{name}.sha256"
        with open(path, "wb") as out:
            subprocess.run(["sha256sum", name], cwd=self.hub.root, stdout=out, check=True)
        return path

    def test_a_file_and_its_manifest(self):
        content = os.urandom(1_000_003)
        file = self.make("whole.bin", content)
        manifest = self.manifest("whole.bin")
        self.hub.sftp(self.hub.sender, f"put {file} {self.remote()}")
        self.assertIsNone(self.delivered("whole.bin"))
        self.hub.sftp(self.hub.sender, f"put -p {manifest} {self.remote()}")
        self.assertEqual(self.delivered("whole.bin"), content)
        self.assertIn("whole.bin.sha256", self.hub.sftp(self.hub.sender, f"ls {self.remote()}").stdout)
        self.assertFalse([e for e in self.hub.entries() if e["event"] == "file.abandoned"])

    def test_half_a_file_is_refused_whoever_closed_it(self):
        content = os.urandom(500_000)
        file = self.make("half.bin", content)
        manifest = self.manifest("half.bin")
        file.write_bytes(content[:250_000])
        self.hub.sftp(self.hub.sender, f"put {file} {self.remote()}")
        refused = self.hub.sftp(self.hub.sender, f"put {manifest} {self.remote()}", check=False)
        self.assertIn("The manifest gives the SHA-256", refused.stderr)
        self.assertIsNone(self.delivered("half.bin"))
        pages = [text for name, text in self.hub.receipts(self.hub.sender).items() if name.startswith("half.bin.")]
        self.assertIn("Reason (manifest-mismatch)", "".join(pages))

    def test_a_manifest_before_its_file_is_told_so(self):
        self.make("late.bin", b"rows")
        refused = self.hub.sftp(self.hub.sender, f"put {self.manifest('late.bin')} {self.remote()}", check=False)
        self.assertIn("Upload late.bin first, and then late.bin.sha256.", refused.stderr)

    def test_names_that_become_final_by_renames(self):
        file = self.make("renamed.bin", b"rows")
        manifest = self.manifest("renamed.bin")
        self.hub.sftp(self.hub.sender, f"put {file} {self.remote('renamed.bin.filepart')}",
                      f"rename {self.remote('renamed.bin.filepart')} {self.remote('renamed.bin')}",
                      f"put {manifest} {self.remote('renamed.bin.sha256.filepart')}",
                      f"rename {self.remote('renamed.bin.sha256.filepart')} {self.remote('renamed.bin.sha256')}")
        self.assertEqual(self.delivered("renamed.bin"), b"rows")


class Quotas(TransferCase):
    def set(self, quota, path):
        """Writes a [quota] before the first table of arrays, and has the hub read it."""
        text = re.sub(r"\[quota\]\n(\w+ = .*\n)*", "", path.read_text())
        at = text.find("[[")
        at = len(text) if at < 0 else at
        path.write_text(f"{text[:at].rstrip()}\n\n[quota]\n{quota}\n{text[at:]}")
        self.assertIn("reloaded", self.hub.reload())

    def agency_file(self, agency):
        return self.hub.directory / "agencies" / f"{agency}.toml"

    def test_a_days_files_and_sessions(self):
        self.hub.sftp(self.hub.sender, *[f"put {self.make(f'{i}.bin', b'rows')} {self.remote()}" for i in range(2)])
        self.set("files_per_day = 3", self.route_file())
        self.hub.sftp(self.hub.sender, f"put {self.make('2.bin', b'rows')} {self.remote()}")
        refused = self.hub.sftp(self.hub.sender, f"put {self.make('3.bin', b'rows')} {self.remote()}", check=False)
        self.assertIn("Today's quota of 3 files", refused.stderr)
        self.hub.kill("chanceryd")
        self.hub.start_chanceryd()
        refused = self.hub.sftp(self.hub.sender, f"put {self.make('3.bin', b'rows')} {self.remote()}", check=False)
        self.assertIn("Today's quota of 3 files", refused.stderr)
        pages = [text for name, text in self.hub.receipts(self.hub.sender).items() if name.startswith("3.bin.")]
        self.assertIn("Upload it again after midnight", "".join(pages))

        self.set("sessions = 1", self.agency_file(self.hub.sender))
        with self.hub.paramiko(self.hub.sender) as client, client.open_sftp() as sftp:
            sftp.listdir("/")
            refused = self.hub.sftp(self.hub.sender, "ls /send", check=False)
            self.assertIn("quota of sessions here (1 at once) is used up", refused.stderr)
        wait_until("a free place", lambda: self.hub.sftp(self.hub.sender, "ls /send", check=False).returncode == 0)


if __name__ == "__main__":
    unittest.main()
