"""`chancery ledger show` and `chancery report ledger` answer an auditor over a real hub; the page in a real browser."""

import re
import shutil
import struct
import subprocess
import unittest
import zlib

import hub as hubs

BROWSER = shutil.which("chromium")


def rows(png):
    """How many different rows of pixels a PNG of 8-bit RGB or RGBA has: a blank page has few."""
    at, data, bits = 8, b"", None
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at:at + 4]), png[at + 4:at + 8]
        if kind == b"IHDR":
            bits = struct.unpack(">IIBB", png[at + 8:at + 18])
        if kind == b"IDAT":
            data += png[at + 8:at + 8 + length]
        at += 12 + length
    width, height, _, kind = bits
    stride = 1 + width * (4 if kind == 6 else 3)
    raw = zlib.decompress(data)
    return len({raw[row * stride + 1:(row + 1) * stride] for row in range(height)})


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = hubs.Hub()
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        cls.hub.start()
        for name in ("patients-of-october.csv", "list.csv"):
            path = cls.hub.root / name
            path.write_text("a,b\r\n1,2\r\n")
            cls.hub.sftp(cls.hub.sender, f"put {path} {cls.hub.send_folder()}/")
        bad = cls.hub.root / "virus.exe"
        bad.write_text("x")
        cls.hub.sftp(cls.hub.sender, f"put {bad} /send/nowhere/virus.exe", check=False)
        hubs.wait_until("two deliveries", lambda: len([e for e in cls.hub.entries() if e["event"] == "delivery.made"]) == 2)
        cls.socket = cls.hub.path("ledger_socket")
        cls.page = cls.hub.root / "page.html"
        cls.hub.chancery("report", "ledger", "--html", cls.page, cls.socket)

    def show(self, *words):
        return self.hub.chancery("ledger", "show", *words, self.socket).stdout.splitlines()

    def test_questions_of_an_auditor(self):
        sender, receiver = self.hub.sender, self.hub.receiver
        received = self.show("--from", sender, "--to", receiver, "--event", "delivery.made")
        self.assertEqual(len(received), 2)
        self.assertIn("patients-of-october.csv was delivered to " + receiver, received[0])
        self.assertEqual(self.show("--from", receiver, "--to", sender), [])
        refused = self.show("--event", "file.refused")
        self.assertEqual(len(refused), 1)
        self.assertIn("virus.exe", refused[0])
        self.assertIn("unknown-route", refused[0])
        transfer = next(e for e in self.hub.entries() if e["event"] == "file.accepted")["plain"]["transfer"]
        story = self.show("--transfer", transfer)
        self.assertIn(f"{sender} sent patients-of-october.csv", story[0])
        self.assertIn("was delivered to", story[1])
        self.assertEqual(self.show("--until", "2020"), [])

    def test_the_page_names_nobody_and_needs_nothing_from_elsewhere(self):
        text = self.page.read_text()
        for personal in ("patients-of-october", "list.csv", "virus", "127.0.0.1", "SHA256:"):
            self.assertNotIn(personal, text)
        self.assertIsNone(re.search(r"https?:|<script|src=|url\(", text))

    @unittest.skipUnless(BROWSER, "chromium is not installed (scripts/setup installs it)")
    def test_a_browser_shows_it(self):
        def chromium(*flags):
            return subprocess.run(
                [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
                 f"--user-data-dir={self.hub.root}/browser", *flags, self.page.as_uri()],
                capture_output=True, timeout=120)
        shown = chromium("--dump-dom").stdout.decode()
        for words in ("<strong>Verified.</strong>", "Files accepted, by day", "<td>unknown-route</td>", "<rect "):
            self.assertIn(words, shown)
        picture = self.hub.root / "page.png"
        chromium("--window-size=1000,1600", f"--screenshot={picture}")
        self.assertGreater(rows(picture.read_bytes()), 200)
        printed = self.hub.root / "page.pdf"
        chromium(f"--print-to-pdf={printed}", "--no-pdf-header-footer")
        words = subprocess.run(["pdftotext", printed, "-"], capture_output=True, text=True).stdout
        self.assertIn("Verified.", words)


if __name__ == "__main__":
    unittest.main()
