"""OpenSSH's own regress scripts for SFTP and `scp -s` (Debian's openssh-tests) against the engine, over stdio and plain files.

Every script passes but for what docs/sftp.md denies, line by line. They run as whoever runs the tests, and for root also
as an ordinary user.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path("/usr/lib/openssh/regress")
SERVER = pathlib.Path(os.environ["CHANCERY_BIN"]) / "plain_sftp_server"
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "sftp.md"

# They have sshd run its own internal-sftp, whatever server is named.
NOT_OURS = {"sftp-chroot.sh", "sftp-uri.sh"}

LINKS = "Links cannot be made here."
HARD_LINKS = "`hardlink@openssh.com` is not announced"
COPIES = "Any other extended request is unsupported: among them `copy-data`"

OURS = {"scp.sh", "sftp.sh", "sftp-badcmds.sh", "sftp-batch.sh", "sftp-cmds.sh", "sftp-glob.sh", "sftp-perm.sh"}

# What a script says that failed, and what of the page denies it.
DENIED = {
    "sftp-cmds.sh": [
        ("missing file after ln", HARD_LINKS),
        ("created file is not equal after ln", HARD_LINKS),
        ("missing file after ln -s", LINKS),
        ("created file is not equal after cp", COPIES),
    ],
    "sftp-perm.sh": [
        ("plain symlink failed", LINKS),
        ("postcondition check failed: symlink no-readonly", LINKS),
        ("plain hardlink failed", HARD_LINKS),
        ("postcondition check failed: hardlink no-readonly", HARD_LINKS),
        ("plain symlink failed", LINKS),
        ("postcondition check failed: symlink no white/blacklists", LINKS),
        ("whitelisted symlink failed", LINKS),
        ("postcondition check failed: symlink whitelisted", LINKS),
        ("plain hardlink failed", HARD_LINKS),
        ("postcondition check failed: hardlink no white/blacklists", HARD_LINKS),
        ("whitelisted hardlink failed", HARD_LINKS),
        ("postcondition check failed: hardlink whitelisted", HARD_LINKS),
    ],
}
# How often the server itself was asked for what it denies: for the rest the client does not ask.
ASKED = {"sftp-cmds.sh": [LINKS], "sftp-perm.sh": [LINKS] * 3}


@unittest.skipUnless(SCRIPTS.is_dir(), "openssh-tests is not installed: run scripts/setup")
class Regress(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="openssh-regress-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.server = self.folder / "server"
        shutil.copy(SERVER, self.server)
        # The scripts' frame makes a key of every type that ssh knows, and has sshd check a configuration. Neither is used here.
        self.ssh = self.folder / "ssh"
        # Newer scripts send it to and fro as their data, so it is of such a size.
        self.ssh.write_bytes(b"#!/bin/sh\necho ssh-ed25519\nexit\n" + os.urandom(800_000))
        self.ssh.chmod(0o755)

    def run_scripts(self, user=None):
        scripts = sorted([*SCRIPTS.glob("sftp*.sh"), *SCRIPTS.glob("scp.sh")])
        self.assertLessEqual(OURS, {script.name for script in scripts})
        for script in scripts:
            # What takes long and has nothing to do with who runs it is run once.
            if script.name in NOT_OURS or (user and script.name in ("sftp.sh", "scp.sh")):
                continue
            with self.subTest(script=script.name, user=user or "whoever runs the tests"):
                self.run_script(script, user)

    def run_script(self, script, user):
        work = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        log = work / "denied.log"
        if user:
            shutil.chown(work, user)
        environment = {"PATH": os.environ["PATH"], "HOME": str(work), "TEST_SHELL": "sh", "BUILDDIR": str(SCRIPTS),
                       "TEST_SSH_SSHD": "/bin/true", "TEST_SSH_SSH": str(self.ssh), "TEST_SSH_QUIET": "yes",
                       "TEST_SSH_UNSAFE_PERMISSIONS": "1", "TEST_SSH_SFTPSERVER": str(self.server), "PLAIN_SFTP_LOG": str(log)}
        done = subprocess.run(["sh", SCRIPTS / "test-exec.sh", work, script], env=environment, cwd=work, user=user,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        denied = [failure for failure, _ in DENIED.get(script.name, [])]
        # Besides failures the scripts print the name of one that failed, and scp.sh two listings.
        failures = [line for line in done.stdout.splitlines() if not re.match("failed |-rw", line)]
        self.assertEqual(failures, denied, done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1 if denied else 0, done.stdout + done.stderr)
        asked = log.read_text().splitlines() if log.exists() else []
        self.assertEqual(asked, ASKED.get(script.name, []))

    def test_all_but_what_is_denied_passes(self):
        self.run_scripts()

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_all_but_what_is_denied_passes_for_an_ordinary_user(self):
        self.run_scripts("nobody")

    def test_the_page_says_each_denial(self):
        page = re.sub(r"\s+", " ", PAGE.read_text())
        for sentence in {sentence for rows in DENIED.values() for _, sentence in rows}:
            self.assertIn(sentence, page)


if __name__ == "__main__":
    unittest.main()
