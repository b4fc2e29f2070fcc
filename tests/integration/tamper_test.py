"""Exports that were tampered with, and how verifiers answer: the exit code for every case of the corpus of tamper_cases.py,
and the place where one can be named. Over ledgers that the tests write themselves, and over one that a real hub has made.
"""
import collections
import contextlib
import functools
import io
import itertools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export_writer  # noqa: E402
import hub as hubs  # noqa: E402
import served_log  # noqa: E402
import tamper_cases  # noqa: E402

sys.path.insert(0, str(export_writer.SOURCE / "client"))
sys.dont_write_bytecode = True
import signatures  # noqa: E402
import verify  # noqa: E402

def verify_py(arguments):
    """Within this process, which saves starting Python for each case."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = verify.main(arguments)
    return code, text.getvalue()


def chancery(arguments):
    done = subprocess.run([export_writer.BIN / "chancery", "ledger", "verify", *arguments], capture_output=True, text=True,
                          timeout=120)
    return done.returncode, done.stdout + done.stderr


def place_in(words):
    """What a place of the corpus looks like in the words of either program."""
    if words.startswith("checkpoints/"):
        return re.escape(words) + "|checkpoint of " + re.escape(words[12:].lstrip("0")) + "|\n *checkpoint is"
    return re.escape(words)


PROGRAMS = {"verify.py": verify_py, "chancery": chancery}


class Tampering(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chancery-tamper-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def in_files(self, arguments):
        """The same arguments, where bytes are in files."""
        made = []
        for i, argument in enumerate(arguments):
            if isinstance(argument, bytes):
                path = self.folder / f"argument-{i}"
                path.write_bytes(argument)
                argument = str(path)
            made.append(argument)
        return made

    def check(self, cases):
        counts = collections.defaultdict(collections.Counter)
        for kind, name, files, arguments, expected, words in cases:
            export = self.folder / ("nothing" if files is None else "export")
            if files is not None:
                export_writer.write(export, files)
                export.mkdir(exist_ok=True)
            arguments = self.in_files(arguments) + [str(export)]
            counts[kind]["cases"] += 1
            for program, answer in PROGRAMS.items():
                with self.subTest(kind=kind, case=name, program=program):
                    code, text = answer(arguments)
                    self.assertEqual(code, expected, text)
                    counts[kind][program] += 1
                    if words:
                        self.assertRegex(text, place_in(words))
                    counts[kind][f"{program} places"] += bool(words)
        self.print_table(counts)

    def test_a_ledger_by_the_tests_is_answered_as_it_should_be(self):
        log = tamper_cases.history(60)
        cases = tamper_cases.corpus(log, tamper_cases.history(2), tamper_cases.rolled_back(log))
        self.check(itertools.chain(tamper_cases.sizes(), cases))

    def test_a_ledger_by_a_real_hub_is_answered_as_it_should_be(self):
        # What was verified once need not be again; nothing else is answered from memory.
        for name in "ed25519_verifies", "ml_dsa_44_verifies":
            self.addCleanup(setattr, signatures, name, getattr(signatures, name))
            setattr(signatures, name, functools.lru_cache(maxsize=None)(getattr(signatures, name)))
        hub = hubs.Hub()
        self.addCleanup(hub.__exit__, None, None, None)
        log, old = served_log.serve(hub)
        export, before = hub.root / "export", hub.root / "old"
        exported = served_log.files_in(export)
        self.assertEqual(export_writer.with_sums(log.files()), exported, "a second hand writes the same export")
        events = {re.search(rb"\nevent (\S+)\n", entry)[1].decode() for entry in log.entries}
        self.assertLessEqual({"file.refused", "delivery.collected", "log.anchor", "log.key.add", "log.key.retire",
                              "erasure.begun", "detail.erased", "hold.set"}, events)
        # By the program in it, as an auditor does, with the keys from before the rotation and with those from after it.
        for policy in before / "log-policy", export / "log-policy":
            arguments = ["--policy", policy, "--newer-than", before / "checkpoint", export]
            done = subprocess.run([sys.executable, export / "verify.py", *arguments], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, f"entries +{len(log.entries)}, each hashed; 0 of events")
            self.assertRegex(done.stdout, f"checkpoints +{len(log.checkpoints)} right")
            code, text = chancery(arguments)
            self.assertEqual(code, 0, text)
            self.assertRegex(text, f"checkpoints +{len(log.checkpoints)} right")
        self.assertEqual(served_log.files_in(export), exported)
        self.check(tamper_cases.corpus(log, log, old))

    def print_table(self, counts):
        """How many cases of each class there are, were answered rightly, and with the place where one can be named."""
        columns = ["cases"] + [column for program in PROGRAMS for column in (program, f"{program} places")]
        counts["all"] = sum(counts.values(), collections.Counter())
        print("\n" + f"{'class':14}" + "".join(f"{column:>18}" for column in columns))
        for kind, row in counts.items():
            print(f"{kind:14}" + "".join(f"{row[column]:18}" for column in columns))


if __name__ == "__main__":
    unittest.main()
