"""The rows of what an auditor carries away: exports of a ledger, both programs that verify one, and how soon a receipt is
there. Each is told the Bench of bench.py.
"""

import hashlib
import os
import re
import statistics
import subprocess
import sys
import time

MIB = 1 << 20


# Between the two, so that what counts is the command's memory and not that of this script, which it has until its exec.
COUNT = """
import os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measure(command):
    """Runs a command; answers its output, seconds, MiB of memory at the most and CPU seconds."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-S", "-c", COUNT, *map(str, command)], capture_output=True, text=True)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"bench: {command} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    peak, cpu = done.stderr.split()[-2:]
    return done.stdout, seconds, int(peak) / 1024, float(cpu)


def limits(bench, flush_times):
    """What the machine can do at best: hash, and say that something is on the disk."""
    block, rates = os.urandom(64 * MIB), []
    for _ in range(5):
        begun = time.monotonic()
        hashlib.sha256(block).digest()
        rates.append(64 / (time.monotonic() - begun))
    bench.table.add("this machine: SHA-256, one thread", f"{max(rates):.0f} MiB/s", "", "", "", "", "Python's, of 64 MiB at once")
    times = sorted(flush_times)
    bench.table.add("this machine: fdatasync of 4 KiB", f"{statistics.median(times):.2f} ms", "", "", "", "",
                    f"one in ten takes {times[len(times) * 9 // 10]:.2f} ms or more")


def export(bench, programs):
    """A ledger as uploads leave one, exported from its folder and verified by both programs."""
    size = 100_000 if bench.quick else 1_000_000
    ledger, keys, out = (bench.root / name for name in ("evidence", "evidence-keys", "export"))
    subprocess.run([programs / "ledger_fill", ledger, keys, "bench.example.org/ledger", str(size), "hospital", "council",
                    "care"], check=True)
    os.sync()
    said, seconds, peak, cpu = measure([programs / "chancery", "ledger", "export", ledger, out])
    written = int(re.search(r"\((\d+) bytes\)", said)[1])
    bench.table.add(f"export of {size} entries", f"{written / 1e6 / seconds:.0f} MB/s", "", "", ">= 50 MB/s", f"{cpu:.1f} s",
                    f"{written / 1e6:.0f} MB in {seconds:.1f} s, all on the disk")
    bench.table.add("memory of that at most", f"{peak:.0f} MiB", "", "", "< 64 MiB")
    for what, bar, command in (("chancery ledger verify", 2, [programs / "chancery", "ledger", "verify", out]),
                               ("verify.py", 10, [sys.executable, out / "verify.py", out])):
        _, seconds, peak, cpu = measure(command)
        bench.table.add(f"{what} of that", f"{seconds:.2f} s", "", "", f"< {max(bar * size / 1e6, 0.5):g} s", f"{cpu:.1f} s",
                        f"{size / seconds:.0f} entries/s, {peak:.0f} MiB")


def receipt(bench, uploads=20):
    """From the answer to CLOSE until the sender has the signed receipt."""
    hub, times = bench.ours.hub, []
    with hub.paramiko(hub.sender) as client, client.open_sftp() as sftp:
        for number in range(uploads):
            name = f"receipt-{number}-{time.monotonic_ns()}.csv"
            with sftp.open(f"{hub.send_folder()}/{name}", "w") as file:
                file.write(b"a,b\r\n1,2\r\n")
            begun = time.monotonic()
            while not fetch_receipt(sftp, name):
                time.sleep(0.005)
            times.append(time.monotonic() - begun)
    bench.table.add("an upload's receipt after OK", f"{statistics.median(times):.2f} s", "", "", "< 1 s", "",
                    f"until it is fetched; {max(times):.2f} s at the most of {uploads}")


def fetch_receipt(sftp, name):
    for month in sftp.listdir("/receipts"):
        for found in sftp.listdir(f"/receipts/{month}"):
            if found.startswith(name + ".") and found.endswith(".receipt"):
                try:
                    with sftp.open(f"/receipts/{month}/{found}") as file:
                        return file.read()
                except OSError:  # no checkpoint covers it yet
                    return b""
    return b""
