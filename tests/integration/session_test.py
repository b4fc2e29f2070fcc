"""SSH sessions, tried with OpenSSH's own client over a map of files in memory (session_server)."""

import hashlib
import os
import pathlib
import queue
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import paramiko

from raw_sftp import RawSftp, text

BIN = pathlib.Path(os.environ["CHANCERY_BIN"])
MIB = 1024 * 1024


def packet(payload):
    """A message as it goes before keys are exchanged (RFC 4253, 6)."""
    padding = 16 - (len(payload) + 5) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def kex_init(exchange=b"curve25519-sha256"):
    """The first message of a client that has this exchange, and else what the hub has."""
    lists = [exchange, b"ssh-ed25519"] + [b"aes128-ctr"] * 2 + [b"hmac-sha2-256-etm@openssh.com"] * 2 + [b"none"] * 2 + [b""] * 2
    return packet(bytes([20]) + bytes(16) + b"".join(len(each).to_bytes(4, "big") + each for each in lists) + bytes(5))


class Server:
    """session_server with its own host key; what it says is kept."""

    def __init__(self, folder, accounts, wrapper=(), program="session_server", **options):
        self.folder = pathlib.Path(folder)
        listed = self.folder / "accounts"
        listed.write_text("".join(f"{user} {' '.join(key.read_text().split()[:2])}\n" for user, key in accounts))
        command = [*wrapper, BIN / program, self.folder / "host_key", listed]
        command += [f"{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.said = []
        self.listener = threading.Thread(target=self._listen)
        self.listener.start()
        self.host_key = self.expect(r"host_key (\S+ \S+)").group(1)
        self.port = int(self.expect(r"^port (\d+)").group(1))
        self.proxy_port = next((int(line.split()[1]) for line in self.said if line.startswith("proxy_port")), None)
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {self.host_key}\n")

    def _listen(self):
        with self.process.stdout as output:
            for line in output:
                self.lines.put(line.rstrip("\n"))

    def expect(self, pattern, seconds=20):
        """The first line from now on that matches."""
        end = time.monotonic() + seconds
        while True:
            line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            self.said.append(line)
            if found := re.search(pattern, line):
                return found

    def stop(self):
        self.process.stdin.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def options(self, key):
        return ["-F", "none", "-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "IdentitiesOnly=yes",
                "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-i", str(key)]

    def sftp(self, key, *commands, user="alice", extra=(), **popen):
        batch = self.folder / "batch"
        batch.write_text("".join(command + "\n" for command in commands))
        return subprocess.run(["sftp", *self.options(key), *extra, "-P", str(self.port), "-b", batch,
                               f"{user}@127.0.0.1"], capture_output=True, text=True, timeout=120, **popen)

    def ssh(self, key, *arguments, user="alice", **popen):
        return subprocess.run(["ssh", *self.options(key), "-p", str(self.port), *arguments],
                              capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, **popen)

    def connect(self, source="127.0.0.1", port=None):
        return socket.create_connection(("127.0.0.1", port or self.port), timeout=20, source_address=(source, 0))


class SessionTest(unittest.TestCase):
    program = "session_server"
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.keys = {}
        for name, kind in {"ed25519": ["ed25519"], "ecdsa": ["ecdsa", "-b", "256"], "rsa": ["rsa", "-b", "2048"],
                           "stranger": ["ed25519"]}.items():
            cls.keys[name] = cls.folder / name
            subprocess.run(["ssh-keygen", "-q", "-t", *kind, "-N", "", "-f", cls.keys[name]], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def setUp(self):
        publics = [self.keys[name].with_suffix(".pub") for name in ("ed25519", "ecdsa", "rsa")]
        self.server = Server(self.folder, [("alice", key) for key in publics] + [("bob", publics[0])],
                             program=self.program, **self.options)
        self.addCleanup(self.end)
        self.key = self.keys["ed25519"]

    def end(self):
        if self.server.process.poll() is None:
            self.assertEqual(self.server.stop(), 0)
        self.server.listener.join(20)
        self.assertEqual(self.server.process.returncode, 0)

    def file(self, name, size):
        path = self.folder / name
        with open("/dev/urandom", "rb") as source, open(path, "wb") as target:
            for _ in range(0, size, MIB):
                target.write(source.read(min(MIB, size)))
        return path


class Transfers(SessionTest):
    def test_put_get_ls_rename_remove(self):
        sent = self.file("sent", 3 * MIB)
        done = self.server.sftp(self.key, f"put {sent} a.part", "rename a.part a", "ls -1",
                                f"get a {self.folder}/back", "rm a", "ls -1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "back").read_bytes(), sent.read_bytes())
        self.assertEqual(done.stdout.splitlines().count("a"), 1)
        self.server.expect("ended alice open=0")

    def test_every_plain_kind_of_key(self):
        for name in ("ed25519", "ecdsa", "rsa"):
            done = self.server.sftp(self.keys[name], "pwd")
            self.assertEqual(done.returncode, 0, done.stderr)
            printed = subprocess.run(["ssh-keygen", "-lf", self.keys[name]], capture_output=True, text=True)
            fingerprint = printed.stdout.split()[1]
            self.server.expect("alice logged in from 127.0.0.1 with " + re.escape(fingerprint))

    def test_large_upload_and_download_are_the_same_bytes(self):
        sent = self.file("large", 256 * MIB)
        back = self.folder / "large.back"
        done = self.server.sftp(self.key, f"put {sent} large", f"get large {back}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(*[hashlib.sha256(path.read_bytes()).hexdigest() for path in (sent, back)])

    def test_rekeying_every_megabyte(self):
        sent = self.file("rekeyed", 32 * MIB)
        back = self.folder / "rekeyed.back"
        # Keys last as long as what is on its way: all that a get asks for ahead, unless that is little.
        for command, ahead, least in ((f"put {sent} r", (), 0.9), (f"get r {back}", (), 0.4),
                                      (f"get r {back}", ("-R", "2", "-B", "16384"), 0.9)):
            done = self.server.sftp(self.key, command, extra=("-v", "-o", "RekeyLimit=1M", *ahead))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreaterEqual(done.stderr.count("SSH2_MSG_NEWKEYS received"), least * 32)
        self.assertEqual(sent.read_bytes(), back.read_bytes())

    def test_many_sessions_at_once(self):
        sent = self.file("shared", 8 * MIB)
        failures = []

        def one(number):
            back = self.folder / f"shared.{number}"
            batch = self.folder / f"batch.{number}"
            batch.write_text(f"put {sent} s{number}\nget s{number} {back}\n")
            done = subprocess.run(["sftp", *self.server.options(self.key), "-P", str(self.server.port), "-b", batch,
                                   "alice@127.0.0.1"], capture_output=True, text=True, timeout=120)
            if done.returncode != 0 or back.read_bytes() != sent.read_bytes():
                failures.append(done.stderr)

        threads = [threading.Thread(target=one, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_a_refusal_is_also_said_on_stderr_without_control_characters(self):
        done = self.server.sftp(self.key, f"put {self.key} forbidden")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("This route is?[31m suspended.", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

    def test_a_client_killed_while_uploading_leaves_its_handle_open(self):
        sent = self.folder / "sparse"
        with open(sent, "wb") as file:
            file.truncate(512 * MIB)
        client = subprocess.Popen(["sftp", *self.server.options(self.key), "-l", "8000", "-P", str(self.server.port),
                                   "-b", "-", "alice@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, text=True)
        client.stdin.write(f"put {sent} sparse\n")
        client.stdin.flush()
        self.server.expect("alice logged in")
        time.sleep(1)
        client.kill()
        client.wait()
        client.stdin.close()
        self.server.expect("ended alice open=1")

    def test_stopping_ends_every_session(self):
        client = subprocess.Popen(["sftp", *self.server.options(self.key), "-P", str(self.server.port),
                                   "alice@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.server.expect("serving alice")
        self.server.process.send_signal(signal.SIGHUP)
        self.server.expect("reload")
        self.server.process.send_signal(signal.SIGTERM)
        self.server.expect("ended alice open=0")
        self.server.expect("stopped")
        self.server.process.wait(20)
        client.stdin.close()
        client.wait(20)


class Refusals(SessionTest):
    options = {"login_seconds": 2, "sessions_per_account": 1, "connections_per_source": 4}

    def test_wrong_key_and_unknown_user_look_the_same(self):
        wrong = self.server.sftp(self.keys["stranger"], "pwd")
        unknown = self.server.sftp(self.keys["stranger"], "pwd", user="nobody")
        for done in (wrong, unknown):
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("Permission denied (publickey).", done.stderr)
        self.assertEqual(wrong.stderr.replace("alice", "nobody"), unknown.stderr)

    def test_one_accounts_key_does_not_open_another(self):
        done = self.server.sftp(self.keys["rsa"], "pwd", user="bob")
        self.assertIn("Permission denied (publickey).", done.stderr)

    def test_a_certificate_for_a_known_key_is_refused(self):
        key = self.folder / "certified"
        if not key.exists():
            key.write_bytes(self.key.read_bytes())
            key.chmod(0o600)
            key.with_suffix(".pub").write_bytes(self.key.with_suffix(".pub").read_bytes())
            subprocess.run(["ssh-keygen", "-q", "-s", self.keys["stranger"], "-I", "x", "-n", "alice",
                            key.with_suffix(".pub")], check=True)
        only = ("-o", f"CertificateFile={key}-cert.pub", "-o",
                "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com")
        self.assertIn("Permission denied (publickey).", self.server.sftp(key, "pwd", extra=only).stderr)
        self.assertEqual(self.server.sftp(key, "pwd").returncode, 0)

    def test_rsa_with_sha1_is_refused(self):
        only = ("-o", "PubkeyAcceptedAlgorithms=ssh-rsa")
        self.assertNotEqual(self.server.sftp(self.keys["rsa"], "pwd", extra=only).returncode, 0)

    def after_wrong_keys(self, count):
        """Tries `count` wrong keys and then the right one, on one connection."""
        keys = []
        for number in range(count):
            key = self.folder / f"wrong{number}"
            if not key.exists():
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            keys += ["-i", str(key)]
        options = self.server.options(self.key)[:-2]  # without the key
        return subprocess.run(["sftp", *options, *keys, "-i", str(self.key), "-b", "/dev/null", "-P", str(self.server.port),
                               "alice@127.0.0.1"], capture_output=True, text=True, timeout=30)

    def test_after_five_wrong_keys_the_right_one_gets_in(self):
        done = self.after_wrong_keys(5)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_after_six_wrong_keys_the_right_one_does_not(self):
        self.assertNotEqual(self.after_wrong_keys(6).returncode, 0)
        self.server.expect("refused 127.0.0.1 attempts")
        self.assertFalse([line for line in self.server.said if "logged in" in line])

    def test_no_login_in_time_closes_the_connection(self):
        for greeting in (b"", b"SSH-2.0-slow\r\n"):
            with self.server.connect() as connection:
                begun = time.monotonic()
                connection.sendall(greeting)
                while connection.recv(4096):
                    pass
                waited = time.monotonic() - begun
            self.assertGreater(waited, 1.5)
            self.assertLess(waited, 3.0)
            self.server.expect("refused 127.0.0.1 deadline")

    def test_a_stranger_who_sends_garbage_is_closed(self):
        with self.server.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        self.server.expect("refused 127.0.0.1 key-exchange")

    def test_a_stranger_who_only_sends_is_cut_off(self):
        ignored = bytes(32000)
        packet = (len(ignored) + 10).to_bytes(4, "big") + bytes([4, 2]) + len(ignored).to_bytes(4, "big") + ignored
        with self.server.connect() as connection:
            sent = 0
            try:
                connection.sendall(b"SSH-2.0-flood\r\n")
                while sent < 64 * MIB:
                    sent += connection.send(packet + bytes(4))
            except ConnectionError:
                pass
        self.server.expect("refused 127.0.0.1 (flood|key_exchange)")
        self.assertLess(sent, 16 * MIB)

    def test_too_many_connections_from_one_source(self):
        held = [self.server.connect() for _ in range(4)]
        with self.server.connect() as fifth:
            self.assertEqual(fifth.recv(1), b"")
        self.server.expect("refused 127.0.0.1 source-limit")
        for connection in held:
            connection.close()

    def test_too_many_sessions_of_one_account(self):
        with subprocess.Popen(["sftp", *self.server.options(self.key), "-P", str(self.server.port),
                               "alice@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as first:
            self.server.expect("alice logged in")
            self.assertNotEqual(self.server.sftp(self.key, "pwd").returncode, 0)
            self.server.expect("refused 127.0.0.1 account-limit")
            self.assertEqual(self.server.sftp(self.key, "pwd", user="bob").returncode, 0)
            first.stdin.close()
        self.server.expect("ended alice")
        self.assertEqual(self.server.sftp(self.key, "pwd").returncode, 0)

    def test_shell_exec_pty_and_forwarding_are_refused(self):
        target = "alice@127.0.0.1"
        for arguments in ([target, "id"], ["-tt", target], ["-T", target], ["-s", target, "netconf"],
                          ["-W", "127.0.0.1:22", target]):
            done = self.server.ssh(self.key, *arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertEqual(done.stdout, "", arguments)
        done = self.server.ssh(self.key, "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", target)
        self.assertIn("remote port forwarding failed", done.stderr)

    def test_only_strong_algorithms_and_a_neutral_banner(self):
        done = self.server.ssh(self.key, "-vv", "alice@127.0.0.1", "id")
        self.assertIn("remote software version Chancery", done.stderr)
        offered = done.stderr[done.stderr.index("peer server KEXINIT proposal"):]
        offered = offered[:offered.index("first_kex_follows")]
        for weak in ("sha1", "cbc", "group1-", "cert-v01", "zlib", "md5"):
            self.assertNotIn(weak, offered)
        self.assertIn("ciphers ctos: aes256-gcm@openssh.com,", offered)
        self.assertNotIn("cert-v01", re.search("server-sig-algs=<(.*)>", done.stderr).group(1))


class Bounds(SessionTest):
    """However slow the hub or the client is, a session's memory is bounded."""

    options = {"stalled": 1, "idle_seconds": 2}

    def resident(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def stop_when_it_receives(self, client, target):
        while not target.exists() or target.stat().st_size == 0:
            self.assertIsNone(client.poll())
        os.killpg(client.pid, signal.SIGSTOP)
        self.assertLess(target.stat().st_size, 256 * MIB, "it has taken everything")

    def client(self, command):
        client = subprocess.Popen(["sftp", *self.server.options(self.key), "-R", "4000", "-P", str(self.server.port),
                                   "-b", "-", "alice@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        client.stdin.write(command + "\n")
        client.stdin.flush()
        return client

    def test_writes_that_are_not_answered_stop_the_client_and_are_not_idleness(self):
        sent = self.folder / "stalling"
        with open(sent, "wb") as file:
            file.truncate(256 * MIB)
        with self.client(f"put {sent} stalled") as client:
            self.server.expect("serving alice")
            before = self.resident()
            time.sleep(3)
            self.assertLess(self.resident() - before, 16 * MIB)
            self.assertIsNone(client.poll())
            os.killpg(client.pid, signal.SIGKILL)  # sftp and its ssh
        self.server.expect("ended alice open=1")


class SlowClient(Bounds):
    options = {"idle_seconds": 60, "file_mib": 256}
    test_writes_that_are_not_answered_stop_the_client_and_are_not_idleness = None

    @unittest.skipIf(os.environ.get("CHANCERY_SANITIZE"), "the sanitizer keeps what is freed")
    def test_a_client_that_asks_for_all_and_takes_nothing_is_read_no_further(self):
        before = self.resident()
        with paramiko.Transport(self.server.connect()) as transport:
            transport.connect(username="alice", pkey=paramiko.Ed25519Key(filename=str(self.key)))
            channel = transport.open_session(window_size=65536)  # and it makes no more room
            channel.invoke_subsystem("sftp")
            paramiko.SFTPClient(channel).open("/file", "rb").prefetch(256 * MIB)
            time.sleep(2)
            held = self.resident() - before
            self.assertLess(held, 16 * MIB)
            self.assertGreater(held, MIB, "no answer waited")

    def test_reads_of_a_client_that_does_not_take_the_answers_wait(self):
        before = self.resident()
        with self.client(f"get file {self.folder}/slowly") as client:
            self.stop_when_it_receives(client, self.folder / "slowly")
            time.sleep(2)
            self.assertLess(self.resident() - before, 16 * MIB)
            os.killpg(client.pid, signal.SIGCONT)
            client.stdin.close()
            self.assertEqual(client.wait(60), 0)
        self.assertEqual((self.folder / "slowly").stat().st_size, 256 * MIB)


def connected(server, key):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", server.port, "alice", key_filename=str(key), allow_agent=False, look_for_keys=False)
    return client


class OneThread(SessionTest):
    options = {"io_threads": 1}

    def test_a_session_that_asks_for_much_leaves_others_their_turn(self):
        with connected(self.server, self.key) as asking, connected(self.server, self.key) as other:
            with RawSftp(asking) as greedy, RawSftp(other) as modest:
                stat = b"\x11" + struct.pack(">I", 1) + text(b"/slow")  # of a millisecond each, on the session's thread
                greedy.channel.sendall((struct.pack(">I", len(stat)) + stat) * 3000)
                taken = []
                for _ in range(20):
                    began = time.monotonic()
                    modest.ask([(b"\x10", text(b"/"))])
                    taken.append(time.monotonic() - began)
                self.assertLess(max(taken), 0.5, taken)
                began, answers = time.monotonic(), 0
                while answers < 3000:
                    greedy._packet()
                    answers += 1
                self.assertGreater(time.monotonic() - began, 0.5, "all had been answered: nothing was measured")


class Unread(Bounds):
    options = {}
    test_writes_that_are_not_answered_stop_the_client_and_are_not_idleness = None

    def test_a_client_that_has_libssh_answer_and_reads_nothing_is_ended(self):
        with connected(self.server, self.key) as client:
            transport = client.get_transport()
            before = self.resident()
            go_on = threading.Event()
            packetizer = transport.packetizer

            def read_nothing():
                go_on.wait()
                raise EOFError

            packetizer.read_message = read_nothing
            packetizer.need_rekey = lambda: False
            asking = paramiko.Message()
            asking.add_byte(bytes([80]))  # SSH_MSG_GLOBAL_REQUEST
            asking.add_string(b"x")
            asking.add_boolean(True)
            sent, ended = 0, None
            try:
                while sent < 400_000:
                    packetizer.send_message(asking)
                    sent += 1
            except (EOFError, OSError) as error:
                ended = error
            go_on.set()
            self.assertIsNotNone(ended, "all was taken")
            self.assertGreater(sent, 20_000)
            if not os.environ.get("CHANCERY_SANITIZE"):  # which keeps what was freed
                self.assertLess(self.resident() - before, 8 * MIB)
            self.server.expect("ended: the client asks and does not read the answers")

    def test_a_client_that_reads_may_ask_as_often(self):
        with connected(self.server, self.key) as client:
            transport = client.get_transport()
            for _ in range(3000):
                transport.global_request("x", wait=True)
            self.assertTrue(transport.is_active())


class SilentWhileOwed(Bounds):
    options = {"unresponsive_seconds": 4, "file_mib": 256}
    test_writes_that_are_not_answered_stop_the_client_and_are_not_idleness = None

    def test_a_client_that_is_stopped_while_it_receives_is_given_up(self):
        with self.client(f"get file {self.folder}/owed") as client:
            self.stop_when_it_receives(client, self.folder / "owed")
            self.server.expect("alice from 127.0.0.1 ended: the client did not answer")
            os.killpg(client.pid, signal.SIGKILL)


class Idle(SessionTest):
    options = {"idle_seconds": 1}

    def test_an_idle_session_is_closed(self):
        with subprocess.Popen(["sftp", *self.server.options(self.key), "-P", str(self.server.port),
                               "alice@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as client:
            self.server.expect("serving alice")
            self.server.expect("ended: it was idle", seconds=4)
            client.stdin.close()


class Unresponsive(SessionTest):
    options = {"unresponsive_seconds": 4}

    def test_a_client_that_is_stopped_is_given_up_and_one_that_is_idle_is_not(self):
        def client():
            return subprocess.Popen(["sftp", *self.server.options(self.key), "-P", str(self.server.port), "-b", "-",
                                     "alice@127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True, start_new_session=True)

        with client() as idle, client() as stopped:
            for _ in range(2):
                self.server.expect("serving alice")
            os.killpg(stopped.pid, signal.SIGSTOP)  # its machine still acknowledges what is sent
            self.server.expect("alice from 127.0.0.1 ended: the client did not answer")
            time.sleep(5)
            idle.stdin.write("pwd\n")
            idle.stdin.close()
            self.assertIn("Remote working directory: /", idle.stdout.read())
            self.assertEqual(idle.wait(20), 0)
            os.killpg(stopped.pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
