"""Other people's clients against the engine and the session: each puts a file, fetches it and compares."""

import os
import subprocess
import unittest

import session_test
from session_test import MIB


class Clients(session_test.SessionTest):
    def setUp(self):
        super().setUp()
        self.sent = self.file("sent", 20 * MIB)
        self.back = self.folder / "back"
        self.back.unlink(missing_ok=True)

    def run_client(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_same(self):
        self.assertEqual(self.back.read_bytes(), self.sent.read_bytes())

    def test_lftp(self):
        ssh = "ssh -a -x " + " ".join(self.server.options(self.key))
        listed = self.run_client(
            "lftp", "--norc", "-c", f'set sftp:connect-program "{ssh}"; open -u alice, '
            f"sftp://127.0.0.1:{self.server.port}; put {self.sent} -o file; ls; get file -o {self.back}")
        self.assertIn("file", listed)
        self.assert_same()

    def test_rclone(self):
        remote = (f":sftp,host=127.0.0.1,port={self.server.port},user=alice,key_file={self.key},shell_type=none,"
                  f"known_hosts_file={self.folder}/known_hosts:")
        environment = dict(os.environ, RCLONE_CONFIG="/dev/null")
        self.run_client("rclone", "copyto", self.sent, remote + "file", env=environment)
        self.assertIn("file", self.run_client("rclone", "lsf", remote, env=environment))
        self.run_client("rclone", "copyto", remote + "file", self.back, env=environment)
        self.assert_same()

    def test_psftp(self):
        key = self.folder / "key.ppk"
        self.run_client("puttygen", self.key, "-o", key)
        printed = self.run_client("ssh-keygen", "-lf", self.folder / "host_key.pub")
        batch = self.folder / "psftp.batch"
        batch.write_text(f"put {self.sent} file\nls\nget file {self.back}\n")
        listed = self.run_client("psftp", "-batch", "-hostkey", printed.split()[1], "-P", str(self.server.port), "-i",
                                 key, "alice@127.0.0.1", "-b", batch, env=dict(os.environ, HOME=str(self.folder)))
        self.assertIn("file", listed)
        self.assert_same()

    def test_openssh_scp_over_sftp(self):
        options = [*self.server.options(self.key), "-s", "-P", str(self.server.port)]
        self.run_client("scp", *options, self.sent, "alice@127.0.0.1:/file")
        self.run_client("scp", *options, "alice@127.0.0.1:/file", self.back)
        self.assert_same()


if __name__ == "__main__":
    unittest.main()
