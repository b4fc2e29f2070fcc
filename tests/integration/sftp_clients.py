"""The SFTP clients that agencies use, each made to do the same things: what clients_test.py runs its duties with."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.parse

PREFIX = pathlib.Path(os.environ.get("CHANCERY_PREFIX", "/nonexistent"))  # where scripts/setup keeps what is not Debian's own
HERE = pathlib.Path(__file__).parent / "clients"
TIMEOUT = 300


class Refused(Exception):
    """The client has reported failure. Its text is all that it wrote."""


class Client:
    """One agency's session with one client. Each method is a run of it, and raises Refused when the client says so."""

    programs = ()       # that must be there
    hides = ()          # refusals of which it does not show the hub's own words: "name", "size", "remove"
    cannot = {}         # duties that this client cannot do at all: the reason
    late_close = False  # it reports success before the hub has taken the file

    def __init__(self, hub, agency):
        self.hub, self.agency = hub, agency
        self.home = hub.root / "home"
        self.home.mkdir(exist_ok=True)
        self.key, self.user, self.port = hub.key(agency), hub.user(agency), hub.port
        self.known_hosts = hub.root / "known_hosts"
        public = pathlib.Path(f"{hub.path('host_key')}.pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{hub.port} {public[0]} {public[1]}\n")
        self.options = ["-F", "none", "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
                        f"UserKnownHostsFile={self.known_hosts}", "-o", "LogLevel=ERROR"]

    @classmethod
    def missing(cls):
        """What has to be installed for it."""
        return [program for program in cls.programs if not shutil.which(program)]

    @classmethod
    def algorithms(cls):
        """What the hub has to be set to for it: its default but for one."""
        return "strict"

    def run(self, *command, script=None):
        environment = {"HOME": str(self.home), "LC_ALL": "C.UTF-8",
                       "PUTTYDIR": str(self.home / "putty")}  # which HOME alone does not move where ~/.putty exists
        done = subprocess.run([str(word) for word in command], input=script, capture_output=True, text=True,
                              errors="replace", timeout=TIMEOUT, env={**os.environ, **environment})
        if done.returncode != 0:
            raise Refused(f"{command[0]} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    # --- what each client does: local paths are pathlib's, those of the hub are strings ---

    def put(self, *files):
        """Uploads (local, remote) pairs."""
        raise NotImplementedError

    def get(self, *files):
        """Downloads (remote, local) pairs."""
        raise NotImplementedError

    def names(self, folder):
        """The names in a folder."""
        raise NotImplementedError

    def rename(self, old, new):
        raise NotImplementedError

    def remove(self, path):
        raise NotImplementedError

    def put_with_time(self, local, remote):
        """As put, keeping the file's time."""
        raise NotImplementedError


def quoted(word):
    return '"' + re.sub(r'(["\\])', r"\\\1", str(word)) + '"'


class OpenSsh(Client):
    programs = ("sftp",)

    def batch(self, *commands):
        return self.run("sftp", *self.options, "-P", self.port, "-b", "-", f"{self.user}@127.0.0.1",
                        script="\n".join(commands) + "\n")

    def put(self, *files):
        self.batch(*[f"put {quoted(local)} {quoted(remote)}" for local, remote in files])

    def get(self, *files):
        self.batch(*[f"get {quoted(remote)} {quoted(local)}" for remote, local in files])

    def names(self, folder):
        lines = self.batch(f"cd {quoted(folder)}", "ls -1").splitlines()
        return [line for line in lines if not line.startswith("sftp> ")]

    def rename(self, old, new):
        self.batch(f"rename {quoted(old)} {quoted(new)}")

    def remove(self, path):
        self.batch(f"rm {quoted(path)}")

    def put_with_time(self, local, remote):
        self.batch(f"put -p {quoted(local)} {quoted(remote)}")


class Scp(Client):
    programs = ("scp",)
    cannot = dict.fromkeys(("list", "rename", "remove"), "scp only copies")

    def scp(self, *words):
        self.run("scp", "-s", *self.options, "-P", self.port, *words)

    def at(self, path):
        return f"{self.user}@127.0.0.1:{path}"

    def put(self, *files):
        for local, remote in files:
            self.scp(local, self.at(remote))

    def get(self, *files):
        for remote, local in files:
            self.scp(self.at(remote), local)

    def put_with_time(self, local, remote):
        self.scp("-p", local, self.at(remote))


class Lftp(Client):
    programs = ("lftp",)

    def commands(self, *commands):
        ssh = "ssh -a -x " + " ".join(self.options)
        settings = [f"set sftp:connect-program {quoted(ssh)}", "set net:max-retries 1", "set net:timeout 120",
                    "set cmd:fail-exit yes", f"open sftp://{self.user}:@127.0.0.1:{self.port}"]
        return self.run("lftp", "--norc", "-f", "/dev/stdin", script="\n".join([*settings, *commands, "bye"]) + "\n")

    def put(self, *files):
        self.commands(*[f"put {quoted(local)} -o {quoted(remote)}" for local, remote in files])

    def get(self, *files):
        self.commands(*[f"get {quoted(remote)} -o {quoted(local)}" for remote, local in files])

    def names(self, folder):
        return self.commands(f"cd {quoted(folder)}", "cls -1").splitlines()

    def rename(self, old, new):
        self.commands(f"mv {quoted(old)} {quoted(new)}")

    def remove(self, path):
        self.commands(f"rm {quoted(path)}")

    def put_with_time(self, local, remote):
        folder = self.hub.root / "mirrored"
        folder.mkdir()
        shutil.copy2(local, folder / local.name)
        self.commands(f"mirror -R {quoted(folder)} {quoted(remote.rsplit('/', 1)[0])}")


class Rclone(Client):
    programs = ("rclone",)
    hides = ("name", "size", "remove")

    def rclone(self, *words):
        remote = (f":sftp,host=127.0.0.1,port={self.port},user={self.user},key_file='{self.key}',"
                  f"known_hosts_file='{self.known_hosts}',shell_type=none,disable_hashcheck=true:")
        return self.run("rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1",
                        *[str(word).replace("hub:", remote) for word in words])

    def put(self, *files):
        for local, remote in files:
            self.rclone("copyto", local, f"hub:{remote}")

    def get(self, *files):
        for remote, local in files:
            self.rclone("copyto", f"hub:{remote}", local)

    def names(self, folder):
        return self.rclone("lsf", f"hub:{folder}").splitlines()

    def rename(self, old, new):
        self.rclone("moveto", f"hub:{old}", f"hub:{new}")

    def remove(self, path):
        self.rclone("deletefile", f"hub:{path}")

    put_with_time = lambda self, local, remote: self.put((local, remote))


class Putty(Client):
    def __init__(self, hub, agency):
        super().__init__(hub, agency)
        self.putty_key = hub.root / f"{agency}.ppk"
        if not self.putty_key.exists():
            self.run("puttygen", self.key, "-O", "private", "-o", self.putty_key)
        fingerprint = self.run("ssh-keygen", "-lf", self.known_hosts).split()[1]
        self.login = ["-batch", "-P", self.port, "-i", self.putty_key, "-hostkey", fingerprint]


class Psftp(Putty):
    programs = ("psftp", "puttygen")
    cannot = {"time": "psftp has no option for it"}

    def batch(self, *commands):
        script = self.hub.root / f"psftp-{os.urandom(4).hex()}"
        script.write_text("\n".join(commands) + "\n")
        return self.run("psftp", *self.login, "-b", script, f"{self.user}@127.0.0.1")

    @staticmethod
    def quoted(word):
        return '"' + str(word).replace('"', '""') + '"'

    def put(self, *files):
        self.batch(*[f"put {self.quoted(local)} {self.quoted(remote)}" for local, remote in files])

    def get(self, *files):
        self.batch(*[f"get {self.quoted(remote)} {self.quoted(local)}" for remote, local in files])

    def names(self, folder):
        lines = self.batch(f"ls {self.quoted(folder)}").splitlines()
        # "-rw-r--r--    1 agency  agency        10 Nov 14  2023 NAME"
        return [line.split(None, 8)[8] for line in lines if re.match(r"[-d][-rwx]{9} ", line)]

    def rename(self, old, new):
        self.batch(f"mv {self.quoted(old)} {self.quoted(new)}")

    def remove(self, path):
        self.batch(f"rm {self.quoted(path)}")


class Pscp(Putty):
    programs = ("pscp", "puttygen")
    cannot = {"rename": "pscp only copies and lists", "remove": "pscp only copies and lists"}

    def pscp(self, *words):
        return self.run("pscp", "-sftp", "-q", *self.login, *words)

    def at(self, path):
        return f"{self.user}@127.0.0.1:{path}"

    def put(self, *files):
        for local, remote in files:
            self.pscp(local, self.at(remote))

    def get(self, *files):
        for remote, local in files:
            self.pscp(self.at(re.sub(r"([*?\[\]\\])", r"\\\1", remote)), local)  # it reads these as a pattern

    def names(self, folder):
        lines = self.pscp("-ls", self.at(folder)).splitlines()
        return [line.split(None, 8)[8] for line in lines if re.match(r"[-d][-rwx]{9} ", line)]

    def put_with_time(self, local, remote):
        self.pscp("-p", local, self.at(remote))


class Curl(Client):
    programs = ("curl",)
    hides = ("name", "size", "remove")
    cannot = {"time": "curl sets no times"}

    @classmethod
    def algorithms(cls):
        """libssh2 before 1.11, which is Debian 12's, has no MAC that the hub offers by default."""
        version = re.search(r"libssh2/(\d+)\.(\d+)", subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout)
        return "compatible" if version and tuple(map(int, version.groups())) < (1, 11) else "strict"

    def curl(self, *words):
        return self.run("curl", "-sS", "--globoff", "--user", f"{self.user}:", "--key", self.key, "--pubkey", f"{self.key}.pub",
                        "--hostpubsha256", self.fingerprint(), *words)

    def fingerprint(self):
        return self.run("ssh-keygen", "-lf", self.known_hosts).split()[1].removeprefix("SHA256:")

    def url(self, path):
        return f"sftp://127.0.0.1:{self.port}{urllib.parse.quote(path)}"

    def put(self, *files):
        for local, remote in files:
            self.curl("-T", local, self.url(remote))

    def get(self, *files):
        for remote, local in files:
            self.curl("-o", local, self.url(remote))

    def names(self, folder):
        return self.curl("--list-only", self.url(folder + "/")).splitlines()

    def quote(self, *words):
        self.curl("-o", "/dev/null", "-Q", " ".join([words[0], *map(quoted, words[1:])]), self.url("/"))

    def rename(self, old, new):
        self.quote("rename", old, new)

    def remove(self, path):
        self.quote("rm", path)


class Library(Client):
    """A library, used through a small program of ours: commands on its standard input, one a line, separated by tabs."""

    def commands(self, *commands):
        return self.run(*self.program(), self.port, self.user, self.key, self.known_hosts,
                        script="".join("\t".join(map(str, command)) + "\n" for command in commands))

    def program(self):
        raise NotImplementedError

    def upload(self, local):
        """The command for it."""
        return "put"

    def put(self, *files):
        commands = []
        for local, remote in files:
            commands += [(self.upload(local), local, remote), ("stat", remote)]
        told = self.commands(*commands).split()
        assert [int(size) for size in told] == [local.stat().st_size for local, _ in files], told

    def get(self, *files):
        self.commands(*[("get", *pair) for pair in files])

    def names(self, folder):
        return [name for name in self.commands(("list", folder)).splitlines() if name not in (".", "..")]

    def rename(self, old, new):
        self.commands(("rename", old, new))

    def remove(self, path):
        self.commands(("remove", path))

    def put_with_time(self, local, remote):
        self.commands(("put", local, remote), ("times", remote, int(local.stat().st_mtime)))


class Paramiko(Library):
    hides = ("size",)  # it looks at the size of what it has put instead

    def program(self):
        return "/usr/bin/python3", HERE / "paramiko_client.py"

    @classmethod
    def missing(cls):
        found = subprocess.run(["/usr/bin/python3", "-W", "ignore", "-c", "import paramiko"], capture_output=True)
        return [] if found.returncode == 0 else ["python3-paramiko"]


class Jsch(Library):
    programs = ("java", "javac", "jar")
    archives = [PREFIX / "libjsch-java/usr/share/java/jsch.jar", pathlib.Path("/usr/share/java/jsch.jar")]

    @classmethod
    def archive(cls):
        return next((path for path in cls.archives if path.exists()), None)

    @classmethod
    def missing(cls):
        return super().missing() + ([] if cls.archive() else ["libjsch-java"])

    def program(self):
        classes, archive, manifest = [self.hub.root / name for name in ("classes", "jsch.jar", "manifest")]
        if not classes.exists():
            # Debian's archive does not say that parts of it, Ed25519 among them, are for newer versions of Java.
            shutil.copy(self.archive(), archive)
            manifest.write_text("Multi-Release: true\n")
            self.run("jar", "--update", "--file", archive, "--manifest", manifest)
            self.run("javac", "-encoding", "UTF-8", "-cp", archive, "-d", classes, HERE / "JschClient.java")
        return "java", "-XX:TieredStopAtLevel=1", "-cp", f"{archive}:{classes}", "JschClient"


class Ssh2SftpClient(Library):
    programs = ("node",)
    cannot = {"time": "ssh2-sftp-client sets no times"}

    @classmethod
    def missing(cls):
        return super().missing() + ([] if (PREFIX / "npm/node_modules/ssh2-sftp-client").is_dir() else ["ssh2-sftp-client"])

    def upload(self, local):
        return "put" if local.stat().st_size > 1 << 20 else "put-stream"

    def program(self):
        return "env", f"NODE_PATH={PREFIX}/npm/node_modules", "node", HERE / "ssh2_sftp_client.js"


class Sshfs(Client):
    """The hub's tree mounted as a folder; reading and writing from the start of a file to its end."""

    programs = ("sshfs", "fusermount3")
    hides = ("name", "size", "remove")  # the kernel knows error numbers only
    late_close = True   # the file is closed at the hub after close() has returned

    def __init__(self, hub, agency):
        super().__init__(hub, agency)
        self.mount_options = ["-F", "/dev/null"]
        for option in (f"IdentityFile={self.key}", f"UserKnownHostsFile={self.known_hosts}", "IdentitiesOnly=yes",
                       "BatchMode=yes"):
            self.mount_options += ["-o", option]

    @classmethod
    def unusable(cls):
        """Why this machine cannot mount anything, if so: no fault of the client's or the hub's."""
        return None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "there is no /dev/fuse here"

    @contextlib.contextmanager
    def mounted(self):
        point = self.hub.root / f"mounted-{os.urandom(4).hex()}"
        point.mkdir()
        process = subprocess.Popen(["sshfs", "-f", f"{self.user}@127.0.0.1:/", point, "-p", str(self.port), *self.mount_options])
        try:
            end = time.monotonic() + 60
            while not os.path.ismount(point):
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"sshfs has mounted nothing (exit code {process.poll()})")
                time.sleep(0.02)
            yield lambda path: point / path.lstrip("/")
        finally:
            if os.path.ismount(point):
                self.run("fusermount3", "-u", "-z", point)
            process.wait(60)

    def put(self, *files):
        with self.mounted() as at:
            for local, remote in files:
                self.run("cp", local, at(remote))

    def get(self, *files):
        with self.mounted() as at:
            for remote, local in files:
                self.run("cp", at(remote), local)

    def names(self, folder):
        with self.mounted() as at:
            return self.run("ls", "-1U", at(folder)).splitlines()

    def rename(self, old, new):
        with self.mounted() as at:
            self.run("mv", at(old), at(new))

    def remove(self, path):
        with self.mounted() as at:
            self.run("rm", at(path))

    def put_with_time(self, local, remote):
        with self.mounted() as at:
            self.run("cp", "-p", local, at(remote))


# Every client of the matrix, by the name of its test.
CLIENTS = {"sftp": OpenSsh, "scp": Scp, "lftp": Lftp, "rclone": Rclone, "psftp": Psftp, "pscp": Pscp, "curl": Curl,
           "paramiko": Paramiko, "jsch": Jsch, "ssh2-sftp-client": Ssh2SftpClient, "sshfs": Sshfs}

if __name__ == "__main__":
    print(";".join(CLIENTS), end="")  # for CMake
