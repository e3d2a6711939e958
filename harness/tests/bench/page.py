"""What a report of 10,000 cells costs: its size, and how long Chromium takes. Usage: page.py BUILD

The cells are those of a real run, on as many copies of its boards as are needed; in each copy the ClientHellos have
random numbers of their own, which do not deflate. Nothing fails for being slow.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "view"))

from browser import Browser  # noqa: E402

N_CELLS = 10_000
SUITES = ["compatibility", "certificates"]
BOARDS = ["wolfssl", "mbedtls", "netx-fixed", "gnutls", "bearssl", "openssl"]
# From a change to the picture that is laid out, in ms.
FILTER = """
    const input = document.querySelector('input[type=search]'), began = performance.now();
    input.value = arguments[0];
    input.dispatchEvent(new Event('input'));
    document.body.getBoundingClientRect();
    return performance.now() - began"""
OPEN = """
    const began = performance.now();
    location.hash = `#cell=${encodeURIComponent(arguments[0])}`;
    return new Promise((done) => (function look() {
        const body = document.querySelector('#cell[open] .cell-body:not([aria-busy])');
        if (body === null || body.dataset.of !== arguments[0]) {
            setTimeout(look, 1, arguments[0]);
            return;
        }
        document.body.getBoundingClientRect();
        done(performance.now() - began);
    })(arguments[0]))"""


def copied(cell: dict[str, Any], number: int) -> dict[str, Any]:
    """The cell on another copy of its board."""
    text = json.dumps(cell)
    hello = ((cell.get("witnesses") or {}).get("wire") or {}).get("client_hello") or {}
    for extension in hello.get("extensions", []):
        for share in extension.get("client_shares", []):
            key = share["key_exchange"]
            text = text.replace(key, secrets.token_hex(len(key) // 2))
    if hello.get("random"):
        text = text.replace(hello["random"], secrets.token_hex(32))
    made: dict[str, Any] = json.loads(text)
    made["board"] = f"{cell['board']}-{number}"
    made["id"] = f"{cell['suite']}/{cell['case']}/{made['board']}"
    return made


def enlarged(results: dict[str, Any]) -> dict[str, Any]:
    """The same run with N_CELLS cells."""
    n_copies = -(-N_CELLS // len(results["cells"]))
    boards = [{**board, "name": f"{board['name']}-{number}"} for number in range(n_copies) for board in results["boards"]]
    cells = [copied(cell, number) for cell in results["cells"] for number in range(n_copies)]
    return {**results, "boards": boards, "cells": cells[:N_CELLS]}


def render(build: Path, folder: Path) -> float:
    """Makes the report of a real run in `folder`, and of it the large one; returns seconds of `shakedown report`."""
    command = str(build / "shakedown")
    subprocess.run([command, "run", *SUITES, "--board", *BOARDS, "--control", "never", "--tries", "0",
                    "--out", str(folder)], check=False, capture_output=True)
    path = folder / "results.json"
    path.write_text(json.dumps(enlarged(json.loads(path.read_text()))))
    began = time.monotonic()
    subprocess.run([command, "report", str(folder)], check=False, capture_output=True)
    return time.monotonic() - began


def measure(folder: Path) -> None:
    cells = json.loads((folder / "results.json").read_text())["cells"]
    with Browser() as browser:
        browser.open(f"file://{folder}/index.html")
        ready = browser.script("return performance.getEntriesByType('navigation')[0].domComplete")
        browser.until("performance.getEntriesByName('first-contentful-paint').length > 0")
        painted = browser.script("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
        filters = [browser.script(FILTER, text) for text in ("rsa", "rsa fail", "mbedtls-2", "", "1.3 expired", "")]
        opened = [browser.script(OPEN, cell["id"]) for cell in cells[:: len(cells) // 12]]
    size = (folder / "index.html").stat().st_size
    print(f"index.html of {len(cells):,} cells: {size / 1e6:.2f} MB (asked for: below 8)")
    print(f"first picture, with the matrix: {max(ready, painted):.0f} ms (below 1000)")
    print(f"a cell's details: {min(opened):.0f} to {max(opened):.0f} ms (below 300)")
    print(f"a filter: {min(filters):.0f} to {max(filters):.0f} ms (below 50)")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        seconds = render(Path(sys.argv[1]).resolve(), Path(name))
        measure(Path(name))
        print(f"all reports written in {seconds:.1f} s")


if __name__ == "__main__":
    main()
