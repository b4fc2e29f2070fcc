"""Some 600 names made to leave a folder or to deceive, in every request that has a path: nothing outside the objects is touched.

Run with Debian's Python, for paramiko. strace sees every path that chanceryd gives to the system.
"""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
from unittest import mock

import hostile_names
from hub import Hub
from raw_sftp import (BAD_MESSAGE, CREATE, DENIED, EOF, FAILURE, HANDLE, NAME, NO_ATTRIBUTES, NO_SUCH_FILE, OK, READ, STATUS, TRUNCATE,
                      UNSUPPORTED, WRITE, RawSftp, extended, text)

KNOWN_STATUSES = {OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED}
PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "sftp.md").read_text()
# What the policy says of a name and of a route (docs/policy.md, "Decisions").
BY_THE_POLICY = ("The name ", "There is no route ", "There is no such route on which ")
SETS = struct.pack(">II", 4, 0o600)
NO_LINK = b"/no-link"


def flags(value):
    return struct.pack(">I", value) + NO_ATTRIBUTES


def requests_about(path, other):
    """Every request that takes a path, with this one in each place; `other` is the second of two."""
    one, two = text(path), text(other)
    check = text(b"sha256") + struct.pack(">QQI", 0, 0, 0)
    return [
        (b"\x03", one + flags(READ)), (b"\x03", one + flags(WRITE | CREATE | TRUNCATE)), (b"\x03", one + flags(WRITE)),
        (b"\x03", one + flags(READ | WRITE | CREATE)), (b"\x07", one), (b"\x09", one + SETS), (b"\x0b", one), (b"\x0d", one),
        (b"\x0e", one + NO_ATTRIBUTES), (b"\x0f", one), (b"\x10", one), (b"\x11", one), (b"\x12", one + two), (b"\x12", two + one),
        (b"\x13", one), (b"\x14", one + text(NO_LINK)), (b"\x14", text(NO_LINK) + one),
        extended("posix-rename@openssh.com", one + two), extended("posix-rename@openssh.com", two + one),
        extended("hardlink@openssh.com", one + two), extended("statvfs@openssh.com", one), extended("expand-path@openssh.com", one),
        extended("expand-path@openssh.com", text(b"~/" + path)), extended("home-directory", one),
        extended("lsetstat@openssh.com", one + SETS), extended("check-file-name", one + check),
    ]


def unhex(quoted):
    return bytes(int(byte, 16) for byte in quoted.split(b"\\x")[1:])


def readings_of(path):
    return [(b"\x03", text(path) + flags(READ)), (b"\x0b", text(path)), (b"\x11", text(path)), (b"\x07", text(path)), (b"\x0d", text(path)),
            (b"\x12", text(path) + text(path + b"x")), (b"\x0e", text(path) + NO_ATTRIBUTES), (b"\x0f", text(path)), (b"\x09", text(path) + SETS),
            (b"\x13", text(path)), extended("check-file-name", text(path) + text(b"sha256") + struct.pack(">QQI", 0, 0, 0))]


@unittest.skipUnless(shutil.which("strace"), "strace is not installed: run scripts/setup")
class HostileNames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="names-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.trace = folder / "trace"
        cls.hub.start_ledgerd()
        # -y shows the folder of a descriptor. -D leaves chanceryd the child that the hub knows. Leaks cannot be looked for
        # under strace.
        with mock.patch.dict(os.environ, {"ASAN_OPTIONS": "detect_leaks=0"}):
            cls.hub.start_chanceryd(wrapper=("strace", "-D", "-f", "-qq", "-y", "-s", "8192", "-xx", "-e", "trace=%file", "-o",
                                             cls.trace))
        cls.sender, cls.receiver, cls.auditor = (cls.session(agency) for agency in (cls.hub.sender, cls.hub.receiver, "audit"))
        # What is only loaded or made at the first use is no answer to a name.
        cls.put(b"first.csv")
        cls.receiver.list(b"/collect/" + cls.hub.route["id"].encode())
        cls.auditor.list(b"/audit")
        cls.auditor.get(b"/audit/checkpoint")
        cls.began = cls.trace.stat().st_size

    @classmethod
    def session(cls, agency):
        client = cls.hub.paramiko(agency)
        cls.addClassCleanup(client.close)
        return RawSftp(client)

    @classmethod
    def folder(cls):
        return b"/send/" + cls.hub.route["id"].encode() + b"/"

    @classmethod
    def put(cls, name):
        opened, = cls.sender.ask([(b"\x03", text(cls.folder() + name) + flags(WRITE | CREATE))])
        assert opened.kind == HANDLE, (name, opened.sentence)
        for answer in cls.sender.ask([(b"\x06", text(opened.handle) + struct.pack(">Q", 0) + text(b"rows"))]) + cls.sender.close_handles([opened]):
            assert answer.status == OK, (name, answer.sentence)

    def ask(self, session, requests):
        """Asks all; checks that each no has a sentence of docs/sftp.md or of the policy; closes what was opened."""
        answers = []
        for start in range(0, len(requests), 40):  # so few that not too many files are open
            some = session.ask(requests[start:start + 40])
            session.close_handles(some)
            answers += some
        for request, answer in zip(requests, answers):
            if answer.kind == STATUS:
                self.assertIn(answer.status, KNOWN_STATUSES)
                self.assert_sentence(answer.sentence, request)
            if answer.kind == NAME and request[0] != b"\x0c":
                for name in answer.names():
                    self.assertTrue(name.startswith(b"/") and b"/../" not in name + b"/" and b"\0" not in name, (request, name))
        return answers

    def assert_sentence(self, sentence, request):
        said = sentence.decode()
        self.assertRegex(said, r"^[A-Z][^\x00-\x1f\x7f-\x9f]*\.$", request)
        said = re.sub(r"^The request \S+ is malformed", "The request NAME is malformed", said)
        self.assertTrue(said == "Done." or f"| {said} |" in PAGE or said.startswith(BY_THE_POLICY), (request, said))

    def test_every_request_with_every_name(self):
        self.assertGreaterEqual(len(hostile_names.ALL), 500)
        month = self.sender.list(b"/receipts")[0]
        for name in hostile_names.ALL:
            for path in (name, b"/" + name, self.folder() + name):
                self.ask(self.sender, requests_about(path, b"/nothing"))
            route = self.hub.route["id"].encode()
            for path in (b"/collect/" + route + b"/" + name, b"/receipts/" + name, b"/receipts/" + month + b"/" + name, b"/receipts/log-keys/" + name):
                self.ask(self.receiver, readings_of(path))
            for path in (b"/audit/" + name, b"/audit/tile/" + name, b"/audit/" + name + b"/checkpoint"):
                self.ask(self.auditor, readings_of(path))
        self.assert_nothing_else_was_touched()
        self.assert_records_are_clean()

    def test_what_is_no_name_is_refused_and_anything_else_is_a_label(self):
        refused = [(b"\x03", text(self.folder() + name) + flags(WRITE | CREATE)) for name in hostile_names.REFUSED]
        for name, answer in zip(hostile_names.REFUSED, self.ask(self.sender, refused)):
            too_long = len(self.folder() + name) > 4096
            self.assertEqual((answer.kind, answer.status), (STATUS, BAD_MESSAGE if too_long else DENIED), name)
        for name, answer in zip(hostile_names.WITH_NUL, self.ask(self.sender, [(b"\x03", text(self.folder() + name) + flags(WRITE | CREATE))
                                                                               for name in hostile_names.WITH_NUL])):
            self.assertEqual(answer.status, BAD_MESSAGE, name)
        # Also by the way of a temporary name, which stays.
        self.put(b"waiting.part")
        renames = [(b"\x12", text(self.folder() + b"waiting.part") + text(self.folder() + name)) for name in hostile_names.REFUSED]
        for name, answer in zip(hostile_names.REFUSED, self.ask(self.sender, renames)):
            self.assertIn(answer.status, (DENIED, BAD_MESSAGE), name)
        self.assertIn(b"waiting.part", self.sender.list(self.folder()))

    def test_names_that_are_alike_are_different_files(self):
        names = ["scope.csv", "s\u0441ope.csv", "Scope.csv", "\u017fcope.csv", "scope.csv.", "scope.CSV", "scope%2ecsv"]
        for name in names:
            self.put(name.encode())
        listed = {name.decode() for name in self.sender.list(self.folder())}
        self.assertLessEqual(set(names), listed)
        delivered = {name.decode() for name in self.receiver.list(b"/collect/" + self.hub.route["id"].encode())}
        self.assertLessEqual({name + ".age" for name in names}, delivered)

    # --- what the system was asked ---

    def paths(self):
        """Every path that chanceryd has given to the system since the sessions began: absolute and normalised, as bytes."""
        with open(self.trace, "rb") as file:
            file.seek(self.began)
            lines = file.read().split(b"\n")
        for line in lines:
            for folder, quoted in re.findall(rb'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:\\x[0-9a-f]{2})*)"', line):
                base = unhex(folder) if folder.startswith(b"\\x") else folder or os.fsencode(os.getcwd())
                yield line, os.path.normpath(os.path.join(base, unhex(quoted)))

    def assert_nothing_else_was_touched(self):
        objects = os.fsencode(self.hub.path("objects").resolve())
        audit = os.fsencode(self.hub.path("policies").resolve().parent / "audit")
        known = {os.fsencode(path) for path in (self.hub.path("policies").resolve(), self.hub.path("ledger_socket").resolve())}
        in_objects = re.compile(rb"(/(tmp|orphans|[0-9a-f]{2})(/[a-z0-9~.-]+)?)?")
        seen = 0
        for line, path in self.paths():
            seen += 1
            inside = path.startswith(objects) and in_objects.fullmatch(path[len(objects):])
            export = path == audit or path.startswith(audit + b"/")
            self.assertTrue(inside or export or path in known, (line[:300], path[:300]))
        self.assertGreater(seen, 100, "strace has seen nothing")

    # --- what was recorded ---

    def assert_records_are_clean(self):
        """Entries are printable ASCII; what people and programs read of names has no control characters."""
        out = self.hub.root / "export"
        self.hub.chancery("ledger", "export", self.hub.path("ledger_socket"), out)
        count = 0
        for path in (out / "tile" / "entries").rglob("*"):
            bundle = path.read_bytes() if path.is_file() else b""
            while bundle:  # each entry after its length
                (size,) = struct.unpack(">H", bundle[:2])
                self.assertFalse(set(bundle[2:2 + size]) - set(range(0x20, 0x7F)) - {0x0A}, (path, bundle[2:2 + size]))
                bundle = bundle[2 + size:]
                count += 1
        self.assertGreater(count, 50)
        shown = self.hub.chancery("ledger", "show", self.hub.path("ledger_socket"), text=False).stdout
        self.assert_printable(shown, "chancery ledger show")
        self.hub.check_logs()
        month = self.sender.list(b"/receipts")[0]
        for name in self.sender.list(b"/receipts/" + month):
            self.assert_printable(name, "a name in /receipts")
            if name.endswith((b".txt", b".openings")):
                self.assert_printable(self.sender.get(b"/receipts/" + month + b"/" + name).replace(b"\r\n", b"\n"), name)

    def assert_printable(self, content, what):
        found = [c for c in content.decode() if c != "\n" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]
        self.assertFalse(found, what)


if __name__ == "__main__":
    unittest.main()
