"""Accepting what failed: entries for known.json that are proposed, and do what they say once they stand there."""

from __future__ import annotations

import fcntl
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, outcomes  # noqa: E402


class Accept(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.options = ["--tries", "0", "--control", "never"]
        self.board = self.write("own.json", {"name": "own", "why": "A test.", "stack": "netxduo", "stack_version": "6.2.0",
                                             "virtual": ["shakedown-board", "--stack", "netx", "--state", "unallocated"]})

    def test_accepted_failures_are_known_in_the_next_run(self) -> None:
        self.assertEqual(self.run_suite("story", self.board).status, 1)
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        done = self.shakedown("accept", str(self.out))
        self.assertEqual({path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}, before)
        self.assertEqual((done.status, done.err.splitlines()[0]), (0, (
            "4 failures, 2 entries. Nothing was written: put those that you agree with into known.json beside the "
            "profile of their board.")))
        self.assertEqual([entry["cells"] for entry in json.loads(done.out)["known"]],
                         ["story/rsa-*-1.3/own", "story/ecdsa-*-1.3/own"])
        self.write("known.json", done.out)
        again = self.folder / "again"
        self.assertEqual(self.run_suite("story", self.board, out=again).status, 0)
        self.assertEqual({outcome for outcome, _ in outcomes(self.cells(again)).values()}, {"pass", "xfail"})
        done = self.shakedown("accept", str(again))
        self.assertEqual((done.status, json.loads(done.out)), (0, {"known": []}))
        self.assertEqual(done.err, "There is nothing to accept: no cell failed that is not known already.\n")

    def test_folder_without_a_run(self) -> None:
        done = self.shakedown("accept", str(self.out))
        self.assertEqual((done.status, done.out, done.complaint), (
            2, "", f"cannot open {self.out}/results.json: No such file or directory; accept takes the folder that a "
                   "run names at its end"))
        self.assertEqual(self.shakedown("accept").complaint, "accept takes the folder of one run")

    def test_run_that_goes_on_or_died(self) -> None:
        self.out.mkdir()
        with open(self.out / "journal.jsonl", "w", encoding="utf-8") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX)  # as the command at work does
            journal.write("{}\n")
            journal.flush()
            goes_on = f"the run in {self.out} goes on: wait for its end"
            self.assertEqual(self.shakedown("accept", str(self.out)).complaint, goes_on)
            done = self.shakedown("run", "smoke", "--board", self.board, "--out", str(self.out))
            self.assertEqual((done.status, done.complaint), (2, f"{goes_on}; or name another folder"))
        self.assertEqual(self.shakedown("accept", str(self.out)).complaint,
                         f"the run in {self.out} never came to its end: `shakedown run --resume {self.out}` goes on "
                         f"with it, `shakedown report {self.out}` makes a report of what was done")


if __name__ == "__main__":
    unittest.main()
