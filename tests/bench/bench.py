"""Measures a hub beside its peers, alternating, and prints one table; see scripts/bench.

    CHANCERY_BIN=build/release/bin /usr/bin/python3 tests/bench/bench.py [--quick] [--only PART,...]

A ratio is the median of those of each round. CPU is that of the server's processes: it says more than the speed on a
machine that others use too. Small files wait for flushes; where an idle processor wakes up late, that is what they
measure, so that they run a second time with every processor kept awake by a process of the idle class.
"""

import argparse
import contextlib
import mmap
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import evidence
import logins
import transfers
from sides import CIPHER, MIB, Chancery, Openssh
from table import Table

BIN = pathlib.Path(os.environ["CHANCERY_BIN"])
# The receipt before the small files: it is found by listing the month, whose thousands of names would be what is measured.
PARTS = ("limits", "receipt", "upload", "download", "four", "small", "sessions", "idle", "ledger", "growth", "verify",
         "export", "seal", "login", "start")
SKIPPED = 77  # to ctest
QUICK_SLACK = 0.25  # two rounds of little, beside who knows what


@contextlib.contextmanager
def awake():
    """Keeps every processor from sleeping, at the idle class: it takes no time from anybody."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                 preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)))
                for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


@contextlib.contextmanager
def memory_in_use(mebibytes):
    """The free memory that whoever comes next gets is memory that this machine really has. A virtual machine's host may
    lend a page at its first use and take back what is free: to copy a file into such memory cost the server that came
    first up to three times what it cost the next."""
    available = int(re.search(r"MemAvailable: +(\d+) kB", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024
    size = min(mebibytes * MIB, available // 2)
    with mmap.mmap(-1, max(1, size)) as pages:
        for at in range(0, size, mmap.PAGESIZE):
            pages[at] = 1
        yield


def flush_times(folder):
    """Milliseconds that the disk takes for 4 KiB at the end of a file: the floor of every acknowledgement."""
    path, times = folder / "flush", []
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for _ in range(60):
        begun = time.monotonic()
        os.write(file, bytes(4096))
        os.fdatasync(file)
        times.append((time.monotonic() - begun) * 1000)
    os.close(file)
    path.unlink()
    return times


class Bench:
    def __init__(self, root, quick):
        self.root, self.quick, self.table = root, quick, Table(QUICK_SLACK if quick else 0.0)
        self.rounds = 2 if quick else 5
        self.mebibytes = 256 if quick else 1024
        self.files = 400 if quick else 2000
        self.one_session = {}  # our files a second, by how awake the processors are
        self.source = self.make_source()
        self.ours, self.theirs = Chancery(), Openssh(root)

    def stop(self):
        self.ours.stop()
        self.theirs.stop()

    def make_source(self):
        """Random bytes, in memory if there is room: reading them is the client's affair."""
        room = shutil.disk_usage("/dev/shm").free > 4 * self.mebibytes * MIB
        self.memory = tempfile.TemporaryDirectory(dir="/dev/shm" if room else self.root, prefix="bench-")
        source = pathlib.Path(self.memory.name) / "source"
        with open(source, "wb") as file:
            for _ in range(self.mebibytes):
                file.write(os.urandom(MIB))
        return source

    def alternate(self, batches, per_second, per_cpu, sides=None, after=lambda side: side.forget_files(), large=0):
        """Runs `batches(side, round)` on each side in turn; of each (units a second, CPU seconds per unit) by round.
        `large`: MiB that are sent in each, for which four times as much memory has just been in use."""
        results = {side: [] for side in sides or (self.ours, self.theirs)}
        for number in range(self.rounds):
            for side in results:
                with memory_in_use(4 * large):
                    os.sync()  # what an earlier round left to be written is none of this one's
                seconds, cpu = side.sessions(batches(side, number))
                results[side].append((per_second / seconds, cpu / per_cpu))
                after(side)
        return list(results.values())

    # --- the parts ---

    def limits(self):
        evidence.limits(self, flush_times(self.root))

    def upload(self):
        transfers.upload(self)

    def download(self):
        transfers.download(self, BIN)

    def idle(self):
        transfers.idle(self)

    def four(self):
        quarter = self.source.with_name("quarter")
        with open(self.source, "rb") as whole:
            quarter.write_bytes(whole.read(self.mebibytes * MIB // 4))
        names = lambda side, n: [[f"put {quarter} {side.folder}/four-{n}-{i}-{time.monotonic_ns()}"] for i in range(4)]
        results = self.alternate(names, self.mebibytes, self.mebibytes / 1024, large=self.mebibytes)
        quarter.unlink()
        self.table.compare(f"four of {self.mebibytes // 4} MiB at once", "MiB/s", *results, transfers.BAR + ", now 0.8x", "s/GiB")

    def folder_of(self, name, count):
        folder = pathlib.Path(self.memory.name) / name
        folder.mkdir()
        content = os.urandom(4096)
        for i in range(count):
            (folder / f"{name}-{i:04}.csv").write_bytes(content)
        return folder

    def put_folders(self, sessions, count):
        def batches(side, number):
            made = []
            for session in range(sessions):
                folder = self.folder_of(f"s{number}-{session}-{time.monotonic_ns()}", count // sessions)
                put = "put" if side is self.ours else "put -f"
                made.append([f"lcd {folder}", f"cd {side.folder}", f"{put} *.csv"])
            return made
        return batches

    def small(self, sessions=1):
        what = f"{self.files} files of 4 KiB, {sessions} session" + ("s" if sessions > 1 else "")
        for state, keep in ((", processors awake", awake), ("", contextlib.nullcontext)):
            with keep():
                flush = statistics.median(flush_times(self.root))
                results = self.alternate(self.put_folders(sessions, self.files), self.files, self.files / 1000)
            self.table.compare(what + state, "files/s", *results, ">= 1.0x", "ms each",
                               f"against put -f; a flush {flush:.2f} ms")
            if sessions == 1:
                self.one_session[state] = results[0]
            elif state in self.one_session and not self.quick:
                self.table.compare(f"the same, against our one session{state}", "files/s", results[0],
                                   self.one_session[state], ">= 2x, now 1.5x", "", "one commit serves several sessions")
        if sessions == 1:
            self.table.add("flushes per file, one session", *self.flushes())

    def sessions(self):
        self.small(8)

    def flushes(self, count=100):
        """Counted by strace: of both daemons, and of sshd."""
        answers = []
        for side in (self.ours, self.theirs):
            out = self.root / "strace"
            tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", out,
                                       *[f"--attach={pid}" for pid in side.pids]], stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            side.sessions(self.put_folders(1, count)(side, 0))
            tracer.terminate()
            tracer.wait()
            side.forget_files()
            answers.append(len(re.findall(r"\b(?:fsync|fdatasync)\(", out.read_text())))
        return [f"{answers[0] / count:.2f}", f"{answers[1] / count:.2f}", "", "", "",
                "each of the ledger's commits also writes its root page by O_DSYNC"]

    def ledger(self):
        """A new ledger in each round."""
        rounds = {}
        for _ in range(self.rounds):
            done = subprocess.run([BIN / "ledger_bench", str(20_000 if self.quick else 100_000), self.root],
                                  capture_output=True, text=True, check=True).stdout
            for line in done.splitlines()[1:]:
                what, rate, flush = re.fullmatch(r"(.*?)\s+([\d.]+)\s+([\d.]+)\s+\d+", line).groups()
                rounds.setdefault(what, []).append((float(rate), float(flush)))
        for what, figures in rounds.items():
            rate, flush = map(statistics.median, zip(*figures))
            bar = ">= 100,000 entries/s" if what.startswith("batch 256") else ""
            slowest, fastest = min(figures)[0], max(figures)[0]
            self.table.add(f"ledger: {what}", f"{rate:.0f} entries/s", f"{1000 / flush:.0f} flushes/s",
                           f"{rate * flush / 1000:.1f}x", bar, "",
                           f"{slowest:.0f} to {fastest:.0f}; a flush {flush:.3f} ms")

    def growth(self):
        """From 10^3 on; 10^7 takes minutes and 10 GB: growth_bench 10000000 DIR."""
        done = subprocess.run([BIN / "growth_bench", str(100_000 if self.quick else 1_000_000), self.root],
                              capture_output=True, text=True, check=True).stdout
        for line in done.splitlines()[1:]:
            size, rate, proof, lookup = line.split()
            self.table.add(f"ledger of {size} entries", f"{rate} entries/s", "", "", "", "",
                           f"appends at batch 256 up to there; a lookup by id {lookup} us")
            self.table.add("a proof from that", f"{proof} us", "", "", "< 1,000 us")

    def verify(self):
        size = 50_000 if self.quick else 200_000
        line = subprocess.run([BIN / "verify_bench", str(size), self.root], capture_output=True, text=True,
                              check=True).stdout
        raw, again, ratio = map(float, re.search(r"alone ([\d.]+) s.* again in ([\d.]+) s \(([\d.]+)x", line).groups())
        self.table.add(f"verifying {size} entries", f"{size / again:.0f} entries/s", f"{size / raw:.0f} SHA-256/s",
                       f"{ratio:.2f}x", ">= 0.5x, now 0.3x", "", "the peer is raw SHA-256 of the same bytes")

    def export(self):
        evidence.export(self, BIN)

    def receipt(self):
        evidence.receipt(self)

    def seal(self):
        recipient = self.ours.hub.agencies[self.ours.hub.receiver]["seal_to"][0]
        commands = ([BIN / "chancery", "seal", "-r", recipient, self.source], ["age", "-r", recipient, self.source])
        results = ([], [])
        for _ in range(self.rounds):
            for command, result in zip(commands, results):
                before, begun = os.times(), time.monotonic()
                with open("/dev/null", "wb") as nowhere:
                    subprocess.run(command, stdout=nowhere, check=True)
                seconds, after = time.monotonic() - begun, os.times()
                cpu = after.children_user + after.children_system - before.children_user - before.children_system
                result.append((self.mebibytes / seconds, cpu / self.mebibytes * 1024))
        self.table.compare(f"sealing {self.mebibytes} MiB", "MiB/s", *results, ">= 1.0x", "s/GiB", "the peer is age")

    def login(self):
        logins.logins(self, BIN)

    def start(self):
        """The hub stopped, its ledger filled, and started again: last, as it is another hub afterwards."""
        size, hub = 100_000 if self.quick else 1_000_000, self.ours.hub
        hub.stop()
        subprocess.run([BIN / "ledger_fill", hub.path("ledger"), hub.path("ledger_keys"), hub.settings["origin"],
                        str(size), hub.sender, hub.receiver, hub.route["id"]], check=True)
        begun = time.monotonic()
        hub.start_ledgerd()
        middle = time.monotonic()
        hub.start_chanceryd()
        end = time.monotonic()
        self.table.add(f"start with {size} entries", f"{end - begun:.2f} s", "", "", "<= 5 s", "",
                       f"ledger service {middle - begun:.2f} s, replay {end - middle:.2f} s; "
                       f"chanceryd has {self.ours.memory('VmRSS'):.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description="Measures a hub beside its peers; see scripts/bench.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS))
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("bench: the peer is OpenSSH's sshd, which takes root", file=sys.stderr)
        return SKIPPED
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        bench = Bench(pathlib.Path(temporary), arguments.quick)
        try:
            for part in PARTS:
                if part in arguments.only.split(","):
                    getattr(bench, part)()
        finally:
            bench.stop()
            bench.memory.cleanup()
    bench.table.print()
    print(f"\n{bench.rounds} alternating rounds on {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end, "
          f"{time.monotonic() - begun:.0f} s in all; loopback, {CIPHER.split('@')[0]}, everything on one file system")
    return 1 if bench.table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
