#!/usr/bin/env python3
"""Checks an export of a Chancery ledger with nothing but Python (3.9 or newer) and its standard library.

Written from docs/ledger-format.md (FORMAT.md of an export) and the C2SP specifications that it names; shares no code
with Chancery. Exit code 0: verified; 1: findings, each with its entry or file; 2: it cannot be told.
"""
import os
import sys

# Of what lies beside this file only signatures.py is run: an export could hold more under the names of Python's own modules, or a
# compiled `signatures` in whose place nobody would look.
sys.dont_write_bytecode = True  # nothing is written into an export
BESIDE = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [path for path in sys.path if os.path.realpath(path) != BESIDE]
import argparse
import base64
import binascii
import contextlib
import datetime
import functools
import hashlib
import itertools
import multiprocessing
import pathlib
import re
import types

if "signatures" not in sys.modules:
    sys.modules["signatures"] = types.ModuleType("signatures")
    with open(os.path.join(BESIDE, "signatures.py"), "rb") as _file:
        exec(compile(_file.read(), _file.name, "exec"), sys.modules["signatures"].__dict__)
from signatures import ED25519, HASH, KINDS, ML_DSA_44, Checkpoint, Key, LogPolicy, number_of, unbase64

# Entries.
HEAD = re.compile(b"chancery/entry/v1\nseq (0|[1-9][0-9]{0,18})\nprev (" + HASH.encode() + rb")\ntime (((?:19[7-9][0-9]|"
                  rb"[2-9][0-9]{3})-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6})Z\n"
                  rb"id ([0-9a-f]{32})\nevent ([a-z0-9.-]{1,32})\n").match
FIELDS = re.compile(f"((?:[a-z0-9.-]{{1,32}} [!-~]{{1,4096}}\n)*?)((?:c\\.[a-z0-9.-]{{1,32}} {HASH}\n)*)".encode()).fullmatch
EVENTS = {}
for _names, _plain, _committed in (line.split("|") for line in """
admin.action|action code|account detail
clock.stepped|by-ms|
delivery.acknowledged delivery.collected delivery.expired|agency object transfer|account address key
delivery.opened delivery.recalled|agency object transfer|account address key
delivery.made|agency object route sealed-sha256 sealed-size transfer|name recipients rows sha256
detail.erased erasure.begun|basis seqs|reference
file.abandoned file.refused|agency code count policy route transfer|account address key name reason size
file.accepted file.held|agency agreement outputs policy route transfer|account address key name rows-in rows-out sha256 \
size subjects
hold.cleared hold.set|basis seqs|officer reason
log.anchor|note-sha256 root size|
log.genesis|mldsa-vkey origin prior-origin prior-root prior-size version vkey|reason
log.key.add log.key.retire log.key.revoke|last-trusted-size vkey|reason
object.disposed|code object transfer|
policy.activated|files policy|summary
route.state|from policy route to|officer reason
session.refused|code count since|address""".strip().split("\n")):
    for _name in _names.split():
        EVENTS[_name.encode()] = re.compile("".join(
            [f"{re.escape(key)} [!-~]{{1,4096}}\n" for key in _plain.split()] +
            [f"c\\.{key} {HASH}\n" for key in _committed.split()]).encode()).fullmatch


@functools.lru_cache(maxsize=4096)
def is_day(date):
    try:
        return bool(datetime.date(*map(int, date.split(b"-"))))
    except ValueError:
        return False


def follows_grammar(fields):
    """Whether the lines after `event` are fields as any event may have them."""
    blocks = FIELDS(fields)
    keys = [[line.split(b" ")[0] for line in block.splitlines()] for block in blocks.groups()] if blocks else [[], []]
    return blocks and all(a < b for block in keys for a, b in zip(block, block[1:])) and not any(
        key in (b"seq", b"prev", b"time", b"id", b"event") or key.startswith(b"c.") for key in keys[0])


# The tree: RFC 6962 section 2.1, in the tiles of C2SP tlog-tiles.
def tree_hash(nodes):
    while len(nodes) > 1:
        odd = nodes[-1:] if len(nodes) % 2 else []
        nodes = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(nodes[::2], nodes[1::2])] + odd
    return nodes[0]


def tile_path(level, index, width):
    digits = str(index).zfill((len(str(index)) + 2) // 3 * 3)
    return f"tile/{level}/" + re.sub("([0-9]{3})(?=[0-9])", "x\\1/", digits) + (f".p/{width}" if width < 256 else "")


class Export:
    """The folder, what was read in it, and what is wrong."""

    def __init__(self, folder):
        self.folder, self.findings, self.files, self.tiles = folder, [], {}, set()
        self.origin, self.entries, self.prev, self.time, self.ids, self.unknown = "", 0, b"", b"", set(), 0
        self.keys, self.ended, self.anchors, self.policies = {}, set(), [], {}
        self.levels, self.roots, self.right = [[]], {}, []

    def find(self, place, text):
        line = f"entry {place}: {text}" if isinstance(place, int) else f"{place}: {text}"
        self.findings.append("".join(c if c.isprintable() else "?" for c in line))

    def read(self, path):
        if path not in self.files:
            self.find(path, "is missing")
            return b""
        longest = 2**30 if path == "SHA256SUMS" else 2**25  # 256 entries are less
        with open(os.path.join(self.folder, path), "rb") as file:
            if os.fstat(file.fileno()).st_size <= longest:
                return file.read()
        self.find(path, f"is longer than {longest} bytes")
        return b""

    def check_files(self):
        """SHA256SUMS, and that nothing is there but what belongs to an export."""
        if not os.path.isdir(self.folder):
            raise NotADirectoryError(f"{self.folder} is no folder")

        def fail(error):
            raise error
        walked = os.walk(self.folder, onerror=fail)
        for path in (pathlib.Path(where, name) for where, folders, names in walked for name in folders + names):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and not path.is_symlink():
                with open(path, "rb") as file:
                    digest = hashlib.sha256()
                    for piece in iter(functools.partial(file.read, 2**20), b""):
                        digest.update(piece)
                self.files[name] = digest.hexdigest()
            elif path.is_symlink() or not path.is_dir():
                self.find(name, "is no plain file")
        lines = {name: os.fsencode(f"{self.files[name]}  {name}\n") for name in sorted(self.files, key=os.fsencode)}
        lines.pop("SHA256SUMS", None)
        listed = self.read("SHA256SUMS")
        if listed != b"".join(lines.values()):
            wrong = set(listed.splitlines(True)) ^ set(lines.values())
            for name in sorted({os.fsdecode(line[66:].rstrip(b"\n")) for line in wrong}) or ["SHA256SUMS"]:
                self.find(name, "is not as SHA256SUMS says")
        for name in self.files:
            if not re.fullmatch(r"(tile|checkpoints|policies/[0-9a-f]{64})/[ -\[\]-~]+|checkpoint|log-policy(\.ed25519)?|"
                                r"FORMAT\.md|SHA256SUMS|verify\.py|signatures\.py", name):
                self.find(name, "does not belong to an export")

    def check_entries(self, size, sizes):
        """Every entry, leaf, tile and bundle up to `size`; the roots of `sizes`. Ends where a bundle is not whole."""
        for index in range((size + 255) // 256):
            width, at, leaves = min(256, size - 256 * index), 0, []
            path = tile_path("entries", index, width)
            self.tiles.add(path)
            data = self.read(path)
            while at + 2 <= len(data) and len(leaves) < width:
                end = at + 2 + (data[at] << 8 | data[at + 1])
                self.check_entry(self.entries, data[at + 2:end])
                leaves.append(hashlib.sha256(b"\0" + data[at + 2:end]).digest())
                self.prev, at = binascii.b2a_base64(leaves[-1], newline=False), end
                self.entries += 1
            while sizes and sizes[0] <= self.entries:
                self.roots[sizes[0]] = self.root(leaves[:sizes[0] - 256 * index])
                sizes.pop(0)
            self.add_nodes(0, leaves, index)
            if len(leaves) != width or at != len(data):
                return self.find(path, f"is not {width} whole entries")
        for level, nodes in enumerate(self.levels):
            if nodes:
                self.check_tile(level, size // 256 ** (level + 1), nodes)
        for path in self.files:
            if path.startswith("tile/") and path not in self.tiles:
                self.find(path, "is none of this size's")

    def check_entry(self, seq, data):
        head = HEAD(data)
        if not head or not is_day(head[4]) or head[6] not in EVENTS and not follows_grammar(data[head.end():]):
            return self.find(seq, "does not follow the grammar")
        number, prev, time, _, key, event = head.groups()
        if seq == 0:
            self.origin = (re.search(rb"\norigin ([!-~]*)\n", data) or [b"", b""])[1].decode()
            self.prev = base64.b64encode(hashlib.sha256(b"chancery/genesis/v1\0" + self.origin.encode()).digest())
        if number != b"%d" % seq or prev != self.prev or time < self.time or key in self.ids:
            for wrong, text in ((number != b"%d" % seq, f"its seq is {number.decode()}"),
                                (prev != self.prev, "its prev is not the hash of the entry before it"),
                                (time < self.time, "its time is before that of the entry before it"),
                                (key in self.ids, "its id is that of an earlier entry")):
                if wrong:
                    self.find(seq, text)
        if (seq == 0) != (event == b"log.genesis"):
            self.find(seq, "is not log.genesis" if seq == 0 else "is a second log.genesis")
        self.time = time
        self.ids.add(key)
        if event not in EVENTS:
            self.unknown += 1
        elif not EVENTS[event](data, head.end()):
            self.find(seq, f"has not exactly the fields of {event.decode()}, each as the grammar says")
        elif event.startswith((b"log.", b"policy.", b"erasure.", b"detail.", b"hold.")):
            fields = (line.split(" ") for line in data[head.end():].decode().splitlines())
            self.check_log_event(seq, event.decode(), dict(fields))

    def check_log_event(self, seq, event, field):
        size = number_of(field.get("size", field.get("last-trusted-size", "")))
        if event == "log.genesis":
            self.name_key(seq, field["vkey"], [ED25519])
            self.name_key(seq, field["mldsa-vkey"], [ML_DSA_44])
        elif event == "log.key.add":
            self.name_key(seq, field["vkey"], KINDS)
            if field["last-trusted-size"] != "-":
                self.find(seq, "adds a key with a last-trusted-size")
        elif event.startswith("log.key."):
            if field["vkey"] not in self.keys or size is None or size > seq:
                return self.find(seq, "ends a key that no entry has named, or has a last-trusted-size that cannot be")
            self.keys[field["vkey"]].end = min(self.keys[field["vkey"]].end, size)
        elif event == "log.anchor":
            self.anchors.append((seq, size, unbase64(field["root"]), field["note-sha256"]))
            if size is None or size > seq:
                self.find(seq, "pins a checkpoint of more entries than were there")
        elif event == "policy.activated":
            self.policies.setdefault(field["policy"], seq)
        elif "seqs" in field:
            seqs = [number_of(word) for word in re.split("[,-]", field["seqs"])]
            if re.search("-[^,]*-", field["seqs"]) or None in seqs or sorted({*seqs, seq}) != seqs + [seq]:
                self.find(seq, "names entries that are not earlier ones in ascending order")

    def name_key(self, seq, vkey, kinds):
        try:
            key = Key(vkey)
        except ValueError as error:
            return self.find(seq, str(error))
        if key.kind not in kinds or key.name != self.origin or vkey in self.keys:
            return self.find(seq, "names a key of another kind or ledger, or one that was named before")
        key.start, self.keys[vkey] = seq, key

    def add_nodes(self, level, nodes, index):
        """Nodes of the tree's level 8 * `level`. Each 256 are a tile, which is checked and makes a node of the next."""
        self.levels += [[]] if level == len(self.levels) else []
        tile = self.levels[level]
        tile += nodes
        if len(tile) == 256:
            self.check_tile(level, index, tile)
            self.levels[level] = []
            self.add_nodes(level + 1, [tree_hash(tile)], index // 256)

    def check_tile(self, level, index, nodes):
        path = tile_path(level, index, len(nodes))
        self.tiles.add(path)
        data = self.read(path)
        if path in self.files and data != b"".join(nodes):
            wrong = [i for i, node in enumerate(nodes) if data[32 * i:32 * i + 32] != node]
            self.find(256 * index + wrong[0] if wrong and level == 0 else path, f"its hash is not the one in {path}"
                      if wrong else "is longer than its hashes")

    def root(self, leaves):
        """Of the tree of all full tiles and these leaves, at most a tile of them."""
        rest = []
        for nodes in [leaves] + self.levels[1:]:
            rest = [tree_hash(nodes + rest)] if nodes + rest else []
        return rest[0]

    def check_checkpoints(self, pinned, newer, policy, size):
        """Signatures, roots and anchors; and trust, as far as it reaches from the pinned keys or those of entry 0."""
        known = list(self.keys.values())
        for key in pinned:
            if key.text not in self.keys:
                self.find("key given", f"{KINDS[key.kind]} {key.name}+{key.id.hex()} is not of this ledger")
        kept = {path: os.path.join(self.folder, path) for path in self.files if path.startswith("checkpoints/")}
        given = [os.path.abspath(path) for path in newer]  # no name of a kept one, whatever folder this runs in
        jobs = [(path, self.origin, known) for path in [*kept.values(), *given]]
        # Forked ones only: others would look for Python's modules in the folder in which this runs, maybe the export.
        several = len(jobs) > 200 and sys.platform == "linux"
        with multiprocessing.get_context("fork").Pool() if several else contextlib.nullcontext(itertools) as pool:
            read = dict(zip([*kept, *given], pool.starmap(Checkpoint, jobs)))
        for name, note in read.items():
            if not note.wrong and note.size > self.entries:
                note.wrong = f"covers {note.size} entries, and the export has {self.entries}"
            elif not note.wrong and note.root != self.roots.get(note.size):
                note.wrong = f"its root is not that of the first {note.size} entries"
            if name in kept and note.size is not None and name != f"checkpoints/{note.size}":
                note.wrong = f"is of size {note.size}"
            if note.wrong:
                self.find(name, note.wrong)
        right = {name: note for name, note in read.items() if not note.wrong}
        trusted = {key.text for key in pinned} or {key.text for key in known if key.start == 0}
        signers = self.walk(kept, right, trusted, policy)
        for name in [name for name in right if len({key.kind for key in signers[name]}) < len(KINDS)]:
            right.pop(name)
            self.find(name, "is not signed by trusted keys of both kinds that are good for its size")
        newest = f"checkpoints/{size}"
        if newest in right and not self.meets(policy, size, signers[newest]):
            self.find(newest, "is not signed by those of whom the given policy asks it")
        for seq, size, root, sha256 in self.anchors:
            note = read.get(f"checkpoints/{size}")
            if not note or (note.root, note.sha256) != (root, sha256):
                self.find(seq, f"pins a checkpoint that is not what is in checkpoints/{size}")
        return len(right.keys() & kept.keys())

    def walk(self, kept, notes, trusted, policy):
        """Lets trust grow by kept checkpoints that trusted keys signed; in the end, which of these keys signed which note."""
        keys, size = self.keys.values(), -1

        def signers(note):
            return [key for key in keys if key.text in note.signed & trusted and key.start < note.size <= key.end]
        while size != len(trusted):
            size = len(trusted)
            for note in sorted((note for name, note in notes.items() if name in kept), key=lambda note: note.size):
                kinds, signed = {key.kind for key in keys if key.text in trusted}, signers(note)
                if kinds and kinds <= {key.kind for key in signed} and self.meets(policy, note.size, signed):
                    trusted |= {key.text for key in keys if key.start < note.size}
        return {name: signers(note) for name, note in notes.items()}

    def meets(self, policy, size, signers):
        """Whether they are enough for the policy. Others of its kind stand in for a key of it that has ended."""
        given = {key.text for key in policy.keys} if policy else ()
        others = {key.kind for key in signers if key.text not in given}
        ended = {vkey for vkey, key in self.keys.items() if vkey in given and key.end < size and key.kind in others}
        return not policy or policy.is_met_by({key.text for key in signers} | ended)

    def check_rest(self, size):
        """The files of keys, made anew, and the policies."""
        present = [key for key in self.keys.values() if key.end == 2**63]
        logs = "".join(f"log {key.text}\n" for key in present if key.kind == ED25519)
        names = {key.text: f"ml-dsa-44-{i}" for i, key in enumerate((k for k in present if k.kind == ML_DSA_44), 1)}
        witnesses = "".join(f"witness {name} {vkey}\n" for vkey, name in names.items())
        group = f"group ml-dsa-44 any {' '.join(names.values())}\nquorum ml-dsa-44\n"
        for name, text in ("log-policy", logs + witnesses + group), ("log-policy.ed25519", logs + "quorum none\n"):
            if self.read(name) != text.encode() and name in self.files:
                self.find(name, "does not name the present keys as it should")
        if self.read("checkpoint") != (self.read(f"checkpoints/{size}") if f"checkpoints/{size}" in self.files else b""):
            self.find("checkpoint", f"is not what is in checkpoints/{size}")
        policies = {}
        for name in sorted((name for name in self.files if name.startswith("policies/")), key=os.fsencode):
            policy, path = (name.split("/", 2) + [""])[1:3]
            policies.setdefault(policy, []).append(f"{self.files[name]}  {path}\n")
        for policy, lines in policies.items():
            if hashlib.sha256(os.fsencode("".join(lines))).hexdigest() != policy:
                self.find(f"policies/{policy}", "is not the policy that its name says")
        for policy in set(self.policies) - set(policies) if os.path.lexists(os.path.join(self.folder, "policies")) else ():
            self.find(self.policies[policy], f"activates a policy that is not there: policies/{policy}")


def verify(folder, pinned=(), newer=(), max_age=None, policy=None):
    """(the export with its findings, lines that say what was checked); raises OSError or ValueError if it cannot."""
    export, marks = Export(folder), {path: Checkpoint(path, "", []).size for path in newer}
    if None in marks.values():
        raise ValueError("what the ledger is to be newer than is no signed checkpoint")
    export.check_files()
    if not any(re.match("checkpoint$|SHA256SUMS$|log-policy$|tile/", name) for name in export.files):
        raise ValueError(f"there is no export in {folder}")
    size = "checkpoint" in export.files and Checkpoint(os.path.join(folder, "checkpoint"), "", []).size or 0
    sizes = {number_of(name[12:]) for name in export.files if name.startswith("checkpoints/")} | set(marks.values())
    export.check_entries(size, sorted(sizes - {0, None}))
    pinned = [*pinned, *(policy.keys if policy else ())]
    right = export.check_checkpoints(pinned, newer, policy, size)
    export.check_rest(size)
    last, age = export.time.decode(), 0
    if size == 0:
        export.find("checkpoint", "is not there, or covers no entry")
    elif last:
        now = datetime.datetime.now(datetime.timezone.utc)
        age = (now - datetime.datetime.fromisoformat(last + "+00:00")).total_seconds() / 3600
        if max_age is not None and not -1 <= age <= max_age:
            export.find(export.entries - 1, f"is the last, and {age:.1f} hours old" if age > 0 else f"is {-age:.1f} hours to come")
    return export, [
        ("NOT VERIFIED" if export.findings else "Verified") + f": the ledger {export.origin}",
        f"  entries      {export.entries}, each hashed; {export.unknown} of events that this program does not know",
        f"  last entry   {last}Z, {age:.1f} hours ago",
        f"  checkpoints  {right} right, of Ed25519 and ML-DSA-44 keys; the last is of {size} entries",
        f"  files        {len(export.files)}",
        "  rolled back  " + (f"no: it continues {', '.join(newer)}" if newer and not export.findings else "see the findings"
                             if newer else "cannot be told without a checkpoint from before: --newer-than"),
        *(f"  key          {key.name}+{key.id.hex()} {KINDS[key.kind]}" for key in pinned or export.keys.values()),
        "               " + ("as given" if pinned else "NOT PINNED, the ledger's own: give yours with --key or --policy")]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", metavar="EXPORT_FOLDER")
    parser.add_argument("--key", metavar="VKEY", action="append", default=[], help="a key of the log that you were given")
    parser.add_argument("--policy", metavar="FILE", help="a log-policy that you were given: its keys and its rule")
    parser.add_argument("--newer-than", metavar="CHECKPOINT_FILE", action="append", default=[],
                        help="a checkpoint you have from before: finds a ledger that was rolled back or rewritten")
    parser.add_argument("--max-age", metavar="HOURS", type=float, help="how long ago the last entry may be")
    options = parser.parse_args(arguments)
    try:
        keys = [Key(vkey) for vkey in options.key]
        policy = LogPolicy(pathlib.Path(options.policy).read_bytes()) if options.policy else None
        export, lines = verify(options.folder, keys, options.newer_than, options.max_age, policy)
    except (OSError, ValueError) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    more = [f"and {len(export.findings) - 100} findings more"] if len(export.findings) > 100 else []
    print("\n".join(lines + export.findings[:100] + more))
    return 1 if export.findings else 0


if __name__ == "__main__":
    sys.exit(main())
