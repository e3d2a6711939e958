"""A plan that several runs share: together they have what one run has, and nothing can be missing unseen."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Done, Lab  # noqa: E402

N_SHARDS = 3


def told(cell: dict[str, Any]) -> tuple[Any, ...]:
    return (cell["id"], cell["outcome"], cell["reason"], [(one["id"], one["confidence"]) for one in cell["diagnosis"]])


class Shards(Lab):
    def folder_of(self, index: int) -> str:
        return str(self.folder / f"shard-{index}")

    def run_shard(self, index: int, *options: str) -> Done:
        self.options = ["--shard", f"{index}/{N_SHARDS}", *options]
        return self.run_suite("story", "netx-fixed", "wolfssl", out=Path(self.folder_of(index)))

    def merge(self, *folders: str) -> Done:
        return self.shakedown("merge", *folders, "--out", str(self.folder / "merged"))

    def test_cases_are_run_by_their_names(self) -> None:
        self.options = ["--case", "rsa-certificate-in-tls-1.2", "story/ecdsa-certificate-in-tls-1.3"]
        self.run_suite("story", "netx-fixed", "wolfssl")
        self.assertEqual(list(self.cells()), [f"story/{case}/{board}" for case in (
            "rsa-certificate-in-tls-1.2", "ecdsa-certificate-in-tls-1.3") for board in ("netx-fixed", "wolfssl")])
        for cell in self.cells().values():
            self.assertRegex((self.out / cell["evidence"]["keylog"]).read_text(), "(?m)^CLIENT_")

    def test_merged_shards_are_the_same_as_one_run(self) -> None:
        whole = self.folder / "whole"
        self.run_suite("story", "netx-fixed", "wolfssl", out=whole)
        folders = [self.folder_of(index) for index in range(1, N_SHARDS + 1)]
        for index in range(1, N_SHARDS + 1):
            self.run_shard(index, "--durations", str(whole))
        done = self.merge(*reversed(folders))
        self.assertEqual((done.status, done.err), (1, ""))
        merged = self.folder / "merged"
        self.assertEqual([told(cell) for cell in self.cells(merged).values()], [told(cell) for cell in self.cells(whole).values()])
        run = json.loads((merged / "results.json").read_text())["run"]
        self.assertEqual(([shard["id"] for shard in run["shards"]], run["complete"]),
                         ([f"shard-{index}" for index in range(1, N_SHARDS + 1)], True))
        for cell in self.cells(merged).values():
            self.assertTrue((merged / cell["evidence"]["capture"]).is_file(), cell["id"])

    def test_missing_doubled_and_foreign_shards(self) -> None:
        for index in (1, 2):
            self.run_shard(index)
        first, second = self.folder_of(1), self.folder_of(2)
        self.assertEqual(self.merge(first, second).complaint,
                         "missing: shard 3/3; run what is missing, and name its folder too")
        self.assertEqual(self.merge(first, second, first).complaint,
                         f"{first} and {first} are both shard 1/3: name one of them")
        self.options = ["--shard", "3/3"]
        other = self.folder / "other"
        self.run_suite("story", "netx-fixed", out=other)
        done = self.merge(first, second, str(other))
        self.assertEqual((done.status, done.complaint), (
            2, f"{first} and {other} are not of one plan: their suites or boards differ; run all shards with the same "
               "suites, boards and version"))
        self.assertFalse((self.folder / "merged").exists())

    def change(self, results: Path, name: str, value: Any) -> None:
        whole = json.loads(results.read_text())
        (whole["cells"][0] if name == "evidence" else whole["run"])[name] = value
        results.write_text(json.dumps(whole))

    def test_shard_that_was_cut_short_or_had_other_versions_is_told(self) -> None:
        folders = [self.folder_of(index) for index in range(1, N_SHARDS + 1)]
        for index in range(1, N_SHARDS + 1):
            self.run_shard(index)
        self.change(Path(folders[1]) / "results.json", "complete", False)
        done = self.merge(*folders)
        self.assertEqual((done.status, done.complaint), (
            2, f"{folders[1]} was cut short: `shakedown run --resume {folders[1]}` goes on with it; merge the shards when "
               "all have come to their end"))
        self.assertFalse((self.folder / "merged").exists())
        self.change(Path(folders[1]) / "results.json", "complete", True)
        self.change(Path(folders[1]) / "results.json", "versions", {"shakedown": "0.1", "openssl": "3.9.9"})
        self.merge(*folders)
        self.assertEqual(self.results(self.folder / "merged")["run"]["notices"], [
            "Shard 2 ran with Shakedown 0.1 and OpenSSL 3.9.9, other versions than shard 1, whose are told here."])

    def test_no_file_but_captures_is_copied(self) -> None:
        self.options = ["--shard", "1/1"]
        self.run_suite("story", "netx-fixed")
        deep = self.folder / "deep"
        deep.mkdir()
        self.write("secret", "s")
        self.change(self.out / "results.json", "evidence", {"capture": "../secret"})
        done = self.shakedown("merge", str(self.out), "--out", str(deep / "merged"))
        self.assertEqual((done.status, done.complaint), (
            2, f"{self.out}: $.cells[0].evidence.capture: ../secret is no file of a run: the results were changed after it"))
        self.assertEqual(list(deep.iterdir()), [])

    def test_numbers_that_no_plan_has(self) -> None:
        self.options = ["--shard", "1/1"]
        self.run_suite("story", "netx-fixed")
        results = self.out / "results.json"
        for boards, n_shards in (([], 1), (self.results()["boards"], 10 ** 15)):
            whole = self.results()
            whole["boards"] = boards
            whole["run"]["shard"]["count"] = n_shards
            results.write_text(json.dumps(whole))
            done = self.merge(str(self.out))
            self.assertEqual((done.status, done.complaint), (
                2, f"{self.out} is one of {n_shards} shards on {len(boards)} boards, which is no plan: the file was "
                   "changed after the run"))

    def test_wrong_shards(self) -> None:
        for options, complaint in (
            (["--shard", "4/3"], "--shard takes K/N, the part K of N, such as 1/4: 1 <= K <= N <= 256; it was given \"4/3\""),
            (["--shard", "7/7"], "the shard 7/7 is empty, as the plan has 6 cases: make fewer shards"),
            (["--durations", "former"], "--durations serves --shard, which was not given"),
        ):
            self.options = options
            done = self.run_suite("story", "netx-fixed")
            self.assertEqual((done.status, done.complaint), (2, complaint))


if __name__ == "__main__":
    unittest.main()
