"""Thousands of cells on eight virtual boards whose lines spoil bytes, while parts of the run are killed at random.

No cell may be lost, counted twice, or judged otherwise than in a run that nobody disturbs: what a kill hits is
inconclusive or an error, and nothing else. The daemon holds on to no descriptor and to little memory. Run by
`make soak`; SOAK_CELLS and SOAK_SEED change its length and its luck.
"""

from __future__ import annotations

import collections
import json
import math
import os
import random
import signal
import sys
import time
import unittest
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("end_to_end", "runner")]

from lab import BUILD, Cell, Done, Lab, Run  # noqa: E402

N_CELLS = int(os.environ.get("SOAK_CELLS", "10000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SPOILT = "0.0005"  # of all bytes, in both directions
KILLS_S = (1.0, 4.0)  # between one kill and the next
VICTIMS = ("shakedown-board", "shakedown-board-wolfssl", "runner", "shakedown-server", "shakedown-sniffer")
SIZES_MIN = 12  # looks at the daemon, to tell growth from its start
HIT_MAX = 8  # cells that one kill can hit: one of each board
LAST_LINES = 30  # of what the command said, where a run did not come to its end
MEMORY_MAX = 4000  # bytes by which the daemon may grow for each cell: what it keeps of one
BOARDS = (
    ("openssl",), ("openssl",), ("mbedtls",), ("mbedtls",), ("gnutls",), ("wolfssl",),
    ("netx", "--state", "fixed"), ("netx", "--state", "unallocated"),
)
MATRIX = {
    "server.certificate": ["ecdsa-p256", "rsa-2048", "ecdsa-p384"],
    "server.versions": [["1.2"], ["1.3"], ["1.2", "1.3"]],
    "server.tickets": [True, False],
    "server.groups": ["P-256", "P-256:P-384", "P-384"],
}
N_CASES = 3 * 3 * 2 * 3


def what(cell: Cell) -> tuple[str, str]:
    """A case on a board, whatever the protocol name that makes it one of many."""
    server = {key: value for key, value in cell["server"].items() if key != "alpn"}
    return json.dumps(server, sort_keys=True), cell["board"]


class Soak(Lab):
    def suite(self, n_times: int) -> str:
        return self.write("soak.json", {
            "suite": "soak", "why": "Long.",
            "scenarios": [{"name": "some-servers", "why": "Passes and failures.", "server": {},
                           "matrix": {**MATRIX, "server.alpn": [[f"p{i}"] for i in range(n_times)]}}],
        })

    def boards(self, noisy: bool) -> list[str]:
        paths = []
        for number, (stack, *state) in enumerate(BOARDS):
            program = str(BUILD / ("shakedown-board-wolfssl" if stack == "wolfssl" else "shakedown-board"))
            command = [program, "--stack", stack, *state]
            if noisy:
                wrapper = str(Path(__file__).parent / "noisy_board.py")
                command = [sys.executable, wrapper, SPOILT, str(SEED * 100 + number), *command]
            name = f"{stack}-{number}"
            paths.append(self.write(f"{name}.json", {"name": name, "why": "Soaked.", "stack": stack,
                                                     "virtual": command}))
        return paths

    def learn(self) -> dict[tuple[str, str], str]:
        """How each case ends on each board when nobody disturbs it."""
        self.options = ["--control", "never", "--tries", "0"]
        out = self.folder / "undisturbed"
        run = self.start(self.suite(1), *self.boards(noisy=False), out=out)
        run.child.wait()
        run.finish()
        return {what(cell): cell["outcome"] for cell in self.results(out)["cells"]}

    def kill_at_random(self, run: Run) -> tuple[collections.Counter[str], list[tuple[int, int]]]:
        """The kills by kind, and the daemon's descriptors and kilobytes, from time to time, until the run ends."""
        luck = random.Random(SEED)
        kills: collections.Counter[str] = collections.Counter()
        sizes = []
        run.wait_for_cells(1)  # a run whose boards never came to speak ends before it begins
        while run.child.poll() is None:
            time.sleep(luck.uniform(*KILLS_S))  # the disturbance's own pace; nothing waits for it
            victims = [one for one in run.members() if one.name in VICTIMS]
            if run.child.poll() is not None or not victims:
                continue
            kind = luck.choice(sorted({one.name for one in victims}))
            victim = luck.choice([one for one in victims if one.name == kind])
            try:
                os.kill(victim.pid, signal.SIGKILL)
                kills[kind] += 1
                sizes.append(self.size_of(run.daemon))
            except OSError:
                pass
        return kills, sizes

    @staticmethod
    def size_of(pid: int) -> tuple[int, int]:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
        return len(os.listdir(f"/proc/{pid}/fd")), int(kilobytes)

    def test_soak(self) -> None:
        expected = self.learn()
        self.assertEqual(len(expected), N_CASES * len(BOARDS))
        n_times = math.ceil(N_CELLS / len(expected))
        started = time.monotonic()
        run = self.start(self.suite(n_times), *self.boards(noisy=True))
        kills, sizes = self.kill_at_random(run)
        done = run.finish()
        self.check_nothing_left(run)
        self.check_end(done, kills)
        cells: list[Cell] = self.results()["cells"]
        hit = [cell for cell in cells if cell["outcome"] in ("inconclusive", "error")]
        print(f"{len(cells)} cells in {time.monotonic() - started:.0f} s, {kills.total()} kills {dict(kills)}, "
              f"{len(hit)} cells hit; the daemon's descriptors and kilobytes: {sizes[:1]} to {sizes[-1:]}")
        self.check(cells, expected, hit, kills.total())
        if len(sizes) < SIZES_MIN:
            return
        early, late = sizes[len(sizes) // 4], sizes[-1]
        self.assertLessEqual(late[0], max(n for n, _ in sizes[: len(sizes) // 4 + 1]) + len(BOARDS))
        self.assertLess((late[1] - early[1]) * 1024, MEMORY_MAX * len(cells))

    def check_end(self, done: Done, kills: collections.Counter[str]) -> None:
        """The run came to its end; else why it did not is what is wanted most."""
        said = [line for line in done.err.splitlines() if not line[:1].isdecimal()]
        self.assertTrue((self.out / "results.json").exists() and self.results()["run"]["complete"],
                        "\n".join([f"status {done.status} after {kills.total()} kills {dict(kills)}", *said[-LAST_LINES:]]))

    def check(self, cells: list[Cell], expected: dict[tuple[str, str], str], hit: list[Cell], n_kills: int) -> None:
        self.assertEqual(len({cell["id"] for cell in cells}), len(cells), "a cell is there twice")
        times = collections.Counter(what(cell) for cell in cells)
        self.assertEqual(times.keys(), expected.keys())
        self.assertEqual(len(set(times.values())), 1, "a cell is lost")
        wrong: list[Any] = [(cell["id"], cell["outcome"], cell["reason"], expected[what(cell)])
                            for cell in cells if cell not in hit and cell["outcome"] != expected[what(cell)]]
        self.assertEqual(wrong, [])
        self.assertLessEqual(len(hit), HIT_MAX * n_kills)


if __name__ == "__main__":
    unittest.main()
