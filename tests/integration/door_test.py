"""Who may come in, and how often: bans, and the networks that agencies declare. Every source is one of 127.0.0.0/8."""

import time
import unittest

import hub
import session_test

GARBAGE = b"GET / HTTP/1.1\r\n\r\n" * 20


def ends(connection):
    """Reads until the hub closes."""
    with connection:
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass


def offend(server, source, times=1):
    for _ in range(times):
        connection = server.connect(source)
        connection.sendall(GARBAGE)
        ends(connection)


def from_source(source):
    return ("-o", f"BindAddress={source}")


class Bans(session_test.SessionTest):
    options = {"ban_seconds": 3}

    def test_a_source_that_offends_is_banned_for_a_time_and_no_other_is(self):
        offend(self.server, "127.0.0.5", 3)
        begun = time.monotonic()
        self.server.expect("log 127.0.0.5 is banned for 3 s")
        self.assertEqual(self.server.sftp(self.key, "pwd", extra=from_source("127.0.0.6")).returncode, 0)
        refused = self.server.sftp(self.key, "pwd", extra=from_source("127.0.0.5"))
        if time.monotonic() - begun < 2.5:  # else the machine was too slow to ask in time
            self.assertNotEqual(refused.returncode, 0)
            self.server.expect("refused 127.0.0.5 banned")
        time.sleep(max(0.0, begun + 3.2 - time.monotonic()))
        self.assertEqual(self.server.sftp(self.key, "pwd", extra=from_source("127.0.0.5")).returncode, 0)

    def test_a_banned_source_costs_no_session_and_one_line_in_the_log(self):
        offend(self.server, "127.0.0.5", 3)
        self.server.expect("log 127.0.0.5 is banned for 3 s")
        for _ in range(50):
            ends(self.server.connect("127.0.0.5"))
        self.server.expect("refused 127.0.0.5 banned")
        self.assertEqual(self.server.stop(), 0)
        self.server.expect("stopped")
        self.assertEqual(len([line for line in self.server.said if "from 127.0.0.5 ended" in line]), 3)

    def test_connecting_and_hanging_up_is_no_offence(self):
        for _ in range(30):
            with self.server.connect("127.0.0.7") as connection:
                connection.recv(64)
        self.assertEqual(self.server.sftp(self.key, "pwd", extra=from_source("127.0.0.7")).returncode, 0)
        self.server.expect("alice logged in from 127.0.0.7")
        self.assertFalse([line for line in self.server.said if "refused" in line or "banned" in line])

    def test_a_declared_network_is_never_banned(self):
        offend(self.server, "127.9.0.1", 20)
        done = self.server.sftp(self.key, "pwd", extra=from_source("127.9.0.1"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.expect("alice logged in from 127.9.0.1")
        self.assertFalse([line for line in self.server.said if "banned" in line])


class Slots(session_test.SessionTest):
    options = {"unauthenticated": 8, "connections_per_source": 4, "reserved": 2}

    def fill(self):
        """Strangers hold every place; answers their connections."""
        held = []
        for attempt in range(2000):  # most are turned away at random
            connection = self.server.connect(f"127.0.{attempt % 250}.9")
            connection.settimeout(5)
            if connection.recv(3) == b"SSH":
                held.append(connection)
            else:
                connection.close()
            if len(held) == 8:
                return held
        self.fail(f"only {len(held)} came in")

    def test_a_declared_network_has_its_slots_when_strangers_fill_the_hub(self):
        held = self.fill()
        self.assertNotEqual(self.server.sftp(self.key, "pwd", extra=from_source("127.0.0.8")).returncode, 0)
        for _ in range(3):
            done = self.server.sftp(self.key, "pwd", extra=from_source("127.9.0.1"))
            self.assertEqual(done.returncode, 0, done.stderr)
        for connection in held:
            connection.close()


class Reload(hub.HubCase):
    def test_networks_come_into_force_with_the_policy(self):
        def sftp():
            return self.hub.sftp(self.hub.sender, "pwd", check=False, options=from_source("127.0.0.9")).returncode

        class Address:
            port = self.hub.port
            connect = session_test.Server.connect

        self.assertEqual(sftp(), 0)
        offend(Address(), "127.0.0.9", 3)
        hub.wait_until("the ban", lambda: "127.0.0.9 is banned for 30 s" in self.hub.log("chanceryd"))
        self.assertNotEqual(sftp(), 0)
        path = self.hub.directory / "agencies" / f"{self.hub.sender}.toml"
        text = path.read_text()
        path.write_text(text.replace("[[accounts]]", 'networks = ["127.0.0.8/29"]\n\n[[accounts]]', 1))
        self.assertIn("reloaded", self.hub.reload())
        self.assertEqual(sftp(), 0)
        path.write_text(text.replace("[[accounts]]", 'networks = ["127.0.0.9/29"]\n\n[[accounts]]', 1))
        self.assertIn("127.0.0.9/29\" is not a network", self.hub.reload())
        self.assertEqual(sftp(), 0, "the policy before it stays in force")


if __name__ == "__main__":
    unittest.main()
