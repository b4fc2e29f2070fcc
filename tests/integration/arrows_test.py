"""The modules include what docs/architecture.md says and nothing else, and libraries stay in their homes."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUPS = ("ledger", "policies", "daemon", "client")

# Where the headers of a library may be included; anywhere else is a leak.
HOMES = {
    r"lmdb\.h": {"ledger/store"},
    r"seccomp\.h": {"ledger/confine"},
    r"libssh/.*": {"daemon/session"},
    r"toml\+\+/.*": {"policies/toml"},
}
# A header that brings one of these is for its own module: whoever else includes it would get the library too.
HEAVY = re.compile(r"lmdb\.h|seccomp\.h|libssh/|toml\+\+/|toml\.hpp|botan/|boost/|openssl/|systemd/")


def module_of(path):
    return "/".join(path.relative_to(ROOT).parts[:2])


def sources():
    for group in GROUPS:
        for path in sorted((ROOT / group).glob("*/*")):
            if path.suffix in (".h", ".cpp"):
                yield path


def includes(path, form):
    return re.findall(r"^\s*#\s*include\s*" + form, path.read_text(), re.MULTILINE)


def table():
    """The rows of docs/architecture.md: module -> what it uses."""
    rows = re.findall(r"^\| ([a-z]+/[a-z]+) \|[^|]*\|([^|]*)\|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    return {module: set(uses.split()) for module, uses in rows}


def built():
    """The chancery_module() lines of the build: module -> USES."""
    modules = {}
    for group in GROUPS:
        for call in re.findall(r"chancery_module\(([^)]*)\)", (ROOT / group / "CMakeLists.txt").read_text()):
            words, uses, keyword = call.split(), set(), None
            for word in words[1:]:
                if word in ("USES", "LIBS", "PRIVATE_LIBS"):
                    keyword = word
                elif keyword == "USES":
                    uses.add(word)
            modules[words[0]] = uses
    return modules


class Arrows(unittest.TestCase):
    def setUp(self):
        self.table = table()
        self.used = {}
        for path in sources():
            for header in includes(path, r'"([^"]+)"'):
                used = self.used.setdefault(module_of(path), {})
                used.setdefault("/".join(header.split("/")[:2]), []).append(f"{path.relative_to(ROOT)}: {header}")

    def test_there_is_something_to_check(self):
        self.assertGreater(len(self.table), 10)
        self.assertGreater(len(self.used), 2)

    def test_modules_include_only_what_their_row_allows(self):
        for module, used in self.used.items():
            self.assertIn(module, self.table, "a folder without a row in docs/architecture.md")
            for other, where in used.items():
                self.assertIn(other, self.table[module] | {module}, where)

    def test_the_build_links_what_the_row_says(self):
        for module, uses in built().items():
            self.assertEqual(uses, self.table.get(module), module)

    def test_every_folder_with_code_is_built(self):
        folders = {module_of(path) for path in sources() if path.suffix == ".cpp"}
        self.assertEqual(folders - set(built()), set())

    def test_arrows_have_no_circle(self):
        done = set()
        while len(done) < len(self.table):
            free = {module for module, uses in self.table.items() if module not in done and uses <= done}
            self.assertTrue(free, f"a circle among {sorted(set(self.table) - done)}")
            done |= free

    def test_groups_depend_downwards_only(self):
        allowed = {"ledger": {"ledger"}, "policies": {"policies"}, "daemon": {"ledger", "policies", "daemon"},
                   "client": {"ledger", "policies", "client"}}
        for module, uses in self.table.items():
            for other in uses:
                self.assertIn(other.split("/")[0], allowed[module.split("/")[0]], f"{module} uses {other}")


class Libraries(unittest.TestCase):
    def test_each_is_included_only_in_its_home(self):
        for path in sources():
            for header in includes(path, r"<([^>]+)>"):
                for pattern, homes in HOMES.items():
                    if re.fullmatch(pattern, header):
                        self.assertIn(module_of(path), homes, f"{path.relative_to(ROOT)} includes <{header}>")

    def test_headers_that_other_modules_include_bring_no_heavy_library(self):
        headers = {str(path.relative_to(ROOT)): path for path in sources() if path.suffix == ".h"}
        heavy = {name for name, path in headers.items() if any(map(HEAVY.match, includes(path, r"<([^>]+)>")))}
        while more := {n for n, p in headers.items() if heavy.intersection(includes(p, r'"([^"]+)"'))} - heavy:
            heavy |= more
        for path in sources():
            for header in heavy.intersection(includes(path, r'"([^"]+)"')):
                self.assertEqual(module_of(path), module_of(ROOT / header), f"{path.relative_to(ROOT)}: {header}")

    def test_every_header_is_guarded(self):
        for path in sources():
            if path.suffix == ".h":
                self.assertIn("#pragma once", path.read_text().splitlines()[:1], path.relative_to(ROOT))


if __name__ == "__main__":
    unittest.main()
