"""Cells a second with everything on: servers, boards over their UART, capture, evidence, reports.

Usage: cells.py BUILD. What the machine can do is measured in the same run, so that the ratios compare
between machines. Every figure is of a whole command, from its start to its exit. Fails only if a run did
not do its work.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
CERTIFICATES = ROOT / "certs/out"
BOARDS = ("netx-unallocated", "netx-fixed", "wolfssl", "mbedtls")
STORY_RUNS = 5
REPETITIONS = 10
HANDSHAKES_S = 2
PAIRS = 6
PATIENCE_S = 60


class Speed(NamedTuple):
    cells: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.cells / self.seconds


def story_repeated(folder: Path) -> str:
    """A suite with each scenario of the story as often as REPETITIONS, by an axis that costs nothing."""
    suite = json.loads((ROOT / "scenarios/story.json").read_text(encoding="utf-8"))
    suite["suite"] = "story-repeated"
    for scenario in suite["scenarios"]:
        scenario["matrix"] = {"server.alpn": [[f"protocol-{i}"] for i in range(REPETITIONS)]}
    path = folder / "story-repeated.json"
    path.write_text(json.dumps(suite), encoding="utf-8")
    return str(path)


def check(out: Path) -> int:
    """The number of cells, all of which were run and left their capture."""
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    cells = results["cells"]
    assert results["run"]["complete"]
    for cell in cells:
        assert cell["outcome"] in ("pass", "fail", "unsupported"), cell["id"]
        assert cell["witnesses"]["wire"]["client_hello"] and (out / cell["evidence"]["capture"]).is_file()
    return len(cells)


def run(build: Path, suite: str, out: Path) -> Speed:
    start = time.monotonic()
    done = subprocess.run([build / "shakedown", "run", suite, "--board", *BOARDS, "--out", str(out)],
                          capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    assert done.returncode == 1, done.stderr
    return Speed(check(out), seconds)


def handshakes(build: Path) -> float:
    done = subprocess.run([build / "tests/bench/handshakes", CERTIFICATES, str(HANDSHAKES_S)],
                          capture_output=True, text=True, check=True)
    return float(done.stdout)


def openssl_pair(folder: Path) -> None:
    """What a script would do for each case: a server, a client, both gone again."""
    leaf = CERTIFICATES / "rsa-2048"
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1",
         "-cert", leaf / "chain.pem", "-key", leaf / "key.pem"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
    )
    assert server.stdout
    words = next(line.split() for line in server.stdout if line.startswith("ACCEPT"))
    subprocess.run(["openssl", "s_client", "-connect", words[1]], input="Q\n", capture_output=True,
                   text=True, check=True, timeout=PATIENCE_S)
    server.communicate("Q\n", timeout=PATIENCE_S)


def openssl_pairs(folder: Path) -> float:
    start = time.monotonic()
    for _ in range(PAIRS):
        openssl_pair(folder)
    return PAIRS / (time.monotonic() - start)


def show(what: str, rate: float, libssl: float, pairs: float, seconds: str = "") -> None:
    print(f"{what:<44} {seconds:>9} {rate:8.1f}/s {rate / libssl:9.3f} {rate / pairs:9.2f}")


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = handshakes(build)
        pairs = openssl_pairs(folder)
        story = [run(build, "story", folder / f"story-{i}") for i in range(STORY_RUNS)]
        repeated = run(build, story_repeated(folder), folder / "repeated")
        libssl = (before + handshakes(build)) / 2
    once = Speed(story[0].cells, statistics.median(one.seconds for one in story))
    print(f"{'on ' + str(os.cpu_count()) + ' processors':<44} {'':>9} {'':>10} {'of libssl':>9} {'of pairs':>9}")
    show("libssl in memory, a handshake, one core", libssl, libssl, pairs)
    show("openssl s_server and s_client, a pair", pairs, libssl, pairs)
    for what, speed in ((f"story, {once.cells} cells, median of {STORY_RUNS} runs", once),
                        (f"story {REPETITIONS} times, {repeated.cells} cells in one run", repeated)):
        show(what, speed.rate, libssl, pairs, f"{speed.seconds:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
