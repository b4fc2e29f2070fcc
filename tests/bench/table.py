"""The table of scripts/bench, and what falls short of its bars."""

import re
import statistics
import sys

HEAD = ("what", "chancery", "peer", "ratio", "bar", "CPU here / there", "")
# A bar of a ratio ends in x; any other is of our own figure, in the same unit. "now" is what holds so far, below the bar.
BAR = re.compile(r"(>=|<=|<) ([\d,.]+) ?(.+?)(?:, aim [^,]+)?(?:, now ([\d,.]+) ?\3)?")


def number(text):
    return float(text.replace(",", ""))


def judge(bar, ours, ratio, slack=0.0):
    """Whether a figure meets its bar, and whether it holds what has to hold (the bar, or what it says of now), which
    may be missed by the part `slack`. Raises ValueError for a bar that is of something else than the figure."""
    words = BAR.fullmatch(bar)
    if not words:
        raise ValueError(f"not a bar: {bar}")
    relation, value, unit, now = words.groups()
    if not ours:
        return False, False
    figure = re.fullmatch(r"([\d,.]+) ?(.+)", ratio if unit == "x" else ours)
    if not figure or figure[2] != unit:
        raise ValueError(f"the bar {bar} is not one for {ours}, {ratio}")
    def within(most, slack):
        if relation == ">=":
            return number(figure[1]) >= number(most) * (1 - slack)
        most = number(most) * (1 + slack)
        return number(figure[1]) <= most if relation == "<=" else number(figure[1]) < most
    return within(value, 0), within(now or value, slack)


class Table:
    """The rows, said as they come and printed whole at the end."""

    def __init__(self, slack=0.0):
        self.rows, self.slack = [HEAD], slack
        self.below, self.failed = [], []  # what misses its bar; what does not even hold as it should now

    def add(self, what, ours, theirs, ratio, bar="", cpu="", note=""):
        if bar:
            met, holds = judge(bar, ours, ratio, self.slack)
            measured = ", ".join(cell for cell in (ours, ratio) if cell)
            said = f"{what}: {measured or 'not measured'}, and the bar is {bar}"
            if not met:
                self.below.append(said)
            if not holds:
                self.failed.append(said)
        self.rows.append((what, ours, theirs, ratio, bar, cpu, note))
        print("  " + "  ".join(cell for cell in self.rows[-1] if cell), file=sys.stderr, flush=True)

    def compare(self, what, unit, ours, theirs, bar="", cpu_unit="", note=""):
        """Lists of (speed, CPU), one of each side per round."""
        middle = [statistics.median(values) for values in (*zip(*ours), *zip(*theirs))]
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs))
        cpu = f"{middle[1]:.2f} / {middle[3]:.2f} {cpu_unit}" if cpu_unit else ""
        self.add(what, f"{middle[0]:.0f} {unit}", f"{middle[2]:.0f} {unit}", f"{ratio:.2f}x", bar, cpu, note)

    def print(self):
        widths = [max(map(len, column)) for column in zip(*self.rows)]
        print()
        for row in self.rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        for title, lines in (("Below their bars", self.below), ("Failed", self.failed)):
            if lines:
                print(f"\n{title}:", *lines, sep="\n  ")
