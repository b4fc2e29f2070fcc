"""A daemon is killed at each point around the commit of an upload: before the ledger is asked, between the ledger's commit
and its answer, when the answer has been handed over, and when the SFTP status is on its way. Whatever the client was told, a
file whose entry is durable is there exactly once and whole, and one without an entry is not there at all."""

import hashlib
import os
import pathlib
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from hub import Hub, wait_until  # noqa: E402
from proxies import ClientProxy, LedgerProxy  # noqa: E402


class CommitPoint(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__, None, None, None)
        # Only chanceryd sees the proxy: the test's own commands ask the ledger itself.
        settings = self.hub.directory / "chancery.toml"
        real = self.hub.path("ledger_socket")
        proxy = self.hub.root / "proxy.sock"
        settings.write_text(settings.read_text().replace('"var/ledger.sock"', f'"{proxy}"'))
        self.ledger = LedgerProxy(proxy, real)
        self.addCleanup(self.ledger.close)
        self.clients = ClientProxy(self.hub.port)
        self.addCleanup(self.clients.close)

    def start(self, finish):
        (route,) = (self.hub.directory / "routes").glob("*.toml")
        route.write_text(route.read_text().replace('finish = "close"', f'finish = "{finish}"'))
        self.finish = finish
        self.hub.start()

    def upload(self, name, content):
        """What the client learns of it: "ok", "lost" when the connection ended, or the sentence of a failure."""
        import paramiko
        from paramiko.sftp import CMD_CLOSE
        path = f"{self.hub.send_folder()}/{name}"
        port, self.hub.port = self.hub.port, self.clients.port
        try:
            with self.hub.paramiko(self.hub.sender) as client:
                sftp = client.open_sftp()
                sftp.get_channel().settimeout(60)
                file = sftp.open(path + ".part" if self.finish == "rename" else path, "wb")
                file.write(content)
                file._closed = True  # paramiko's own close() hides how it ended
                sftp._request(CMD_CLOSE, file.handle)
                if self.finish == "rename":
                    sftp.rename(path + ".part", path)
                return "ok"
        except (EOFError, ConnectionError, paramiko.SSHException):
            return "lost"
        except OSError as status:
            return "lost" if "closed" in str(status) else str(status)
        finally:
            self.hub.port = port

    def stop(self, name):
        """SIGSTOP, and all of its threads have stopped: the signal alone only asks for it."""
        process = self.hub.processes[name]
        process.send_signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{process.pid}/task")
        wait_until(f"the stop of {name}", lambda: all(
            (task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir()))

    def kill(self, name):
        """kill -9; the hub's list keeps it until restart()."""
        self.hub.processes[name].kill()
        self.hub.processes[name].wait()

    def restart(self, name):
        self.hub.processes.pop(name)
        self.hub.start_chanceryd() if name == "chanceryd" else self.hub.start_ledgerd()

    def delivered(self):
        """Each delivery's shown name with the digest of its plain text."""
        found = {}
        with self.hub.paramiko(self.hub.receiver) as client:
            sftp = client.open_sftp()
            for shown in sftp.listdir(self.hub.collect_folder()):
                path = self.hub.root / "delivered.age"
                sftp.get(f"{self.hub.collect_folder()}/{shown}", str(path))
                found[shown] = hashlib.sha256(self.hub.open_sealed(self.hub.receiver, path)).hexdigest()
        return found

    def check(self, name, digest, times):
        """The file is there so many times, in the tree, in the ledger, among the receipts and on the disk."""
        found = self.delivered()
        self.assertEqual(list(found.values()), [digest] * times, found)
        if times:
            self.assertIn(f"{name}.age", found)
        entries = [e["event"] for e in self.hub.entries()]
        self.assertEqual(entries.count("file.accepted"), times)
        self.assertEqual(entries.count("delivery.made"), times)
        receipts = [text for shown, text in self.hub.receipts(self.hub.sender).items() if shown.startswith(name)]
        self.assertEqual(len([text for text in receipts if "ACCEPTED" in text]), times, receipts)
        objects = [p for p in self.hub.path("objects").rglob("*") if p.is_file() and p.parent.name != "orphans"]
        self.assertEqual(len(objects), times, objects)
        self.hub.verify()

    def repeat(self, name, content, times):
        """The client tries again: that is a new transfer, and what was there stays."""
        self.assertEqual(self.upload(name, content), "ok")
        self.check(name, hashlib.sha256(content).hexdigest(), times + 1)

    def run_chanceryd(self, finish, arm, committed):
        self.start(finish)
        content = os.urandom(200_000)
        arm()
        self.assertEqual(self.upload("rows.bin", content), "lost")
        self.assertEqual(self.hub.processes["chanceryd"].wait(20), -signal.SIGKILL)
        self.restart("chanceryd")
        self.check("rows.bin", hashlib.sha256(content).hexdigest(), committed)
        self.repeat("rows.bin", content, committed)

    # --- chanceryd: what the proxy does at which point ---

    def before_the_ledger_is_asked(self):
        self.ledger.on_request = lambda hand_over: self.kill("chanceryd")

    def before_the_answer_arrives(self):
        self.ledger.on_commit = lambda hand_over: self.kill("chanceryd")

    def when_the_answer_is_handed_over(self):
        def stop_hand_over_kill(hand_over):
            self.stop("chanceryd")
            hand_over()
            self.kill("chanceryd")
        self.ledger.on_commit = stop_hand_over_kill

    def when_the_status_is_on_its_way(self):
        def hand_over_and_swallow(hand_over):
            self.clients.swallow = kill
            hand_over()
            return True

        def kill():
            self.clients.swallow = None
            self.kill("chanceryd")
        self.ledger.on_commit = hand_over_and_swallow

    # --- chancery-ledgerd, while the upload waits for its answer ---

    def run_ledgerd(self, finish, which):
        """The outcome is unknown: the client is told so at once, and the hub finds it out for the receipt."""
        self.start(finish)
        content, killed = os.urandom(200_000), threading.Event()

        def kill(hand_over):
            if which == "when it is asked":
                self.stop("chancery-ledgerd")
                hand_over()
            self.kill("chancery-ledgerd")
            killed.set()
        if which == "when it is asked":
            self.ledger.on_request = kill
        else:
            self.ledger.on_commit = kill
        said = self.upload("rows.bin", content)
        self.assertTrue(killed.wait(20))
        self.assertIn("Look in /receipts before you send it again", said)
        self.restart("chancery-ledgerd")
        wait_until("the hub's resolution", lambda: "answers again" in self.hub.log("chanceryd") and self.delivered(), 30)
        self.check("rows.bin", hashlib.sha256(content).hexdigest(), 1)
        self.repeat("rows.bin", content, 1)

    def run_ledgerd_back(self, finish, which):
        """The service is back before the client is answered: it hears what became of its file."""
        self.start(finish)
        content, returning, took = os.urandom(200_000), [], []

        def restart():
            begun = time.monotonic()
            self.restart("chancery-ledgerd")
            took.append(time.monotonic() - begun)

        def kill(hand_over):
            self.kill("chancery-ledgerd")
            self.ledger.on_request = self.ledger.on_commit = None
            returning.append(threading.Thread(target=restart))
            returning[0].start()
        if which == "when it is asked":
            self.ledger.on_request = kill
        else:
            self.ledger.on_commit = kill
        said = self.upload("rows.bin", content)
        returning[0].join()
        if said != "ok":  # which it may only be on a machine that was too busy to start it in time
            self.assertGreater(took[0], 3, said)
            self.assertIn("Look in /receipts before you send it again", said)
            wait_until("the hub's resolution", lambda: "answers again" in self.hub.log("chanceryd") and self.delivered(), 30)
        self.check("rows.bin", hashlib.sha256(content).hexdigest(), 1)


for finish in ("close", "rename"):
    for point, committed in (("before_the_ledger_is_asked", 0), ("before_the_answer_arrives", 1),
                             ("when_the_answer_is_handed_over", 1), ("when_the_status_is_on_its_way", 1)):
        setattr(CommitPoint, f"test_{finish}_chanceryd_is_killed_{point}",
                lambda self, f=finish, p=point, c=committed: self.run_chanceryd(f, getattr(self, p), c))
    for which in ("when it is asked", "when it has committed"):
        setattr(CommitPoint, f"test_{finish}_chancery_ledgerd_is_killed_{which.replace(' ', '_')}",
                lambda self, f=finish, w=which: self.run_ledgerd(f, w))
        setattr(CommitPoint, f"test_{finish}_chancery_ledgerd_is_killed_{which.replace(' ', '_')}_and_is_back",
                lambda self, f=finish, w=which: self.run_ledgerd_back(f, w))


if __name__ == "__main__":
    unittest.main()
