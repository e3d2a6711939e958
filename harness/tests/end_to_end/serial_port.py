"""Serial ports for tests: ptys, alone or with a board's agent behind them."""

from __future__ import annotations

import json
import os
import subprocess
import tty

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
    """A board that Shakedown did not start and knows by its device alone."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.child = subprocess.Popen([BUILD / program, *arguments], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        assert self.child.stdout
        self.device: str = json.loads(self.child.stdout.readline())["device"]

    def close(self) -> None:
        assert self.child.stdin and self.child.stdout
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()
