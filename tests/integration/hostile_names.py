"""Names that somebody tries in order to leave a folder, to be taken for another name, or to be obeyed by whoever reads them.

A generated table, the same each time. `REFUSED` are those that docs/policy.md ("Names") says no to as a file's name; what is in
`ODD` is unusual and may be a name.
"""


def utf8(code):
    return chr(code).encode()


SLASHES = [0x2044, 0x2215, 0x2216, 0x2571, 0x2572, 0x29F5, 0x29F8, 0x29F9, 0xFF0F, 0xFF3C, 0xFE68]
# One or two of the one dot leader, the fullwidth and the small full stop; the two dot leader.
DOTS = ["\u2024", "\u2024\u2024", "\uff0e", "\uff0e\uff0e", "\ufe52", "\ufe52.", "\u2025"]
BIDIRECTIONAL = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
UNSEEN = [0x00AD, 0x180E, *range(0x200B, 0x200E), 0x2028, 0x2029, *range(0x2060, 0x2065), *range(0x206A, 0x2070), 0xFEFF,
          0xFFF9, 0xFFFA, 0xFFFB, 0xE000, 0xF8FF, 0xE0001, 0xE0041, 0xE007F, 0xF0000, 0x10FFFD, 0x0378, 0xFDD0, 0xFFFE, 0x10FFFF]
# What decoders that are too kind turn into ".", "/" or a letter, or what is no UTF-8 at all.
NOT_UTF8 = [b"\xc0\xae\xc0\xae", b"\xc0\xaf", b"\xe0\x80\xae", b"\xe0\x80\xaf", b"\xf0\x80\x80\xae", b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf", b"\xc1\x9c", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
            b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xe9t\xe9"]
UP = [b"..", b"../", b"../..", b"../../", b"../../../../../../etc/passwd", b"./..", b"./../", b"x/..", b"x/../..", b"x/../../..",
      b".", b"./", b"././.", b"//", b"///etc//passwd", b"/", b"/..", b"/../", b"/etc/passwd", b"/etc/shadow", b"//etc/passwd",
      b"/proc/self/environ", b"/proc/self/mem", b"/proc/self/fd/0", b"/proc/1/root", b"/dev/null", b"/dev/zero", b"/dev/stdin", b"/sys/kernel",
      b"/root/.ssh/authorized_keys", b"/var/lib/chancery/host_key", b"/etc/chancery/chancery.toml", b"/tmp", b"a/b", b"a/../b",
      b"../host_key", b"../chancery.toml", b"../objects", b"../policies", b"../../var/ledger/data.mdb", b"../var/ledger-keys",
      b"../audit/checkpoint", b"audit/checkpoint", b"objects/tmp", b"objects/00", b"tmp", b"orphans"]
BACKWARDS = [b"..\\", b"..\\..\\windows\\win.ini", b"\\", b"\\\\server\\share\\x", b"C:\\boot.ini", b"..\\../x", b"a\\b", b"\\\\?\\C:\\x", b"\\\\.\\pipe\\x"]
ENCODED = [b"%2e%2e%2f", b"%2e%2e/", b"..%2f", b"..%2F..%2Fetc%2Fpasswd", b"%252e%252e%252f", b"..%c0%af", b"..%ef%bc%8f", b"%2e", b"%00", b"..%00/",
           b"x%00.csv", b"%5c..%5c", b"..%5c", b"%u002e%u002e%u2215", b"&#46;&#46;&#47;", b"\\x2e\\x2e\\x2f", b"\\056\\056\\057", b"=2E=2E=2F",
           b"+AC4ALg-", b"file:///etc/passwd", b"sftp://x/y", b"....//", b"....//....//etc/passwd", b".../", b"..;/", b"..;x", b"..%0d%0a", b"x..", b"..x"]
DEVICES = [name + ending for name in (b"CON", b"con", b"PRN", b"AUX", b"NUL", b"nul", b"COM1", b"COM9", b"LPT1", b"CLOCK$", b"CONIN$")
           for ending in (b"", b".csv", b".", b":")]
OBEYED = [b"$(reboot)", b"`id`", b"|id", b";id", b"&&id", b">x", b"<x", b"*", b"?", b"[a-z]", b"{a,b}", b"~", b"~root", b"~/x", b"!x", b"-rf", b"--help", b"-",
          b"#x", b"'x'", b'"x"', b"%s%s%n", b"%x", b"{0}", b"${jndi:ldap://x}", b"<script>x</script>", b"x' OR '1'='1", b"=cmd()", b"@x", b".hidden",
          b".ssh", b".htaccess", b"x.csv::$DATA", b"x:y", b"desktop.ini", b"Thumbs.db", b".DS_Store", b"0" * 32 + b".age", b"README.txt", b"log-policy",
          b"x." + b"0" * 32 + b".txt", b"x." + b"0" * 32 + b".receipt", b"erased-" + b"0" * 32, b"checkpoint", b"tile", b"tile/entries/000"]
LONG = [b"a" * 201, b"a" * 255, b"a" * 256, b"a" * 4000, utf8(0xE9) * 101, utf8(0x1F600) * 51, b"a" * 197 + b".csv", b"../" * 1000, b"/" * 4000, b"x/" * 2000]
MOST = [b"a" * 200, utf8(0xE9) * 100, utf8(0x1F600) * 50, b"a" * 196 + b".csv"]
NOT_NFC = [b"e\xcc\x81.csv", b"A\xcc\x8a.csv", "\u2126.csv".encode(), "\u212b.csv".encode(), "\u0344.csv".encode(), "\u1fef.csv".encode(),
           "q\u0307\u0323.csv".encode(), "\u1100\u1161.csv".encode()]
SPACES = [b" ", b"  ", b" x", b"x ", b" .csv", "\u00a0x".encode(), "x\u3000".encode(), "\u2003x".encode(), "x\u2009".encode()]
CONFUSABLE = ["p\u0430ypal.csv", "\u0440\u0430\u0443.csv", "I\u0131.csv", "\u0130.csv", "stra\u00dfe.csv", "STRASSE.csv", "\ufb01le.csv", "\u210cello.csv", "\u24d0.csv",
              "\u00bd.csv", "\uff21.csv", "x\u0338y.csv", "a\u0301\u0301\u0301.csv", "\u2024csv", "1\u2024csv", "rates\u2236x.csv", "\u01c0id"]


def refused():
    for code in (*range(0x01, 0x20), 0x7F, *range(0x80, 0xA0)):  # control characters; NUL is below
        yield b"a" + utf8(code) + b"b.csv"
        yield utf8(code)
    for end in (b"x\n<0>a line that is none of the hub's", b"x\r\nready on port 1", b"x\x1b[2J\x1b[31m", b"x\x1b]0;title\x07", b"x\x08\x08y", b"x\x9b2J"):
        yield end
    for code in (*BIDIRECTIONAL, *UNSEEN):
        yield b"a" + utf8(code) + b"b.csv"
        yield utf8(code) + b"x"
        yield b"report" + utf8(code) + b"vsc.exe"
    for code in SLASHES:
        yield b".." + utf8(code) + b".." + utf8(code) + b"etc" + utf8(code) + b"passwd"
        yield b"a" + utf8(code) + b"b"
        yield utf8(code)
    for dots in DOTS:
        yield dots.encode()
    for part in NOT_UTF8:
        yield part
        yield b"a" + part + b"b"
        yield b".." + part + b".." + part + b"etc"
    yield from LONG
    yield from BACKWARDS
    yield from NOT_NFC
    yield from SPACES


def with_nul():
    """The protocol itself has no room for these."""
    yield from (b"\x00", b"x\x00", b"x.csv\x00.exe", b"\x00x", b"..\x00/..", b"../../etc/passwd\x00.csv", b"a\x00b/c\x00d")


def odd():
    yield from UP
    yield from ENCODED
    yield from DEVICES
    yield from OBEYED
    yield from MOST
    for name in CONFUSABLE:
        yield name.encode()


REFUSED = list(dict.fromkeys(refused()))
WITH_NUL = list(with_nul())
ODD = list(dict.fromkeys(odd()))
ALL = list(dict.fromkeys(REFUSED + WITH_NUL + ODD))
