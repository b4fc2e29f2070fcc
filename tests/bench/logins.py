"""The part of scripts/bench about log-ins, told the Bench of bench.py. A log-in of a post-quantum exchange costs a client
more than a server, and here both have the same processors: so that it is the servers that are compared, each is also
given so little of a processor that the client never is what is waited for, as when clients are elsewhere."""

import contextlib
import pathlib
import subprocess
import threading
import time

AT_ONCE = 4
SHARE = 0.25  # of one processor
PERIOD = 20_000  # microseconds within which a server has its share
GROUPS = pathlib.Path("/sys/fs/cgroup")


def logins(bench, programs):
    each = 5 if bench.quick else 15
    bench.table.compare("log-ins by OpenSSH's client, four at a time", "a second",
                        *rounds(bench, lambda side: openssh_log_ins(side, each)), "", "ms each",
                        "the client's own work is most of it: compare CPU")
    for exchange, count in (("curve25519-sha256", 200), ("sntrup761x25519-sha512@openssh.com", 60)):
        def light(side):
            with share_of_a_processor(side.pids):
                return light_log_ins(side, programs, exchange, count // 4 if bench.quick else count)

        what = f"log-ins, {exchange.split('-')[0]}, by {SHARE:g} of a processor"
        try:
            bench.table.compare(what, "a second", *rounds(bench, light), ">= 2x", "ms each", "logs in, asks for SFTP, ends")
        except NoShare as reason:
            bench.table.add(what, "", "", "", ">= 2x", "", f"not measured: {reason}")


def rounds(bench, measure):
    results = ([], [])
    for _ in range(bench.rounds):
        for side, result in zip((bench.ours, bench.theirs), results):
            result.append(measure(side))
    return results


def openssh_log_ins(side, each):
    def log_in_often():
        for _ in range(each):
            side.run(["pwd"])

    cpu, begun = side.cpu(), time.monotonic()
    threads = [threading.Thread(target=log_in_often) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count, seconds = AT_ONCE * each, time.monotonic() - begun
    return count / seconds, (side.cpu() - cpu) / count * 1000


def light_log_ins(side, programs, exchange, count):
    """By a client that does little else than the exchange; post-quantum by what both servers have of it."""
    cpu = side.cpu()
    done = subprocess.run([programs / "crowd", str(side.port), side.user, side.key, str(count), "log-ins", str(AT_ONCE),
                           exchange], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"bench: log-ins to {type(side).__name__} failed: {done.stderr}")
    return count / float(done.stdout), (side.cpu() - cpu) / count * 1000


class NoShare(Exception):
    """This machine lets no control group be made here."""


@contextlib.contextmanager
def share_of_a_processor(pids):
    """Holds processes, and those that they make, to SHARE by a control group of either version."""
    first = GROUPS / "cpu"
    root = first if (first / "cgroup.procs").exists() else GROUPS
    group = root / f"chancery-bench-{time.monotonic_ns()}"
    quota = round(SHARE * PERIOD)
    try:
        if root is GROUPS:
            (root / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir()
        if root is first:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise NoShare(str(error)) from None
    try:
        yield
    finally:
        while left := (group / "cgroup.procs").read_text().split():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    (root / "cgroup.procs").write_text(pid)
        group.rmdir()
