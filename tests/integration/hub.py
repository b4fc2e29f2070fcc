"""A real hub for a test: made by `chancery init`, both daemons running on loopback, and clients to use it with."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest

BIN = pathlib.Path(os.environ["CHANCERY_BIN"])
START_SECONDS = 60
STOP_SECONDS = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, condition, seconds=20.0):
    """Waits for a condition and answers what it answered; fails loudly when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Hub:
    """Use as a context manager. `directory` is what `chancery init` made."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hub-"))
        self.directory = self.root / "hub"
        self.port = free_port()
        self.processes = {}
        self.logs = {}
        self.chancery("init", str(self.directory), "--port", str(self.port))
        self.settings = tomllib.loads((self.directory / "chancery.toml").read_text())
        self.agencies = {}
        for path in (self.directory / "agencies").glob("*.toml"):
            agency = tomllib.loads(path.read_text())
            self.agencies[agency["id"]] = agency
        (self.route,) = [tomllib.loads(p.read_text()) for p in (self.directory / "routes").glob("*.toml")]
        self.sender, self.receiver = self.route["from"][0], self.route["to"][0]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
        if kind is None:
            self.check_logs()
        else:
            for name in self.logs:
                print(f"--- {name}\n{self.log(name)}", file=sys.stderr)
        shutil.rmtree(self.root, ignore_errors=True)

    def set(self, key, text):
        """Gives a setting in chancery.toml that stands in no table, for the next start of chanceryd."""
        path = self.directory / "chancery.toml"
        settings = path.read_text()
        assert f"\n{key} =" not in settings, settings
        path.write_text(settings.replace("\norigin =", f'\n{key} = "{text}"\norigin =', 1))

    # --- the daemons ---

    def path(self, key):
        return self.directory / self.settings["paths"][key]

    def start(self):
        self.start_ledgerd()
        self.start_chanceryd()

    def start_ledgerd(self, wrapper=()):
        self._spawn("chancery-ledgerd", ["--ledger", self.path("ledger"), "--keys", self.path("ledger_keys"),
                                         "--socket", self.path("ledger_socket"), "--origin", self.settings["origin"]], wrapper)

    def start_chanceryd(self, wrapper=()):
        self._spawn("chanceryd", ["--config", self.directory], wrapper)

    def _spawn(self, name, arguments, wrapper=()):
        """Starts a daemon and waits for its READY=1, as systemd would."""
        notify = self.root / f"{name}.notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            ready.settimeout(0.2)
            log = self.logs.setdefault(name, self.root / f"{name}.log")
            with open(log, "ab") as out:
                process = subprocess.Popen([*map(str, wrapper), str(BIN / name), *map(str, arguments)], stdout=out, stderr=out,
                                           env={**os.environ, "NOTIFY_SOCKET": str(notify)})
            self.processes[name] = process
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end:
                try:
                    if b"READY=1" in ready.recv(4096):
                        return
                except TimeoutError:
                    pass
                if process.poll() is not None:
                    raise AssertionError(f"{name} exited with {process.returncode}:\n{self.log(name)}")
        raise AssertionError(f"{name} was not ready in {START_SECONDS} s:\n{self.log(name)}")

    def log(self, name):
        return self.logs[name].read_text(errors="replace") if name in self.logs else ""

    def check_logs(self):
        """No sanitizer has complained, and nothing in a log makes a terminal do something."""
        for name, path in self.logs.items():
            for line in path.read_bytes().split(b"\n"):
                assert b"Sanitizer" not in line and b"runtime error" not in line, f"{name}:\n{self.log(name)}"
                assert not any(byte < 0x20 or byte == 0x7F for byte in line), f"{name} logged {line!r}"
                assert not any(0x7F < ord(c) < 0xA0 for c in line.decode()), f"{name} logged {line!r}"

    def kill(self, name):
        """kill -9, as a crash would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, *names):
        """Stops these daemons, or both."""
        for name in names or ("chanceryd", "chancery-ledgerd"):
            process = self.processes.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"{name} did not stop in {STOP_SECONDS} s:\n{self.log(name)}") from None
            assert code == 0, f"{name} exited with {code}:\n{self.log(name)}"

    def reload(self):
        """SIGHUP; waits until the daemon has said what it made of it."""
        before = len(self.log("chanceryd"))
        self.processes["chanceryd"].send_signal(signal.SIGHUP)
        return wait_until("an answer to the reload", lambda: "reload" in self.log("chanceryd")[before:]
                          and self.log("chanceryd")[before:])

    # --- the command ---

    def chancery(self, *arguments, check=True, text=True):
        done = subprocess.run([str(BIN / "chancery"), *map(str, arguments)], capture_output=True, text=text, timeout=300,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise AssertionError(f"chancery {arguments} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def verify(self):
        """Verifies what is on disk and, while it runs, what the service answers."""
        if "chancery-ledgerd" in self.processes:
            self.chancery("ledger", "verify", self.path("ledger_socket"))
        return self.chancery("ledger", "verify", self.path("ledger"))

    def entries(self):
        import json
        shown = self.chancery("ledger", "show", "--json", self.path("ledger_socket")).stdout
        return [json.loads(line) for line in shown.splitlines() if line]

    # --- clients ---

    def user(self, agency):
        return self.agencies[agency]["accounts"][0]["user"]

    def key(self, agency):
        return self.directory / "clients" / agency / "id_ed25519"

    def identity(self, agency):
        return self.directory / "clients" / agency / "identity.txt"

    def ssh_options(self, agency):
        return ["-F", "none", "-i", str(self.key(agency)), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
                "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.root}/known_hosts", "-o", "LogLevel=ERROR"]

    def sftp(self, agency, *commands, check=True, options=(), timeout=300):
        """Runs OpenSSH's sftp in batch mode. A command that begins with "-" may fail, as sftp has it."""
        done = subprocess.run(
            ["sftp", *self.ssh_options(agency), *options, "-P", str(self.port), "-b", "-", f"{self.user(agency)}@127.0.0.1"],
            input="\n".join(commands) + "\n", capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"sftp {commands} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def paramiko(self, agency):
        """A paramiko client that has logged in; close it, or use it in a `with`."""
        import paramiko
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect("127.0.0.1", self.port, self.user(agency), key_filename=str(self.key(agency)),
                       allow_agent=False, look_for_keys=False, timeout=20, banner_timeout=20, auth_timeout=20)
        return client

    def send_folder(self):
        return f"/send/{self.route['id']}"

    def collect_folder(self):
        return f"/collect/{self.route['id']}"

    def receipts(self, agency):
        """Every receipt in words of an agency: name -> text."""
        folder = self.root / f"receipts-{agency}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.sftp(agency, f"-get /receipts/*/*.txt {folder}/")
        return {p.name: p.read_bytes().decode() for p in folder.rglob("*.txt")}

    def open_sealed(self, agency, sealed):
        """The plain text of a sealed file (a path), by `chancery open`."""
        return self.chancery("open", "-i", self.identity(agency), sealed, text=False).stdout


class HubCase(unittest.TestCase):
    """Tests that share one running hub, `self.hub`."""

    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        cls.hub.start()
