"""The parts of scripts/bench about large files: one sent, beside every peer that is there, and one collected; and how
much memory an upload and many idle sessions take. Each is told the Bench of bench.py."""

import contextlib
import filecmp
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time

from sides import MIB, Collector, Proftpd, Rclone

BAR = ">= 1.0x, aim 1.25x"
INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"
IDLE = 1000


def upload(bench):
    """Of every peer the copy is compared; of the hub, what is collected in download()."""
    def forget_what_came(side):
        if side is not bench.ours:
            (copy,) = side.plain.iterdir()
            same(side, copy, bench.source)
        side.forget_files()

    def put(side, number):
        return [[f"put {bench.source} {side.folder}/one-{number}-{time.monotonic_ns()}"]]

    what, size = f"one upload of {bench.mebibytes} MiB", bench.mebibytes
    warm_up(bench)
    before = bench.ours.memory("VmRSS")
    bench.ours.reset_peak()
    with contextlib.ExitStack() as ended:
        others = [Other(bench.root) for Other in (Rclone, Proftpd) if Other.installed()]
        for other in others:
            ended.callback(other.stop)
        ours, theirs, *more = bench.alternate(put, size, size / 1024, (bench.ours, bench.theirs, *others),
                                              forget_what_came, large=size)
    grown = bench.ours.memory("VmHWM") - before
    bench.table.compare(what, "MiB/s", ours, theirs, BAR, "s/GiB", "sealed, durable, recorded against plain, unflushed")
    for other, results in zip(others, more):
        bench.table.compare(f"{what}, {other.name}", "MiB/s", ours, results, "", "s/GiB", "also unflushed")
    for Other in (Rclone, Proftpd):
        if not Other.installed():
            bench.table.add(f"{what}, {Other.name}", "", "", "", "", "", "not measured: it is not installed")
    bench.table.add(f"memory that {what} adds", f"{grown:.1f} MiB", "", "", "<= 8 MiB", "",
                    "of chanceryd; 10 GiB: the test integration/large_10240")


def warm_up(bench):
    """An upload that the memory of none is counted of: the first makes what every later one uses again."""
    small = bench.source.with_name("small")
    with open(bench.source, "rb") as whole:
        small.write_bytes(whole.read(64 * MIB))
    bench.ours.run([f"put {small} {bench.ours.folder}/warm-up-{time.monotonic_ns()}"])
    small.unlink()


def download(bench, programs):
    """The agency collects what was sent to it; from the peer, it gets a copy of the same sealed file."""
    collector, name = Collector(bench.ours.hub), f"download-{time.monotonic_ns()}"
    bench.ours.run([f"put {bench.source} {bench.ours.folder}/{name}"])
    collected, fetched = (bench.source.with_name(part) for part in ("collected", "fetched"))
    collector.run([f"get {collector.folder}/{name}.age {collected}"])
    with open(bench.source, "rb") as source:
        sent = hashlib.file_digest(source, "sha256").digest()
    identity = bench.ours.hub.identity(bench.ours.hub.receiver)
    with subprocess.Popen([programs / "chancery", "open", "-i", identity, collected], stdout=subprocess.PIPE) as opener:
        opened = hashlib.file_digest(opener.stdout, "sha256").digest()
    if opener.returncode != 0 or opened != sent:
        raise SystemExit("bench: what was collected is not what was sent")
    bench.theirs.run([f"put {collected} {bench.theirs.folder}/{name}.age"])

    def compare_fetched(side):
        same(side, fetched, collected)
        fetched.unlink()

    results = bench.alternate(lambda side, _: [[f"get {side.folder}/{name}.age {fetched}"]], bench.mebibytes,
                              bench.mebibytes / 1024, (collector, bench.theirs), compare_fetched,
                              large=bench.mebibytes)
    bench.theirs.forget_files()
    collected.unlink()
    bench.table.compare(f"one download of {bench.mebibytes} MiB", "MiB/s", *results, ">= 1.0x", "s/GiB",
                        "the same sealed bytes, each time compared")


def same(side, copy, original):
    if not filecmp.cmp(copy, original, shallow=False):
        raise SystemExit(f"bench: {type(side).__name__} does not have what was sent: {copy}")


def idle(bench):
    """The test that has the bar makes a hub with a crowd in it."""
    count = IDLE // 10 if bench.quick else IDLE
    done = subprocess.run([sys.executable, INTEGRATION / "crowd_test.py", "Sessions"], capture_output=True, text=True,
                          env={**os.environ, "CHANCERY_CROWD": str(count)})
    found = re.search(r"sessions: (\d+) MiB in all", done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"bench: {count} idle sessions failed:\n{done.stderr}")
    bench.table.add(f"memory of {count} idle sessions", f"{found[1]} MiB", "", "",
                    "<= 200 MiB" if count == IDLE else "", "", "all of chanceryd")
