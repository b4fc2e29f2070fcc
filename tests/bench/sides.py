"""The two sides of a comparison on loopback: a whole hub, and OpenSSH's sshd; and the clients that both serve."""

import os
import pathlib
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

    def command(self, program, *options):
        return [program, "-q", "-F", "none", "-c", CIPHER, "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o",
                "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                "UserKnownHostsFile=/dev/null", *options]

    def cpu(self):
        """CPU seconds of the server so far."""
        time.sleep(0.3)  # sshd waits for its children
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


class Openssh(Side):
    """sshd with a configuration, a host key and a port of its own, as root; it writes beside the hub."""

    def __init__(self, root):
        self.root = root
        self.port, self.user, self.key = free_port(), "root", root / "client_key"
        self.folder = str(root / "plain")
        pathlib.Path(self.folder).mkdir()
        for key in (self.key, root / "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        (root / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        (root / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {root}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {root}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "MaxStartups 1000\nSubsystem sftp internal-sftp\n")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", root / "sshd_config"],
                                        stderr=subprocess.DEVNULL)
        wait_until("sshd's start", self._answers)

    def _answers(self):
        return subprocess.run([*self.command("ssh"), "-p", str(self.port), f"{self.user}@127.0.0.1", "true"],
                              capture_output=True).returncode == 0

    @property
    def pids(self):
        return [self.process.pid]

    def forget_files(self):
        for file in pathlib.Path(self.folder).iterdir():
            file.unlink()

    def stop(self):
        self.process.terminate()
        self.process.wait()
