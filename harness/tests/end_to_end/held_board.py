"""A virtual board whose line a test can stop. Usage: held_board.py FOLDER PROGRAM [ARGUMENT...]

It speaks as shakedown-board does: a line of JSON that names the device, until standard input ends. Between the line and
the board it lets one line of text after the other pass. One that the regular expression in FOLDER/hold matches waits:
the file becomes FOLDER/held, with that line and the last RUN in it, and the line passes when that is removed.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tty
from pathlib import Path

LOOK_S = 0.002
CHUNK = 4096


class Gone(Exception):
    """The daemon, or the board, is there no more."""


class HeldLine:
    def __init__(self, folder: Path, device: str) -> None:
        self._hold, self._held = folder / "hold", folder / "held"
        self._last_run = b""
        self._far = os.open(device, os.O_RDWR | os.O_NOCTTY)
        self._near, near_device = os.openpty()
        tty.setraw(self._far)
        tty.setraw(near_device)
        self.device = os.ttyname(near_device)

    def serve(self, ends: list[int]) -> None:
        """Until one of `ends` can be read: it has come to its end then."""
        parts = {self._near: b"", self._far: b""}
        while True:
            ready = select.select([*ends, *parts], [], [])[0]
            if set(ready) & set(ends):
                raise Gone
            for fd in ready:
                *lines, parts[fd] = (parts[fd] + os.read(fd, CHUNK)).split(b"\n")
                for line in lines:
                    self._wait(line, ends)
                    os.write(self._far if fd == self._near else self._near, line + b"\n")

    def _wait(self, line: bytes, ends: list[int]) -> None:
        if b" RUN " in line:
            self._last_run = line
        try:
            if not re.search(self._hold.read_bytes(), line):
                return
        except FileNotFoundError:
            return
        self._hold.write_bytes(line + b"\n" + self._last_run)
        self._hold.rename(self._held)
        while self._held.exists():
            if select.select(ends, [], [], LOOK_S)[0]:
                raise Gone


def main() -> int:
    folder, *command = sys.argv[1:]
    board = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert board.stdin and board.stdout
    line = HeldLine(Path(folder), json.loads(board.stdout.readline())["device"])
    print(json.dumps({"event": "ready", "device": line.device}), flush=True)
    try:
        line.serve([sys.stdin.fileno(), board.stdout.fileno()])
    except (Gone, OSError):
        board.stdin.close()
    return abs(board.wait())


if __name__ == "__main__":
    sys.exit(main())
