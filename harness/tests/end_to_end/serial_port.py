"""Serial ports for tests: ptys, alone or with a board's agent behind them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import tty
from pathlib import Path

from lab import BUILD


class SerialPort:
    """A port that nobody answers at."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.device = os.ttyname(self.slave)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


class BoardAtPort:
    """A board that Shakedown did not start and knows by its device alone.

    The device is a link, which goes before its pty does: whoever looks for a board that has gone would find, by the
    pty's own name, the next board that gets it, of whichever test.
    """

    def __init__(self, program: str, *arguments: str) -> None:
        self.child = subprocess.Popen([BUILD / program, *arguments], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        assert self.child.stdout
        self._folder = tempfile.TemporaryDirectory(prefix="port-")
        link = Path(self._folder.name) / "ttyBoard"
        link.symlink_to(json.loads(self.child.stdout.readline())["device"])
        self.device = str(link)

    def close(self) -> None:
        assert self.child.stdin and self.child.stdout
        self._folder.cleanup()
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()
