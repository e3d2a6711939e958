"""A plan in shards on a cluster: as one run has it, through the death of a node, and no shard missing unseen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).parent))

from cluster import BOARDS, DEADLINE_S, TYPE, Cluster, until  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SHAKEDOWN_BUILD", ROOT / "build")).resolve()
SHAKEDOWN = str(BUILD / "shakedown")
N_SHARDS = 6
N_CELLS = 400
N_FAILING = 4  # enough to compare: a cell that fails takes far longer than one that passes


def servers(name: str, certificate: str, n: int) -> dict[str, Any]:
    """A scenario of `n` cases."""
    return {"name": name, "why": "w", "server": {"certificate": certificate},
            "matrix": {"server.versions": [["1.2"], ["1.3"]], "server.alpn": [[f"protocol-{i}"] for i in range(n // 2)]}}


SUITE = {"suite": "many", "why": "w", "scenarios": [
    servers("good", "ecdsa-p256", N_CELLS - N_FAILING), servers("unknown", "rsa-2048", N_FAILING)]}
FEW = 3  # cells of a shard that is in the middle


def told(cell: dict[str, Any]) -> tuple[Any, ...]:
    return (cell["id"], cell["outcome"], cell["reason"],
            [(one["id"], one["confidence"]) for one in cell["diagnosis"]])


class Slurm(unittest.TestCase):
    cluster: Cluster
    folder: Path
    suite: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.cluster = Cluster(cls.folder, BUILD)
        cls.addClassCleanup(cls.cluster.end)
        cls.suite = cls.folder / "many.json"
        cls.suite.write_text(json.dumps(SUITE))
        try:
            cls.cluster.start()
        except AssertionError:
            print(cls.cluster.logs(), file=sys.stderr)
            raise

    def shakedown(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SHAKEDOWN, *words], env={**self.cluster.env, **env}, cwd=self.folder, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=False)

    def submit(self, out: Path, n_shards: int) -> None:
        done = self.shakedown("slurm", "submit", str(self.suite), "--boards", TYPE, "--shards", str(n_shards), "--out",
                              str(out))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"^Job \d+: {n_shards} shards. Job \d+: merges them")

    def wait_for_jobs(self) -> None:
        until("all jobs are over", lambda: not self.cluster.jobs())

    def journal(self, out: Path, shard: int) -> int:
        """How many cells the shard has, while it runs."""
        path = out / f"shard-{shard}" / "journal.jsonl"
        return len(path.read_bytes().splitlines()) - 1 if path.exists() else 0

    def shards_on(self, node: str) -> set[int]:
        """Those whose tasks run there."""
        return {int(line) for line in self.cluster.ask("squeue", "-h", "-t", "R", "-w", node, "-r", "-o", "%K").split()
                if line.isdecimal()}

    def cells(self, out: Path) -> list[dict[str, Any]]:
        results: dict[str, Any] = json.loads((out / "results.json").read_text())
        self.assertTrue(results["run"]["complete"])
        return list(results["cells"])

    def test_a_node_dies_and_all_is_as_in_one_run(self) -> None:
        whole, out = self.folder / "whole", self.folder / "sharded"
        self.shakedown("run", str(self.suite), "--board", TYPE, "--out", str(whole))
        self.submit(out, N_SHARDS)
        caught = until("two shards are in the middle on bench1", lambda: self.in_the_middle(out))
        self.cluster.end("bench1")
        n_before = self.journal(out, caught)
        self.wait_for_jobs()
        merged = self.cells(out / "all")
        self.assertEqual([told(cell) for cell in merged], [told(cell) for cell in self.cells(whole)])
        self.assertEqual(len(merged), N_CELLS)
        self.check_resumed(out, caught, n_before)
        self.check_boards(out)

    def in_the_middle(self, out: Path) -> Optional[int]:
        """One of the two shards that bench1 works on."""
        shards = self.shards_on("bench1")
        works = [FEW < self.journal(out, shard) < N_CELLS // N_SHARDS - FEW for shard in shards]
        return min(shards) if works == [True, True] else None

    def check_resumed(self, out: Path, shard: int, n_before: int) -> None:
        """The rest of the shard ran on the other node, and no cell ran twice."""
        units = Counter(cell["unit"] for cell in self.cells(out / f"shard-{shard}"))
        self.assertGreaterEqual(sum(units[name] for name in BOARDS["bench1"]), FEW)
        self.assertGreater(sum(units[name] for name in BOARDS["bench2"]), 0)
        lines = [line for log in out.glob("log-[0-9]*.txt") for line in log.read_text().splitlines()]
        ran = Counter(line.split()[2] for line in lines if line[:1].isdecimal() and "/" in line.split()[0])
        self.assertEqual({name: n for name, n in ran.items() if n > 1}, {})
        self.assertGreater(n_before, FEW)

    def test_a_shard_that_fails_is_named(self) -> None:
        out = self.folder / "failing"
        out.mkdir()
        (out / "shard-2").write_text("no folder")
        self.submit(out, 2)
        self.wait_for_jobs()
        self.assertRegex((out / "log-2.txt").read_text(), r"shakedown: .*shard-2")
        self.assertRegex((out / "log-merge.txt").read_text(), r"shakedown: .*shard-2")
        self.assertFalse((out / "all").exists())
        self.assertIn("holds a run already", self.shakedown(
            "slurm", "submit", str(self.suite), "--boards", TYPE, "--shards", "2", "--out", str(out)).stderr)

    def test_what_cannot_be_submitted_is_told_in_a_sentence(self) -> None:
        words = ["slurm", "submit", str(self.suite), "--boards", TYPE]
        cases: list[tuple[list[str], dict[str, str], str]] = [
            (["--shards", "401"], {}, "--shards takes a number from 1 to 256, not 401"),
            ([], {}, "slurm submit needs --shards and a number: at most as many run at once as there are boards"),
            (["--shards", "2", "--boards", "a b"], {}, "--boards takes types of boards, as Slurm and the lab files call "
             "them, such as stm32h5; not \"a b\""),
            (["--shards", "2", "--boards", "unheard-of", "--out", "x"], {}, "Slurm did not take the job: sbatch: error: "
             "Batch job submission failed: Requested node configuration is not available"),
            (["--shards", "2", "--out", "y"], {"PATH": "/nowhere"}, "cannot run sbatch; submit where Slurm's commands are "
             "installed (--dry-run shows what it would get): No such file or directory"),
        ]
        for more, env, complaint in cases:
            done = self.shakedown(*words, *more, **env)
            self.assertEqual(done.stderr, f"shakedown: {complaint}\n")
            self.assertIn(done.returncode, (2, 3))

    def test_dry_run_shows_the_scripts_and_writes_nothing(self) -> None:
        done = self.shakedown("slurm", "submit", "story", "--boards", TYPE, TYPE, "--shards", "2", "--out", "dry's",
                              "--tries", "0", "--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"#SBATCH --nodes=1 --gres=board:{TYPE}:2\n", done.stdout)
        self.assertIn(f"run 'story' --board type:{TYPE} type:{TYPE} --tries '0' --daemon", done.stdout)
        self.assertIn("/dry'\\''s'\n", done.stdout)
        self.assertFalse((self.folder / "dry's").exists())

    def check_boards(self, out: Path) -> None:
        """None served two shards at once: on each, the cells of a shard stand together."""
        starts = defaultdict(list)
        for shard in range(1, N_SHARDS + 1):
            for cell in self.cells(out / f"shard-{shard}"):
                starts[cell["unit"]].append((cell["witnesses"]["board"]["start_us"], shard))
        self.assertEqual(set(starts), {name for names in BOARDS.values() for name in names})
        for found in starts.values():
            blocks = [shard for shard, _ in groupby(shard for _, shard in sorted(found))]
            self.assertEqual(len(blocks), len(set(blocks)))



if __name__ == "__main__":
    unittest.main()
