"""What ssh-audit (Debian's, 2.5) says of the algorithms that are offered."""

import json
import pathlib
import re
import subprocess
import unittest

import session_test

# Newer than this ssh-audit: ML-KEM of 2024, sntrup761 under the name of its standard, the strict exchange of 2023.
UNKNOWN = {"mlkem768x25519-sha256", "sntrup761x25519-sha512", "kex-strict-s-v00@openssh.com"}
# Said of what OpenSSH 9 takes by default, before it was standardised under the name above. No longer said by later versions.
EXPERIMENTAL = ("kex", "sntrup761x25519-sha512@openssh.com", "warn", "using experimental algorithm")
FOR_OLD_CLIENTS = {("kex", f"ecdh-sha2-nistp{bits}", "fail", "using weak elliptic curves") for bits in (256, 384, 521)} | {
    ("mac", f"hmac-sha2-{bits}", "warn", "using encrypt-and-MAC mode") for bits in (256, 512)}


class Audit(session_test.SessionTest):
    options = {"strict": 1}
    expected = {EXPERIMENTAL}

    def audit(self, *how):
        done = subprocess.run(["ssh-audit", *how, "-p", str(self.server.port), "127.0.0.1"], capture_output=True, text=True,
                              timeout=60)
        return done.stdout

    def test_it_finds_exactly_what_is_known(self):
        if "v2.5." not in (version := subprocess.run(["ssh-audit", "-h"], capture_output=True, text=True).stdout[:40]):
            self.skipTest(f"another version of ssh-audit finds other things: {version!r}")
        found, kind, name = set(), None, None
        for line in self.audit("-n").splitlines():
            begun = re.match(r"\((\w+)\) (\S+)", line)
            if begun:
                kind, name = begun.groups()
            if said := re.search(r"(?:--|`-) \[(fail|warn)\] (.*\S)", line):
                found.add((kind, name, *said.groups()))
        unknown = {each for each in found if each[3] == "unknown algorithm"}
        self.assertEqual({name for _, name, _, _ in unknown}, UNKNOWN)
        self.assertEqual(found - unknown, self.expected)

    def needs_post_quantum(self):
        """Skips where the libssh that is linked has none: it came with 0.12, which Debian 13 has not."""
        program = self.server.process.args[0]
        linked = re.search(r"=> (\S*/libssh\.so\S*)", subprocess.run(["ldd", program], capture_output=True, text=True).stdout)
        if linked and b"mlkem768x25519-sha256" not in pathlib.Path(linked[1]).read_bytes():
            self.skipTest(f"{linked[1]} has no post-quantum key exchange")

    def test_post_quantum_exchanges_come_first(self):
        self.needs_post_quantum()
        offered = [each["algorithm"] for each in json.loads(self.audit("-j"))["kex"]]
        self.assertEqual(offered[:3], ["mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"])

    def test_openssh_uses_one_that_it_has(self):
        self.needs_post_quantum()
        done = self.server.ssh(self.key, "-v", "alice@127.0.0.1", "id")
        known = subprocess.run(["ssh", "-Q", "kex"], capture_output=True, text=True).stdout
        self.assertIn("sntrup761x25519-sha512@openssh.com", known)
        self.assertRegex(done.stderr, r"kex: algorithm: (mlkem768x25519-sha256|sntrup761x25519-sha512)")


class Compatible(Audit):
    options = {}
    expected = {EXPERIMENTAL} | FOR_OLD_CLIENTS


if __name__ == "__main__":
    unittest.main()
