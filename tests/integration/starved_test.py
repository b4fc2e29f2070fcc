"""A session whose every allocation in turn fails, in libssh's callbacks and out of them: it costs that session at most."""

import subprocess
import sys
import unittest

import session_test


class Starved(session_test.SessionTest):
    program = "starved_session_server"
    # So few places that one which is not given back is missed.
    options = {"connections_per_source": 3, "sessions_per_account": 3, "ban_seconds": 0}

    def starve(self, count):
        """The allocation at which a session's thread fails from now on; answers how many were left of the last count."""
        self.server.process.stdin.write(f"{count}\n")
        self.server.process.stdin.flush()
        return int(self.server.expect(r"^left (\d+)").group(1))

    def whole_session(self):
        return subprocess.run([session_test.BIN / "crowd", str(self.server.port), "alice", self.key, "1", "log-ins", "1",
                               "curve25519-sha256"], capture_output=True, text=True, timeout=30)

    def test_at_each_allocation(self):
        count, survived, left = 0, 0, 0
        while left == 0:
            count += 1
            self.starve(count)
            survived += self.whole_session().returncode == 0
            left = self.starve(0)
            self.assertIsNone(self.server.process.poll(), f"the server ended at allocation {count}")
            after = self.whole_session()
            self.assertEqual(after.returncode, 0, f"after allocation {count}: {after.stderr}")
        print(f"{count - 1} allocations, in spite of {survived} all was done ", file=sys.stderr, end="")
        self.assertGreater(count, 30)


if __name__ == "__main__":
    unittest.main()
