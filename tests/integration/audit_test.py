"""What ssh-audit says of the algorithms that are offered: Debian 12's 2.5, and the 3.3 of Debian 13 and later."""

import json
import pathlib
import re
import subprocess
import unittest

import session_test

# Newer than 2.5: ML-KEM of 2024, sntrup761 under the name of its standard, the strict exchange of 2023.
UNKNOWN = {"2.5": {"mlkem768x25519-sha256", "sntrup761x25519-sha512", "kex-strict-s-v00@openssh.com"}, "3.3": set()}
# Said of what OpenSSH 9.0 to 9.8 take by default, before it was standardised under the name above. It is kept knowingly:
# docs/decisions/006-strict-algorithms.md says why. Later versions have nothing against it.
EXPERIMENTAL = ("kex", "sntrup761x25519-sha512@openssh.com", "warn", "using experimental algorithm")
STRICT = {"2.5": {EXPERIMENTAL}, "3.3": set()}
SUSPECTED = "using elliptic curves that are suspected as being backdoored by the U.S. National Security Agency"
PLAIN_MACS = {("mac", f"hmac-sha2-{bits}", "warn", "using encrypt-and-MAC mode") for bits in (256, 512)}
FOR_OLD_CLIENTS = {
    "2.5": PLAIN_MACS | {("kex", f"ecdh-sha2-nistp{bits}", "fail", "using weak elliptic curves") for bits in (256, 384, 521)},
    "3.3": PLAIN_MACS | {("kex", f"ecdh-sha2-nistp{bits}", "fail", SUSPECTED) for bits in (256, 384, 521)} | {
        ("kex", "diffie-hellman-group14-sha256", "warn", "2048-bit modulus only provides 112-bits of symmetric strength")}}


class Audit(session_test.SessionTest):
    expected = STRICT

    def audit(self, *how):
        done = subprocess.run(["ssh-audit", *how, "-p", str(self.server.port), "127.0.0.1"], capture_output=True, text=True,
                              timeout=60)
        return done.stdout

    def test_it_finds_exactly_what_is_known(self):
        said = subprocess.run(["ssh-audit", "-h"], capture_output=True, text=True).stdout[:40]
        version = next((version for version in self.expected if f"v{version}." in said), None)
        if version is None:
            self.skipTest(f"another version of ssh-audit finds other things: {said!r}")
        found, kind, name = set(), None, None
        for line in self.audit("-n").splitlines():
            begun = re.match(r"\((\w+)\) (\S+)", line)
            if begun:
                kind, name = begun.groups()
            if said := re.search(r"(?:--|`-) \[(fail|warn)\] (.*\S)", line):
                found.add((kind, name, *said.groups()))
        unknown = {each for each in found if each[3] == "unknown algorithm"}
        self.assertEqual({name for _, name, _, _ in unknown}, UNKNOWN[version])
        self.assertEqual(found - unknown, self.expected[version])

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
    options = {"compatible": 1}
    expected = {version: STRICT[version] | FOR_OLD_CLIENTS[version] for version in STRICT}


if __name__ == "__main__":
    unittest.main()
