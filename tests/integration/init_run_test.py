"""chancery init, policy check and run. Run by ctest with CHANCERY_BIN (the programs' folder). `run` is tested with the real
ledger service and with a stand-in for chanceryd that notes what happens to it; the real pair is tested with clients."""

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

BIN = os.environ["CHANCERY_BIN"]
CHANCERY = os.path.join(BIN, "chancery")

STAND_IN = """#!/usr/bin/env python3
import os, signal, socket, sys, time
log = open(os.environ["STAND_IN_LOG"], "a", buffering=1)
ledger = os.environ["STAND_IN_SOCKET"]
def note(what):
    print(what, "ledger" if os.path.exists(ledger) else "no-ledger", file=log)
def stop(number, frame):
    time.sleep(0.3)
    note("stopped")
    os._exit(0)  # not sys.exit(): an exception is lost when the signal comes while an object is being freed
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGHUP, lambda number, frame: note("hangup"))
note("started " + " ".join(sys.argv[1:]))
if os.environ.get("STAND_IN_FAILS"):
    sys.exit(7)
name = os.environ["NOTIFY_SOCKET"]
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"STATUS=fine\\nREADY=1\\n", name.replace("@", "\\0", 1))
while True:
    time.sleep(0.05)  # not pause(): a signal just before it would be noticed only after the next
"""


def run(*words, expect=0, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.hub = self.path("hub")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def read(self, *names):
        with open(self.path(*names), encoding="utf-8") as file:
            return file.read()

    def write(self, text, *names, mode=0o644):
        with open(self.path(*names), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(*names), mode)

    def init(self, *flags):
        return run(CHANCERY, "init", *flags, self.hub)


class Init(InFolder):
    def test_what_it_writes_passes_the_check(self):
        self.init("--port", "2345", "--origin", "try.example/log")
        checked = json.loads(run(CHANCERY, "policy", "check", "--json", self.hub).stdout)
        self.assertEqual((checked["ok"], checked["agencies"], checked["live_routes"]), (True, 3, 1))
        self.assertIn("port = 2345", self.read("hub", "chancery.toml"))
        self.assertIn('origin = "try.example/log"', self.read("hub", "chancery.toml"))

    def test_openssh_accepts_the_keys(self):
        self.init()
        for agency in ("moorvale-acute", "northmoor-council", "audit"):
            key = self.path("hub", "clients", agency, "id_ed25519")
            public = self.read("hub", "clients", agency, "id_ed25519.pub")
            self.assertEqual(run("ssh-keygen", "-y", "-f", key).stdout, public)
            self.assertIn(public.strip(), self.read("hub", "agencies", agency + ".toml"))
            signed = run("ssh-keygen", "-Y", "sign", "-n", "test", "-f", key, input="text").stdout
            self.write(signed, "text.sig")
            run("ssh-keygen", "-Y", "check-novalidate", "-n", "test", "-s", self.path("text.sig"), input="text")

    def test_the_ssh_config_names_host_user_and_key(self):
        self.init("--port", "2345")
        shown = run("ssh", "-G", "-F", self.path("hub", "clients", "ssh_config"), "northmoor-council").stdout.splitlines()
        for line in ("user northmoor", "hostname 127.0.0.1", "port 2345", "identitiesonly yes"):
            self.assertIn(line, shown)
        self.assertIn("identityfile " + self.path("hub", "clients", "northmoor-council", "id_ed25519"), shown)

    def test_secrets_are_private_and_fresh(self):
        secrets = []
        for name in ("one", "two"):
            self.hub = self.path(name)
            self.init()
            for agency, secret in (("moorvale-acute", "id_ed25519"), ("northmoor-council", "identity.txt")):
                path = self.path(name, "clients", agency, secret)
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                secrets.append(self.read(name, "clients", agency, secret))
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name, "clients")).st_mode), 0o700)
        self.assertEqual(len(set(secrets)), 4)

    def test_what_is_sealed_to_the_recipient_opens_with_its_identity(self):
        for flags, start in (((), "age1"), (("--pq",), "age1pq1")):
            self.hub = self.path("hub" + "".join(flags))
            self.init(*flags)
            identity = os.path.join(self.hub, "clients", "northmoor-council", "identity.txt")
            with open(os.path.join(self.hub, "agencies", "northmoor-council.toml"), encoding="utf-8") as file:
                recipient = next(line for line in file if line.startswith("seal_to")).split('"')[1]
            self.assertTrue(recipient.startswith(start))
            self.write("births", "plain")
            run(CHANCERY, "seal", "-r", recipient, "-o", self.path("sealed"), self.path("plain"))
            self.assertEqual(run(CHANCERY, "open", "-i", identity, self.path("sealed")).stdout, "births")

    def test_it_never_writes_into_what_is_there(self):
        self.init()
        before = self.read("hub", "chancery.toml")
        self.assertIn("not an empty directory", run(CHANCERY, "init", self.hub, expect=2).stderr)
        self.assertEqual(self.read("hub", "chancery.toml"), before)
        self.write("", "file")
        run(CHANCERY, "init", self.path("file"), expect=2)
        os.mkdir(self.path("empty"))
        run(CHANCERY, "init", self.path("empty"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a folder to another user")
    def test_it_never_writes_into_another_user_s_folder(self):
        os.mkdir(self.hub)
        os.chown(self.hub, 65534, 65534)
        self.assertIn("belongs to another user", run(CHANCERY, "init", self.hub, expect=2).stderr)
        self.assertEqual(os.listdir(self.hub), [])

    def test_an_origin_that_cannot_be_is_refused_before_anything_is_written(self):
        for origin in ("", "https://hub.example", 'a"b', "a b", "a\\u0041"):
            run(CHANCERY, "init", "--origin", origin, self.hub, expect=2)
            self.assertFalse(os.path.exists(self.hub))


class PolicyCheck(InFolder):
    def test_mistakes_are_placed_and_the_exit_status_says_so(self):
        self.init()
        route = self.path("hub", "routes", "maternity-cc.toml")
        text = self.read("hub", "routes", "maternity-cc.toml")
        self.write(text.replace("northmoor-council", "northmor-council").replace("finish", "finnish"), route)
        with open(self.path("hub", "chancery.toml"), "a", encoding="utf-8") as file:
            file.write("object = 3\n")
        done = run(CHANCERY, "policy", "check", self.hub, expect=1)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4, lines)
        self.assertRegex(lines[0], r'/chancery\.toml:\d+:1: unknown key "object"; did you mean "objects"\?$')
        self.assertRegex(lines[1], r'/routes/maternity-cc\.toml:5:7: there is no agency "northmor-council"')
        self.assertRegex(lines[2], r'/routes/maternity-cc\.toml:8:1: unknown key "finnish"; did you mean "finish"\?$')
        self.assertEqual(lines[3], "3 mistakes found")
        found = json.loads(run(CHANCERY, "policy", "check", "--json", self.hub, expect=1).stdout)
        self.assertEqual([m["line"] for m in found["mistakes"][1:]], [5, 8])
        self.assertFalse(found["ok"])

    def test_no_directory_is_not_an_answer(self):
        self.assertIn("not a directory", run(CHANCERY, "policy", "check", self.path("none"), expect=2).stderr)
        run(CHANCERY, "policy", "check", expect=2)


class Run(InFolder):
    def setUp(self):
        super().setUp()
        self.init()
        self.programs = self.path("bin")
        os.mkdir(self.programs)
        shutil.copy(CHANCERY, self.programs)
        self.log = self.path("log")
        self.socket = self.path("hub", "var", "ledger.sock")
        self.environment = {**os.environ, "STAND_IN_LOG": self.log, "STAND_IN_SOCKET": self.socket}

    def install(self, ledger=True):
        if ledger:
            os.symlink(os.path.join(BIN, "chancery-ledgerd"), os.path.join(self.programs, "chancery-ledgerd"))
        self.write(STAND_IN, "bin", "chanceryd", mode=0o755)

    def start(self, **environment):
        process = subprocess.Popen([os.path.join(self.programs, "chancery"), "run", self.hub], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**self.environment, **environment})
        for cleanup in (process.stdout.close, process.stderr.close, process.wait, process.kill):  # run from the last
            self.addCleanup(cleanup)
        return process

    def ready(self, process):
        line = process.stdout.readline()
        self.assertIn("is ready on 127.0.0.1 port 2222", line)
        self.assertIn("sftp -F", line)

    def notes(self):
        return self.read("log").splitlines()

    def wait_for(self, condition):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_a_missing_program_is_named(self):
        done = run(os.path.join(self.programs, "chancery"), "run", self.hub, expect=2, env={**self.environment, "PATH": ""})
        self.assertIn("chancery-ledgerd is neither in " + self.programs, done.stderr)

    def test_nothing_starts_on_a_configuration_with_mistakes(self):
        self.install()
        self.write('id = "x"\n', "hub", "routes", "maternity-cc.toml")
        done = run(os.path.join(self.programs, "chancery"), "run", self.hub, expect=2, env=self.environment)
        self.assertIn("maternity-cc.toml:1:6: ", done.stderr)
        self.assertFalse(os.path.exists(self.log))

    def test_both_run_until_they_are_stopped_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.programs = self.path("bin" + str(int(number)))
            os.mkdir(self.programs)
            shutil.copy(CHANCERY, self.programs)
            os.symlink(os.path.join(BIN, "chancery-ledgerd"), os.path.join(self.programs, "chancery-ledgerd"))
            self.write(STAND_IN, self.programs, "chanceryd", mode=0o755)
            process = self.start()
            self.ready(process)
            process.send_signal(signal.SIGHUP)
            self.wait_for(lambda: "hangup ledger" in self.notes())
            process.send_signal(number)
            process.communicate(timeout=30)
            self.assertEqual(process.returncode, 0)
            # The network side started when the ledger was there, and had stopped before it went.
            self.assertEqual(self.notes(), [f"started --config {self.hub} ledger", "hangup ledger", "stopped ledger"])
            os.remove(self.log)

    def test_a_daemon_that_fails_to_start_is_named_and_the_other_stopped(self):
        self.install()
        process = self.start(STAND_IN_FAILS="1")
        _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 2)
        self.assertIn("chanceryd exited with status 7", errors)

    def test_a_daemon_that_dies_is_named_and_the_other_stopped(self):
        self.install()
        process = self.start()
        self.ready(process)
        children = self.children(process)
        os.kill(children["chancery-ledger"], signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 2)
        self.assertIn("chancery-ledgerd was killed by signal 9", errors)
        self.assertIn("stopped", self.notes()[-1])

    def test_no_daemon_outlives_it(self):
        self.install()
        process = self.start()
        self.ready(process)
        children = self.children(process)
        process.kill()
        process.communicate(timeout=30)
        self.wait_for(lambda: not any(self.alive(pid) for pid in children.values()))

    @staticmethod
    def children(process):
        """The children's pids by the first 15 letters of their names, as the kernel keeps them."""
        found = {}
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            for pid in map(int, file.read().split()):
                with open(f"/proc/{pid}/comm", encoding="ascii") as name:
                    found[name.read().strip()] = pid
        assert len(found) == 2, found
        return found

    @staticmethod
    def alive(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False


if __name__ == "__main__":
    unittest.main()
