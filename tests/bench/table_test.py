"""That a figure below its bar is found."""

import contextlib
import io
import unittest

from table import Table, judge


class Bars(unittest.TestCase):
    def test_a_figure_meets_its_bar_or_does_not(self):
        for bar, ours, ratio, expected in (
                (">= 1.0x", "541 MiB/s", "1.10x", True), (">= 1.0x", "541 MiB/s", "0.99x", False),
                (">= 1.0x, aim 1.25x", "541 MiB/s", "1.00x", True), ("<= 8 MiB", "8.0 MiB", "", True),
                ("<= 8 MiB", "8.1 MiB", "", False), ("< 2 s", "2.00 s", "", False), ("< 2 s", "1.99 s", "", True),
                (">= 100,000 entries/s", "99999 entries/s", "12.0x", False),
                (">= 100,000 entries/s", "100000 entries/s", "0.1x", True), ("< 2 s", "", "", False)):
            self.assertEqual(judge(bar, ours, ratio), (expected, expected), (bar, ours, ratio))

    def test_what_holds_now_may_be_below_the_bar_and_has_to_hold(self):
        bar = ">= 1.0x, aim 1.25x, now 0.8x"
        self.assertEqual([judge(bar, "1 MiB/s", ratio) for ratio in ("1.00x", "0.80x", "0.79x")],
                         [(True, True), (False, True), (False, False)])

    def test_slack_is_for_what_has_to_hold_alone(self):
        self.assertEqual(judge(">= 1.0x", "1 s", "0.80x", 0.2), (False, True))
        self.assertEqual(judge(">= 1.0x", "1 s", "0.79x", 0.2), (False, False))
        self.assertEqual(judge("<= 8 MiB", "9.6 MiB", "", 0.2), (False, True))

    def test_bars_of_something_else_are_not_passed_over(self):
        for bar, ours, ratio in (("<= 8 MiB", "8 KiB", ""), (">= 1.0x", "5 s", ""), ("quick", "5 s", "1.0x"),
                                 ("< 1 s", "soon", "")):
            with self.assertRaises(ValueError, msg=bar):
                judge(bar, ours, ratio)

    def test_the_table_names_what_is_below_and_what_failed(self):
        table, said = Table(), io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            table.compare("fast", "MiB/s", [(20, 1), (30, 1)], [(10, 1), (10, 1)], ">= 1.0x")
            table.compare("slow", "MiB/s", [(9, 1), (9, 1)], [(10, 1), (10, 1)], ">= 1.0x, now 0.8x")
            table.add("large", "9 MiB", "", "", "<= 8 MiB")
            table.add("missing", "", "", "", "<= 8 MiB")
            table.print()
        self.assertEqual([line.split(":")[0] for line in table.below], ["slow", "large", "missing"])
        self.assertEqual([line.split(":")[0] for line in table.failed], ["large", "missing"])
        self.assertIn("large: 9 MiB, and the bar is <= 8 MiB", said.getvalue())


if __name__ == "__main__":
    unittest.main()
