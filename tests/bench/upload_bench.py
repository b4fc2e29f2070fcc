"""How fast one upload goes through session and engine, beside OpenSSH's sshd with internal-sftp in the same run.

    CHANCERY_BIN=build/release/bin python3 tests/bench/upload_bench.py [MIB] [ROUNDS]

Neither side writes to a disk: session_server answers writes at once, sshd writes to /dev/null. sshd needs root.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from session_test import MIB, Server  # noqa: E402

CIPHERS = ("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com")


class Sshd:
    def __init__(self, folder, key, port):
        (folder / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "Subsystem sftp internal-sftp\n")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.port = port
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", folder / "sshd_config"],
                                        stderr=subprocess.DEVNULL)
        time.sleep(0.5)


def cpu_seconds(pid):
    """Of a process and of its children that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def upload(name, server, user, key, source, target, cipher):
    size = source.stat().st_size / MIB
    cpu, begun = cpu_seconds(server.process.pid), time.monotonic()
    subprocess.run(["sftp", "-q", "-F", "none", "-c", cipher, "-o", "StrictHostKeyChecking=no", "-o",
                    "UserKnownHostsFile=/dev/null", "-o", "IdentityAgent=none", "-i", key, "-P", str(server.port), "-b",
                    "-", f"{user}@127.0.0.1"], input=f"put {source} {target}\n", text=True, check=True,
                   capture_output=True)
    seconds = time.monotonic() - begun
    time.sleep(0.3)
    used = cpu_seconds(server.process.pid) - cpu
    print(f"{name:9} {cipher:30} {size / seconds:7.0f} MiB/s   server {used / size * 1024:5.2f} CPU s/GiB", flush=True)


def main():
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory(dir="/dev/shm") as temporary:
        folder = pathlib.Path(temporary)
        key, source = folder / "key", folder / "source"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        with open("/dev/urandom", "rb") as random, open(source, "wb") as file:
            for _ in range(mebibytes):
                file.write(random.read(MIB))
        ours = Server(folder, [("alice", key.with_suffix(".pub"))], sink=1)
        theirs = None
        if os.geteuid() == 0 and shutil.which("sshd", path="/usr/sbin"):
            theirs = Sshd(folder, key, ours.port + 1)
        else:
            print("no comparison: sshd is not there, or this is not root")
        try:
            for cipher in CIPHERS:
                for _ in range(rounds):
                    upload("chancery", ours, "alice", key, source, "file", cipher)
                    if theirs:
                        upload("openssh", theirs, "root", key, source, "/dev/null", cipher)
        finally:
            ours.stop()
            if theirs:
                theirs.process.terminate()
                theirs.process.wait()


if __name__ == "__main__":
    main()
