"""Put, list and get with clients that agencies use besides OpenSSH's: lftp, rclone, PuTTY's psftp, paramiko."""

import os
import pathlib
import shutil
import subprocess
import unittest

from hub import HubCase


class Clients(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = cls.hub.root / "home"
        cls.home.mkdir()
        cls.content = os.urandom(3_000_001)
        cls.file = cls.hub.root / "content.bin"
        cls.file.write_bytes(cls.content)

    def need(self, program):
        self.assertTrue(shutil.which(program), f"{program} is not installed; run scripts/setup")

    def run_client(self, arguments, **options):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "HOME": str(self.home)}, **options)
        self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def check_collected(self, path):
        self.assertEqual(self.hub.open_sealed(self.hub.receiver, path), self.content)

    def test_paramiko(self):
        with self.hub.paramiko(self.hub.sender) as client:
            sftp = client.open_sftp()
            attributes = sftp.put(str(self.file), f"{self.hub.send_folder()}/paramiko.bin")
            self.assertEqual(attributes.st_size, len(self.content))
            self.assertIn("paramiko.bin", sftp.listdir(self.hub.send_folder()))
        with self.hub.paramiko(self.hub.receiver) as client:
            target = self.hub.root / "paramiko.age"
            client.open_sftp().get(f"{self.hub.collect_folder()}/paramiko.bin.age", str(target))
        self.check_collected(target)

    def lftp(self, agency, commands):
        ssh = "ssh -a -x " + " ".join(self.hub.ssh_options(agency))
        url = f"sftp://{self.hub.user(agency)}:@127.0.0.1:{self.hub.port}"
        settings = f'set sftp:connect-program "{ssh}"; set net:max-retries 1; set net:timeout 30; set cmd:fail-exit yes'
        return self.run_client(["lftp", "-f", "/dev/stdin"], input=f"{settings}; open {url}; {commands}; bye\n")

    def test_lftp(self):
        self.need("lftp")
        self.lftp(self.hub.sender, f"put {self.file} -o {self.hub.send_folder()}/lftp.bin")
        self.assertIn("lftp.bin", self.lftp(self.hub.sender, f"cls -1 {self.hub.send_folder()}"))
        target = self.hub.root / "lftp.age"
        self.lftp(self.hub.receiver, f"get {self.hub.collect_folder()}/lftp.bin.age -o {target}")
        self.check_collected(target)

    def rclone(self, agency, *arguments):
        remote = (f":sftp,host=127.0.0.1,port={self.hub.port},user={self.hub.user(agency)},"
                  f"key_file='{self.hub.key(agency)}',shell_type=none,disable_hashcheck=true,set_modtime=true:")
        return self.run_client(["rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1",
                                *[a.replace("REMOTE:", remote) for a in map(str, arguments)]])

    def test_rclone(self):
        self.need("rclone")
        self.rclone(self.hub.sender, "copyto", self.file, f"REMOTE:{self.hub.send_folder()}/rclone.bin")
        self.assertIn("rclone.bin", self.rclone(self.hub.sender, "lsf", f"REMOTE:{self.hub.send_folder()}"))
        target = self.hub.root / "rclone.age"
        self.rclone(self.hub.receiver, "copyto", f"REMOTE:{self.hub.collect_folder()}/rclone.bin.age", target)
        self.check_collected(target)

    def psftp(self, agency, *commands):
        key = self.hub.root / f"{agency}.ppk"
        if not key.exists():
            self.run_client(["puttygen", self.hub.key(agency), "-O", "private", "-o", key])
        script = self.hub.root / "psftp.txt"
        script.write_text("\n".join(commands) + "\n")
        fingerprint = self.run_client(["ssh-keygen", "-lf", str(self.hub.path("host_key")) + ".pub"]).split()[1]
        return self.run_client(["psftp", "-batch", "-P", self.hub.port, "-i", key, "-hostkey", fingerprint, "-b", script, "-be",
                                f"{self.hub.user(agency)}@127.0.0.1"])

    def test_psftp(self):
        self.need("psftp")
        self.psftp(self.hub.sender, f"put {self.file} {self.hub.send_folder()}/psftp.bin")
        self.assertIn("psftp.bin", self.psftp(self.hub.sender, f"ls {self.hub.send_folder()}"))
        target = self.hub.root / "psftp.age"
        self.psftp(self.hub.receiver, f"get {self.hub.collect_folder()}/psftp.bin.age {target}")
        self.check_collected(target)


if __name__ == "__main__":
    unittest.main()
