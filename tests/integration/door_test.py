"""Who may come in, and how often: bans, and the networks that agencies declare. Every source is one of 127.0.0.0/8."""

import os
import pathlib
import re
import socket
import subprocess
import sys
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

    def test_asking_for_the_host_key_is_no_offence(self):
        for _ in range(2):
            asked = subprocess.run(["ssh-keyscan", "-p", str(self.server.port), "127.0.0.1"], capture_output=True, text=True, timeout=60)
            self.assertIn(self.server.host_key, asked.stdout)
        done = self.server.sftp(self.key, "pwd")
        self.assertEqual(done.returncode, 0, done.stderr)

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


# As `ssh -o ProxyCommand`: a balancer at 127.8.0.1 that says the header in its second argument.
BALANCER = """
import os, socket, sys, threading
hub = socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=("127.8.0.1", 0))
hub.sendall(bytes.fromhex(sys.argv[2]))
def back():
    while some := hub.recv(65536):
        os.write(1, some)
    os._exit(0)
threading.Thread(target=back).start()
while some := os.read(0, 65536):
    hub.sendall(some)
hub.shutdown(socket.SHUT_WR)
"""
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


def header(address, command=0x21, more=b""):
    """Of proxy-protocol.txt, 2.2: that a balancer speaks for the client at this address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    rest = socket.inet_pton(family, address) * 2 + bytes(4) + more
    return SIGNATURE + bytes([command, 0x21 if ":" in address else 0x11]) + len(rest).to_bytes(2, "big") + rest


def write_balancer(folder):
    (folder / "balancer.py").write_text(BALANCER)
    return folder / "balancer.py"


class Balanced(session_test.SessionTest):
    def sftp(self, said):
        script = write_balancer(self.folder)
        return self.server.sftp(self.key, "pwd",
                                extra=("-o", f"ProxyCommand={sys.executable} {script} {self.server.proxy_port} {said.hex()}"))

    def say(self, said, source="127.8.0.1"):
        connection = self.server.connect(source, self.server.proxy_port)
        connection.sendall(said)
        return connection


class Proxy(Balanced):
    options = {"proxies": 1, "ban_seconds": 60}

    def test_the_client_is_who_the_balancer_names(self):
        for address in ("192.0.2.7", "2001:db8::7"):
            for more in (b"", b"\x04\x00\x03\x00\x00\x00"):
                done = self.sftp(header(address, more=more))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.server.expect("alice logged in from " + re.escape(address) + " with")

    def test_a_header_may_come_in_pieces(self):
        with self.server.connect("127.8.0.1", self.server.proxy_port) as connection:
            for byte in header("192.0.2.7"):
                connection.sendall(bytes([byte]))
                time.sleep(0.01)
            self.assertEqual(connection.recv(4), b"SSH-")

    def test_bans_are_of_the_named_client(self):
        for _ in range(3):
            ends(self.say(header("203.0.113.5") + GARBAGE))
        self.server.expect("log 203.0.113.5 is banned")
        ends(self.say(header("203.0.113.5")))
        self.server.expect("refused 203.0.113.5 banned")
        self.assertEqual(self.sftp(header("203.0.113.6")).returncode, 0)

    def test_a_declared_network_behind_a_balancer_is_not_banned(self):
        for _ in range(6):
            ends(self.say(header("127.9.0.1") + GARBAGE))
        self.assertEqual(self.sftp(header("127.9.0.1")).returncode, 0)

    def test_the_balancer_speaks_for_itself(self):
        done = self.sftp(header("192.0.2.7", command=0x20))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.expect("alice logged in from 127.8.0.1 with")

    def test_only_balancers_that_were_named_are_believed(self):
        ends(self.say(header("192.0.2.7"), source="127.0.0.1"))
        self.server.expect("refused 127.0.0.1 proxy-header")

    def test_nothing_but_a_header_is_taken(self):
        for said in (b"SSH-2.0-OpenSSH_9.2p1\r\n", b"PROXY TCP4 192.0.2.7 127.0.0.1 50000 22\r\n",
                     header("192.0.2.7", command=0x22), header("192.0.2.7", command=0x11),
                     SIGNATURE + bytes([0x21, 0x31, 0, 216]) + bytes(216), SIGNATURE + bytes([0x21, 0x00, 0, 0]),
                     SIGNATURE + bytes([0x21, 0x11, 0, 11]) + bytes(11), SIGNATURE + bytes([0x21, 0x11, 0xFF, 0xFF])):
            ends(self.say(said))
            self.server.expect("refused 127.8.0.1 proxy-header")
        self.assertEqual(self.sftp(header("192.0.2.7")).returncode, 0)

    def test_a_header_that_does_not_come_in_time_closes_the_connection(self):
        begun = time.monotonic()
        ends(self.say(header("192.0.2.7")[:20]))
        self.assertGreater(time.monotonic() - begun, 4)
        self.server.expect("refused 127.8.0.1 proxy-header")

    def test_a_balancer_may_look_whether_the_hub_is_there(self):
        for _ in range(20):
            self.server.connect("127.8.0.1", self.server.proxy_port).close()
        self.assertEqual(self.sftp(header("192.0.2.7")).returncode, 0)
        self.server.expect("alice logged in from 192.0.2.7")
        self.assertFalse([line for line in self.server.said if "refused" in line])

    def test_a_header_is_not_believed_where_clients_connect(self):
        connection = self.server.connect("127.8.0.1")
        connection.sendall(header("192.0.2.7"))
        connection.shutdown(socket.SHUT_WR)
        ends(connection)
        self.server.expect("refused 127.8.0.1 key-exchange")

    def test_headers_that_are_waited_for_do_not_keep_the_hub_from_stopping(self):
        with self.say(header("192.0.2.7")[:20]):
            time.sleep(0.3)
            begun = time.monotonic()
            self.assertEqual(self.server.stop(), 0)
            self.assertLess(time.monotonic() - begun, 4)


class ManyBehindProxies(Balanced):
    options = {"proxies": 1, "unauthenticated": 8}

    def test_only_so_many_headers_are_waited_for(self):
        waiting = [self.say(b"") for _ in range(8)]
        begun = time.monotonic()
        ends(self.say(b""))
        self.server.expect("refused 127.8.0.1 proxy-header")
        self.assertLess(time.monotonic() - begun, 2, "it was no deadline")
        for connection in waiting:
            connection.settimeout(0.1)
            with self.assertRaises(TimeoutError):
                connection.recv(1)
        waiting.pop().close()
        hub.wait_until("a place", lambda: self.sftp(header("192.0.2.7")).returncode == 0)
        for connection in waiting:
            connection.close()


class Disagreement(session_test.SessionTest):
    """A client that has no algorithm in common with the hub: its operator reads which, and what would help."""

    helped = {("KexAlgorithms=diffie-hellman-group14-sha1,ecdh-sha2-nistp256",): ("key exchange", "ecdh-sha2-nistp256"),
              ("Ciphers=aes128-ctr", "MACs=hmac-sha1,hmac-sha2-512"): ("MAC", "hmac-sha2-512")}
    not_helped = {("KexAlgorithms=diffie-hellman-group14-sha1",): ("key exchange", "diffie-hellman-group14-sha1"),
                  ("Ciphers=aes128-ctr", "MACs=hmac-sha1"): ("MAC", "hmac-sha1"),
                  ("Ciphers=aes128-cbc,3des-cbc",): ("cipher", "aes128-cbc,3des-cbc"),
                  ("HostKeyAlgorithms=ssh-rsa",): ("kind of host key", "ssh-rsa")}

    def connect(self, options):
        return self.server.sftp(self.key, "pwd", extra=[word for option in options for word in ("-o", option)])

    def said(self, options, kind, algorithms):
        for _ in range(10):
            self.assertNotEqual(self.connect(options).returncode, 0)
            line = self.server.expect("log the connection from 127.0.0.1 ended before a login: ").string
            self.server.expect("refused 127.0.0.1 key-exchange")
            # libssh forgets why when a list comes before its own has left, as it may when the hub was kept from running.
            if "Socket error: Success" not in line:
                break
        found = re.search(rf"login: SSH-2\.0-OpenSSH_\S+.* and the hub have no {kind} in common: it has {algorithms}; (.*)", line)
        self.assertTrue(found, line)
        return found.group(1)

    def test_the_setting_that_would_help_is_named(self):
        for options, (kind, algorithm) in self.helped.items():
            self.assertEqual(self.said(options, kind, r"\S+"),
                             f'algorithms = "compatible" in chancery.toml would offer it {algorithm}')

    def test_none_is_named_where_none_would(self):
        for options, (kind, algorithms) in self.not_helped.items():
            self.assertRegex(self.said(options, kind, algorithms), r"^the hub has [a-z0-9@.,-]+$")

    def test_what_a_stranger_says_is_escaped_and_bounded(self):
        for name in (b"\x1b[2J\x07" + "\u202e\u009b".encode() + b"\xff", b"x" * 3000, b"y," * 1500):
            with self.server.connect() as connection:
                connection.sendall(b"SSH-2.0-" + b"z" * 90 + b"\x1b]0;\x07\r\n")
                came = b""
                while b"kex-strict-s" not in came:
                    some = connection.recv(4096)
                    self.assertTrue(some, came)
                    came += some
                connection.sendall(session_test.kex_init(name))
                ends(connection)
            line = self.server.expect("log the connection from 127.0.0.1 ended before a login: ").string
            self.assertIn("have no key exchange in common", line)
            self.assertTrue(line.isprintable(), repr(line))
            self.assertLess(len(line), 1000)


class CompatibleDisagreement(Disagreement):
    options = {"compatible": 1}

    def test_the_setting_that_would_help_is_named(self):
        for options in self.helped:
            self.assertEqual(self.connect(options).returncode, 0)


class OutOfMemory(session_test.SessionTest):
    """A hook that throws std::bad_alloc, as any may inside of libssh's callbacks, costs its own session at most."""

    def sftp(self, user, *commands):
        return self.server.sftp(self.key, *commands or ["pwd"], user=user)

    def test_each_hook_in_turn(self):
        for hook in range(1, 7):
            with self.subTest(hook=hook):
                self.end()
                self.options = {"throwing": hook}
                self.setUp()
                failed = self.sftp("bob", "stat") if hook == 3 else self.sftp("bob")
                if hook in (1, 2, 3):
                    self.assertNotEqual(failed.returncode, 0)
                if hook == 6:  # a refusal that cannot be told is no log-in
                    offend(self.server, "127.0.0.3")
                for _ in range(3):
                    done = self.sftp("alice")
                    self.assertEqual(done.returncode, 0, done.stderr)
                self.assertFalse(hook == 1 and [line for line in self.server.said if "bob logged in" in line])


class Descriptors(session_test.SessionTest):
    """None left: connections are taken again later, which is logged once, and nothing spins."""

    def seconds_of_processor(self):
        stat = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def starve(self, limit):
        self.end()
        publics = [("alice", self.key.with_suffix(".pub"))]
        self.server = session_test.Server(self.folder, publics, wrapper=("prlimit", f"--nofile={limit}"),
                                          unauthenticated=10000, connections_per_source=10000)
        held = [self.server.connect() for _ in range(60)]
        hub.wait_until("the end of its descriptors", lambda: len(
            list(pathlib.Path(f"/proc/{self.server.process.pid}/fd").iterdir())) >= limit - 1)
        before = self.seconds_of_processor()
        time.sleep(3)
        self.assertLess(self.seconds_of_processor() - before, 1)
        for connection in held:
            connection.close()
        hub.wait_until("a log-in", lambda: self.server.sftp(self.key, "pwd").returncode == 0)
        self.assertEqual(self.server.stop(), 0)
        self.server.expect("stopped")
        return [line for line in self.server.said if "accepted" in line or "dropped" in line]

    def test_the_hub_waits_without_spinning_and_goes_on(self):
        if b"__ubsan_handle" in pathlib.Path(self.server.process.args[0]).read_bytes():
            self.skipTest("the sanitizer's check of types needs descriptors itself, and takes a want of them for a fault")
        said = [self.starve(limit) for limit in (48, 49)]  # a session takes two: with one of them accepting fails
        for lines in said:
            self.assertEqual(len(set(lines)), len(lines), "each is said once")
        self.assertTrue(any("No connection can be accepted for now: Too many open files" in line for lines in said
                            for line in lines), said)


class BehindABalancer(hub.HubCase):
    """A whole hub: the address that the header names is the client's, in the log, in entries and for networks."""

    @classmethod
    def setUpClass(cls):
        cls.hub = hub.Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        cls.proxy_port = hub.free_port()
        with open(cls.hub.directory / "chancery.toml", "a", encoding="utf-8") as settings:
            settings.write(f'\n[proxy_listen]\nport = {cls.proxy_port}\nfrom = ["127.8.0.0/16"]\n')
        cls.hub.start()

    def balanced(self, address, *commands):
        command = f"{sys.executable} {write_balancer(self.hub.root)} {self.proxy_port} {header(address).hex()}"
        return self.hub.sftp(self.hub.sender, *commands, check=False, options=("-o", f"ProxyCommand={command}"))

    def test_the_named_address_is_the_clients(self):
        file = self.hub.root / "balanced.csv"
        file.write_text("nhs_number\n")
        done = self.balanced("192.0.2.7", f"put {file} {self.hub.send_folder()}/moorvale_maternity_202611.csv")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{self.hub.user(self.hub.sender)} logged in from 192.0.2.7 with", self.hub.log("chanceryd"))
        (accepted,) = [entry for entry in self.hub.entries() if entry["event"] == "file.accepted"]
        self.assertEqual(accepted["details"]["address"], "192.0.2.7")
        self.assertEqual(self.hub.sftp(self.hub.sender, "pwd").returncode, 0, "the other listener is there too")

    def test_a_ban_is_of_the_named_address(self):
        class Address:
            port = self.proxy_port
            connect = session_test.Server.connect

        for _ in range(3):
            with Address().connect("127.8.0.1") as connection:
                connection.sendall(header("192.0.2.66") + GARBAGE)
                ends(connection)
        hub.wait_until("the ban", lambda: "192.0.2.66 is banned for 30 s" in self.hub.log("chanceryd"))
        self.assertNotEqual(self.balanced("192.0.2.66", "pwd").returncode, 0)
        self.assertEqual(self.balanced("192.0.2.7", "pwd").returncode, 0)


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
