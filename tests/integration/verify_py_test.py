"""verify.py and signatures.py against vectors by others, against the example of docs/ledger-format.md, and over every bit of a
small export. tamper_test.py has what can be done to whole ledgers.
"""
import base64
import functools
import hashlib
import importlib.util
import json
import os
import pathlib
import py_compile
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export_writer  # noqa: E402
import tamper_cases  # noqa: E402

sys.path.insert(0, str(export_writer.SOURCE / "client"))
sys.dont_write_bytecode = True
import signatures  # noqa: E402
import verify  # noqa: E402

CORE = export_writer.SOURCE / "tests/vectors"
REFUSED = {"low_order_residue", "non_canonical_R", "low_order_A", "low_order_component_A", "non_canonical_A"}


def whole_set(name):
    """The folder of a whole set of vectors; skips the test where there is none."""
    folder = pathlib.Path(os.environ.get("CHANCERY_VECTORS", "")) / name
    if "CHANCERY_VECTORS" not in os.environ or not folder.is_dir():
        raise unittest.SkipTest("the whole set is not here, only its core in tests/vectors was run: CHANCERY_VECTORS names no "
                                "folder that has it")
    return folder


class Signatures(unittest.TestCase):
    def check_ed25519(self, rows):
        for row in rows:
            expected = not REFUSED & set(row["flags"] or [])
            key, signature = bytes.fromhex(row["key"]), bytes.fromhex(row["sig"])
            with self.subTest(row["number"], flags=row["flags"]):
                self.assertEqual(signatures.ed25519_verifies(key, row["msg"].encode(), signature), expected)

    def test_cctv_core_is_answered_strictly(self):
        rows = json.loads((CORE / "ed25519/core.json").read_text())
        self.assertGreater(len(rows), 40)
        self.check_ed25519(rows)

    def test_cctv_whole_set_is_answered_strictly(self):
        rows = json.loads((whole_set("ed25519") / "ed25519vectors.json").read_text())
        self.assertGreater(len(rows), 900)
        self.check_ed25519(rows)

    def test_s_must_be_below_the_order(self):
        row = next(row for row in json.loads((CORE / "ed25519/core.json").read_text()) if not row["flags"])
        key, signature = bytes.fromhex(row["key"]), bytes.fromhex(row["sig"])
        self.assertTrue(signatures.ed25519_verifies(key, row["msg"].encode(), signature))
        again = int.from_bytes(signature[32:], "little") + signatures.L
        self.assertFalse(signatures.ed25519_verifies(key, row["msg"].encode(), signature[:32] + again.to_bytes(32, "little")))
        for length in 0, 31, 63, 65:
            self.assertFalse(signatures.ed25519_verifies(key, row["msg"].encode(), (signature * 2)[:length]))

    def test_ml_dsa_44_of_the_page_and_not_its_neighbours(self):
        page = (export_writer.SOURCE / "docs/ledger-format.md").read_text()
        example = dict(re.findall("^```text ([a-z0-9-]+)\n(.*?)^```$", page, re.M | re.S))
        key = signatures.Key(example["mldsa-vkey"].strip())
        body, line = example["checkpoint"].split("\n\n")[0] + "\n", example["checkpoint"].split("\n")[5]
        root = base64.b64decode(body.split("\n")[2])
        signature = base64.b64decode(line.split(" ")[2])[4:]
        self.assertTrue(key.signs(body.encode(), 2, root, signature))
        self.assertFalse(key.signs(body.encode(), 3, root, signature))
        self.assertFalse(key.signs(body.encode(), 2, bytes(32), signature))
        for length in 0, 7, 8, len(signature) - 1, len(signature) + 1:
            self.assertFalse(key.signs(body.encode(), 2, root, (signature * 2)[:length]))
        with unittest.mock.patch.object(signatures, "ml_dsa_44_verifies", return_value=True):
            self.assertTrue(key.signs(body.encode(), 2, root, b"\x7f" + bytes(2427)))
            self.assertFalse(key.signs(body.encode(), 2, root, b"\x80" + bytes(2427)), "a time of 2^63")
        for at in range(0, len(signature), 7):  # time, challenge, response, hints
            changed = signature[:at] + bytes([signature[at] ^ 1 << at % 8]) + signature[at + 1:]
            self.assertFalse(key.signs(body.encode(), 2, root, changed), at)


class TreesAndNotes(unittest.TestCase):
    def test_tessera_s_log(self):
        log = json.loads((CORE / "tessera-log/log.json").read_text())
        key = signatures.Key(log["key"])
        leaves = [hashlib.sha256(b"\0" + entry.encode()).digest() for entry in log["entries"]]
        self.assertEqual(len(log["checkpoints"]), 16)
        for size, text in enumerate(log["checkpoints"]):
            with tempfile.NamedTemporaryFile() as file:
                file.write(text.encode())
                file.flush()
                note = signatures.Checkpoint(file.name, key.name, [key])
            self.assertEqual((note.wrong, note.size, note.signed), (None, size, {key.text}))
            root = verify.tree_hash(leaves[:size]) if size else hashlib.sha256().digest()
            self.assertEqual(note.root, root)
            self.assertEqual(note.sha256, hashlib.sha256(text.encode()).hexdigest())

    def test_a_checkpoint_that_torchwood_signed_with_ml_dsa_44(self):
        key = signatures.Key((CORE / "torchwood/log.vkey").read_text().strip())
        self.assertEqual(key.kind, signatures.ML_DSA_44)
        note = signatures.Checkpoint(CORE / "torchwood/checkpoint", key.name, [key])
        self.assertEqual((note.wrong, note.size, note.signed), (None, 1, {key.text}))

    def test_merkle_roots_of_rfc_6962_s_reference_tree(self):
        # The leaves and roots of certificate-transparency's and transparency-dev/merkle's reference tree.
        leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        hashes = [hashlib.sha256(b"\0" + bytes.fromhex(leaf)).digest() for leaf in leaves]
        roots = {1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                 2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                 3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                 4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                 5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                 6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                 7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                 8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}
        for size, root in roots.items():
            self.assertEqual(verify.tree_hash(hashes[:size]).hex(), root)

    def test_tile_paths_are_those_of_tlog_tiles(self):
        paths = {0: "000", 67: "067", 999: "999", 1000: "x001/000", 1234: "x001/234", 1234067: "x001/x234/067"}
        for index, path in paths.items():
            self.assertEqual(verify.tile_path("entries", index, 256), f"tile/entries/{path}")
        self.assertEqual(verify.tile_path(0, 273, 112), "tile/0/273.p/112")

    def test_tiles_of_70000_entries(self):
        export = verify.Export("")
        checked = []
        export.check_tile = lambda level, index, nodes: checked.append((level, index, len(nodes)))
        for index in range(274):
            export.add_nodes(0, [bytes(32)] * min(256, 70000 - 256 * index), index)
        partial = [(level, len(nodes)) for level, nodes in enumerate(export.levels)]
        self.assertEqual(checked.count((1, 0, 256)), 1)
        self.assertEqual(len([tile for tile in checked if tile[0] == 0]), 273)
        self.assertEqual(partial, [(0, 112), (1, 17), (2, 1)])


class Bits(unittest.TestCase):
    """Flipped bits of an export as small as one can be, without and with sums made anew. With CHANCERY_EVERY_BIT all of them;
    else one for each byte, and one in 14 bytes of long base64 and of SHA256SUMS."""

    def setUp(self):
        memory = pathlib.Path("/dev/shm")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chancery-bits-", dir=memory if memory.is_dir() else None))
        self.addCleanup(shutil.rmtree, self.folder)
        # What was verified once need not be again; nothing else is answered from memory.
        for name in "ed25519_verifies", "ml_dsa_44_verifies":
            self.addCleanup(setattr, signatures, name, getattr(signatures, name))
            setattr(signatures, name, functools.lru_cache(maxsize=None)(getattr(signatures, name)))

    def bits(self, name, content):
        every = os.environ.get("CHANCERY_EVERY_BIT")
        for at in range(8 * len(content)):
            start = content.rfind(b"\n", 0, at // 8) + 1
            short = name != "SHA256SUMS" and at // 8 - start < 140
            if every or at % (9 if short else 111) == 0:
                yield at

    def test_flipped_bits_are_found(self):
        log = export_writer.Log()
        log.activate({"a.toml": b"a\n"})
        log.append("delivery.opened", {"agency": "a", "object": "b", "transfer": "c"})
        log.sign()
        log.anchor()
        log.sign()
        sound = export_writer.with_sums(log.files())
        export_writer.write(self.folder, sound)
        self.assertEqual(verify.verify(self.folder)[0].findings, [])
        flipped = 0
        for name, content in sound.items():
            path = self.folder / name
            for at in self.bits(name, content):
                changed = bytearray(content)
                changed[at // 8] ^= 1 << at % 8
                path.write_bytes(changed)
                findings = verify.verify(self.folder)[0].findings
                self.assertTrue(findings, f"bit {at} of {name}")
                flipped += 1
                if name != "SHA256SUMS":
                    sums = export_writer.with_sums({**sound, name: bytes(changed)})["SHA256SUMS"]
                    (self.folder / "SHA256SUMS").write_bytes(sums)
                    findings = verify.verify(self.folder)[0].findings
                    (self.folder / "SHA256SUMS").write_bytes(sound["SHA256SUMS"])
                    self.assertTrue(findings, f"bit {at} of {name}, sums made anew")
            path.write_bytes(content)
        total = 8 * sum(map(len, sound.values()))
        print(f"\n{flipped} of {total} bits of {len(sound)} files flipped, without and with SHA256SUMS made anew: all found")


class Program(unittest.TestCase):
    def run_program(self, *arguments):
        program = [sys.executable, export_writer.SOURCE / "client/verify.py", *arguments]
        return subprocess.run(program, capture_output=True, text=True, timeout=120)

    def test_answers_and_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            log = tamper_cases.history()
            files = export_writer.with_sums(log.files())
            export_writer.write(folder, files)
            done = self.run_program(folder, "--policy", folder + "/log-policy", "--max-age", "100")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("Verified: the ledger example.org/hub", done.stdout)
            self.assertIn("cannot be told without a checkpoint from before", done.stdout)
            self.assertEqual({str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob("*") if p.is_file()}, set(files))
            os.symlink("checkpoint", folder + "/link")
            done = self.run_program(folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("link: is no plain file", done.stdout)

    def test_nothing_else_of_an_export_is_run(self):
        def answer_of(folder, *arguments, **environment):
            return subprocess.run([sys.executable, folder / "verify.py", *arguments, folder], cwd=folder, capture_output=True,
                                  text=True, timeout=120, env={**os.environ, **environment})

        log = export_writer.Log()
        for _ in range(201):  # enough for several processes
            log.append("object.disposed", {"code": "acknowledged", "object": "o", "transfer": "t"})
            log.sign()
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            program = {name: (export_writer.SOURCE / "client" / name).read_bytes() for name in ("verify.py", "signatures.py")}
            export_writer.write(folder, export_writer.with_sums({**log.files(), **program}))
            self.assertEqual(answer_of(folder).returncode, 0)
            lie = "import os\nos.write(1, b'Verified: all of it')\nos._exit(0)\n"
            for name in {f"{name}.py" for name in sys.stdlib_module_names} | {"signatures/__init__.py", "lie.py"}:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(lie)
            compiled = importlib.util.cache_from_source(folder / "signatures.py")
            py_compile.compile(folder / "lie.py", compiled, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            for _ in range(2):
                done = answer_of(folder)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertRegex(done.stdout, "^NOT VERIFIED: the ledger example.org/hub\n")
                shutil.rmtree(folder / "signatures", ignore_errors=True)  # which goes before what is compiled
            # As other systems, and Python from 3.14 on, start processes: with the current folder in their path.
            for method in "spawn", "forkserver":
                with self.subTest(method), tempfile.TemporaryDirectory() as site:
                    pathlib.Path(site, "sitecustomize.py").write_text(
                        "import sys\nif '-c' not in sys.orig_argv:\n    import multiprocessing\n"
                        f"    multiprocessing.set_start_method('{method}')\n")
                    (folder / "multiprocessing.py").write_text(f"open({str(folder / 'it-ran')!r}, 'w').close()\n" + lie)
                    done = answer_of(folder, PYTHONPATH=site)
                    self.assertRegex(done.stdout, "^NOT VERIFIED: the ledger example.org/hub\n")
                    self.assertFalse((folder / "it-ran").exists())

    def test_a_checkpoint_that_is_given_takes_the_place_of_none_that_is_kept(self):
        log = tamper_cases.history()
        size = max(log.checkpoints)
        with tempfile.TemporaryDirectory() as folder:
            earlier, later = pathlib.Path(folder, "earlier"), pathlib.Path(folder, "later")
            export_writer.write(earlier, export_writer.with_sums(log.files()))
            note = log.files()["checkpoint"]
            forged = note.replace(note.split(b"\n")[2], base64.b64encode(bytes(32)))
            export_writer.write(later, export_writer.with_sums({
                **log.files(), "checkpoint": forged, f"checkpoints/{size}": forged}))
            program = [sys.executable, export_writer.SOURCE / "client/verify.py", "--newer-than", f"checkpoints/{size}", later]
            done = subprocess.run(program, cwd=earlier, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn(f"checkpoints/{size}: has a false signature", done.stdout)
            program[-1] = earlier
            done = subprocess.run(program, cwd=earlier, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_file_of_any_length_takes_little_memory(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in "verify.py", "tile/entries/000.p/43":
                with self.subTest(name):
                    shutil.rmtree(folder)
                    export_writer.write(folder, export_writer.with_sums(tamper_cases.history().files()))
                    pathlib.Path(folder, name).touch()
                    os.truncate(pathlib.Path(folder, name), 2**30)
                    done = subprocess.run([sys.executable, export_writer.SOURCE / "client/verify.py", folder], text=True,
                                          capture_output=True, timeout=120, preexec_fn=lambda: resource.setrlimit(
                                              resource.RLIMIT_AS, (2**29, 2**29)))
                    self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                    self.assertIn(f"{name}: is not as SHA256SUMS says", done.stdout + done.stderr)

    def test_a_folder_that_cannot_be_read_is_not_passed_over(self):
        scan = os.scandir

        def refuse(path):
            if os.path.basename(path) == "more":
                raise PermissionError(13, "Permission denied", str(path))
            return scan(path)
        with tempfile.TemporaryDirectory() as folder:
            export_writer.write(folder, export_writer.with_sums(tamper_cases.history().files()))
            os.mkdir(folder + "/more")
            self.assertEqual(verify.main([folder]), 0)
            with unittest.mock.patch.object(os, "scandir", refuse):
                self.assertEqual(verify.main([folder]), 2)

    def test_an_empty_folder_of_policies_lacks_those_that_were_activated(self):
        with tempfile.TemporaryDirectory() as folder:
            files = tamper_cases.history().files()
            files = export_writer.with_sums({name: files[name] for name in files if not name.startswith("policies/")})
            export_writer.write(folder, files)
            self.assertEqual(self.run_program(folder).returncode, 0)
            os.mkdir(folder + "/policies")
            done = self.run_program(folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("entry 1: activates a policy that is not there", done.stdout)

    def test_many_checkpoints_are_verified_by_several_processes(self):
        log = export_writer.Log()
        for _ in range(210):
            log.append("object.disposed", {"code": "acknowledged", "object": "o", "transfer": "t"})
            log.sign()
        with tempfile.TemporaryDirectory() as folder:
            export_writer.write(folder, export_writer.with_sums(log.files()))
            done = self.run_program(folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("checkpoints  210 right", done.stdout)
            false = log.checkpoints[100][:-2000] + b"AAAA" + log.checkpoints[100][-1996:]
            export_writer.write(folder, export_writer.with_sums({**log.files(), "checkpoints/100": false}))
            done = self.run_program(folder)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("checkpoints/100: has a false signature of the ML-DSA-44 key", done.stdout)

    def test_is_short_and_needs_only_the_standard_library(self):
        for name in "verify.py", "signatures.py":
            text = (export_writer.SOURCE / "client" / name).read_text()
            self.assertLess(text.count("\n"), 400, name)
            imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.M)) - {"signatures"}
            self.assertLessEqual(imported, set(sys.stdlib_module_names), name)


if __name__ == "__main__":
    unittest.main()
