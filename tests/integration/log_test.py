"""What a client calls itself, its files and its bytes never reaches a log as anything but text on one line. Hub.check_logs(),
at the end of every hub's test, looks at every byte; here is what makes it hard."""

import hashlib
import os
import socket
import struct
import unittest

from hub import Hub, wait_until

EVIL = "\x1b]0;owned\x07\x1b[2J\u009b31m\r\nchanceryd: ready\u202e"


class Logs(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.hub.start()

    def lines(self, name="chanceryd"):
        return self.hub.log(name).splitlines()

    def test_names_of_files_and_users(self):
        import paramiko
        key = paramiko.Ed25519Key.from_private_key_file(str(self.hub.key(self.hub.sender)))
        for user in (EVIL, self.hub.user(self.hub.sender) + "\x1b[2J", "\udcff\udc9b31m"):
            transport = paramiko.Transport(("127.0.0.1", self.hub.port))
            try:
                transport.start_client(timeout=20)
                with self.assertRaises(paramiko.SSHException):
                    transport.auth_publickey(user.encode(errors="surrogateescape"), key)
            finally:
                transport.close()
        with self.hub.paramiko(self.hub.sender) as client:
            sftp = client.open_sftp()
            for name in (EVIL, "a\x9b31m.csv", "\x1b[2J.csv", "x\n.csv.part"):
                for attempt in (lambda path: sftp.open(path, "w"), sftp.mkdir, sftp.remove, sftp.listdir, sftp.rmdir,
                                lambda path: sftp.symlink(path, path), lambda path: sftp.rename(path, path + "2")):
                    with self.assertRaises(OSError):
                        attempt(f"{self.hub.send_folder()}/{name}")
        before = len(self.lines())
        with self.hub.paramiko(self.hub.sender):
            pass
        wait_until("the end of the session in the log", lambda: len(self.lines()) >= before + 2)
        self.assertFalse([line for line in self.lines() if line.startswith("chanceryd: ready")][1:], "a forged line")
        for text in self.hub.receipts(self.hub.sender).values():
            self.assertNotRegex(text.replace("\r\n", ""), "[\x00-\x1f\x7f-\x9f\u202e]")

    def test_bytes_before_the_log_in(self):
        for greeting in (b"SSH-2.0-" + EVIL.encode() + b"\r\n", b"\x1b[2J\x9b31m\r\n" * 8, b"SSH-2.0-x\r\n" + os.urandom(300)):
            with socket.create_connection(("127.0.0.1", self.hub.port), timeout=20) as client:
                client.sendall(greeting)
                client.shutdown(socket.SHUT_WR)
                try:
                    while client.recv(4096):
                        pass
                except ConnectionError:
                    pass
        wait_until("a line for each", lambda: sum("before a login" in line for line in self.lines()) >= 3)

    def test_a_policy(self):
        (path,) = (self.hub.directory / "routes").glob("*.toml")
        text = path.read_text()
        path.write_text(text.replace('"live"', '"\\u001b[2J\\u009b31m\\nchanceryd: reloaded\\u202e"'))
        said = self.hub.reload()
        self.assertIn("reload refused", said)
        self.assertIn("holds the control character U+001B", said)
        path.write_text(text + '\n"\\u001b]0;x\\u0007" = 1\n')
        self.hub.reload()
        path.write_bytes(text.encode() + b"\n# \x9b31m\n")
        self.hub.reload()
        path.write_text(text)

    def test_the_socket_of_the_ledger(self):
        frames = [EVIL.encode(), struct.pack(">I", 0xFFFFFFFF), struct.pack(">I", 40) + EVIL.encode().ljust(40, b"\x1b")]
        for frame in frames + [hashlib.sha512(str(n).encode()).digest() * 40 for n in range(20)]:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(self.hub.path("ledger_socket")))
                try:
                    client.sendall(frame)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass
                except ConnectionError:
                    pass
        self.hub.verify()


if __name__ == "__main__":
    unittest.main()
