"""Verifier keys, signed checkpoints, and the verification of Ed25519 and ML-DSA-44 signatures, for verify.py: with nothing
but Python's standard library. There are no secrets in it, so it need not be constant in time.
"""
import base64
import functools
import hashlib
import re
import struct

ED25519, ML_DSA_44 = 1, 6
KINDS = {ED25519: "Ed25519", ML_DSA_44: "ML-DSA-44"}
HASH = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="  # 32 bytes in canonical base64


# Ed25519, RFC 8032 section 5.1.7 without the cofactor. Points are (X, Y, Z, T), X/Z = x, Y/Z = y, XY = ZT.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P


def decode_point(data):
    y, sign = int.from_bytes(data, "little") & (2**255 - 1), data[31] >> 7
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x % P, y % P, 1, x * y % P


@functools.lru_cache(maxsize=32)
def multiples(point):
    """Of the 32 powers of 256 times a point, the 256 multiples: one addition for each byte of a scalar."""
    table = []
    for _ in range(32):
        row = [(0, 1, 1, 0)]
        for _ in range(256):
            row.append(add(row[-1], point))
        point = row.pop()
        table.append(row)
    return table


BASE = decode_point(bytes([0x58]) + bytes([0x66]) * 31)


def sum_of_multiples(*pairs):
    sum_ = (0, 1, 1, 0)
    for scalar, point in pairs:
        for row, byte in zip(multiples(point), scalar.to_bytes(32, "little")):
            sum_ = add(sum_, row[byte])
    return sum_


@functools.lru_cache(maxsize=32)
def negated_key(public):
    """None for a key that is refused: no point in canonical form, or not one of the order L."""
    point = decode_point(public)
    if point is None or point[0] == 0:
        return None
    negated = (P - point[0], point[1], 1, P - point[3])
    x, y, z, _ = sum_of_multiples((L, negated))
    return negated if x % P == 0 and y == z else None


def ed25519_verifies(public, message, signature):
    key = negated_key(public) if len(signature) == 64 else None
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    sum_ = sum_of_multiples((s, BASE), (k, key))
    inverse = pow(sum_[2], -1, P)
    x, y = sum_[0] * inverse % P, sum_[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# ML-DSA-44, FIPS 204 algorithm 8 with an empty context. Polynomials are multiplied as large numbers whose 64-bit digits
# are the coefficients; only the matrix of a key has to be transformed, because FIPS 204 gives it so.
Q, GAMMA1, GAMMA2, BETA, OMEGA = 8380417, 2**17, (8380417 - 1) // 88, 78, 80
ZETAS = [pow(1753, int(f"{i:08b}"[::-1], 2), Q) for i in range(256)]


def inverse_ntt(f):
    m, length = 256, 1
    while length < 256:
        for start in range(0, 256, 2 * length):
            m -= 1
            for j in range(start, start + length):
                f[j], f[j + length] = f[j] + f[j + length], ZETAS[m] * (f[j + length] - f[j]) % Q
        length *= 2
    return [x * 8347681 % Q for x in f]


def digits(f):
    return int.from_bytes(struct.pack("<256Q", *(x % Q for x in f)), "little")


def unpack(data, bits):
    number, mask = int.from_bytes(data, "little"), (1 << bits) - 1
    return [number >> i & mask for i in range(0, 256 * bits, bits)]


@functools.lru_cache(maxsize=32)
def ml_dsa_key(public):
    """Four rows of the matrix, each with -t1 * 2^13 as its fifth polynomial, and the key's hash."""
    def uniform(row, column):
        data = hashlib.shake_128(public[:32] + bytes([column, row])).digest(1344)
        numbers = (int.from_bytes(data[i:i + 3], "little") & 0x7FFFFF for i in range(0, 1344, 3))
        return digits(inverse_ntt([n for n in numbers if n < Q][:256]))
    t1 = [digits(-x << 13 for x in unpack(public[32 + 320 * i:352 + 320 * i], 10)) for i in range(4)]
    return [[uniform(r, s) for s in range(4)] + [t1[r]] for r in range(4)], hashlib.shake_256(public).digest(64)


def hints_of(data):
    """For each of the four polynomials the places of its hints; None for what FIPS 204 does not allow."""
    hints, at = [], 0
    for end in data[OMEGA:]:
        places = list(data[at:end])
        if not at <= end <= OMEGA or any(a >= b for a, b in zip(places, places[1:])):
            return None
        hints.append(set(places))
        at = end
    return None if any(data[at:OMEGA]) else hints


def challenge(seed):
    stream, c = hashlib.shake_256(seed).digest(1024), [0] * 256
    signs, at = int.from_bytes(stream[:8], "little"), 8
    for i in range(256 - 39, 256):
        while stream[at] > i:
            at += 1
        c[i], c[stream[at]] = c[stream[at]], 1 - 2 * (signs & 1)
        signs, at = signs >> 1, at + 1
    return c


def ml_dsa_44_verifies(public, message, signature):
    hints = hints_of(signature[2336:]) if len(signature) == 2420 else None
    if hints is None:
        return False
    z = [[GAMMA1 - x for x in unpack(signature[32 + 576 * i:608 + 576 * i], 18)] for i in range(4)]
    if any(abs(x) >= GAMMA1 - BETA for f in z for x in f):
        return False
    rows, key_hash = ml_dsa_key(public)
    factors, packed = [digits(f) for f in z + [challenge(signature[:32])]], 0
    for r, row in enumerate(rows):
        w = struct.unpack("<512Q", sum(a * b for a, b in zip(row, factors)).to_bytes(4096, "little"))
        for i in range(256):
            high, low = divmod((w[i] - w[i + 256]) % Q + GAMMA2 - 1, 2 * GAMMA2)
            if i in hints[r]:
                high += 1 if low > GAMMA2 - 1 else -1
            packed |= high % 44 << 6 * (256 * r + i)
    mu = hashlib.shake_256(key_hash + b"\0\0" + message).digest(64)
    return hashlib.shake_256(mu + packed.to_bytes(768, "little")).digest(32) == signature[:32]


# Keys and notes: C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy.
def unbase64(text):
    """The bytes of canonical base64; none for what is not."""
    try:
        data = base64.b64decode(text)
    except ValueError:
        return b""
    return data if base64.b64encode(data).decode() == text else b""


def number_of(text):
    return int(text) if re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) < 2**63 else None


class Key:
    """A C2SP verifier key, good for the sizes above `start` up to `end`."""

    def __init__(self, vkey):
        self.name, key_id, data = (vkey.split("+", 2) + ["", ""])[:3]
        data = unbase64(data) or b"\0"
        self.text, self.kind, self.public, self.start, self.end = vkey, data[0], data[1:], 2**63, 2**63
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if {ED25519: 32, ML_DSA_44: 1312}.get(self.kind) != len(self.public) or self.id.hex() != key_id \
                or not re.fullmatch(r"[^\s+\0-\x1f]+", self.name) or len(self.name.encode()) > 255:
            raise ValueError(f"{vkey[:60]} is no verifier key of Ed25519 or ML-DSA-44")

    def signs(self, body, size, root, signature):
        if self.kind == ED25519:
            return ed25519_verifies(self.public, body, signature)
        name = bytes([len(self.name.encode())]) + self.name.encode()
        message = b"subtree/v1\n\0" + name + signature[:8] + name + struct.pack(">QQ", 0, size) + root
        return signature[:1] < b"\x80" and ml_dsa_44_verifies(self.public, message, signature[8:])


class Checkpoint:
    """Of a note: size, root, the vkeys that signed, its SHA-256 as an anchor has it, and what is wrong with it."""
    FORM = re.compile(f"(([^\n\ud800-\udfff]+)\n(0|[1-9][0-9]{{0,18}})\n({HASH})\n)\n"
                      "((?:\u2014 [^\\s+\0-\x1f\ud800-\udfff]+ [A-Za-z0-9+/]+={0,2}\n){1,64})").fullmatch

    def __init__(self, path, origin, keys):
        self.size, self.root, self.signed, self.sha256, self.wrong = None, b"", set(), "", "is no signed checkpoint"
        with open(path, "rb") as file:
            data = file.read(2**20 + 1)
        form = self.FORM(data.decode(errors="surrogateescape")) if len(data) <= 2**20 else None
        lines = [line.split(" ") + [unbase64(line.split(" ")[2])] for line in form[5].splitlines()] if form else []
        if not form or number_of(form[3]) is None or any(len(line[3]) < 5 for line in lines):
            return
        self.size, self.root = int(form[3]), unbase64(form[4])
        self.wrong = None if form[2] == origin else f"is of {form[2]}, not of {origin}"
        for _, name, _, data in lines:
            known = [key for key in keys if (key.name, key.id) == (name, data[:4])]
            right = [key.text for key in known if key.signs(form[1].encode(), self.size, self.root, data[4:])]
            self.signed.update(right)
            if known and not right:
                self.wrong = f"has a false signature of the {KINDS[known[0].kind]} key {known[0].id.hex()}"
        own = form[1] + "\n" + "".join(" ".join(line[:3]) + "\n" for line in lines if line[1] == origin)
        self.sha256 = hashlib.sha256(own.encode()).hexdigest()


class LogPolicy:
    """A C2SP tlog-policy file: its keys, and which of them must sign; raises ValueError with the line that is wrong."""

    def __init__(self, data):
        self.keys, self.logs, self.cosigners, self.quorum = [], set(), {}, []
        for number, line in enumerate(data.split(b"\n"), 1):
            words = [word.decode("latin-1") for word in re.split(b"[ \t]+", line.strip(b" \t"))]
            if re.search(rb"[\0-\x08\x0b-\x1f\x7f]", line) or words[0] and words[0][0] != "#" and not self.read(*words):
                raise ValueError(f"line {number} is none of a C2SP tlog-policy")
        members = [member for _, among in self.cosigners.values() for member in among]
        if len(self.quorum) != 1 or len(set(members)) != len(members) or not self.keys or not data.endswith(b"\n") \
                or len({key.public for key in self.keys}) != len(self.keys):
            raise ValueError("a C2SP tlog-policy of a log has keys, one quorum, no key or member of a group twice, and ends "
                             "in LF")

    def read(self, kind, *words):
        """Takes a line; whether it is one."""
        if kind == "log" and 1 <= len(words) <= 2:
            self.keys.append(Key(words[0]))
            self.logs.add(words[0])
            return self.keys[-1].kind == ED25519
        if kind == "quorum" and len(words) == 1:
            self.quorum += words
            return words[0] == "none" or words[0] in self.cosigners
        if not words or words[0] == "none" or words[0] in self.cosigners:
            return False
        if kind == "witness" and 2 <= len(words) <= 3:
            self.keys.append(Key(words[1]))
            self.cosigners[words[0]] = self.keys[-1], ()
            return self.keys[-1].kind == ML_DSA_44
        if kind == "group" and len(words) >= 3:
            among = words[2:]
            count = {"all": len(among), "any": 1}.get(words[1]) or number_of(words[1]) or 0
            right = 1 <= count <= len(among) and self.cosigners.keys() >= set(among)
            self.cosigners[words[0]] = count, among
            return right
        return False

    def is_met_by(self, signed):
        """Whether these vkeys are enough: one of a log, if it lists any, and the quorum."""
        held = {"none"}
        for name, (needed, among) in self.cosigners.items():
            if needed.text in signed if isinstance(needed, Key) else len(held.intersection(among)) >= needed:
                held.add(name)
        return (not self.logs or bool(self.logs & signed)) and held.issuperset(self.quorum)
