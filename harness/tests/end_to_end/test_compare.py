"""A run against an earlier one: what is worse counts, what was so before does not."""

from __future__ import annotations

import json
import re
import shlex
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab  # noqa: E402

OPTIONS = ["--tries", "0", "--control", "never"]
WORSE = ["story/ecdsa-certificate-in-tls-1.3/own", "story/ecdsa-certificate-in-tls-1.2-and-1.3/own"]


class Compare(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.options = OPTIONS

    def board(self, state: str) -> str:
        return self.write("own.json", {
            "name": "own", "why": "A test.", "stack": "netxduo", "stack_version": "6.2.0",
            "virtual": ["shakedown-board", "--stack", "netx", "--state", state]})

    def test_command_that_runs_a_cell_again_does_so_from_any_folder_and_does_not_tell_the_home_folder(self) -> None:
        self.env["HOME"] = str(self.folder)
        own = self.folder / "my own, isn't it"
        own.mkdir()
        for path in (self.board("fixed"), self.write("few.json", {
                "suite": "few", "why": "w", "scenarios": [{"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}]})):
            Path(path).rename(own / Path(path).name)
        self.assertEqual(self.run_suite(str(own / "few.json"), str(own / "own.json")).status, 0)
        shown = self.shakedown("show", str(self.out), "few/good/own").out
        run = re.findall(r"(?m)^ +Run +shakedown (run .*)$", shown)
        decode = re.findall(r"(?m)^ +Decode +shakedown (decode .*)$", shown)
        self.assertEqual((len(run), len(decode)), (1, 1), shown)
        self.assertNotIn(str(self.folder), run[0])
        self.assertEqual(self.stored(self.out)["run"]["files"]["suites"], {"few": "~/my own, isn't it/few.json"})
        words = [word.replace("~", str(self.folder), 1) if word.startswith("~/") else word for word in shlex.split(run[0])]
        again = self.shakedown(*words, "--out", str(self.folder / "again"))
        self.assertEqual(again.status, 0, again.err)
        self.assertEqual([cell["id"] for cell in self.stored(self.folder / "again")["cells"]], ["few/good/own"])
        self.assertEqual(self.shakedown(*shlex.split(decode[0])).status, 0)

    def stored(self, out: Path) -> Any:
        return json.loads((out / "results.json").read_text(encoding="utf-8"))

    def test_only_what_is_worse_than_the_base_fails_the_run(self) -> None:
        good, bad, again = (self.folder / name for name in ("good", "bad", "again"))
        self.assertEqual(self.run_suite("story", self.board("fixed"), out=good).status, 1)

        self.options = [*OPTIONS, "--baseline", str(good)]
        done = self.run_suite("story", self.board("fixed"), out=again)
        self.assertEqual(done.status, 0, "old failures fail no run")
        self.assertIn("No regression against the run", done.out)

        done = self.run_suite("story", self.board("unallocated"), out=bad)
        self.assertEqual(done.status, 1)
        baseline = self.stored(bad)["baseline"]
        self.assertEqual([cell["id"] for cell in baseline["cells"] if cell["regression"]], sorted(WORSE, reverse=True))
        self.assertEqual({cell["change"] for cell in baseline["cells"]}, {"newly-failing", "still-failing"})
        first = "2 regressions against the run "
        for report, words in (("summary.md", "newly failing"), ("junit.xml", "newly failing: it was pass"),
                              ("index.html", f"Newly failing: {WORSE[0]}: fail alert-from-board")):
            self.assertIn(words, (bad / report).read_text(encoding="utf-8"))
        self.assertIn(first, (bad / "summary.md").read_text(encoding="utf-8"))
        self.assertIn(f"   {WORSE[0]}: fail alert-from-board 80→, was pass\n", done.out)

        done = self.shakedown("compare", str(good), str(bad))
        self.assertEqual((done.status, done.err), (1, ""))
        self.assertTrue(done.out.startswith(first), done.out)
        done = self.shakedown("compare", str(bad), str(good))
        self.assertEqual(done.status, 0)
        self.assertIn("2 fixed", done.out)
        kept = self.stored(bad)
        self.assertEqual(self.shakedown("report", str(bad)).status, 0)
        self.assertEqual(self.stored(bad), kept, "a report made again keeps its comparison")

    def test_cell_is_shown_whole(self) -> None:
        self.options = [*OPTIONS, "--verbose"]
        done = self.run_suite("story", self.board("unallocated"))
        rung = "alert internal_error (80), 2 bytes, plain ◀ ended it first"
        self.assertEqual(done.out.count(rung), 2, "--verbose has the ladder of each failing cell")
        self.assertIn(rung, (self.out / "junit.xml").read_text(encoding="utf-8"))
        done = self.shakedown("show", str(self.out), "/ecdsa-certificate-in-tls-1.3/")
        self.assertEqual((done.status, done.err), (0, ""))
        for words in ("board ◀── server  certificate, ", rung, "Why", "0x20007 NX_CRYPTO_PTR_ERROR", "Both have",
                      "server alone", "Board log", "Attempts", " --case ecdsa-certificate-in-tls-1.3\n",
                      f"{self.out}/cells/story/ecdsa-certificate-in-tls-1.3/own.pcapng"):
            self.assertIn(words, done.out)
        done = self.shakedown("decode", "--ladder", f"{self.out}/cells/story/ecdsa-certificate-in-tls-1.3/own.pcapng")
        self.assertEqual(done.status, 0)
        self.assertIn("client ◀── server  certificate_verify, ", done.out)
        self.assertIn(rung, done.out)
        done = self.shakedown("decode", "--hex", f"{self.out}/cells/story/ecdsa-certificate-in-tls-1.3/own.pcapng")
        self.assertIn("  0000  01                                               msg_type: client_hello\n", done.out)
        told = re.findall(r"(?m)^  [0-9a-f]{4}  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?=  |$)", done.out)
        cell = next(cell for cell in self.stored(self.out)["cells"] if cell["id"] == "story/ecdsa-certificate-in-tls-1.3/own")
        self.assertEqual("".join(told).replace(" ", ""), cell["witnesses"]["wire"]["client_hello_bytes"])
        self.assertEqual(self.shakedown("decode", "--hex", "--json", "x").complaint,
                         "--hex goes neither with --json nor with --fields")
        for cell, complaint in (
                ("none", 'the run has no cell "none"; ids are SUITE/CASE/BOARD, as in its matrix'),
                ("in-tls-1.3", '"in-tls-1.3" stands for 2 cells: story/rsa-certificate-in-tls-1.3/own, '
                               "story/ecdsa-certificate-in-tls-1.3/own; name one of them")):
            done = self.shakedown("show", str(self.out), cell)
            self.assertEqual((done.status, done.out, done.complaint), (2, "", complaint))

    def test_wrong_input_is_said_before_anything_runs(self) -> None:
        self.assertEqual(self.shakedown("compare", "one").complaint,
                         "compare takes the folders of two runs, the earlier one first")
        absent = self.folder / "absent"
        for arguments, who in ((("compare", str(absent), str(absent)), "compare"),
                               (("run", "story", "--board", self.board("fixed"), "--baseline", str(absent)), "--baseline")):
            done = self.shakedown(*arguments)
            self.assertEqual((done.status, done.out, done.complaint), (
                2, "", f"cannot open {absent}/results.json: No such file or directory; {who} takes the folder that a "
                       "run names at its end"))


if __name__ == "__main__":
    unittest.main()
