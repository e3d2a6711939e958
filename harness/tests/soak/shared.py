"""A lab under fire: four clients share eight virtual boards by turns, while clients, runs and parts of them are killed.

What was cut short goes on by --resume until it is whole. No cell may be lost, counted twice or judged otherwise than
in a run that nobody disturbs, and the daemon ends with the descriptors and, nearly, the memory that it began with. Run
by `make soak`; SOAK_CELLS and SOAK_SEED change its length and its luck.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "end_to_end")]

from lab import SHAKEDOWN, Cell, Run, process, processes  # noqa: E402
from test_lab import Daemon, suite, virtual  # noqa: E402

N_CELLS = int(os.environ.get("SOAK_CELLS", "10000")) // 2
SEED = int(os.environ.get("SOAK_SEED", "1"))
TYPES = ("netx-fixed", "openssl")
N_BOARDS = 8
N_CLIENTS = 4
BOARDS_EACH = 3  # so that they cannot all run at once
RESUMES_MAX = 200
KILLS_S = (0.5, 2.0)  # between one kill and the next
VICTIMS = ("shakedown", "shakedownd", "shakedown-board", "runner", "shakedown-server", "shakedown-sniffer")
GROWTH_MAX_KB = 2000
AXES: dict[str, list[Any]] = {"certificate": ["ecdsa-p256", "rsa-2048"], "versions": [["1.2"], ["1.3"]]}
N_CASES = 4


def case_of(cell: Cell) -> str:
    """The case without the protocol name that makes it one of many."""
    return json.dumps({key: value for key, value in cell["server"].items() if key != "alpn"}, sort_keys=True)


class Shared(Daemon):
    turn_s = 2

    def client_to_the_end(self, number: int, of: str) -> None:
        """One client's run, gone on with until it is whole."""
        out = self.folder / f"soak-{number}"
        begin = [SHAKEDOWN, "run", of, "--board", *(["tag:any"] * BOARDS_EACH), "--daemon", self.socket, "--out", str(out),
                 "--control", "never", "--tries", "0"]
        command = begin
        for _ in range(RESUMES_MAX):
            run = Run(command, self.env, self.folder, private=False)
            with self.guard:
                self.clients.add(run.child.pid)
            run.finish()
            with self.guard:
                self.clients.discard(run.child.pid)
            self.ran[number] += run.cells()
            run.give_up()
            if (out / "journal.jsonl").exists():
                command = [SHAKEDOWN, "run", "--resume", str(out)]
                self.n_resumed += 1
            elif (out / "results.json").exists():
                return
            else:  # it never began
                command = begin
        self.failures.append(f"{out} did not come to its end")

    def victims(self) -> list[int]:
        workers = {one.pid for one in processes() if one.parent == self.daemon.pid}
        with self.guard:
            return [one.pid for one in processes() if one.name in VICTIMS
                    and (one.pid in workers or one.session in workers or one.pid in self.clients)]

    def size(self) -> tuple[int, int]:
        status = Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="utf-8")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd")), int(kilobytes)

    def learn(self) -> dict[tuple[str, str], str]:
        run = self.client("a-0", "a-1", of=self.write("few.json", suite(**AXES, alpn=[["p0"]])))
        run.finish()
        self.wait_until_free()
        return {(case_of(cell), self.types[cell["board"]]): cell["outcome"] for cell in self.cells(self.outs[-1]).values()}

    def test_shared(self) -> None:
        self.types = {f"a-{i}": TYPES[i % len(TYPES)] for i in range(N_BOARDS)}
        self.keep(*(virtual(name, of, "any") for name, of in self.types.items()))
        expected = self.learn()
        self.clients: set[int] = set()
        self.guard = threading.Lock()
        self.failures: list[str] = []
        self.ran: dict[int, list[str]] = collections.defaultdict(list)
        self.n_resumed = 0
        before, started = self.size(), time.monotonic()
        n_times = N_CELLS // (N_CLIENTS * BOARDS_EACH * N_CASES) + 1
        of = self.write("soak.json", suite(**AXES, alpn=[[f"p{i}"] for i in range(n_times)]))
        threads = [threading.Thread(target=self.client_to_the_end, args=(i, of)) for i in range(N_CLIENTS)]
        for thread in threads:
            thread.start()
        kills = self.kill_at_random(threads)
        self.assertEqual(self.failures, [])
        self.wait_until_free()
        n_hit = sum(self.check(i, expected, n_times) for i in range(N_CLIENTS))
        after = self.size()
        print(f"{N_CLIENTS * BOARDS_EACH * N_CASES * n_times} cells in {time.monotonic() - started:.0f} s, "
              f"{kills.total()} kills {dict(kills)}, {self.n_resumed} times resumed, {n_hit} cells hit; "
              f"the daemon's descriptors and kilobytes: {before} to {after}")
        self.assertEqual(after[0], before[0])
        self.assertLess(after[1] - before[1], GROWTH_MAX_KB)

    def kill_at_random(self, threads: list[threading.Thread]) -> collections.Counter[str]:
        luck = random.Random(SEED)
        kills: collections.Counter[str] = collections.Counter()
        while any(thread.is_alive() for thread in threads):
            time.sleep(luck.uniform(*KILLS_S))  # the disturbance's own pace; nothing waits for it
            victims = self.victims()
            if not victims:
                continue
            victim = process(luck.choice(victims))
            try:
                if victim is not None:
                    os.kill(victim.pid, signal.SIGKILL)
                    kills[victim.name] += 1
            except ProcessLookupError:
                pass
        for thread in threads:
            thread.join()
        return kills

    def check(self, number: int, expected: dict[tuple[str, str], str], n_times: int) -> int:
        """How many cells of the run were hit; all others are as they should be."""
        results = self.results(self.folder / f"soak-{number}")
        cells = results["cells"]
        self.assertTrue(results["run"]["complete"])
        self.assertEqual(len({cell["id"] for cell in cells}), N_CASES * BOARDS_EACH * n_times)
        self.assertEqual(len(cells), N_CASES * BOARDS_EACH * n_times)
        hit = [cell for cell in cells if cell["outcome"] in ("inconclusive", "error", "skip")]
        self.assertEqual([(cell["id"], cell["outcome"]) for cell in cells if cell not in hit
                          and cell["outcome"] != expected[case_of(cell), self.types[cell["board"]]]], [])
        self.assertNotIn("not-run", {cell["reason"] for cell in hit})
        doubled = [name for name, n in collections.Counter(self.ran[number]).items() if n > 1]
        self.assertEqual(doubled, [], "a cell was run twice")
        return len(hit)


if __name__ == "__main__":
    unittest.main()
