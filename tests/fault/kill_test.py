"""kill -9 of either daemon during uploads: what was acknowledged is never lost, nothing partial is ever seen, and the ledger
verifies. CHANCERY_ROUNDS says how often (default 100)."""

import hashlib
import os
import pathlib
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from hub import Hub, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("CHANCERY_ROUNDS", "100"))
UPLOADERS = 4
SEED = int(os.environ.get("CHANCERY_SEED", str(random.randrange(1 << 32))))


def upload(hub, sftp, name, content):
    """Uploads, and raises unless the hub answered OK to CLOSE: paramiko's own close() hides a lost connection."""
    from paramiko.sftp import CMD_CLOSE
    file = sftp.open(f"{hub.send_folder()}/{name}", "wb")
    file.set_pipelined(True)
    file.write(content)
    file.flush()
    file._closed = True
    sftp._request(CMD_CLOSE, file.handle)


class Uploader(threading.Thread):
    """Uploads files one after another until told to stop, and keeps a journal of what was acknowledged."""

    def __init__(self, hub, number):
        super().__init__(daemon=True)
        self.hub, self.number, self.random = hub, number, random.Random(SEED + number)
        self.attempted, self.acknowledged, self.stopping = {}, {}, threading.Event()

    def run(self):
        made = 0
        while not self.stopping.is_set():
            try:
                with self.hub.paramiko(self.hub.sender) as client:
                    sftp = client.open_sftp()
                    sftp.get_channel().settimeout(30)
                    while not self.stopping.is_set():
                        made += 1
                        self.upload(sftp, f"u{self.number}-{made}.bin")
            except Exception:  # the daemon was killed, or refused: what counts is the journal
                time.sleep(0.05)

    def upload(self, sftp, name):
        content = self.random.randbytes(self.random.choice((0, 10, 40_000, 300_000)))
        digest = hashlib.sha256(content).hexdigest()
        self.attempted[name] = digest
        upload(self.hub, sftp, name, content)
        self.acknowledged[name] = digest


class Kills(unittest.TestCase):
    def setUp(self):
        print(f"CHANCERY_SEED={SEED} CHANCERY_ROUNDS={ROUNDS}", file=sys.stderr)
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        self.hub.start()

    def delivered(self):
        """Every delivery that can be seen: shown name -> digest of the plain text."""
        found = {}
        folder = self.hub.root / "collected"
        folder.mkdir(exist_ok=True)
        with self.hub.paramiko(self.hub.receiver) as client:
            sftp = client.open_sftp()
            for name in sftp.listdir(self.hub.collect_folder()):
                sftp.get(f"{self.hub.collect_folder()}/{name}", str(folder / name))
                found[name] = hashlib.sha256(self.hub.open_sealed(self.hub.receiver, folder / name)).hexdigest()
        return found

    def check(self, attempted, acknowledged):
        found = self.delivered()
        for name, digest in acknowledged.items():
            self.assertEqual(found.get(name + ".age"), digest, f"{name} was acknowledged")
        for shown, digest in found.items():
            self.assertEqual(attempted.get(shown.removesuffix(".age")), digest, f"{shown} is not what was sent")
        self.hub.verify()
        accepted = [e for e in self.hub.entries() if e["event"] == "file.accepted"]
        self.assertEqual(len(accepted), len(found))
        objects = [p for p in self.hub.path("objects").rglob("*.age") if p.parent.name != "orphans"]
        self.assertEqual(len(objects), len(found), "an object without an entry, or an entry without its object")

    def test_kill_9_of_either_daemon_loses_nothing_acknowledged(self):
        chance = random.Random(SEED)
        uploaders = [Uploader(self.hub, n) for n in range(UPLOADERS)]
        for uploader in uploaders:
            uploader.start()
        for round_ in range(ROUNDS):
            time.sleep(chance.uniform(0.02, 0.4))
            victim = chance.choice(("chanceryd", "chancery-ledgerd"))
            self.hub.kill(victim)
            if victim == "chanceryd":
                self.hub.start_chanceryd()
            else:
                self.hub.start_ledgerd()
        time.sleep(1)
        for uploader in uploaders:
            uploader.stopping.set()
        for uploader in uploaders:
            uploader.join(60)
        attempted = {k: v for u in uploaders for k, v in u.attempted.items()}
        acknowledged = {k: v for u in uploaders for k, v in u.acknowledged.items()}
        # Uploads whose outcome was unknown are resolved by the hub itself; a restart is the last word.
        self.hub.stop()
        self.hub.start()
        print(f"{ROUNDS} kills, {len(attempted)} uploads begun, {len(acknowledged)} acknowledged", file=sys.stderr)
        self.assertGreater(len(acknowledged), ROUNDS // 10)
        self.check(attempted, acknowledged)

    def upload_until_cut(self, prefix, attempted, acknowledged):
        """Small files one after another until the hub no longer answers OK."""
        try:
            with self.hub.paramiko(self.hub.sender) as client:
                sftp = client.open_sftp()
                sftp.get_channel().settimeout(60)
                for number in range(1000):
                    name, content = f"{prefix}-{number}.bin", os.urandom(1000)
                    attempted[name] = hashlib.sha256(content).hexdigest()
                    upload(self.hub, sftp, name, content)
                    acknowledged[name] = attempted[name]
        except (OSError, EOFError):
            pass

    def test_a_kill_between_commit_and_reply_is_resolved_by_asking(self):
        """ledgerd dies as it is about to send an answer, so after its commit: the hub must find its entries, not lose or
        repeat them."""
        attempted, acknowledged, cut = {}, {}, 0
        for round_ in range(20):
            self.hub.kill("chancery-ledgerd")
            self.hub.start_ledgerd(wrapper=("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendmsg,sendto",
                                            "-e", f"inject=sendmsg,sendto:signal=SIGKILL:when={20 + round_}"))
            wait_until("the hub takes files", lambda: self.hub.sftp(
                self.hub.sender, f"put {__file__} {self.hub.send_folder()}/probe.part", check=False).returncode == 0, 30)
            self.upload_until_cut(f"round{round_}", attempted, acknowledged)
            wait_until("the kill", lambda: self.hub.processes["chancery-ledgerd"].poll() is not None, 60)
            self.hub.processes.pop("chancery-ledgerd")
            self.hub.start_ledgerd()
            wait_until("the hub's resolution", lambda: "answers again" in self.hub.log("chanceryd"), 30)
            time.sleep(2.5)
            known = {e["plain"]["transfer"] for e in self.hub.entries() if e["event"] == "file.accepted"}
            cut = len(known) - len(acknowledged)
            if cut >= 3:
                break
        self.assertGreaterEqual(cut, 1, "no kill came between a commit and its reply")
        self.check(attempted, acknowledged)


if __name__ == "__main__":
    unittest.main()
