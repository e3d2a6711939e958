"""What a run costs as it grows: cells and boards, against time, processor and memory.

Usage: growth.py BUILD [CELLS], the largest run in cells, 100,000 if not said: that takes some ten minutes on
two processors. Prints the figures, puts them into docs/performance.md, and draws docs/performance.svg. The boards
are virtual, and all cells pass, with everything on: capture, evidence, judgement, reports. Each run stands beside
bare handshakes of libssl just before and after it, since a shared machine is not equally fast for long. Fails only
if a run did not do its work.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from cells import handshakes
from plot import Chart, Series, draw

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/performance.md"
PLOT = ROOT / "docs/performance.svg"
BEGIN, END = "<!-- what make bench-plot measured -->", "<!-- end -->"
SIZES = (100, 1_000, 10_000, 100_000)
STARTS = (100_000, 250_000)  # cells of plans that are begun only
BOARDS = (1, 8, 32)
BOARDS_CELLS = 960
USUAL_BOARDS = 4
LOOK_S = 0.02  # between looks at the memory of processes


class Figures(NamedTuple):
    cells: int
    boards: int
    first_s: float  # until the first cell is judged
    seconds: float
    cpu_s: float
    daemon_kb: int
    command_kb: int
    handshake_ms: float  # processor time of a bare one

    @property
    def ms(self) -> float:
        return self.seconds * 1000 / self.cells

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / self.cells

    @property
    def handshakes(self) -> float:
        return self.cpu_ms / self.handshake_ms


class Memory(threading.Thread):
    """The most memory that a command and its daemon have had."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.child = 0
        self.most = {"command": 0, "daemon": 0}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(LOOK_S):
            self.child = self.child or self.find_daemon()
            self.note("command", self.pid)
            self.note("daemon", self.child)

    def find_daemon(self) -> int:
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
            return next((int(one) for one in children if "shakedownd" in command_of(int(one))), 0)
        except OSError:
            return 0

    def note(self, who: str, pid: int) -> None:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
        except OSError:
            return
        self.most[who] = max(self.most[who], int(found[1]) if found else 0)


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")


def suite(folder: Path, n_cases: int) -> str:
    """A matrix of that many cases which every board passes."""
    sizes = next(n for n in range(min(n_cases, 1000), 0, -1) if n_cases % n == 0)
    protocols = n_cases // sizes
    scenario = {
        "name": "growing", "why": "Each case is a server of its own.",
        "server": {"versions": ["1.3"], "certificate": "ecdsa-p256"},
        "matrix": {"server.alpn": [[f"protocol-{i}"] for i in range(protocols)],
                   "server.max_send_fragment": [512 + i for i in range(sizes)]},
    }
    path = folder / f"growth-{n_cases}.json"
    path.write_text(json.dumps({"suite": "growth", "why": "As large as is asked.", "scenarios": [scenario]}),
                    encoding="utf-8")
    return str(path)


def boards(folder: Path, n: int) -> list[str]:
    profile = json.loads((ROOT / "scenarios/boards/wolfssl.json").read_text(encoding="utf-8"))
    paths = []
    for i in range(n):
        path = folder / f"board-{i}.json"
        path.write_text(json.dumps({**profile, "name": f"board-{i}", "$schema": str(
            ROOT / "scenarios/schema/board.schema.json")}), encoding="utf-8")
        paths.append(str(path))
    return paths


def handshake_ms(build: Path) -> float:
    cost = handshakes(build)
    return cost.processor_s * 1000 / cost.n


def run(build: Path, folder: Path, cells: int, n_boards: int, begin_only: bool = False) -> Figures:
    out = folder / "out"
    before = handshake_ms(build)
    start = time.monotonic()
    child = subprocess.Popen(
        [build / "shakedown", "run", suite(folder, cells // n_boards), "--board", *boards(folder, n_boards),
         "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    memory = Memory(child.pid)
    memory.start()
    first = 0.0
    assert child.stderr
    for line in child.stderr:
        if first == 0.0 and re.match(r"\d+/", line):
            first = time.monotonic() - start
            if begin_only:
                child.send_signal(signal.SIGINT)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    memory.over.set()
    memory.join()
    assert child.returncode == (3 if begin_only else 0), f"{cells} cells: exit status {child.returncode}"
    shutil.rmtree(out)
    done = Figures(cells, n_boards, first, seconds, usage.ru_utime + usage.ru_stime, memory.most["daemon"],
                   memory.most["command"], (before + handshake_ms(build)) / 2)
    print(f"{cells:>9,} cells {n_boards:>3} boards  first {first:6.2f} s  all {seconds:8.1f} s  "
          f"{done.ms:6.2f} ms and {done.cpu_ms:6.2f} ms of processor a cell, {done.handshakes:5.1f} bare handshakes  "
          f"daemon {done.daemon_kb / 1024:6.1f} MB  command {done.command_kb / 1024:6.1f} MB", flush=True)
    return done


def table(of: list[Figures]) -> list[str]:
    rows = ["| cells | boards | first cell after | all after | a cell | processor, a cell | in bare handshakes | "
            "daemon | command |", "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for one in of:
        rows.append(f"| {one.cells:,} | {one.boards} | {one.first_s:.2f} s | {one.seconds:.1f} s | {one.ms:.1f} ms | "
                    f"{one.cpu_ms:.1f} ms | {one.handshakes:.1f} | {one.daemon_kb / 1024:.0f} MB | {one.command_kb / 1024:.0f} MB |")
    return rows


def machine() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", text)
    return f"{os.cpu_count()} processors ({model[1] if model else platform.machine()})"


def tell(growing: list[Figures], beginning: list[Figures], wider: list[Figures], load: tuple[float, float]) -> None:
    lines = [BEGIN, f"Measured on {datetime.date.today()}, on {machine()}. The load of the machine, which includes the "
             f"measurement, was {load[0]:.1f} before and {load[1]:.1f} after.", "", *table(growing), "",
             "More boards:", "", *table(wider), "", "Larger plans, which were stopped at their first cell:", "",
             "| cells | first cell after | daemon | command, with the report of what was not run |",
             "| ---: | ---: | ---: | ---: |"]
    lines += [f"| {one.cells:,} | {one.first_s:.2f} s | {one.daemon_kb / 1024:.0f} MB | {one.command_kb / 1024:.0f} MB |"
              for one in beginning]
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + "\n".join([*lines, END]) + rest.split(END)[1], encoding="utf-8")
    cells = [float(one.cells) for one in growing]
    n_boards = [float(one.boards) for one in wider]
    PLOT.write_text(draw([
        Chart("Time of a cell, ms", "cells", cells, [Series("wall", [one.ms for one in growing]),
                                                     Series("processor", [one.cpu_ms for one in growing])]),
        Chart("Memory, MB", "cells", cells, [Series("daemon", [one.daemon_kb / 1024 for one in growing]),
                                             Series("command", [one.command_kb / 1024 for one in growing])]),
        Chart("Time of a cell, ms", "boards", n_boards, [Series("wall", [one.ms for one in wider]),
                                                         Series("processor", [one.cpu_ms for one in wider])]),
    ]), encoding="utf-8")


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    largest = int(sys.argv[2]) if len(sys.argv) > 2 else SIZES[-1]
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(build, folder, SIZES[0], USUAL_BOARDS)  # so that certificates and files are at hand
        growing = [run(build, folder, size, USUAL_BOARDS) for size in SIZES if size <= largest]
        wider = [run(build, folder, BOARDS_CELLS, n) for n in BOARDS]
        beginning = [run(build, folder, size, USUAL_BOARDS, begin_only=True) for size in STARTS]
    tell(growing, beginning, wider, (before, os.getloadavg()[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
