"""What can be done to a ledger or its export, and how verifiers must answer: the generated corpus of tamper_test.py.

A case is (class, name, files, arguments, exit code, words of a finding). A ledger that was forged by whoever has no keys is a
change of files after the fact; one whose own service lies is written so and signed.
"""
import base64
import copy
import hashlib
import re
import time

from export_writer import Log, Signer, bundles, leaf_hash, mth, path_of, seeds, tiles, with_sums

STRANGER = seeds(99)


def history(transfers=3, origin="example.org/hub", key=1):
    """A ledger with refusals, anchors, a policy, a rotation of both keys, and an erasure."""
    log = Log(origin, key)
    log.clock = (int(time.time()) - 3 * 86400) * 10**6
    log.entries, log.leaves = [], []
    log.append("log.genesis", {"origin": origin, "vkey": log.named[0], "mldsa-vkey": log.named[1], "version": "1",
                               "prior-origin": "-", "prior-root": "-", "prior-size": "-"})
    log.activate({"agencies/hospital.toml": b'name = "Hospital"\n', "routes/care.toml": b"max = 1\n"})
    for number in range(transfers):
        log.deliver(number)
        if number % 10 == 0:
            log.sign()
            log.anchor()
    new = seeds(key + 1)
    for seed in new:
        log.add_key(seed)
    log.sign(*new)
    log.anchor()
    for seed in seeds(key):
        log.end_key(seed)
    log.signers = log.second = new
    log.append("erasure.begun", {"basis": "request", "seqs": "2"})
    log.append("detail.erased", {"basis": "request", "seqs": "2"})
    log.append("hold.set", {"basis": "court", "seqs": "3-5"})
    for number in range(transfers, 2 * transfers):
        log.deliver(number)
    log.sign()
    log.anchor()
    log.append("event.of.the.future", {"anything": "at-all"})
    for event in "log.key.of-the-future", "log.of.the.future", "hold.of.the.future", "erasure.of.the.future":
        log.append(event, {"seqs": "any", "vkey": "any"})
    log.sign()
    return log


def forged(log, entries, **files):
    """The export of a log with other entries: tiles and sums made anew, checkpoints as they were."""
    made = {name: content for name, content in log.files().items() if not name.startswith("tile/")}
    made.update(bundles(entries))
    made.update(tiles([leaf_hash(entry) for entry in entries]))
    made.update(files)
    return with_sums(made)


def changed(log, **kwargs):
    """The export of a log with some files changed (None: removed) and the sums made anew; / in names is written __."""
    files = log.files()
    for name, content in kwargs.items():
        files[name] = content
    return with_sums({name: content for name, content in files.items() if content is not None})


def edits(log, other):
    """Edits of entries by someone without keys, who makes tiles and sums anew."""
    entries, n = log.entries, len(log.entries)
    middle = n // 2
    yield "truncation", "last entry", forged(log, entries[:-1]), "tile/entries/"
    yield "truncation", "last byte of the last entry", forged(log, entries[:-1] + [entries[-1][:-1]]), f"entry {n - 1}:"
    yield "truncation", "half of the entries", forged(log, entries[:middle]), "tile/entries/"
    for place in 1, middle, n - 2:
        before, entry, after = entries[:place], entries[place], entries[place + 1:]
        # What makes the last bundle longer or shorter gives it another name.
        named = "entry {}:" if place < n // 256 * 256 else "tile/entries/"
        yield "duplication", f"entry {place} twice", forged(log, before + [entry, entry] + after), named.format(place + 1)
        yield "deletion", f"entry {place}", forged(log, before + after), named.format(place)
        yield "reordering", f"entry {place} after the next", forged(log, before + [after[0],
                                                            entry] + after[1:]), f"entry {place}:"
        yield "insertion", f"a made entry at {place}", forged(
            log, before + [log.text("object.disposed", {"code": "acknowledged", "object": "o", "transfer": "t"},
                                    seq=str(place)),
                           entry] + after), named.format(place)
        yield "splicing", f"entry {place} of another ledger", forged(log,
                                                            before + [other.entries[place]] + after), f"entry {place}"
        yield "edit", f"one letter of entry {place}", forged(
            log, before + [entry[:-3] + (b"A" if entry[-3:-2] != b"A" else b"E") + entry[-2:]] + after), f"entry {place + 1}:"
    yield "deletion", "entry 0", forged(log, entries[1:]), "entry 0:"
    yield "splicing", "the tail of another ledger", forged(log,
                                                           entries[:middle] + other.entries[middle:n]), f"entry {middle}:"
    yield "splicing", "the tail of another ledger, with its checkpoint", forged(
        log, entries[:middle] + other.entries[middle:], checkpoint=other.checkpoints[len(other.entries)],
        **{f"checkpoints/{len(other.entries)}": other.checkpoints[len(other.entries)]}), f"entry {middle}:"


def damage(log):
    """Damage to files; the sums are made anew where `changed` is used."""
    files, size = log.files(), len(log.entries)
    sound = with_sums(files)
    for name in files:
        content = files[name]
        gone = {other: text for other, text in sound.items() if other != name}
        yield "truncation", f"{name} by a byte", {**sound, name: content[:-1]}, name
        yield "deletion", f"{name}, still listed", gone, name
        yield "insertion", f"a byte after {name}", {**sound, name: content + b"\0"}, name
        if name.startswith(("tile/", "log-policy", "policies/")) or name == "checkpoint":
            yield "truncation", f"{name} by a byte, sums made anew", changed(log, **{name: content[:-1]}), ""
            yield "truncation", f"{name} to nothing, sums made anew", changed(log, **{name: b""}), ""
            if not name.startswith("policies/"):
                yield "deletion", f"{name}, sums made anew", changed(log, **{name: None}), name
            yield "insertion", f"a byte after {name}, sums made anew", changed(log, **{name: content + b"\n"}), ""
    tile = path_of(0, 0, min(size, 256))
    swapped = files[tile][32:64] + files[tile][:32] + files[tile][64:]
    yield "reordering", "two hashes of a tile", changed(log, **{tile: swapped}), "entry 0:"
    yield "insertion", "a file", changed(log, **{"notes.txt": b"hello\n"}), "notes.txt"
    for like in "FORMATxmd", "log-policyxed25519", "checkpoint\n":
        yield "insertion", f"a file named {like!r}", changed(log, **{like: b"hello\n"}), ""
    yield "insertion", "a policy with a name that is not of ASCII", changed(log, **other_policy("\u00e4.toml")), ""
    yield "insertion", "a policy with a backslash in a name", changed(log, **other_policy("a\\b.toml")), ""
    yield "insertion", "a ledger's tables", changed(log, **{"data.mdb": bytes(16384)}), "data.mdb"
    yield "insertion", "a file that is not listed", {**sound, "more.txt": b"\n"}, "more.txt"
    yield "insertion", "a partial tile of before", changed(log, **{"tile/0/000.p/1": files[tile][:32]}), "tile/0/000.p/1"
    yield "insertion", "a tile of no level", changed(log, **{"tile/7/000": bytes(8192)}), "tile/7/000"
    yield "insertion", "a policy that is none", changed(log, **{"policies/" + "0" * 64 + "/a.toml": b""}), "policies/"
    yield "insertion", "a file left from writing", changed(log, **{".writing": b""}), ".writing"
    yield "insertion", "a checkpoint under another name", changed(log,
                                                            **{"checkpoints/last": files["checkpoint"]}), "checkpoints/last"
    yield "insertion", "a checkpoint with a leading zero", changed(
        log, **{f"checkpoints/0{size}": files["checkpoint"]}), f"checkpoints/0{size}"
    yield "duplication", "a checkpoint for another size", changed(log,
                                                            **{"checkpoints/2": files["checkpoint"]}), "checkpoints/2"
    sums = sound["SHA256SUMS"].splitlines(True)
    yield "deletion", "a line of SHA256SUMS", {**sound, "SHA256SUMS": b"".join(sums[1:])}, "checkpoint"
    yield "duplication", "a line of SHA256SUMS", {**sound, "SHA256SUMS": b"".join(sums[:1] + sums)}, "SHA256SUMS"
    yield "reordering", "SHA256SUMS", {**sound, "SHA256SUMS": b"".join(reversed(sums))}, "SHA256SUMS"
    yield "deletion", "SHA256SUMS", files, "SHA256SUMS"
    policy = next(iter(log.policies))
    activated = next(seq for seq, entry in enumerate(log.entries) if f"\npolicy {policy}\n".encode() in entry)
    yield "deletion", "a policy that was activated", changed(log, **{
        **{f"policies/{policy}/{path}": None for path in log.policies[policy]},
        f"policies/{hashlib.sha256(b'').hexdigest()}/x": None,
        **other_policy()}), f"entry {activated}:"
    yield "empty", "every file without a byte", {name: b"" for name in sound}, ""
    yield "empty", "a checkpoint of size 0", with_sums({
        "checkpoint": Signer.ask(log.origin, 0, base64.b64encode(hashlib.sha256().digest()).decode(), 1, *log.first).encode(),
        "log-policy": files["log-policy"], "log-policy.ed25519": files["log-policy.ed25519"]}), ""
    yield "empty", "entries and no checkpoint", with_sums(
        {name: content for name, content in files.items() if not name.startswith("checkpoint")}), "checkpoint"


def other_policy(name="a.toml"):
    content = b"another = 1\n"
    line = f"{hashlib.sha256(content).hexdigest()}  {name}\n"
    return {f"policies/{hashlib.sha256(line.encode()).hexdigest()}/{name}": content}


def checkpoints(log):
    """Replaced checkpoints."""
    size, files = len(log.entries), log.files()
    anchored = next(int(re.search(rb"\nsize ([0-9]+)\n", entry)[1]) for entry in log.entries if b"\nevent log.anchor\n" in entry)
    anchor = next(seq for seq, entry in enumerate(log.entries) if b"\nevent log.anchor\n" in entry)
    first, second = log.first, log.second

    def replaced(at, note):
        names = {f"checkpoints/{at}": note}
        if at == size:
            names["checkpoint"] = note
        return changed(log, **names)

    def signed(keys, at=size, root=None, origin=log.origin, seconds=None):
        root = base64.b64encode(root or mth(log.leaves[:at])).decode()
        return Signer.ask(origin, at, root, seconds or log.clock // 10**6, *keys).encode()

    here = f"checkpoints/{size}"
    yield "replaced", "signed by strangers", replaced(size, signed(STRANGER)), here
    yield "replaced", "signed by Ed25519 alone", replaced(size, signed(second[:1])), here
    yield "replaced", "signed by ML-DSA-44 alone", replaced(size, signed(second[1:])), here
    yield "replaced", "signed by the retired keys", replaced(size, signed(first)), here
    yield "replaced", "signed by a retired and a present key", replaced(size, signed([first[0], second[1]])), here
    yield "replaced", "another root", replaced(size, signed(second, root=bytes(32))), here
    yield "replaced", "another origin", replaced(size, signed(second, origin="example.org/other")), here
    yield "replaced", "before its keys were named", replaced(anchored, signed(second, at=anchored)), f"checkpoints/{anchored}"
    yield "replaced", "an anchored one, by another of its size", replaced(
        anchored, signed(first, at=anchored, seconds=5)), f"entry {anchor}:"
    yield "replaced", "an anchored one, gone", changed(log, **{f"checkpoints/{anchored}": None}), f"entry {anchor}:"
    note, stranger = files["checkpoint"].decode().split("\n"), signed(STRANGER).decode().split("\n")
    true, false = signed(second).decode().split("\n"), signed(second, root=bytes(32)).decode().split("\n")
    for kind, line in ("Ed25519", 4), ("ML-DSA-44", 5):
        lines = list(true)
        lines[line] = false[line]
        yield "replaced", f"a false signature of {kind}", replaced(size, "\n".join(lines).encode()), here
        lines = list(false)
        lines[line] = true[line]
        yield "replaced", f"another root, and only {kind} forged", replaced(size, "\n".join(lines).encode()), here
    for what, text in {
            "no signature": "\n".join(note[:4]) + "\n", "an extension line": "\n".join(note[:3] + ["more"] + note[3:]),
            "CRLF": "\r\n".join(note), "no LF at the end": "\n".join(note)[:-1], "size with a zero": "\n".join(
                [note[0], "0" + note[1]] + note[2:]), "a hyphen for the dash": "\n".join(note).replace("\u2014", "-"),
            "a space more": "\n".join(note).replace("\u2014 ", "\u2014  "), "bytes that are no UTF-8": None,
            "base64 without padding": "\n".join(note[:2] + [note[2].rstrip("=")] + note[3:])}.items():
        yield "replaced", what, replaced(size, text.encode() if text else b"\xff" + files["checkpoint"]), here
    twice = "\n".join(note[:6] + [stranger[4]]) + "\n"
    retired = signed(first, root=bytes(32)).decode().split("\n")[4]
    yield "replaced", "a false signature of a retired key besides", replaced(
        size, ("\n".join(note[:6] + [retired]) + "\n").encode()), here
    yield "replaced", "longer than a note may be", replaced(size, long_note(files["checkpoint"])), here
    yield "replaced", "65 signature lines", replaced(size, files["checkpoint"] + (stranger[4] + "\n").encode() * 63), here
    yield "sound", "64 signature lines", replaced(size, files["checkpoint"] + (stranger[4] + "\n").encode() * 62), None
    yield "sound", "a signature line of a stranger besides", replaced(size, twice.encode()), None


def long_note(note):
    """The same with two lines of a stranger, of which the first ends where the mebibyte does that a note may have."""
    groups, rest = divmod(2**20 - len(note) - len("\u2014  \n".encode()), 4)
    name = "s" * (4 + rest)
    return note + f"\u2014 {name} {'AAAA' * (groups - 1)}\n\u2014 {name} {'AAAA' * 4}\n".encode()


def liars(sound):
    """Ledgers that go on from a sound one; their own service breaks the rules and signs it."""
    unsigned = next(size for size in range(2, len(sound.entries)) if size not in sound.checkpoints)

    def lied(tell):
        log = copy.deepcopy(sound)
        place = tell(log)
        log.sign()
        return log, len(log.entries) - 1 if place is None else place

    def header(**lines):
        return lambda log: log.append("delivery.opened", {"agency": "a", "object": "o", "transfer": "t"}, **lines)

    def text(old, new):
        def tell(log):
            log.clock += 10**6
            entry = log.text("delivery.opened", {"agency": "a", "object": "o", "transfer": "t"})
            assert old in entry
            log.add(entry.replace(old, new))
        return tell

    def event(name, **plain):
        return lambda log: log.append(name, {key.replace("_", "-"): value for key, value in plain.items()})

    def back(log):
        log.clock -= 3600 * 10**6
        log.append("delivery.opened", {"agency": "a", "object": "o", "transfer": "t"})
    yield "time", "an hour backwards", *lied(back)
    for name, lines in {"day that is none": "2026-02-30T00:00:00.000000Z", "second 60": "2027-01-01T00:00:60.000000Z",
                        "five digits": "2027-01-01T00:00:00.00000Z", "another zone": "2027-01-01T00:00:00.000000+",
                        "year 1969": "1969-12-31T23:59:59.999999Z",
                        "29 February of 2027": "2027-02-29T00:00:00.000000Z"}.items():
        yield "time", name, *lied(header(time=lines))
    yield "order", "seq one too high", *lied(lambda log: header(seq=str(len(log.entries) + 1))(log))
    yield "grammar", "seq with a zero", *lied(lambda log: header(seq=f"0{len(log.entries)}")(log))
    yield "order", "prev of another entry", *lied(lambda log: header(prev=base64.b64encode(log.leaves[0]).decode())(log))
    yield "grammar", "prev not canonical", *lied(lambda log: header(
        prev=base64.b64encode(log.leaves[-1]).decode()[:-2] + {"A": "B", "E": "F"}.get("", "B") + "=")(log))
    yield "order", "an id twice", *lied(lambda log: header(id=log.entries[1].split(b"\nid ")[1][:32].decode())(log))
    yield "grammar", "an id in capitals", *lied(header(id="AB" * 16))
    yield "grammar", "an event in capitals", *lied(header(event="Delivery.Opened"))
    yield "grammar", "an event of 33 letters", *lied(header(event="e" * 33))
    for name, old, new in (
            ("two spaces", b"agency a", b"agency  a"), ("an empty value", b"agency a", b"agency "), ("a tab", b"agency a",
                                                            b"agency\ta"),
            ("CRLF", b"\n", b"\r\n"), ("an empty line", b"agency a\n", b"agency a\n\n"), ("another version", b"entry/v1",
                                                            b"entry/v2"),
            ("fields out of order", b"agency a\nobject o\n", b"object o\nagency a\n"), ("a field twice", b"object o\n",
                                                            b"object o\n" * 2),
            ("a field more", b"object o\n", b"object o\nplus p\n"), ("a field less", b"object o\n", b""),
            ("a plain field behind c.", b"object o\n", b"c.object o\n"), ("a commitment cut", b"=\nc.address",
                                                            b"\nc.address"),
            ("a byte above 126", b"agency a", b"agency \xc3\xa4"), ("a value of 4,097", b"agency a",
                                                            b"agency " + b"a" * 4097),
            ("a committed field in the open", b"transfer t\n", b"transfer t\naccount x\n")):
        yield "grammar", name, *lied(text(old, new))
    yield "grammar", "no LF at the end", *lied(lambda log: log.add(log.text("delivery.opened", {
        "agency": "a", "object": "o", "transfer": "t"})[:-1]))
    yield "grammar", "nothing at all", *lied(lambda log: log.add(b""))
    unknown = {"z": "1", "a": "2"}
    yield "grammar", "an unknown event out of order", *lied(lambda log: log.add(
        log.text("un.known", unknown).replace(b"a 2\nz 1\n", b"z 1\na 2\n")))
    yield "grammar", "a header as a field of an unknown event", *lied(event("un.known", seq="1"))
    yield "keys", "a second genesis", *lied(lambda log: log.add(log.text("log.genesis", dict(
        line.split(" ") for line in log.entries[0].decode().split("\n")[6:13]))))
    yield "keys", "a key added twice", *lied(lambda log: log.append("log.key.add", {"vkey": log.named[0],
                                                            "last-trusted-size": "-"}))
    yield "keys", "a key added with an end", *lied(lambda log: log.append("log.key.add", {
        "vkey": log.vkey(STRANGER[0]), "last-trusted-size": "5"}))
    yield "keys", "a key of another ledger added", *lied(lambda log: log.append("log.key.add", {
        "vkey": Signer.ask("example.org/other", STRANGER[0]), "last-trusted-size": "-"}))
    yield "keys", "what is no key added", *lied(event("log.key.add", vkey="key", last_trusted_size="-"))
    yield "keys", "a key ended that was never named", *lied(lambda log: log.append("log.key.revoke", {
        "vkey": log.vkey(STRANGER[0]), "last-trusted-size": "5"}))
    yield "keys", "a key ended in the future", *lied(lambda log: log.append("log.key.retire", {
        "vkey": log.named[0], "last-trusted-size": len(log.entries) + 1}))
    for seqs in "5,3", "3-3", "2-4,4", "01", "1-2-3", "1,", "-", "0-99999", "9223372036854775808":
        yield "erasure", f"of the entries {seqs}", *lied(event("erasure.begun", basis="request", seqs=seqs))
    yield "erasure", "of itself", *lied(lambda log: log.append("detail.erased", {"basis": "order",
                                                            "seqs": str(len(log.entries))}))
    yield "erasure", "a hold on what is not there", *lied(event("hold.set", basis="order", seqs="5000"))
    yield "anchors", "of the future", *lied(lambda log: log.anchor(size=len(log.entries) + 1))
    yield "anchors", "of another root", *lied(lambda log: log.anchor(root=base64.b64encode(bytes(32)).decode()))
    yield "anchors", "of another note", *lied(lambda log: log.anchor(**{"note-sha256": "0" * 64}))
    yield "anchors", "of a size never signed", *lied(lambda log: log.anchor(size=str(unsigned)))


def revoked(log):
    """A key that was stolen, and revoked for sizes from before it signed."""
    log = copy.deepcopy(log)
    log.end_key(log.second[0], size=min(log.checkpoints), event="log.key.revoke")
    log.add_key(STRANGER[0])
    log.signers = [STRANGER[0], log.second[1]]
    log.sign()
    return log


def of_one_kind(log):
    """A key for which only the log's Ed25519 key speaks."""
    log = copy.deepcopy(log)
    log.add_key(STRANGER[1])
    log.sign(only=[log.second[0], STRANGER[1]])
    return log


def unkept(log):
    """New keys, and a checkpoint that the earlier ones signed with them, which is not kept."""
    log = copy.deepcopy(log)
    for seed in STRANGER:
        log.add_key(seed)
    log.sign(only=STRANGER)
    size = len(log.entries)
    root = base64.b64encode(mth(log.leaves)).decode()
    return log, Signer.ask(log.origin, size, root, log.clock // 10**6, *log.second, *STRANGER).encode()


def sizes():
    """Sound ledgers of sizes at which tiles and bundles begin and end."""
    for size in 1, 2, 255, 256, 257, 511, 512, 513:
        grown = Log()
        while len(grown.entries) < size:
            grown.append("object.disposed", {"code": "acknowledged", "object": "o", "transfer": "t"})
        grown.sign()
        yield "sound", f"of {size} entries", with_sums(grown.files()), [], 0, None


def corpus(log, small, old):
    """Every case, for a ledger, a small one of the same kind, and the first one's export from an earlier time."""
    sound, newest = with_sums(log.files()), log.checkpoints[len(log.entries)]
    pin = ["--key", log.named[0], "--key", log.named[1]]
    for name, arguments in {"as it is": [], "with its first keys": pin, "with its present keys": [
            "--key", log.named[2], "--key", log.named[3]], "with one key": pin[:2], "with the other": pin[2:],
            "not too old": ["--max-age", "100"], "newer than an old one": ["--newer-than",
                                                            log.checkpoints[min(log.checkpoints)]],
            "newer than itself": ["--newer-than", newest]}.items():
        yield "sound", name, sound, arguments, 0, None
    yield "sound", "without policies", with_sums({
        name: content for name, content in log.files().items() if not name.startswith("policies/")}), [], 0, None
    yield "cannot tell", "a folder without a file", {}, [], 2, None
    longer = history(len(log.entries) // 8, log.origin, key=5)
    for kind, name, files, words in [*edits(log, longer), *damage(small), *checkpoints(small)]:
        yield kind, name, files, [], 0 if kind == "sound" else 1, words
    for kind, name, liar, place in liars(small):
        yield kind, name, with_sums(liar.files()), [], 1, f"entry {place}:"
    yield "keys", "a revoked key had signed", with_sums(revoked(small).files()), [], 1, "checkpoints/"
    ed25519, ml_dsa = (["--key", vkey] for vkey in small.named[2:4])
    for kind, arguments in {"no key": [], "the Ed25519 key": ed25519, "the ML-DSA-44 key": ml_dsa}.items():
        yield "keys", f"a key that Ed25519 alone signed for, {kind} given", with_sums(of_one_kind(small).files()), arguments, \
            1, "checkpoints/"
    walked, bridge = unkept(small)
    yield "keys", "a checkpoint that leads to new keys, and is not kept", with_sums(walked.files()), [
        *ed25519, *ml_dsa, "--newer-than", bridge], 1, f"checkpoints/{len(walked.entries)}"
    other = history(2, log.origin, key=7)
    elsewhere = history(2, origin="example.org/other")
    yield "wrong key", "the key of another ledger", sound, ["--key", other.named[0]], 1, "key"
    yield "wrong key", "one right and one wrong", sound, ["--key", log.named[0], "--key", other.named[1]], 1, "key"
    yield "wrong key", "another ledger of the same name", with_sums(other.files()), pin, 1, "key"
    yield "wrong origin", "a whole ledger of another name", with_sums(elsewhere.files()), pin, 1, "key"
    half_its_age = (time.time() - log.clock / 10**6) / 7200
    yield "stale", "twice as old as it may be", sound, ["--max-age", f"{half_its_age:.9f}"], 1, f"entry {len(log.entries) - 1}:"
    ahead = history(2)
    ahead.clock = (int(time.time()) + 86400) * 10**6
    ahead.append("event.of.the.future", {})
    ahead.sign()
    yield "sound", "a clock that was ahead, when nobody asks", with_sums(ahead.files()), [], 0, None
    yield "stale", "a clock that was ahead", with_sums(ahead.files()), ["--max-age", "100"], 1, f"entry {len(ahead.entries) - 1}:"
    yield "rolled back", "an old copy, with nothing to tell it by", old, [], 0, None
    yield "rolled back", "an old copy, and a later checkpoint", old, ["--newer-than", newest], 1, str(len(log.entries))
    yield "rolled back", "another history, and a checkpoint of this one", with_sums(other.files()), [
        "--newer-than", small.checkpoints[min(small.checkpoints)]], 1, ""
    yield "rolled back", "and a checkpoint of another ledger", sound, ["--newer-than", elsewhere.files()["checkpoint"]], 1, ""
    yield "cannot tell", "a key that is none", sound, ["--key", "example.org/hub+00000000+AAAA"], 2, None
    yield "cannot tell", "a policy that is none", sound, ["--policy", b"this is no policy\n"], 2, None
    for name, policy, code in policies(log):
        yield "sound" if code == 0 else "cannot tell", f"a policy with {name}", sound, ["--policy",
                                                            policy.encode()], code, None
    for name, files, policy, code, words in quorums(small):
        yield "quorum", name, with_sums(files), ["--policy", policy.encode()], code, words
    yield "cannot tell", "a policy that is not there", sound, ["--policy", "nowhere/log-policy"], 2, None
    yield "cannot tell", "a later checkpoint that is none", sound, ["--newer-than", b"hello\n"], 2, None
    yield "cannot tell", "no folder", None, [], 2, None


def policies(log):
    """Files for --policy, right and wrong ones."""
    ed25519, ml_dsa = log.named[2:4]
    right = log.log_policy()[0].decode()
    yield "nothing unusual", right, 0
    yield "Ed25519 keys alone", log.log_policy()[1].decode(), 0
    yield "tabs, comments and URLs", "# ours\n\n \tlog\t" + ed25519 + "  https://example.org/ \nquorum none\n", 0
    yield "no LF at its end", right[:-1], 2
    yield "a key alone", f"log {ed25519}\nquorum none\n", 0
    yield "ML-DSA-44 keys alone", f"witness w {ml_dsa}\nquorum w\n", 0
    yield "no quorum", f"log {ed25519}\n", 2
    yield "two quorums", right + "quorum ml-dsa-44\n", 2
    yield "a quorum of nobody", f"log {ed25519}\nquorum somebody\n", 2
    yield "a witness called none", f"log {ed25519}\nwitness none {ml_dsa}\nquorum none\n", 2
    yield "two witnesses of a name", right.replace("group", f"witness ml-dsa-44-1 {log.vkey(STRANGER[1])}\ngroup"), 2
    yield "a key twice", f"log {ed25519}\nlog {ed25519}\nquorum none\n", 2
    yield "a witness's key as a log's", f"log {ml_dsa}\nquorum none\n", 2
    yield "a log's key as a witness's", f"witness w {ed25519}\nquorum w\n", 2
    yield "a group of somebody", right.replace("any ml-dsa-44-1", "any somebody"), 2
    yield "a group of too many", right.replace("any", "2"), 2
    yield "a group of none of them", right.replace("any", "0"), 2
    yield "a group with a member twice", right.replace("any ml-dsa-44-1", "any ml-dsa-44-1 ml-dsa-44-1"), 2
    yield "a group without members", right.replace("any ml-dsa-44-1", "any"), 2
    yield "a member of two groups", right.replace("quorum", "group g any ml-dsa-44-1\nquorum"), 2
    yield "a control character", right + "# \v\n", 2
    yield "a number of members with a zero", right.replace("any", "01"), 2
    yield "CRLF", right.replace("\n", "\r\n"), 2
    yield "a word that is none", right + "allow all\n", 2
    yield "no key", "quorum none\n", 2
    yield "a key id that is another's", right.replace(ed25519.split("+")[1], "00000000", 1), 2
    yield "nothing in it", "", 2


def quorums(sound):
    """Policies of which the newest checkpoint may meet the rule or not; before and after further keys are named."""
    first, second, size = sound.named[:2], sound.named[2:4], len(sound.entries)

    def rule(logs, witnesses, group="all w0 w1"):
        names = [f"w{i}" for i in range(len(witnesses))]
        return "".join([*(f"log {vkey}\n" for vkey in logs), *(f"witness {name} {vkey}\n" for name, vkey in zip(names, witnesses)),
                        f"group g {group}\nquorum g\n"])

    here = f"checkpoints/{size}"
    yield "the keys from before the rotation", sound.files(), rule(first[:1], first[1:], "any w0"), 0, None
    yield "the present log key and the earlier witness", sound.files(), rule(second[:1], first[1:], "any w0"), 0, None
    yield "any of the earlier and the present witness", sound.files(), rule(second[:1], [first[1], second[1]],
                                                            "any w0 w1"), 0, None
    yield "all of the earlier and the present witness", sound.files(), rule(second[:1], [first[1], second[1]]), 1, here
    yield "no log", sound.files(), rule([], second[1:], "any w0"), 0, None
    yield "a witness that no entry names", sound.files(), rule(second[:1], [second[1], sound.vkey(STRANGER[1])],
                                                              "any w0 w1"), 1, "key"

    def grown(*steps):
        log = copy.deepcopy(sound)
        for step in steps:
            step(log)
        return log.files(), f"checkpoints/{max(log.checkpoints)}"

    third, fourth = STRANGER[1], seeds(98)[1]
    names = {seed: sound.vkey(seed) for seed in (third, fourth)}
    event = {"agency": "a", "object": "o", "transfer": "t"}
    both, asked = sound.second + [third], [second[1], names[third]]
    every, two = rule(second[:1], asked), rule(second[:1], [*asked, names[fourth]], "2 w0 w1 w2")

    def add(seed):
        return lambda log: log.add_key(seed)

    def end(seed):
        return lambda log: log.end_key(seed)

    def sign(*signers):
        return lambda log: (log.append("delivery.opened", event), log.sign(only=signers))
    started = [add(third), sign(*both)]
    for name, steps, policy, code in (
            ("both witnesses, and both have signed", started, every, 0),
            ("both witnesses, and one has not signed", [*started, sign(*sound.second)], every, 1),
            ("both witnesses, and one has not signed an earlier one", [*started, sign(*sound.second), sign(*both)], every, 0),
            ("both witnesses, of which one was never asked", [add(third), sign(*sound.second)], every, 1),
            ("both witnesses, and one has ended", [*started, end(third), sign(*sound.second)], every, 1),
            ("both witnesses, and one was replaced", [*started, add(fourth), sign(*both, fourth), end(third),
                                                      sign(*sound.second, fourth)], every, 0),
            ("both witnesses, and one was replaced without the other's word", [
                *started, add(fourth), sign(*sound.second, fourth), end(third), sign(*sound.second, fourth)], every, 1),
            ("both witnesses, of which the earliest has ended", [*started, end(sound.second[1]),
                                                                 sign(sound.second[0], third)], every, 1),
            ("two of three", [*started, add(fourth), sign(*both, fourth), sign(*both)], two, 0),
            ("two of three, and one has signed", [*started, add(fourth), sign(*both, fourth), sign(*sound.second)], two, 1)):
        files, newest = grown(*steps)
        yield name, files, policy, code, newest if code else None


def rolled_back(log):
    """What the ledger was at an anchored checkpoint in its midst."""
    sizes = sorted(log.checkpoints)
    size = sizes[len(sizes) // 2]
    old = Log(log.origin)
    old.named, old.ended, old.policies = log.named, set(), log.policies
    named = [vkey for vkey in log.named if any(f"vkey {vkey}\n".encode() in entry for entry in log.entries[:size])]
    old.named = named
    old.entries, old.leaves = log.entries[:size], log.leaves[:size]
    old.checkpoints = {n: note for n, note in log.checkpoints.items() if n <= size}
    return with_sums(old.files())
