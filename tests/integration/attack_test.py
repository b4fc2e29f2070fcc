"""What only a client that breaks the rules does (paramiko, which lets it): logins and channels that must not be."""

import contextlib
import io
import itertools
import logging
import os
import struct
import time
import unittest
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # paramiko's own, of the ciphers it still knows
    import paramiko

from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_SUCCESS
from paramiko.message import Message

import hub
import session_test

logging.disable(logging.CRITICAL)  # it logs every refusal, which is what is wanted here
LIBSSH = tuple(map(int, os.environ["CHANCERY_LIBSSH"].split(".")))


class WronglySigningKey(paramiko.Ed25519Key):
    def sign_ssh_data(self, data, algorithm=None):
        return super().sign_ssh_data(b"something else")


class Logins(session_test.SessionTest):
    def transport(self):
        transport = paramiko.Transport(("127.0.0.1", self.server.port))
        self.addCleanup(transport.close)
        transport.start_client(timeout=10)
        return transport

    def logged_in(self):
        transport = self.transport()
        transport.auth_publickey("alice", paramiko.Ed25519Key(filename=str(self.key)))
        return transport


class Attacks(Logins):
    options = {"login_seconds": 3}

    def assert_no_channel(self, transport):
        with self.assertRaises((paramiko.SSHException, EOFError)):
            transport.open_session(timeout=5)

    def send(self, transport, kind, text=None):
        message = Message()
        message.add_byte(kind)
        if text:
            message.add_string(text)
        transport._send_message(message)
        time.sleep(0.3)

    def test_saying_oneself_that_the_login_succeeded(self):
        transport = self.transport()
        self.send(transport, cMSG_USERAUTH_SUCCESS)
        transport.authenticated = True
        self.assert_no_channel(transport)
        self.server.expect("ended before a login")

    def test_a_channel_without_a_login(self):
        self.assert_no_channel(self.transport())
        transport = self.transport()
        self.send(transport, cMSG_SERVICE_REQUEST, "ssh-userauth")
        self.assert_no_channel(transport)

    def test_a_wrong_signature_of_a_right_key_ends_at_the_deadline(self):
        begun = time.monotonic()
        with self.assertRaises(paramiko.SSHException):
            self.transport().auth_publickey("alice", WronglySigningKey(filename=str(self.key)))
        self.assertLess(time.monotonic() - begun, 4.5)
        self.server.expect("refused 127.0.0.1 deadline")

    def test_a_probe_is_no_login(self):
        transport = self.transport()
        key = paramiko.Ed25519Key(filename=str(self.key))
        self.send(transport, cMSG_SERVICE_REQUEST, "ssh-userauth")
        for _ in range(3):
            probe = Message()
            probe.add_byte(paramiko.common.cMSG_USERAUTH_REQUEST)
            for text in ("alice", "ssh-connection", "publickey"):
                probe.add_string(text)
            probe.add_boolean(False)
            probe.add_string("ssh-ed25519")
            probe.add_string(key.asbytes())
            transport._send_message(probe)
        time.sleep(0.5)
        self.assertTrue(transport.is_active())
        self.assert_no_channel(transport)
        self.server.expect("ended before a login")
        self.assertFalse(any("logged in" in line for line in self.server.said))

    def try_password(self, transport):
        with self.assertRaises(paramiko.AuthenticationException):
            transport.auth_password("alice", "password")

    def try_interactive(self, transport):
        with self.assertRaises(paramiko.AuthenticationException):
            transport.auth_interactive("alice", lambda *_: [])

    def try_wrong_key(self, transport):
        with self.assertRaises(paramiko.AuthenticationException):
            transport.auth_publickey("alice", paramiko.Ed25519Key(filename=str(self.keys["stranger"])))

    def assert_counted(self, *attempts):
        """Five of these and then the right key log in; after six nothing does."""
        right = paramiko.Ed25519Key(filename=str(self.key))
        for count in (5, 6):
            transport = self.transport()
            denied = (EOFError, OSError, paramiko.SSHException) if count == 6 else ()
            with contextlib.suppress(*denied):
                for attempt in itertools.islice(itertools.cycle(attempts), count):
                    attempt(transport)
                transport.auth_publickey("alice", right)
            self.assertEqual(transport.is_authenticated(), count == 5)
        self.server.expect("refused 127.0.0.1 attempts")

    def test_passwords_are_counted_like_wrong_keys(self):
        self.assert_counted(self.try_password)
        self.assert_counted(self.try_password, self.try_wrong_key)

    @unittest.skipIf(LIBSSH < (0, 12), "this libssh refuses it by itself, uncounted")
    def test_answers_from_a_keyboard_are_counted_like_wrong_keys(self):
        self.assert_counted(self.try_interactive)

    def test_a_second_channel_and_a_second_subsystem(self):
        transport = self.logged_in()
        channel = transport.open_session(timeout=5)
        self.assert_no_channel(transport)
        channel.invoke_subsystem("sftp")
        self.server.expect("serving alice")
        with self.assertRaises(paramiko.SSHException):
            channel.invoke_subsystem("sftp")

    def test_other_kinds_of_channel(self):
        transport = self.logged_in()
        for kind, where in (("direct-tcpip", ("127.0.0.1", 22)), ("forwarded-tcpip", ("127.0.0.1", 22)),
                            ("x11", ("127.0.0.1", 6000)), ("auth-agent@openssh.com", None)):
            with self.assertRaises(paramiko.ChannelException, msg=kind):
                transport.open_channel(kind, where, ("127.0.0.1", 1))

    def test_data_before_the_subsystem(self):
        channel = self.logged_in().open_session(timeout=5)
        channel.sendall(b"too early")
        self.server.expect("The client sent data before it asked for SFTP")

    def test_a_packet_of_impossible_length(self):
        channel = self.logged_in().open_session(timeout=5)
        channel.invoke_subsystem("sftp")
        channel.sendall(b"\xff\xff\xff\xff garbage")
        self.server.expect("ended alice open=0")
        self.server.expect("The client sent a packet of 4294967295 bytes")

    def test_paramiko_itself_works(self):
        sftp = paramiko.SFTPClient.from_transport(self.logged_in())
        sent = bytes(range(256)) * 40000
        sftp.putfo(io.BytesIO(sent), "file")
        back = io.BytesIO()
        sftp.getfo("file", back)
        self.assertEqual(back.getvalue(), sent)


class Silence(Logins):
    """Whoever has logged in and says nothing more is closed, wherever it stopped."""

    options = {"idle_seconds": 1}

    def assert_closed(self, transport):
        begun = time.monotonic()
        self.server.expect("alice from 127.0.0.1 ended: it was idle", seconds=4)
        hub.wait_until("the end of the connection", lambda: not transport.is_active(), seconds=1)
        self.assertLess(time.monotonic() - begun, 2.5)

    def test_without_a_channel(self):
        self.assert_closed(self.logged_in())

    def test_with_a_channel_and_no_subsystem(self):
        transport = self.logged_in()
        _channel = transport.open_session(timeout=5)  # which paramiko closes when nobody holds it
        self.assert_closed(transport)

    def test_in_the_middle_of_a_packet(self):
        for half in (b"\0", b"\0\0\0\5\1\0", struct.pack(">IBIIQI", 32, 6, 1, 4, 0, 30000) + b"x" * 5):
            transport = self.logged_in()
            channel = transport.open_session(timeout=5)
            channel.invoke_subsystem("sftp")
            channel.sendall(half)
            self.assert_closed(transport)


if __name__ == "__main__":
    unittest.main()
