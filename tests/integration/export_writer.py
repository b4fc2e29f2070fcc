"""Ledgers written from docs/ledger-format.md by a second hand, as exports: what tests check the verifiers with, and tamper
with. The bytes are made here; only the signatures come from the program note_signer.
"""
import atexit
import base64
import hashlib
import hmac
import os
import pathlib
import shutil
import struct
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CHANCERY_BIN", SOURCE / "build/dev/bin"))
ORIGIN = "example.org/hub"
START = 1_793_611_800  # 2026-11-02T09:30:00Z

COMMITTED = {
    "log.genesis": ["reason"], "log.key.add": ["reason"], "log.key.retire": ["reason"], "log.key.revoke": ["reason"],
    "policy.activated": ["summary"], "erasure.begun": ["reference"], "detail.erased": ["reference"],
    "hold.set": ["officer", "reason"],
    "file.accepted": ["account", "address", "key", "name", "rows-in", "rows-out", "sha256", "size", "subjects"],
    "file.refused": ["account", "address", "key", "name", "reason", "size"],
    "delivery.made": ["name", "recipients", "rows", "sha256"],
    "delivery.opened": ["account", "address", "key"], "delivery.collected": ["account", "address", "key"],
}


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def mth(leaves):
    """RFC 6962 section 2.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


class Signer:
    """The program note_signer."""
    process = None

    @classmethod
    def ask(cls, *words):
        if cls.process is None:
            cls.process = subprocess.Popen([BIN / "note_signer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            atexit.register(cls.process.communicate)
        cls.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
        cls.process.stdin.flush()
        return cls.process.stdout.read(int(cls.process.stdout.readline())).decode()


def seeds(number):
    """Of an Ed25519 and an ML-DSA-44 key."""
    return [f"ed25519:{number:064x}", f"ml-dsa-44:{number:064x}"]


class Log:
    """A ledger in memory, that does what it is told, right or wrong."""

    def __init__(self, origin=ORIGIN, key=1, version="1"):
        self.origin, self.entries, self.leaves, self.checkpoints, self.policies = origin, [], [], {}, {}
        self.clock = START * 10**6
        self.signers = self.first = self.second = seeds(key)
        self.named = [self.vkey(seed) for seed in self.signers]
        self.ended = set()
        self.append("log.genesis", {"origin": origin, "vkey": self.named[0], "mldsa-vkey": self.named[1], "version": version,
                                    "prior-origin": "-", "prior-root": "-", "prior-size": "-"})

    def vkey(self, seed):
        return Signer.ask(self.origin, seed)

    def text(self, event, plain, /, **changed):
        """The next entry's bytes, with header lines changed as asked."""
        seq = len(self.entries)
        prev = self.leaves[-1] if seq else hashlib.sha256(b"chancery/genesis/v1\0" + self.origin.encode()).digest()
        seconds, micros = divmod(self.clock, 10**6)
        day, second = divmod(seconds, 86400)
        head = {"seq": str(seq), "prev": base64.b64encode(prev).decode(),
                "time": f"{date_of(day)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{micros:06}Z",
                "id": hashlib.sha256(f"{self.origin} {seq}".encode()).hexdigest()[:32], "event": event}
        head.update(changed)
        lines = ["chancery/entry/v1"] + [f"{key} {value}" for key, value in head.items()]
        lines += [f"{key} {plain[key]}" for key in sorted(plain)]
        for field in COMMITTED.get(event, []):
            lines.append(f"c.{field} {base64.b64encode(self.commitment(head['id'], field)).decode()}")
        return "".join(line + "\n" for line in lines).encode()

    def commitment(self, entry_id, field):
        parts = [b"chancery/commit/v1", self.origin.encode(), bytes.fromhex(entry_id), field.encode(),
                 b"secret " + field.encode()]
        message = b"".join(struct.pack(">I", len(part)) + part for part in parts)
        return hmac.new(hashlib.sha256(field.encode()).digest(), message, hashlib.sha256).digest()

    def append(self, event, plain, /, **changed):
        self.clock += 1_234_567
        self.add(self.text(event, plain, **changed))

    def add(self, text):
        self.entries.append(text)
        self.leaves.append(leaf_hash(text))

    def sign(self, *more, size=None, root=None, only=None):
        """A checkpoint of all entries, by the present signers and the seeds in `more`."""
        size = len(self.entries) if size is None else size
        root = root or mth(self.leaves[:size])
        self.checkpoints[size] = Signer.ask(self.origin, size, base64.b64encode(root).decode(), self.clock // 10**6,
                                            *(only or self.signers + list(more))).encode()

    def anchor(self, **changed):
        """An entry that pins the newest checkpoint."""
        size = max(self.checkpoints)
        note = self.checkpoints[size]
        self.append("log.anchor", {"size": size, "root": note.decode().split("\n")[2],
                                   "note-sha256": hashlib.sha256(note).hexdigest(), **changed})

    def add_key(self, seed):
        self.named.append(self.vkey(seed))
        self.append("log.key.add", {"vkey": self.named[-1], "last-trusted-size": "-"})

    def end_key(self, seed, size=None, event="log.key.retire"):
        size = len(self.entries) if size is None else size
        self.ended.add(self.vkey(seed))
        self.append(event, {"vkey": self.vkey(seed), "last-trusted-size": size})

    def activate(self, files):
        """A policy of these files (path: bytes)."""
        lines = "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files))
        policy = hashlib.sha256(lines.encode()).hexdigest()
        self.policies[policy] = files
        self.append("policy.activated", {"policy": policy, "files": len(files)})

    def deliver(self, number):
        """What a transfer leaves: four entries, and a refusal now and then."""
        transfer, file_object = f"{number:032x}", f"{number + 2**64:032x}"
        self.append("file.accepted", {"agency": "hospital", "agreement": "care", "outputs": 1, "policy": "-",
                                      "route": "care-oct", "transfer": transfer})
        self.append("delivery.made", {"agency": "council", "object": file_object, "route": "care-oct",
                                      "sealed-sha256": "0" * 64,
                                      "sealed-size": 1234, "transfer": transfer})
        for event in "delivery.opened", "delivery.collected":
            self.append(event, {"agency": "council", "object": file_object, "transfer": transfer})
        if number % 3 == 0:
            self.append("file.refused", {"agency": "hospital", "code": "too-large", "count": 1, "policy": "-",
                                         "route": "care-oct",
                                         "transfer": transfer})

    def log_policy(self):
        present = [vkey for vkey in self.named if vkey not in self.ended]
        logs = "".join(f"log {vkey}\n" for vkey in present if len(vkey) < 400)
        witnesses = [vkey for vkey in present if len(vkey) > 400]
        names = [f"ml-dsa-44-{i + 1}" for i in range(len(witnesses))]
        lines = "".join(f"witness {name} {vkey}\n" for name, vkey in zip(names, witnesses))
        group = f"group ml-dsa-44 any {' '.join(names)}\nquorum ml-dsa-44\n"
        return (logs + lines + group).encode(), (logs + "quorum none\n").encode()

    def files(self):
        """The export as path: bytes, without SHA256SUMS."""
        size = max(self.checkpoints)
        with_quorum, without = self.log_policy()
        made = {"checkpoint": self.checkpoints[size], "log-policy": with_quorum, "log-policy.ed25519": without}
        made.update({f"checkpoints/{n}": note for n, note in self.checkpoints.items()})
        made.update(bundles(self.entries[:size]))
        made.update(tiles(self.leaves[:size]))
        for policy, files in self.policies.items():
            made.update({f"policies/{policy}/{path}": content for path, content in files.items()})
        return made


def date_of(day):
    """Of a count of days since 1970, by stepping through the years and months."""
    year = 1970
    while day >= (days := 366 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 365):
        day, year = day - days, year + 1
    for month, length in enumerate([31, days - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], 1):
        if day < length:
            return f"{year:04}-{month:02}-{day + 1:02}"
        day -= length


def path_of(kind, index, width):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{kind}/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def bundles(entries):
    parts = [entries[i:i + 256] for i in range(0, len(entries), 256)]
    return {path_of("entries", i, len(part)): b"".join(struct.pack(">H", len(entry)) + entry for entry in part)
            for i, part in enumerate(parts)}


def tiles(leaves):
    made, level, hashes = {}, 0, leaves
    while hashes:
        parts = [hashes[i:i + 256] for i in range(0, len(hashes), 256)]
        made.update({path_of(level, i, len(part)): b"".join(part) for i, part in enumerate(parts)})
        level, hashes = level + 1, [mth(part) for part in parts if len(part) == 256]
    return made


def with_sums(files):
    """The same files and the SHA256SUMS that is right for them."""
    names = sorted((name for name in files if name != "SHA256SUMS"), key=str.encode)
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in names).encode()
    return {**files, "SHA256SUMS": sums}


def write(folder, files):
    """Writes exactly these files, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
