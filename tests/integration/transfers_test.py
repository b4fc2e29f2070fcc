"""What a route asks of transfers besides their names: manifests."""

import os
import re
import subprocess
import unittest

from hub import HubCase


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


if __name__ == "__main__":
    unittest.main()
