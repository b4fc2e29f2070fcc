"""Every SSH message number in every state, and log-ins that break the rules, by a client that lets one (paramiko).

All come from a declared network, so that no ban ends the attempts."""

import concurrent.futures
import logging
import socket
import statistics
import subprocess
import sys
import time
import unittest
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # paramiko's own, of the ciphers it still knows
    import paramiko

from paramiko.common import (MSG_CHANNEL_FAILURE, MSG_CHANNEL_OPEN_SUCCESS, MSG_CHANNEL_REQUEST, MSG_CHANNEL_SUCCESS,
                             MSG_KEXINIT, MSG_SERVICE_ACCEPT, MSG_USERAUTH_FAILURE, MSG_USERAUTH_PK_OK, MSG_USERAUTH_SUCCESS,
                             cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST)
from paramiko.message import Message

import hub
import session_test

logging.disable(logging.CRITICAL)  # it logs every refusal, which is what is wanted here
SOURCE = "127.9.0.1"
ANSWERS = {MSG_USERAUTH_FAILURE, MSG_USERAUTH_PK_OK, MSG_USERAUTH_SUCCESS}
OUTCOMES = {MSG_CHANNEL_SUCCESS, MSG_CHANNEL_FAILURE}
GRANTS = {MSG_CHANNEL_OPEN_SUCCESS, MSG_CHANNEL_SUCCESS, MSG_USERAUTH_SUCCESS}
BODIES = (b"", bytes(32), b"\xff" * 32)
NUMBERS = range(1, 256)
FIRST_CHANNEL = 43  # as libssh counts them


def strings(*texts):
    message = Message()
    for text in texts:
        message.add_string(text)
    return message.asbytes()


def well_formed(key):
    """What a client in good order says with some numbers, whenever that is said; of the key it only asks."""
    channel, request = FIRST_CHANNEL.to_bytes(4, "big"), lambda *texts: strings(*texts[:-1]) + b"\x01" + texts[-1]
    return {
        5: (strings("ssh-userauth"), strings("ssh-connection")),
        50: (strings("alice", "ssh-connection", "none"),
             strings("alice", "ssh-connection", "password") + b"\0" + strings("x"),
             strings("alice", "ssh-connection", "publickey") + b"\0" + strings("ssh-ed25519", key.asbytes()),
             strings("alice", "ssh-connection", "publickey") + b"\x01" + strings(
                 "ssh-ed25519", key.asbytes(), strings("ssh-ed25519", bytes(64)))),
        80: (request("tcpip-forward", strings("127.0.0.1") + bytes(4)), request("keepalive@openssh.com", b"")),
        90: (strings("session") + bytes(4) + bytes([0, 32, 0, 0]) + bytes([0, 0, 128, 0]),),
        94: (channel + strings(bytes.fromhex("000000050100000003")),),  # INIT of SFTP
        98: (channel + request("subsystem", strings("sftp")), channel + request("exec", strings("id"))),
    }


class Client(paramiko.Transport):
    """Notes the kinds of messages that come, and can be kept from finishing an exchange of keys."""

    def __init__(self, server):
        super().__init__(server.connect(SOURCE))
        self.came = set()
        self.last = None
        self.came_at = 0.0  # of `last`
        read = self.packetizer.read_message

        def read_and_note():
            kind, message = read()
            self.came.add(kind)
            self.came_at = time.perf_counter()
            self.last = (kind, message.asbytes())
            return kind, message

        self.packetizer.read_message = read_and_note
        self.start_client(timeout=20)

    def put(self, kind, body=b""):
        message = Message()
        message.add_bytes(bytes([kind]))
        message.add_bytes(body)
        self._send_message(message)

    def settle(self, seconds=0.2):
        """Waits until the hub has answered what came before: to a request for a service, or by hanging up; it may also stay
        silent."""
        self.last = None
        try:
            self.put(cMSG_SERVICE_REQUEST[0], strings("ssh-userauth"))
        except (OSError, EOFError, paramiko.SSHException):
            return
        end = time.monotonic() + seconds
        while self.is_active() and self.last is None and time.monotonic() < end:
            time.sleep(0.002)


class MessageTest(session_test.SessionTest):
    options = {"login_seconds": 20, "sessions_per_account": 100, "attempts": 10000, "connections_per_source": 100}

    def setUp(self):
        super().setUp()
        self.own = paramiko.Ed25519Key(filename=str(self.key))

    def client(self):
        client = Client(self.server)
        self.addCleanup(client.close)
        return client

    def logged_in(self):
        client = self.client()
        client.auth_publickey("alice", self.own)
        client.came.clear()
        return client

    @staticmethod
    def answer(client, seconds=10.0, of=ANSWERS):
        """The answer to a request, as its kind and body, or None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            last = client.last
            if last is not None and last[0] in of:
                return last
            if not client.is_active():
                return None
            time.sleep(0.0005)
        return None

    def assert_another_works(self, sftp):
        """The session that was there all the time, and a new one."""
        self.assertEqual(sftp.stat("/").st_mode & 0o170000, 0o040000)
        self.assertEqual(self.server.sftp(self.key, "pwd", extra=("-o", f"BindAddress={SOURCE}")).returncode, 0)

    def every_number(self, begin, allowed=()):
        """Sends each number to what begin() answers, and to a new one when the hub has hung up; by eight clients at once.
        Nothing is granted but the `allowed` requests of a channel."""
        witness = paramiko.SFTPClient.from_transport(self.logged_in())
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            tasks = [clients.submit(self.numbers, begin, NUMBERS[first::8], allowed) for first in range(8)]
            while concurrent.futures.wait(tasks, timeout=2).not_done:
                self.assert_another_works(witness)
            for task in tasks:
                task.result()
        self.assert_another_works(witness)
        self.assertIsNone(self.server.process.poll())

    def messages(self, numbers):
        known = well_formed(self.own)
        return [(number, body) for number in numbers for body in (*BODIES, *known.get(number, ()))]

    def numbers(self, begin, numbers, allowed):
        client = None
        for number, body in self.messages(numbers):
            try:
                assert client is not None and client.is_active() and body in BODIES
                client.put(number, body)
            except (AssertionError, OSError, EOFError, paramiko.SSHException):  # it has hung up on the last one, or will
                client = begin()
                client.put(number, body)
            client.settle()
            granted = client.came & GRANTS
            client.came.clear()
            self.assertEqual(granted, {MSG_CHANNEL_SUCCESS} if (number, body) in allowed else set(), (number, body))


class EveryNumber(MessageTest):
    def test_before_the_key_exchange(self):
        witness = paramiko.SFTPClient.from_transport(self.logged_in())
        for number, body in self.messages(NUMBERS):
            with self.server.connect(SOURCE) as connection:
                connection.sendall(b"SSH-2.0-x\r\n" + session_test.packet(bytes([number]) + body) * 2)
                connection.shutdown(socket.SHUT_WR)
                came = b""
                try:
                    while some := connection.recv(65536):
                        came += some
                except ConnectionResetError:
                    pass
            kinds = self.kinds(came[came.find(b"\n") + 1:])  # nothing, if it was reset before we read
            self.assertTrue(kinds <= {1, 2, 3, 4, MSG_KEXINIT}, (number, kinds))
        self.assert_another_works(witness)

    @staticmethod
    def kinds(stream):
        found = set()
        while len(stream) >= 6:
            found.add(stream[5])
            stream = stream[4 + int.from_bytes(stream[:4], "big"):]
        return found

    def test_before_the_login(self):
        self.every_number(self.client)

    def with_a_channel(self):
        client = self.logged_in()
        self.assertEqual(client.open_session(timeout=20).remote_chanid, FIRST_CHANNEL)
        client.came.clear()
        return client

    def test_after_the_login(self):
        # Whoever has logged in may have its one channel, and SFTP on it; a second channel is refused.
        self.every_number(self.with_a_channel, allowed=[(98, well_formed(self.own)[98][0])])

    def test_while_keys_are_exchanged_again(self):
        def begin():
            client = self.with_a_channel()
            client._handler_table = {**client._handler_table, MSG_KEXINIT: lambda *_: None}
            client._send_kex_init()
            return client

        self.every_number(begin)


class ChannelRequests(MessageTest):
    def test_all_but_sftp_are_refused(self):
        client = self.logged_in()
        channel = client.open_session(timeout=20)
        quiet = {kind: lambda *_: None for kind in OUTCOMES}  # else paramiko closes the channel
        client._channel_handler_table = {**client._channel_handler_table, **quiet}
        for name, body in {"pty-req": strings("vt100") + bytes(16) + strings(""), "window-change": bytes(16),
                           "x11-req": b"\x01" + strings("MIT-MAGIC-COOKIE-1", "00" * 16) + bytes(4),
                           "auth-agent-req@openssh.com": b"", "env": strings("LANG", "C"), "shell": b"",
                           "exec": strings("id"), "break": bytes(4), "subsystem": strings("netconf")}.items():
            self.assertEqual(self.ask(client, channel, name, body), MSG_CHANNEL_FAILURE, name)
        self.assertFalse(any("serving" in line for line in list(self.server.lines.queue) + self.server.said))
        self.assertEqual(self.ask(client, channel, "subsystem", strings("sftp")), MSG_CHANNEL_SUCCESS)
        self.server.expect("serving alice")

    def ask(self, client, channel, name, body):
        client.last = None
        client.put(MSG_CHANNEL_REQUEST, channel.remote_chanid.to_bytes(4, "big") + strings(name) + b"\x01" + body)
        answer = self.answer(client, of=OUTCOMES)
        return answer and answer[0]


class Logins(MessageTest):
    def request(self, client, user, key, algorithm="ssh-ed25519", sign_for=None, signer=None):
        """A request to log in; a mere probe without `signer`. It signs for `sign_for`: the user and key it was made for."""
        blob = key if isinstance(key, bytes) else key.asbytes()
        body = strings(user, "ssh-connection", "publickey") + bytes([signer is not None]) + strings(algorithm, blob)
        if signer is not None:
            signed_user, signed_key = sign_for or (user, blob)
            signed = strings(client.session_id) + cMSG_USERAUTH_REQUEST + strings(signed_user, "ssh-connection", "publickey")
            signed += b"\x01" + strings(algorithm, signed_key)
            body += strings(signer.sign_ssh_data(signed).asbytes())
        client.last = None
        client.put(cMSG_USERAUTH_REQUEST[0], body)

    def begun(self):
        client = self.client()
        # Else paramiko hangs up, having asked nothing.
        quiet = {kind: lambda *_: None for kind in (MSG_SERVICE_ACCEPT, *ANSWERS)}
        client._handler_table = {**client._handler_table, **quiet}
        client.put(cMSG_SERVICE_REQUEST[0], strings("ssh-userauth"))
        self.answer(client, of={MSG_SERVICE_ACCEPT})
        return client

    def assert_denied(self, client, what):
        """By an answer, by hanging up, or by none."""
        answer = self.answer(client, 1)
        self.assertTrue(answer is None or answer[0] == MSG_USERAUTH_FAILURE, (what, answer))

    def test_a_login_by_hand_works(self):
        client = self.begun()
        self.request(client, "alice", self.own, signer=self.own)
        self.assertEqual(self.answer(client)[0], MSG_USERAUTH_SUCCESS)

    def test_keys_that_are_none(self):
        ecdsa = paramiko.ECDSAKey(filename=str(self.keys["ecdsa"])).asbytes()
        blobs = {"empty": b"", "one byte": b"\0", "only a type": strings("ssh-ed25519"), "short": self.own.asbytes()[:-1],
                 "oversized": strings("ssh-ed25519", bytes(100000)),
                 "a length past the end": b"\xff\xff\xff\xff" + self.own.asbytes(),
                 "no point of the curve": ecdsa[:-64] + b"\x01" * 64,
                 "another curve": ecdsa.replace(b"nistp256", b"nistp384"),
                 "rsa without exponent": strings("ssh-rsa", b"", b"\x01" * 257),
                 "rsa of 512 bits": strings("ssh-rsa", b"\x01\0\x01", b"\x01" * 65),
                 "rsa of 64 KiB": strings("ssh-rsa", b"\x01\0\x01", b"\x01" * 65536),
                 "certificate": strings("ssh-ed25519-cert-v01@openssh.com", bytes(32), self.own.asbytes()[-32:]) + bytes(60)}
        for name, blob in blobs.items():
            for algorithm in ("ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com", ""):
                for signer in (None, self.own):
                    client = self.begun()
                    self.request(client, "alice", blob, algorithm, signer=signer)
                    self.assert_denied_at_once(client, (name, algorithm))
        self.assertEqual(self.server.sftp(self.key, "pwd").returncode, 0)

    def assert_denied_at_once(self, client, what):
        client.settle(2)
        self.assertFalse(client.came & {MSG_USERAUTH_SUCCESS, MSG_USERAUTH_PK_OK}, what)
        client.close()

    def test_probing_with_one_key_and_signing_with_another(self):
        other = paramiko.Ed25519Key(filename=str(self.keys["stranger"]))
        for name, key, signer in (("the known key, signed by another", self.own, other), ("the other key", other, other)):
            client = self.begun()
            self.request(client, "alice", self.own)
            self.assertEqual(self.answer(client)[0], MSG_USERAUTH_PK_OK)
            self.request(client, "alice", key, signer=signer)
            self.assert_denied(client, name)

    def test_a_signature_for_another_user_key_or_session(self):
        client, elsewhere = self.begun(), self.begun()
        self.request(client, "alice", self.own, sign_for=("bob", self.own.asbytes()), signer=self.own)
        self.assert_denied(client, "for bob")
        client = self.begun()
        client.session_id, mine = elsewhere.session_id, client.session_id
        self.request(client, "alice", self.own, signer=self.own)
        client.session_id = mine
        self.assert_denied(client, "of another session")

    def test_a_user_that_changes_midway(self):
        rsa = paramiko.RSAKey(filename=str(self.keys["rsa"]))  # alice's, not bob's
        client = self.begun()
        self.request(client, "alice", rsa, "rsa-sha2-256")
        self.assertEqual(self.answer(client)[0], MSG_USERAUTH_PK_OK)
        self.request(client, "bob", rsa, "rsa-sha2-256", signer=rsa)
        self.assert_denied(client, "bob with alice's key")
        client = self.begun()
        self.request(client, "nobody", self.own)
        self.assertEqual(self.answer(client)[0], MSG_USERAUTH_FAILURE)
        self.request(client, "bob", self.own, signer=self.own)
        self.assertEqual(self.answer(client)[0], MSG_USERAUTH_SUCCESS)
        self.request(client, "alice", self.own, signer=self.own)
        self.server.expect("bob logged in")
        client.close()
        self.server.expect("session of bob from 127.9.0.1 ended")

    def test_known_and_unknown_users_are_answered_alike(self):
        self.assert_alike("alice", "nobod", paramiko.Ed25519Key(filename=str(self.keys["stranger"])))

    def assert_alike(self, known, unknown, other):
        """Who asks for either with another's key gets the same answer, in the same time."""
        taken, answers, client = {known: [], unknown: []}, set(), self.begun()
        for turn in range(300):
            if turn % 40 == 39:  # before its attempts are used up
                client.close()
                client = self.begun()
            for user in taken if turn % 2 else reversed(taken):
                begun = time.perf_counter()
                self.request(client, user, other)
                answers.add(self.answer(client))
                taken[user].append(client.came_at - begun)
        self.assertEqual(len(answers), 1)
        self.assertEqual(answers.pop()[0], MSG_USERAUTH_FAILURE)
        known, unknown = (statistics.median(times) for times in taken.values())
        print(f"{known * 1e6:.0f} and {unknown * 1e6:.0f} us ", file=sys.stderr, end="")
        self.assertLess(abs(known - unknown), 0.1 * max(known, unknown) + 50e-6, "they can be told apart")


class Betraying(MessageTest):
    """A look-up that takes a little longer for a user that there is, which the test of that must see."""

    options = {**MessageTest.options, "betraying": 150}
    begun, request, assert_alike = Logins.begun, Logins.request, Logins.assert_alike

    def test_a_small_difference_is_seen(self):
        with self.assertRaisesRegex(AssertionError, "they can be told apart"):
            self.assert_alike("alice", "nobod", paramiko.Ed25519Key(filename=str(self.keys["stranger"])))


class WholeHub(hub.HubCase):
    """The look-up of a whole hub, in its policy."""

    client, begun, request, answer, assert_alike = (
        MessageTest.client, Logins.begun, Logins.request, staticmethod(MessageTest.answer), Logins.assert_alike)
    connect = session_test.Server.connect

    @classmethod
    def setUpClass(cls):
        cls.hub = hub.Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        with open(cls.hub.directory / "chancery.toml", "a", encoding="utf-8") as settings:
            settings.write("\n[limits]\nattempts = 100\nlogin_seconds = 600\n")
        cls.hub.start()

    def test_known_and_unknown_users_are_answered_alike(self):
        self.server, self.port, stranger = self, self.hub.port, self.hub.root / "stranger"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        known = self.hub.user(self.hub.sender)
        self.assert_alike(known, known[:-1] + "x", paramiko.Ed25519Key(filename=str(stranger)))


class Deadline(MessageTest):
    """Whatever a client does instead of logging in, the connection ends in time."""

    options = {"login_seconds": 3, "attempts": 10000}

    def assert_in_time(self, begun):
        """It was the deadline, and within a second of it."""
        took = time.monotonic() - begun
        self.assertGreater(took, 3 - 0.5)
        self.assertLess(took, 3 + 1)
        self.server.expect(f"refused {SOURCE} deadline")

    def assert_ends(self, connection, do):
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 20:
                do()
                connection.settimeout(0.05)
                try:
                    if connection.recv(65536) == b"":
                        break
                except TimeoutError:
                    pass
        except (ConnectionError, EOFError, paramiko.SSHException, OSError):
            pass
        self.assert_in_time(begun)

    def test_a_version_line_that_drips(self):
        connection = self.server.connect(SOURCE)
        drops = iter(b"SSH-2.0-" + b"x" * 1000)
        self.assert_ends(connection, lambda: connection.sendall(bytes([next(drops)])))
        connection.close()

    def test_lines_before_the_version_line(self):
        connection = self.server.connect(SOURCE)
        self.assert_ends_refused(connection, lambda: (connection.sendall(b"hello\r\n"), time.sleep(0.01)))

    def assert_ends_refused(self, connection, do):
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 20:
                do()
        except OSError:
            pass
        connection.close()
        self.assertLess(time.monotonic() - begun, 3 + 1)
        self.server.expect(f"refused {SOURCE} (key-exchange|deadline)")

    def test_a_key_exchange_that_stalls(self):
        for bytes_of_it in (1, 4, 100):
            connection = self.server.connect(SOURCE)
            connection.sendall(b"SSH-2.0-x\r\n" + bytes([0, 0, 2, 0, 10, 20] + [0] * 200)[:bytes_of_it])
            self.assert_ends(connection, lambda: None)
            connection.close()

    def exchanging(self):
        """A connection that has sent a whole KEXINIT, on which the hub waits for the client's share of the secret."""
        connection = self.server.connect(SOURCE)
        connection.sendall(b"SSH-2.0-x\r\n" + session_test.kex_init())
        self.addCleanup(connection.close)
        return connection

    def test_a_whole_kexinit_and_then_silence(self):
        self.assert_ends(self.exchanging(), lambda: None)

    def test_messages_to_be_ignored_instead_of_the_exchange(self):
        connection, ignored = self.exchanging(), session_test.packet(bytes([2]) + (40).to_bytes(4, "big") + bytes(40))
        self.assert_ends(connection, lambda: connection.sendall(ignored))

    def test_an_exchange_that_stalls_in_its_second_message(self):
        share = session_test.packet(bytes([30, 0, 0, 0, 32, 9]) + bytes(31))
        for bytes_of_it in (4, len(share) - 1):
            connection = self.exchanging()
            connection.sendall(share[:bytes_of_it])
            self.assert_ends(connection, lambda: None)

    def test_an_exchange_that_is_never_sealed(self):
        connection = self.exchanging()
        connection.sendall(session_test.packet(bytes([30, 0, 0, 0, 32, 9]) + bytes(31)))
        came = b""
        while b"ssh-ed25519" not in came.split(b"none", 1)[-1]:  # behind its lists: the host key, and its own share
            some = connection.recv(4096)
            self.assertTrue(some, came)
            came += some
        self.assert_ends(connection, lambda: None)

    def send_bad_signatures(self, pause):
        """Sends them until the hub hangs up; answers when it began, and how many it sent."""
        client = self.client()
        begun, sent = time.monotonic(), 0
        client.put(cMSG_SERVICE_REQUEST[0], strings("ssh-userauth"))
        body = strings("alice", "ssh-connection", "publickey") + b"\x01" + strings(
            "ssh-ed25519", self.own.asbytes(), strings("ssh-ed25519", bytes(64)))
        while client.is_active() and time.monotonic() - begun < 20:
            try:
                client.put(cMSG_USERAUTH_REQUEST[0], body)
            except (OSError, EOFError, paramiko.SSHException):
                break
            sent += 1
            time.sleep(pause)
        return begun, sent

    def test_bad_signatures_until_the_deadline(self):
        begun, sent = self.send_bad_signatures(pause=0.02)
        self.assertGreater(sent, 10)
        self.assert_in_time(begun)

    def test_bad_signatures_as_fast_as_they_go(self):
        begun, sent = self.send_bad_signatures(pause=0)
        self.assertGreater(sent, 10)
        self.assertLess(time.monotonic() - begun, 3 + 1)
        self.server.expect(f"refused {SOURCE} (deadline|flood)")


if __name__ == "__main__":
    unittest.main()
