"""Erasure by the programs: what was erased is found nowhere any more, neither in the live files nor, with the keys that are
left, in a copy of the ledger from before; all else still opens; also when chancery-ledgerd is killed in the middle.
CHANCERY_ROUNDS says how often it is killed (default 6)."""

import json
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from hub import BIN, Hub, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("CHANCERY_ROUNDS", "6"))
SEED = int(os.environ.get("CHANCERY_SEED", str(random.randrange(1 << 32))))
ENTRIES = 20_000


class Appender:
    """Appends as the hub does, without a hub: docs/ledger-service.md, "Frames"."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.ask(struct.pack(">BQB", 0, 1, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, frame):
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)
        (length,) = struct.unpack(">I", self.receive(4))
        return self.receive(length)

    def receive(self, count):
        got = b""
        while len(got) < count:
            more = self.socket.recv(count - len(got))
            if not more:
                raise ConnectionError("the service is gone")
            got += more
        return got

    def append(self, names):
        def text(value):
            return struct.pack(">I", len(value)) + value.encode()

        def fields(of):
            return struct.pack(">H", len(of)) + b"".join(text(key) + text(of[key]) for key in sorted(of))
        frame = struct.pack(">BQH", 1, 2, len(names))
        for name in names:
            frame += os.urandom(16) + text("file.refused")
            frame += fields({"agency": "-", "code": "not-live", "count": "1", "policy": "p", "route": "-", "transfer": "-"})
            frame += fields({"account": "", "address": "", "key": "", "name": name, "reason": "", "size": ""})
        reply = self.ask(frame)
        assert reply[0] == 1 and reply[9] == 0, reply


def names_of(hub, ledger):
    """seq -> name, of the entries of a ledger's folder whose details open with the keys that are there."""
    shown = hub.chancery("ledger", "show", "--json", "--keys", hub.path("ledger_keys"), ledger).stdout
    entries = [json.loads(line) for line in shown.splitlines()]
    return {one["seq"]: one["details"]["name"] for one in entries if one["details"].get("name")}


def copy_of_ledger(hub, name):
    """The database alone, as a backup has it: no keys."""
    folder = hub.root / name
    folder.mkdir()
    shutil.copy(hub.path("ledger") / "data.mdb", folder)
    return folder


def files_with(folder, value):
    return [str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file() and value in path.read_bytes()]


class Erasure(unittest.TestCase):
    def test_a_transfer_is_erased_from_a_whole_hub(self):
        with Hub() as hub:
            content = hub.root / "content"
            content.write_text("a,b\n1,2\n")
            for name in ("mary-oconnor-1984.csv", "quarterly.csv"):
                hub.sftp(hub.sender, f"put {content} {hub.send_folder()}/{name}")
            hub.sftp(hub.receiver, f"get {hub.collect_folder()}/mary-oconnor-1984.csv.age {hub.root}/got.age")
            secret = b"mary-oconnor-1984"
            entries = hub.entries()
            (accepted,) = [e for e in entries if e["event"] == "file.accepted" and "oconnor" in e["details"]["name"]]
            transfer = accepted["plain"]["transfer"]
            theirs = [e["seq"] for e in entries if e["plain"].get("transfer") == transfer and e["details"]]
            self.assertGreaterEqual(len(theirs), 3, "accepted, made, opened")
            backup = copy_of_ledger(hub, "backup")
            self.assertIn(accepted["seq"], names_of(hub, backup), "the search can find it")
            self.assertTrue([t for t in hub.receipts(hub.sender).values() if "oconnor" in t], "so can this one")

            socket_path = hub.path("ledger_socket")
            why = ("--basis", "request", "--reference", "DSR-41", "--yes")
            held = ("--transfer", transfer, "--basis", "litigation", "--officer", "J. Doe", "--reason", "case 114", "--yes")
            hub.chancery("ledger", "hold", "set", *held, socket_path)
            refused = hub.chancery("erase", "--transfer", transfer, *why, socket_path, check=False)
            self.assertEqual(refused.returncode, 1, refused.stderr)
            self.assertIn("on hold (litigation)", refused.stderr)
            self.assertIn("(litigation)", hub.chancery("ledger", "hold", "list", socket_path).stdout)
            hub.chancery("ledger", "hold", "clear", *held, socket_path)
            self.assertIn("no hold", hub.chancery("ledger", "hold", "list", socket_path).stdout)

            unasked = hub.chancery("erase", "--transfer", transfer, *why[:-1], socket_path, check=False)
            self.assertEqual(unasked.returncode, 1, unasked.stderr)
            self.assertIn("give --yes", unasked.stderr)
            self.assertIn("nothing was erased", unasked.stderr)
            done = hub.chancery("erase", "--transfer", transfer, *why, socket_path)
            self.assertIn("done at entry", done.stdout)
            again = hub.chancery("erase", "--transfer", transfer, *why, socket_path, check=False)
            self.assertEqual(again.returncode, 1, again.stderr)
            self.assertIn("erased already", again.stderr)
            for wrong in (("--seqs", "9999"), ("--seqs", "x"), ("--seqs", str(accepted["seq"]), "--basis", "boredom")):
                options = dict(zip(why[::2], why[1::2])) | dict(zip(wrong[::2], wrong[1::2]))
                no = hub.chancery("erase", *[w for pair in options.items() for w in pair], "--yes", socket_path, check=False)
                self.assertEqual(no.returncode, 1, no.stderr)
            usage = hub.chancery("erase", "--basis", "request", "--reference", "x", socket_path, check=False)
            self.assertEqual(usage.returncode, 2, usage.stderr)

            self.check_nothing_is_left(hub, backup, secret, theirs)
            self.check_hub_has_forgotten(hub, secret)
            hub.stop()
            hub.start()
            self.check_nothing_is_left(hub, backup, secret, theirs)
            self.check_hub_has_forgotten(hub, secret)

    def check_nothing_is_left(self, hub, backup, secret, erased):
        (ended,) = [e for e in hub.entries() if e["event"] == "detail.erased"]
        for one in hub.entries():
            if one["seq"] in erased:
                self.assertEqual(one["erased_at"], ended["seq"])
                self.assertEqual(set(one["details"].values()), {None})
            else:
                self.assertNotIn("erased_at", one)
                self.assertNotIn(None, one["details"].values(), one)
        words = hub.chancery("ledger", "show", "--keys", hub.path("ledger_keys"), hub.path("ledger")).stdout
        self.assertIn(f"(erased at seq {ended['seq']})", words)
        self.assertNotIn(secret.decode(), words)
        verified = hub.chancery("ledger", "verify", "--keys", hub.path("ledger_keys"), hub.path("ledger")).stdout
        self.assertIn(f"erased, at seq {ended['seq']}", verified)
        hub.verify()
        self.assertEqual(names_of(hub, backup), {}, "the copy from before gives nothing away")
        for folder in (hub.path("ledger"), hub.path("ledger_keys"), hub.directory / "var"):
            self.assertEqual(files_with(folder, secret), [])
        for log in hub.logs.values():
            self.assertNotIn(secret, log.read_bytes())

    def check_hub_has_forgotten(self, hub, secret):
        def seen():
            words = "".join([*hub.receipts(hub.sender).values(), *hub.receipts(hub.sender),
                             *hub.receipts(hub.receiver).values(), *hub.receipts(hub.receiver)])
            for agency, folder in ((hub.sender, hub.send_folder()), (hub.receiver, hub.collect_folder())):
                words += hub.sftp(agency, f"ls -l {folder}").stdout
            return words
        wait_until("forgetting", lambda: secret.decode() not in seen(), 5)
        self.assertIn("quarterly.csv", seen())

    def test_killed_while_it_erases(self):
        print(f"seed {SEED}, {ROUNDS} rounds", file=sys.stderr)
        chance = random.Random(SEED)
        hub = Hub()
        try:
            hub.start_ledgerd()
            with Appender(hub.path("ledger_socket")) as appender:
                for at in range(1, ENTRIES + 1, 1000):
                    appender.append([f"person-{seq}" for seq in range(at, at + 1000)])
            seconds = self.erase_while_appending(hub, 1)
            print(f"an erasure among {ENTRIES} entries takes {seconds:.2f} s", file=sys.stderr)
            for turn in range(2, ROUNDS + 2):
                self.kill_once(hub, turn, chance.uniform(0, seconds))
            verified = hub.chancery("ledger", "verify", "--keys", hub.path("ledger_keys"), hub.path("ledger")).stdout
            self.assertIn("Verified", verified)
            hub.stop()
            hub.check_logs()
        finally:
            hub.stop()
            shutil.rmtree(hub.root, ignore_errors=True)

    def erase_while_appending(self, hub, seq):
        backup = copy_of_ledger(hub, "backup")
        slowest, appended, done = 0.0, 0, threading.Event()

        def erase():
            self.assertEqual(self.erase(hub, seq).wait(300), 0)
            done.set()
        thread = threading.Thread(target=erase)
        started = time.monotonic()
        thread.start()
        with Appender(hub.path("ledger_socket")) as appender:
            while not done.is_set() and thread.is_alive():
                before = time.monotonic()
                appender.append([f"meanwhile-{appended}"])
                slowest, appended = max(slowest, time.monotonic() - before), appended + 1
        thread.join()
        seconds = time.monotonic() - started
        self.assertTrue(done.is_set())
        print(f"{appended} appends meanwhile, the slowest took {slowest * 1000:.0f} ms", file=sys.stderr)
        self.assertGreater(appended, 5)
        self.check_ledger(hub, backup, [seq])
        return seconds

    def erase(self, hub, seq):
        return subprocess.Popen([str(BIN / "chancery"), "erase", "--seqs", str(seq), "--basis", "request", "--reference", "R",
                                 "--yes", str(hub.path("ledger_socket"))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_once(self, hub, turn, after):
        shutil.rmtree(hub.root / "backup")
        backup = copy_of_ledger(hub, "backup")
        asked = self.erase(hub, turn)
        time.sleep(after)
        hub.kill("chancery-ledgerd")
        code = asked.wait(60)
        self.assertIn(code, (0, 2))
        hub.start_ledgerd()

        def events(name):
            shown = hub.chancery("ledger", "show", "--event", name, hub.path("ledger_socket")).stdout
            return len(shown.splitlines())
        begun = events("erasure.begun")
        wait_until("the end of the erasure", lambda: events("detail.erased") == begun, 60)
        if begun < turn:  # it was killed before it began
            self.assertEqual(code, 2)
            self.assertEqual(self.erase(hub, turn).wait(60), 0)
        self.check_ledger(hub, backup, range(1, turn + 1))

    def check_ledger(self, hub, backup, erased):
        left = names_of(hub, hub.path("ledger"))
        for seq in range(1, ENTRIES + 1):
            self.assertEqual(left.get(seq), None if seq in erased else f"person-{seq}", f"seed {SEED}")
        self.assertEqual(names_of(hub, backup), {}, f"seed {SEED}")
        self.assertEqual([p.name for p in (hub.path("ledger_keys") / "epoch").iterdir()], ["0"], f"seed {SEED}")


if __name__ == "__main__":
    unittest.main()
