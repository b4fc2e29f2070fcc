"""Many at once: what connections and sessions cost, and what a flood leaves to everyone else."""

import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time
import unittest

import hub
import session_test

MIB = 1024 * 1024
FLOOD = pathlib.Path(__file__).with_name("flood.py")
NETWORK, DECLARED = "127.9.0.0/16", "127.9.0.1"  # of the sender
AS_THE_SYSTEM_HAS_IT = socket.inet_aton(DECLARED)[::-1].hex().upper()  # in /proc/net/tcp
SESSIONS = int(os.environ.get("CHANCERY_CROWD", "100"))
SANITIZED = bool(os.environ.get("CHANCERY_SANITIZE"))  # then much memory is the sanitizer's


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


def sockets(pid):
    found = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(os.readlink(descriptor))
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def held(pid, port):
    """How many connections of strangers a process has accepted on its port and not closed: those that it has before and
    after we look which sockets are on the port, so that it had them all at one moment."""
    before = sockets(pid)
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    both = before & sockets(pid)
    strangers = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}") and line[3] != "0A"
                 and not line[2].startswith(AS_THE_SYSTEM_HAS_IT)}  # a line may be there twice
    return len(strangers & both)


class Crowd:
    """As many clients as asked for, in one process; all are there once this is made."""

    def __init__(self, port, user, key, count, *more):
        self.process = subprocess.Popen([session_test.BIN / "crowd", str(port), user, key, str(count), *more],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "the crowd did not come in"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)


class BeforeTheLogin(session_test.SessionTest):
    options = {"unauthenticated": 10000, "connections_per_source": 10000}

    @unittest.skipIf(SANITIZED, "much of the memory is the sanitizer's")
    def test_a_connection_holds_at_most_256_kib(self):
        with Crowd(self.server.port, "alice", self.key, 8, "stranger"):
            before = resident(self.server.process.pid)
            with Crowd(self.server.port, "alice", self.key, 64, "stranger"):
                each = (resident(self.server.process.pid) - before) / 64
        print(f"{each / 1024:.0f} KiB each ", file=sys.stderr, end="")
        self.assertLess(each, 256 * 1024)

    @unittest.skipIf(SANITIZED, "much of the memory is the sanitizer's")
    def test_nor_does_one_that_sends_most_of_a_long_packet(self):
        unfinished = str(180 * 1024)  # below what ends it
        with Crowd(self.server.port, "alice", self.key, 8, "unfinished", unfinished):
            time.sleep(1)
            before = resident(self.server.process.pid)
            with Crowd(self.server.port, "alice", self.key, 64, "unfinished", unfinished):
                time.sleep(2)
                self.assertEqual(held(self.server.process.pid, self.server.port), 72, "some were ended")
                each = (resident(self.server.process.pid) - before) / 64
        print(f"{each / 1024:.0f} KiB each ", file=sys.stderr, end="")
        self.assertLess(each, 256 * 1024)
        self.assertGreater(each, 180 * 1024, "the packets were not held")


class Limited(hub.HubCase):
    """A hub whose sender has declared its network."""

    @classmethod
    def setUpClass(cls):
        cls.hub = hub.Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        settings = cls.hub.directory / "chancery.toml"
        settings.write_text(settings.read_text() + "\n[limits]\nsessions_per_account = 2000\n")
        agency = cls.hub.directory / "agencies" / f"{cls.hub.sender}.toml"
        agency.write_text(agency.read_text().replace("[[accounts]]", f'networks = ["{NETWORK}"]\n\n[[accounts]]', 1))
        cls.hub.start()

    def pid(self):
        return self.hub.processes["chanceryd"].pid

    def log_in(self):
        """How long the agency takes to log in from its network, look around and go."""
        begun = time.monotonic()
        self.hub.sftp(self.hub.sender, "pwd", options=("-o", f"BindAddress={DECLARED}"), timeout=60)
        return time.monotonic() - begun


class Sessions(Limited):
    @unittest.skipIf(SANITIZED, "much of the memory is the sanitizer's")
    def test_idle_sessions_take_at_most_200_kib_each(self):
        self.log_in()
        before = resident(self.pid())
        with Crowd(self.hub.port, self.hub.user(self.hub.sender), self.hub.key(self.hub.sender), SESSIONS):
            total = resident(self.pid())
        print(f"{SESSIONS} sessions: {total / MIB:.0f} MiB in all ", file=sys.stderr, end="")
        self.assertLess(total - before, SESSIONS * 200 * 1024)
        if SESSIONS >= 1000:
            self.assertLess(total, 200 * MIB)


class Flood(Limited):
    def test_ten_thousand_attempts_hold_a_hundred_places_and_an_agency_still_comes_in(self):
        most_held, most_resident, slowest, logins = 0, 0, 0.0, 0
        begun = time.monotonic()
        command = [sys.executable, FLOOD, str(self.hub.port), "10000", "400", "2000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
            self.assertEqual(flood.stdout.readline(), "begun\n")
            while flood.poll() is None:
                most_held = max(most_held, held(self.pid(), self.hub.port))
                slowest = max(slowest, self.log_in())
                logins += 1
                most_held = max(most_held, held(self.pid(), self.hub.port))
                most_resident = max(most_resident, resident(self.pid()))
            said = flood.stdout.read().strip()
        print(f"{said}; {most_held} held, {most_resident / MIB:.0f} MiB, {logins} log-ins, the slowest in "
              f"{slowest:.1f} s ", file=sys.stderr, end="")
        self.assertLessEqual(most_held, 100 + 1)  # and one that is just being turned away
        self.assertGreater(most_held, 50, "the flood was none")
        if not SANITIZED:
            self.assertLess(most_resident, 256 * MIB)
        self.assertLess(slowest, 10)
        self.hub.stop("chanceryd")  # which records what it has counted
        refused = [int(entry["plain"]["count"]) for entry in self.hub.entries() if entry["event"] == "session.refused"]
        print(f"{sum(refused)} refused, in {len(refused)} entries ", file=sys.stderr, end="")
        self.assertGreater(sum(refused), 9000)
        self.assertGreater(len(refused), 60)
        self.assertLessEqual(len(refused), 65 * (1 + (time.monotonic() - begun) // 60))
        self.hub.verify()


class Speed(Limited):
    """Slow: only ratios of several uploads say anything on a machine that does other things too."""

    def upload(self, path):
        begun = time.monotonic()
        self.hub.sftp(self.hub.sender, f"put {path} {self.hub.send_folder()}/moorvale_maternity_202611.csv",
                      options=("-o", f"BindAddress={DECLARED}"))
        return time.monotonic() - begun

    def test_five_thousand_connections_from_one_address_leave_an_agency_its_speed(self):
        path = self.hub.root / "large"
        with open(path, "wb") as file:
            file.truncate(int(os.environ.get("CHANCERY_FLOOD_MIB", "1024")) * MIB)
        route = next((self.hub.directory / "routes").glob("*.toml"))
        route.write_text(re.sub(r"max_size = .*", 'max_size = "5 GiB"', route.read_text()))
        self.hub.reload()
        quiet, flooded, rounds = [], [], 3
        for _ in range(rounds):
            quiet += [self.upload(path) for _ in range(2)]
            with subprocess.Popen([sys.executable, FLOOD, str(self.hub.port), "5000", "400", "500", "127.0.0.66"],
                                  stdout=subprocess.PIPE, text=True) as flood:
                self.assertEqual(flood.stdout.readline(), "begun\n")
                while True:
                    took = self.upload(path)
                    if flood.poll() is not None:
                        break  # it was not flooded to its end
                    flooded.append(took)
        ratio = statistics.median(quiet) / statistics.median(flooded)
        self.hub.stop("chanceryd")  # which records what it has counted
        refused = sum(int(entry["plain"]["count"]) for entry in self.hub.entries() if entry["event"] == "session.refused")
        print(f"{ratio:.2f} of its speed: {quiet} and {flooded} s, {refused} refused ", file=sys.stderr, end="")
        self.assertGreater(refused, 0.9 * 5000 * rounds)
        self.assertGreaterEqual(ratio, 0.8)


if __name__ == "__main__":
    unittest.main()
