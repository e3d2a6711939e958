"""What a cell costs with everything on: servers, boards over their UART, capture, evidence, reports.

Usage: cells.py BUILD. What the machine can do is measured in the same run, so that the ratios compare
between machines: a handshake of libssl with itself in memory, with the same certificates. Figures are of
whole commands, from start to exit; the last row leaves out what each run costs once. Wall time is worth
little where others use the machine; processor time, of all processes of a run, still compares. Fails only
if a run did not do its work.
"""

from __future__ import annotations

import json
import os
import resource
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
REPETITIONS = 20
HANDSHAKES_S = 2
PAIRS = 6
PATIENCE_S = 60
ALONE = ("--control", "never", "--tries", "0")  # one connection a cell


class Cost(NamedTuple):
    """Of so many cells, or handshakes."""

    n: int
    wall_s: float
    processor_s: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.n - other.n, self.wall_s - other.wall_s, self.processor_s - other.processor_s)


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
        assert cell["outcome"] not in ("error", "skip"), cell["id"]
        assert cell["witnesses"]["wire"]["client_hello"] and (out / cell["evidence"]["capture"]).is_file()
    return len(cells)


def processor_s() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(build: Path, suite: str, out: Path, *options: str) -> Cost:
    start, before = time.monotonic(), processor_s()
    done = subprocess.run(
        [build / "shakedown", "run", suite, "--board", *BOARDS, "--out", str(out), *options],
        capture_output=True, text=True, check=False,
    )
    seconds, used = time.monotonic() - start, processor_s() - before
    assert done.returncode == 1, done.stderr
    return Cost(check(out), seconds, used)


def handshakes(build: Path) -> Cost:
    """A second of them."""
    done = subprocess.run([build / "tests/bench/handshakes", CERTIFICATES, str(HANDSHAKES_S)],
                          capture_output=True, text=True, check=True)
    rate, processor_ms = map(float, done.stdout.split())
    return Cost(round(rate), 1.0, processor_ms * round(rate) / 1000)


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


def openssl_pairs(folder: Path) -> Cost:
    start, before = time.monotonic(), processor_s()
    for _ in range(PAIRS):
        openssl_pair(folder)
    return Cost(PAIRS, time.monotonic() - start, processor_s() - before)


def show(what: str, cost: Cost, libssl: Cost) -> None:
    wall_ms, processor_ms = cost.wall_s * 1000 / cost.n, cost.processor_s * 1000 / cost.n
    share = processor_ms / (libssl.processor_s * 1000 / libssl.n)
    print(f"{what:<50} {wall_ms:9.2f} ms {processor_ms:9.2f} ms {share:9.1f}")


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = handshakes(build)
        pairs = openssl_pairs(folder)
        story = sorted((run(build, "story", folder / f"story-{i}") for i in range(STORY_RUNS)),
                       key=lambda cost: cost.wall_s)[STORY_RUNS // 2]
        smoke = run(build, "smoke", folder / "smoke")
        repeated = run(build, story_repeated(folder), folder / "repeated")
        once = run(build, "story", folder / "once", *ALONE)
        alone = run(build, story_repeated(folder), folder / "alone", *ALONE)
        after = handshakes(build)
    libssl = Cost(before.n + after.n, 2.0, before.processor_s + after.processor_s)
    processors = f"each, on {os.cpu_count()} processors, {len(BOARDS)} boards in parallel"
    print(f"{processors:<50} {'wall':>12} {'processor':>12} {'of libssl':>9}")
    show("libssl in memory, a handshake, one core", libssl, libssl)
    show("openssl s_server and s_client, a pair", pairs, libssl)
    show(f"story, {story.n} cells, median of {STORY_RUNS} runs", story, libssl)
    show(f"smoke, {smoke.n} cells", smoke, libssl)
    show(f"story {REPETITIONS} times, {repeated.n} cells in one run", repeated, libssl)
    show("  without what a run costs once", repeated - story, libssl)
    show("  and with one connection a cell (no control, no tries)", alone - once, libssl)
    return 0


if __name__ == "__main__":
    sys.exit(main())
