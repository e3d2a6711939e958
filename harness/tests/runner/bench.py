"""What the runner's tests work with: an agent over a real port, and the runner as a process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import unittest
from typing import Any, Callable

from boards import HARNESS
from runner.agent import Agent
from runner.link import Link
from runner.log import Log
from runner.messages import Inbox
from runner.port import Port

ANSWER_S = 10  # longest wait for a message; only a failing test waits so long


def until(what: str, look: Callable[[], bool]) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + ANSWER_S
    while not look():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.002)


def command(**members: Any) -> dict[str, Any]:
    """A whole "run" command, with `members` added or changed."""
    return {
        "op": "run", "id": "1", "host": "127.0.0.1", "port": 4433, "timeout_ms": 5000, **members,
    }


class Desk:
    """The runner's parts in this process, on a device; commands come through a pipe."""

    def __init__(self, case: unittest.TestCase, device: str, patience: float = 5.0) -> None:
        commands, self._commands = os.pipe()
        case.addCleanup(os.close, commands)
        case.addCleanup(os.close, self._commands)
        self.port = Port(device, 115200)
        case.addCleanup(self.port.close)
        self.log = Log()
        self.inbox = Inbox(commands)
        self.link = Link(self.port, self.inbox, self.log, patience)
        self.agent = Agent(self.link, self.inbox)
        self.n_started = 0

    def run(self, **members: Any) -> dict[str, Any]:
        return self.agent.run(command(**members), self.started)

    def started(self) -> None:
        self.n_started += 1

    def send(self, op: str) -> None:
        os.write(self._commands, json.dumps({"op": op}).encode() + b"\n")


class Process:
    """`python3 -m runner` on a device, as the daemon starts it."""

    def __init__(self, case: unittest.TestCase, device: str, *options: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "runner", "--port", device, "--name", "bench", *options],
            env={**os.environ, "PYTHONPATH": str(HARNESS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._held = b""
        case.addCleanup(self._end)

    def send(self, message: dict[str, Any]) -> None:
        assert self.child.stdin
        self.child.stdin.write(json.dumps(message).encode() + b"\n")

    def next(self) -> dict[str, Any]:
        """The next message; {} at the end of the output."""
        assert self.child.stdout
        while b"\n" not in self._held:
            if not select.select([self.child.stdout], [], [], ANSWER_S)[0]:
                raise AssertionError("the runner said nothing")
            data = os.read(self.child.stdout.fileno(), 65536)
            if not data:
                return {}
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def status(self) -> int:
        return self.child.wait(ANSWER_S)

    def _end(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()
