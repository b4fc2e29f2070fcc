"""The sides of a comparison on loopback: a whole hub, and its peers; and the clients that all of them serve."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from hub import Hub, free_port, wait_until  # noqa: E402

MIB = 1 << 20
CIPHER = "aes256-gcm@openssh.com"
CLIENT_SECONDS = 280
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    """Of processes and of their children that have ended."""
    used = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        used += sum(int(field) for field in fields[11:15])
    return used / TICKS


class Side:
    """A server that takes files: `port`, `user`, `key`, `folder` (as clients name it) and `pids`."""

    name, cipher, folder = "", CIPHER, ""

    def command(self, program, *options):
        return [program, "-q", "-F", "none", "-c", self.cipher, "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o",
                "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", *options]

    def cpu(self):
        """CPU seconds of the server so far."""
        time.sleep(0.3)  # for what it does after its last answer
        return cpu_seconds(self.pids)

    def begin(self, batch):
        """An sftp that runs these commands."""
        client = subprocess.Popen([*self.command("sftp"), "-P", str(self.port), "-b", "-", f"{self.user}@127.0.0.1"],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        client.stdin.write("\n".join(batch) + "\n")
        client.stdin.close()
        client.stdin = None
        return client

    def end(self, client):
        try:
            errors = client.communicate(timeout=CLIENT_SECONDS)[1]
        except subprocess.TimeoutExpired:
            client.kill()
            raise
        if client.returncode != 0:
            raise SystemExit(f"bench: sftp to {type(self).__name__} failed: {errors}")

    def run(self, batch):
        self.end(self.begin(batch))

    def sessions(self, batches):
        """Runs one sftp per batch of commands, all at once; answers seconds and the server's CPU seconds."""
        cpu = self.cpu()
        begun = time.monotonic()
        for client in [self.begin(batch) for batch in batches]:
            self.end(client)
        seconds = time.monotonic() - begun
        return seconds, self.cpu() - cpu


class Chancery(Side):
    def __init__(self):
        self.hub = Hub()
        settings = self.hub.directory / "chancery.toml"
        with open(settings, "a", encoding="utf-8") as file:  # as the peer's MaxStartups: nobody is turned away
            file.write("\n[limits]\nunauthenticated = 10000\nconnections_per_source = 10000\nsessions_per_account = 10000\n")
        self.hub.start()
        self.port, self.user = self.hub.port, self.hub.user(self.hub.sender)
        self.key, self.folder = self.hub.key(self.hub.sender), self.hub.send_folder()

    @property
    def pids(self):
        return [process.pid for process in self.hub.processes.values()]

    def forget_files(self):
        """What was sent stays: the hub alone removes what it keeps."""

    def memory(self, key):
        """MiB of chanceryd: VmRSS, or VmHWM since reset_peak()."""
        status = pathlib.Path(f"/proc/{self.hub.processes['chanceryd'].pid}/status").read_text()
        return int(status.split(key + ":")[1].split()[0]) / 1024

    def reset_peak(self):
        pathlib.Path(f"/proc/{self.hub.processes['chanceryd'].pid}/clear_refs").write_text("5")

    def stop(self):
        self.hub.__exit__(None, None, None)


class Collector(Side):
    """The same hub for the agency that collects."""

    def __init__(self, hub):
        self.hub, self.port, self.user = hub, hub.port, hub.user(hub.receiver)
        self.key, self.folder = hub.key(hub.receiver), hub.collect_folder()

    pids = Chancery.pids


class Peer(Side):
    """Another server, as root, with a host key, a port and a folder of its own; it writes to the hub's disk."""

    user = "root"

    def __init__(self, root):
        self.root = root / type(self).__name__.lower()
        self.port, self.key, self.plain = free_port(), self.root / "client_key", self.root / "plain"
        self.folder = self.folder or str(self.plain)
        self.plain.mkdir(parents=True)
        for key in (self.key, self.root / "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        (self.root / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        with open(self.root / "log", "wb") as log:
            self.process = subprocess.Popen(self.server(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(f"the start of {self.name}", self._answers)
        except AssertionError as error:
            self.stop()
            raise SystemExit(f"bench: {error}:\n{(self.root / 'log').read_text(errors='replace')}") from None

    def _answers(self):
        return subprocess.run([*self.command("sftp"), "-P", str(self.port), "-b", "-", f"{self.user}@127.0.0.1"],
                              input="pwd\n", text=True, capture_output=True).returncode == 0

    @classmethod
    def installed(cls):
        return shutil.which(cls.program) is not None

    def server(self):
        """Writes what it is configured by; answers the command that runs it until it is told to stop."""
        raise NotImplementedError

    @property
    def pids(self):
        return [self.process.pid]

    def cpu(self):
        """Of the processes that it makes for sessions too, once they have ended."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        wait_until(f"the end of the sessions of {self.name}", lambda: not children.read_text())
        return super().cpu()

    def forget_files(self):
        for file in self.plain.iterdir():
            file.unlink()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Openssh(Peer):
    name, program = "OpenSSH", "/usr/sbin/sshd"

    def server(self):
        (self.root / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.root}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.root}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "MaxStartups 1000\nSubsystem sftp internal-sftp\n")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        return [self.program, "-D", "-f", self.root / "sshd_config"]


class Rclone(Peer):
    """Without its cache of files, which would write each twice: it takes what comes in order, as here."""

    name, program, folder = "rclone serve sftp", "rclone", "/."  # clients see no more than what is served
    cipher = f"{CIPHER},aes128-gcm@openssh.com"  # older ones have the second alone

    def server(self):
        return [self.program, "serve", "sftp", self.plain, "--addr", f"127.0.0.1:{self.port}", "--key",
                self.root / "host_key", "--authorized-keys", self.root / "authorized_keys", "--config", "/dev/null",
                "--cache-dir", self.root / "cache"]


class Proftpd(Peer):
    """Of the packages proftpd-core and proftpd-mod-crypto."""

    name, program = "ProFTPD's mod_sftp", "/usr/sbin/proftpd"
    modules = pathlib.Path("/usr/lib/proftpd/mod_sftp.so")

    @classmethod
    def installed(cls):
        return super().installed() and cls.modules.exists()

    def server(self):
        public = subprocess.run(["ssh-keygen", "-e", "-m", "RFC4716", "-f", self.key], check=True, capture_output=True,
                                text=True).stdout
        (self.root / "keys").write_text(public)
        (self.root / "users").write_text(f"root:*:0:0::{self.root}:/bin/sh\n")
        (self.root / "users").chmod(0o600)
        (self.root / "proftpd.conf").write_text(
            f"LoadModule mod_sftp.c\nServerType standalone\nDefaultAddress 127.0.0.1\nPort {self.port}\nUseIPv6 off\n"
            f"PidFile {self.root}/pid\nScoreboardFile none\nDelayEngine off\nWtmpLog off\nTransferLog none\n"
            f"SystemLog {self.root}/log\nAuthOrder mod_auth_file.c\nAuthUserFile {self.root}/users\nRootLogin on\n"
            f"UseFtpUsers off\nRequireValidShell off\nAllowOverwrite on\nSFTPEngine on\n"
            f"SFTPHostKey {self.root}/host_key\nSFTPAuthMethods publickey\n"
            f"SFTPAuthorizedUserKeys file:{self.root}/keys\n")
        return [self.program, "--nodaemon", "--quiet", "--config", self.root / "proftpd.conf"]
