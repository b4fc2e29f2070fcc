"""An SFTP client of bytes over paramiko's SSH: sends what no client library would, many requests at a time."""

import contextlib
import struct

# Status codes of section 7 of draft-ietf-secsh-filexfer-02.
OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
READ, WRITE, CREATE, TRUNCATE = 1, 2, 8, 16
STATUS, HANDLE, DATA, NAME, ATTRIBUTES, EXTENDED_REPLY = 101, 102, 103, 104, 105, 201
NO_ATTRIBUTES = struct.pack(">I", 0)


def text(value):
    return struct.pack(">I", len(value)) + value


def extended(name, body):
    return bytes([200]), text(name.encode()) + body


class Answer:
    """One packet from the server, after its id."""

    def __init__(self, kind, body):
        self.kind, self.body = kind, body

    @property
    def status(self):
        return struct.unpack(">I", self.body[:4])[0] if self.kind == STATUS else None

    @property
    def sentence(self):
        (size,) = struct.unpack(">I", self.body[4:8])
        return self.body[8:8 + size]

    @property
    def handle(self):
        return self.body[4:] if self.kind == HANDLE else None

    def names(self):
        """The file names of a NAME."""
        (count,), at, names = struct.unpack(">I", self.body[:4]), 4, []
        for _ in range(count):
            for part in range(2):
                (size,) = struct.unpack(">I", self.body[at:at + 4])
                if part == 0:
                    names.append(self.body[at + 4:at + 4 + size])
                at += 4 + size
            (flags,) = struct.unpack(">I", self.body[at:at + 4])
            at += 4 + sum(size for bit, size in ((1, 8), (2, 8), (4, 4), (8, 8)) if flags & bit)
        return names


class RawSftp:
    """Requests are pairs (type as one byte, body after the id)."""

    def __init__(self, client):
        self.channel = client.get_transport().open_session(timeout=20)
        self.channel.settimeout(120)
        self.channel.invoke_subsystem("sftp")
        self.buffer = b""
        self.channel.sendall(struct.pack(">IBI", 5, 1, 3))
        kind, _ = self._packet()
        assert kind == 2, kind

    def _packet(self):
        while len(self.buffer) < 4 or len(self.buffer) < 4 + struct.unpack(">I", self.buffer[:4])[0]:
            more = self.channel.recv(1 << 16)
            if not more:
                raise EOFError("the server has closed the channel")
            self.buffer += more
        (size,) = struct.unpack(">I", self.buffer[:4])
        packet, self.buffer = self.buffer[4:4 + size], self.buffer[4 + size:]
        return packet[0], packet[1:]

    def ask(self, requests, at_once=200):
        """The answers in the order of the requests. Each is answered exactly once."""
        answers = []
        for start in range(0, len(requests), at_once):
            batch = requests[start:start + at_once]
            self.channel.sendall(b"".join(struct.pack(">IcI", 5 + len(body), kind, number) + body
                                          for number, (kind, body) in enumerate(batch)))
            found = {}
            while len(found) < len(batch):
                kind, body = self._packet()
                (number,) = struct.unpack(">I", body[:4])
                assert number < len(batch) and number not in found, number
                found[number] = Answer(kind, body[4:])
            answers += [found[number] for number in range(len(batch))]
        return answers

    def close_handles(self, answers):
        return self.ask([(b"\x04", text(answer.handle)) for answer in answers if answer.kind == HANDLE])

    def list(self, path):
        """The names of a folder."""
        (opened,) = self.ask([(b"\x0b", text(path))])
        assert opened.kind == HANDLE, opened.sentence
        names = []
        while True:
            (answer,) = self.ask([(b"\x0c", text(opened.handle))])
            if answer.kind != NAME:
                break
            names += answer.names()
        self.close_handles([opened])
        return [name for name in names if name not in (b".", b"..")]

    def get(self, path):
        """The bytes of a small file."""
        (opened,) = self.ask([(b"\x03", text(path) + struct.pack(">I", READ) + NO_ATTRIBUTES)])
        assert opened.kind == HANDLE, opened.sentence
        content = b""
        while True:
            (answer,) = self.ask([(b"\x05", text(opened.handle) + struct.pack(">QI", len(content), 32768))])
            if answer.kind != DATA:
                break
            content += answer.body[4:]
        self.close_handles([opened])
        return content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.channel.close()
