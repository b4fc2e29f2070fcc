"""A ledger as a real hub has made it, read from its export so that the tamper corpus can be run over it."""
import base64
import datetime
import hashlib
import pathlib
import re

from export_writer import Log, leaf_hash

SENT_BEFORE, SENT_AFTER = 56, 48


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


def entries_of(bundle):
    at = 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at:at + 2], "big")
        yield bundle[at + 2:end]
        at = end


class ServedLog(Log):
    """What is in an export. `first` and `second`: the seeds of the keys from before a rotation of both and from after it."""

    def __init__(self, exported, first, second):
        bundles = {re.sub("[^0-9]", "", path.removesuffix(".p/" + path.split("/")[-1])): content
                   for path, content in exported.items() if path.startswith("tile/entries/")}
        self.entries = [entry for index in sorted(bundles) for entry in entries_of(bundles[index])]
        self.leaves = [leaf_hash(entry) for entry in self.entries]
        self.checkpoints = {int(path[12:]): content for path, content in exported.items() if path.startswith("checkpoints/")}
        self.origin = exported["checkpoint"].decode().split("\n")[0]
        self.first, self.second, self.signers = first, second, second
        self.policies = {}
        for path, content in exported.items():
            if path.startswith("policies/"):
                _, policy, inner = path.split("/", 2)
                self.policies.setdefault(policy, {})[inner] = content
        vkeys = [re.findall(r"\n(?:mldsa-)?vkey (\S+)", entry.decode()) for entry in self.entries if b"\nevent log." in entry]
        self.named = [*reversed(vkeys[0]), *map(self.vkey, second)]
        self.ended = set(self.named[:2])
        time = re.search(rb"\ntime (\S+)Z\n", self.entries[-1])[1].decode()
        self.clock = int(datetime.datetime.fromisoformat(time + "+00:00").timestamp() * 10**6) + 1
        self.documents = {name: exported[name] for name in ("FORMAT.md", "verify.py", "signatures.py")}

    def files(self):
        return {**super().files(), **self.documents}


def seeds_of(hub):
    """Of the keys that are in the service's folder: Ed25519, then ML-DSA-44."""
    return [f"{kind}:{base64.b64decode(path.read_text()).hex()}" for kind in ("ed25519", "ml-dsa-44")
            for path in hub.path("ledger_keys").glob(f"log-{kind}*")]


def send(hub, names):
    folder = hub.root / "outgoing"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"a,b\r\n1,{name}\r\n")
    hub.sftp(hub.sender, *(f"put {folder / name} {hub.send_folder()}/{name}" for name in names),
             f"-put {folder / names[0]} {hub.send_folder()}/{names[0]}.exe", f"-put {folder / names[0]} /send/nowhere")


def export(hub, name):
    """The ledger's files, once the service has stopped: `chancery ledger export` of its folder."""
    out = hub.root / name
    hub.chancery("ledger", "export", "--policies", hub.path("policies"), hub.path("ledger"), out)
    return files_in(out)


def serve(hub):
    """(the ledger, its export from before the rotation): uploads, refusals, readings, an anchor, a new key of either kind, a
    hold, an erasure, further uploads. Both daemons are stopped at the end; `hub.root / "export"` has the export."""
    hub.start()
    first = seeds_of(hub)
    send(hub, [f"before-{number}.csv" for number in range(SENT_BEFORE)])
    (hub.root / "collected").mkdir()
    hub.sftp(hub.receiver, f"get {hub.collect_folder()}/* {hub.root}/collected/")
    hub.stop()  # which anchors
    old = export(hub, "old")
    hub.start()
    where = hub.path("ledger_socket")
    for kind in "ed25519", "ml-dsa-44":
        (present,) = [line for line in hub.chancery("ledger", "key", "list", where).stdout.splitlines() if kind in line]
        hub.chancery("ledger", "key", "add", where, kind, "--reason", "yearly")
        hub.chancery("ledger", "key", "retire", where, re.search(r"\b[0-9a-f]{8}\b", present)[0])
    accepted = [entry["plain"]["transfer"] for entry in hub.entries() if entry["event"] == "file.accepted"]
    hub.chancery("ledger", "hold", "set", "--transfer", accepted[1], "--basis", "litigation", "--officer", "J. Doe", "--reason",
                 "case 114", "--yes", where)
    hub.chancery("erase", "--transfer", accepted[0], "--basis", "request", "--reference", "DSR-41", "--yes", where)
    send(hub, [f"after-{number}.csv" for number in range(SENT_AFTER)])
    second = seeds_of(hub)
    hub.stop()
    return ServedLog(export(hub, "export"), first, second), old
