"""chancery keygen, seal and open, also with age at the other end. Run by ctest with CHANCERY_BIN (the programs' folder);
CHANCERY_AGE lists the age programs to talk to, separated by colons."""

import os
import signal
import stat
import subprocess
import tempfile
import time
import unittest

CHANCERY = os.path.join(os.environ["CHANCERY_BIN"], "chancery")
SIZES = (0, 1, 65535, 65536, 65537, 1 << 20)


def run(*words, data=b"", expect=0):
    done = subprocess.run(words, input=data, capture_output=True, timeout=120)
    assert done.returncode == expect, f"{words}: {done.returncode}, {done.stderr.decode()}"
    return done


def chancery(*words, **options):
    return run(CHANCERY, *words, **options)


def ages():
    """The installed age programs, and whether each knows post-quantum keys (1.3 and later)."""
    for program in filter(None, os.environ.get("CHANCERY_AGE", "").split(":")):
        version = run(program, "--version").stdout.decode().strip().lstrip("v")
        numbers = [int(n) for n in version.split("-")[0].split(".")[:2] if n.isdigit()]
        yield program, numbers >= [1, 3]


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def key(self, name, *flags):
        """Makes a key; answers with its identity file and its recipient."""
        recipient = chancery("keygen", *flags, "-o", self.path(name)).stdout.decode().strip()
        return self.path(name), recipient


class Keygen(InFolder):
    def test_identity_file_is_private_and_names_its_public_key(self):
        for flags, start in (((), "age1"), (("--pq",), "age1pq1")):
            identity, recipient = self.key("key" + "".join(flags), *flags)
            self.assertTrue(recipient.startswith(start))
            self.assertEqual(stat.S_IMODE(os.stat(identity).st_mode), 0o600)
            lines = self.read(identity).decode().splitlines()
            self.assertIn("# public key: " + recipient, lines)
            self.assertTrue(lines[-1].startswith("AGE-SECRET-KEY-"))

    def test_never_overwrites(self):
        identity, _ = self.key("key")
        before = self.read(identity)
        failed = chancery("keygen", "-o", identity, expect=2)
        self.assertIn(b"File exists", failed.stderr)
        self.assertEqual(self.read(identity), before)


class SealAndOpen(InFolder):
    def test_files_and_pipes_agree(self):
        identity, recipient = self.key("key")
        plain = os.urandom(300_000)
        source = self.write("in,put.csv", plain)
        chancery("seal", "-r", recipient, "-o", self.path("out.age"), source)
        chancery("open", "-i", identity, "-o", self.path("opened"), self.path("out.age"))
        self.assertEqual(self.read("opened"), plain)
        piped = chancery("seal", "-r", recipient, data=plain).stdout
        self.assertEqual(chancery("open", "-i", identity, data=piped).stdout, plain)
        self.assertEqual(len(piped), os.path.getsize(self.path("out.age")))

    def test_many_recipients_from_flags_and_files(self):
        keys = [self.key(f"key{i}") for i in range(4)]
        listed = "# the council\n\n" + "\n".join(recipient for _, recipient in keys[2:]) + "\r\n"
        recipients = self.write("recipients", listed.encode())
        sealed = chancery("seal", "-r", keys[0][1], "-r", keys[1][1], "-R", recipients, data=b"x").stdout
        for identity, _ in keys:
            self.assertEqual(chancery("open", "-i", identity, data=sealed).stdout, b"x")

    def test_wrong_key_says_what_the_file_was_sealed_to(self):
        _, recipient = self.key("right")
        identity, _ = self.key("wrong")
        sealed = chancery("seal", "-r", recipient, "-r", recipient, data=b"x").stdout
        failed = chancery("open", "-i", identity, data=sealed, expect=2)
        self.assertIn(b"it was sealed to 2 X25519 keys", failed.stderr)
        self.assertEqual(failed.stdout, b"")

    def test_damage_leaves_no_output_file_and_an_older_one_as_it_was(self):
        identity, recipient = self.key("key")
        plain = os.urandom(200_000)
        sealed = bytearray(chancery("seal", "-r", recipient, data=plain).stdout)
        sealed[-1] ^= 1
        old = self.write("out", b"older")
        for name, expected in (("out", b"older"), ("new", None)):
            failed = chancery("open", "-i", identity, "-o", self.path(name), data=bytes(sealed), expect=2)
            self.assertIn(b"altered", failed.stderr)
            if expected is None:
                self.assertFalse(os.path.exists(self.path(name)))
            else:
                self.assertEqual(self.read(old), expected)
        self.assertEqual(sorted(os.listdir(self.folder)), ["key", "out"])
        streamed = chancery("open", "-i", identity, data=bytes(sealed), expect=2)
        self.assertEqual(streamed.stdout, plain[: len(streamed.stdout)])
        self.assertIn(b"Throw away", streamed.stderr)

    def stopped(self, words, data, number, **options):
        """Starts a command that writes to `out`, gives it half its input, sends a signal once its temporary file is there."""
        process = subprocess.Popen([CHANCERY, *words, "-o", self.path("out")], stdin=subprocess.PIPE, **options)
        process.stdin.write(data[: len(data) // 2])
        process.stdin.flush()
        end = time.monotonic() + 20
        while not any(n.startswith("out.") for n in os.listdir(self.folder)):
            self.assertLess(time.monotonic(), end, "there is no temporary file")
            time.sleep(0.01)
        process.send_signal(number)
        return process

    def test_a_signal_that_ends_it_leaves_no_temporary_file(self):
        identity, recipient = self.key("key")
        plain = os.urandom(2_000_000)
        sealed = chancery("seal", "-r", recipient, data=plain).stdout
        old = self.write("out", b"older")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for words, data in ((("seal", "-r", recipient), plain), (("open", "-i", identity), sealed)):
                with self.subTest(signal=number, command=words[0]):
                    process = self.stopped(words, data, number)
                    self.assertEqual(process.wait(20), -number)
                    process.stdin.close()
                    self.assertEqual(sorted(os.listdir(self.folder)), ["key", "out"])
                    self.assertEqual(self.read(old), b"older")

    def test_a_signal_that_is_ignored_stays_so(self):
        identity, recipient = self.key("key")
        plain = os.urandom(2_000_000)
        process = self.stopped(("seal", "-r", recipient), plain, signal.SIGHUP,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        process.communicate(plain[len(plain) // 2:], timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(chancery("open", "-i", identity, self.path("out")).stdout, plain)

    def test_every_truncation_of_a_small_file_is_refused(self):
        identity, recipient = self.key("key")
        sealed = chancery("seal", "-r", recipient, data=b"one chunk").stdout
        for size in range(0, len(sealed), 7):
            failed = chancery("open", "-i", identity, data=sealed[:size], expect=2)
            self.assertEqual(failed.stdout, b"")

    def test_mistakes_come_with_a_hint(self):
        identity, recipient = self.key("key")
        _, quantum = self.key("quantum", "--pq")
        secret = self.read("key").decode().splitlines()[-1]
        for words, hint in (
            (("seal",), b"-r"),
            (("open",), b"-i"),
            (("seal", "-r", "age1nonsense"), b"copied whole"),
            (("seal", "-r", recipient, "-r", quantum), b"cannot be mixed"),
            (("seal", "-r", recipient, self.path("absent")), b"No such file"),
            (("seal", "-r", recipient, "a", "b"), b"unexpected argument"),
            (("seal", "--nonsense"), b"--help"),
            (("open", "-i", self.path("absent")), b"No such file"),
        ):
            failed = chancery(*words, expect=2)
            self.assertTrue(failed.stderr.startswith(b"chancery: "), failed.stderr)
            self.assertIn(hint, failed.stderr)
        leaked = chancery("seal", "-r", secret, expect=2)
        self.assertIn(b"secret", leaked.stderr)
        self.assertNotIn(secret.encode(), leaked.stderr)
        junk = chancery("open", "-i", identity, data=b"id,name\n", expect=2)
        self.assertIn(b"not a sealed file", junk.stderr)


class WithAge(InFolder):
    def setUp(self):
        super().setUp()
        self.ages = list(ages())
        if not self.ages:
            self.skipTest("age is not installed; scripts/setup installs it")

    def kinds(self, knows_quantum):
        return ((), ("--pq",)) if knows_quantum else ((),)

    def test_both_ways_at_every_size_around_a_chunk(self):
        for program, knows_quantum in self.ages:
            for flags in self.kinds(knows_quantum):
                identity, recipient = self.key(f"key{len(os.listdir(self.folder))}", *flags)
                for size in SIZES:
                    with self.subTest(age=program, kind=flags, size=size):
                        plain = os.urandom(size)
                        ours = chancery("seal", "-r", recipient, data=plain).stdout
                        self.assertEqual(run(program, "-d", "-i", identity, data=ours).stdout, plain)
                        theirs = run(program, "-r", recipient, data=plain).stdout
                        self.assertEqual(chancery("open", "-i", identity, data=theirs).stdout, plain)
                        armored = run(program, "-a", "-r", recipient, data=plain).stdout
                        self.assertEqual(chancery("open", "-i", identity, data=armored).stdout, plain)

    def test_keys_made_by_age(self):
        for program, knows_quantum in self.ages:
            keygen = os.path.join(os.path.dirname(program), "age-keygen")
            for flags in ((), ("-pq",)) if knows_quantum else ((),):
                identity = self.write(f"age{len(os.listdir(self.folder))}", run(keygen, *flags).stdout)
                recipient = run(keygen, "-y", identity).stdout.decode().strip()
                self.assertIn("# public key: " + recipient, self.read(identity).decode())
                sealed = chancery("seal", "-r", recipient, data=b"x").stdout
                self.assertEqual(chancery("open", "-i", identity, data=sealed).stdout, b"x")
                self.assertEqual(run(program, "-d", "-i", identity, data=sealed).stdout, b"x")

    def test_a_passphrase_is_refused_with_a_hint(self):
        scrypt = (
            b"age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ 10\n"
            b"gUjEymFKMVXQEKdMMHL24oYexjE3TIC0O0zGSqJ2aUY\n--- IOXiQYStkoT1mvZW2tFOqZdhRVvj58egABx/sWfZQbc\n"
        )
        identity, _ = self.key("key")
        self.assertIn(b"`age -d` opens it", chancery("open", "-i", identity, data=scrypt, expect=2).stderr)


if __name__ == "__main__":
    unittest.main()
