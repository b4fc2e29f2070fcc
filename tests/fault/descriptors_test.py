"""A hub without file descriptors while files are uploaded says so, loses nothing, and goes on once it has some again."""

import hashlib
import os
import pathlib
import resource
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from hub import Hub, wait_until  # noqa: E402
from kill_test import upload  # noqa: E402

UPLOADERS = 3
FEW = 16  # the hub has more open already


class Uploader(threading.Thread):
    """Uploads one file after another over one session, and keeps what each came to."""

    def __init__(self, hub, number, client):
        super().__init__(daemon=True)
        self.hub, self.number, self.client = hub, number, client
        self.acknowledged, self.refused, self.stopping = {}, {}, threading.Event()

    def run(self):
        sftp = self.client.open_sftp()
        sftp.get_channel().settimeout(60)
        while not self.stopping.is_set():
            name, content = f"u{self.number}-{len(self.acknowledged) + len(self.refused)}.bin", os.urandom(50_000)
            try:
                upload(self.hub, sftp, name, content)
                self.acknowledged[name] = hashlib.sha256(content).hexdigest()
            except OSError as error:
                self.refused[name] = str(error)


# It looks whether an object's memory can be read by writing it to a pipe, and takes the lack of one for a no.
@unittest.skipIf("undefined" in os.environ.get("CHANCERY_SANITIZE", ""), "the sanitizer needs descriptors itself")
class Descriptors(unittest.TestCase):
    def test_without_descriptors_uploads_are_refused_in_words_and_later_go_on(self):
        with Hub() as hub:
            pid = hub.processes["chanceryd"].pid
            clients = [hub.paramiko(hub.sender) for _ in range(UPLOADERS)]
            uploaders = [Uploader(hub, number, client) for number, client in enumerate(clients)]
            for uploader in uploaders:
                uploader.start()

            def each_has_more(kind, than=(0,) * UPLOADERS):
                wait_until(f"more files {kind}", lambda: all(
                    len(getattr(each, kind)) > count for each, count in zip(uploaders, than)))

            each_has_more("acknowledged")
            limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, limit[1]))
            each_has_more("refused")
            newcomer = hub.sftp(hub.sender, "pwd", check=False, options=["-o", "ConnectTimeout=2"])
            self.assertNotEqual(newcomer.returncode, 0)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
            each_has_more("acknowledged", [len(each.acknowledged) for each in uploaders])
            for uploader in uploaders:
                uploader.stopping.set()
                uploader.join(60)
            wait_until("a new session", lambda: hub.sftp(hub.sender, "pwd", check=False).returncode == 0)

            acknowledged = {name: digest for each in uploaders for name, digest in each.acknowledged.items()}
            refused = {name: sentence for each in uploaders for name, sentence in each.refused.items()}
            print(f"\n{len(acknowledged)} files were acknowledged, {len(refused)} refused")
            self.assertEqual(set(refused.values()),
                             {"The hub could not write this file. Nothing of it was kept; please try again later."})
            recorded = {entry["details"]["name"]: entry["details"]["sha256"] for entry in hub.entries()
                        if entry["event"] == "file.accepted"}
            self.assertEqual(recorded, acknowledged)
            self.assertEqual({e["plain"]["code"] for e in hub.entries() if e["event"] == "file.refused"}, {"disk"})
            self.assertEqual(list((hub.path("objects") / "tmp").iterdir()), [])
            for uploader in uploaders:
                first, *_, last = uploader.acknowledged
                for name in (first, last):
                    sealed = hub.root / name
                    hub.sftp(hub.receiver, f"get {hub.collect_folder()}/{name}.age {sealed}")
                    opened = hub.open_sealed(hub.receiver, sealed)
                    self.assertEqual(hashlib.sha256(opened).hexdigest(), acknowledged[name])
            hub.verify()
            for client in clients:
                client.close()


if __name__ == "__main__":
    unittest.main()
