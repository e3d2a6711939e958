"""JSON lines from the daemon on standard input, and to it on standard output."""

from __future__ import annotations

import json
import os
from collections import deque
from typing import Any, Dict

Message = Dict[str, Any]


class Closed(Exception):
    """The daemon closed the runner's input: the runner ends at once."""


class Inbox:
    """Commands from the daemon. `fd` is for select(); read() is called when it is readable."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.abort = False  # an abort came for the last run, and nobody has dealt with it
        self._held = b""
        self._runs: deque[Message] = deque()

    def read(self) -> None:
        """Takes in what has come. Closed at the end of the input."""
        data = os.read(self.fd, 65536)
        if not data:
            raise Closed
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            command: Message = json.loads(line)
            if command["op"] == "abort":
                self.abort = True
            else:
                self.abort = False
                self._runs.append(command)

    def next_run(self) -> Message | None:
        """The next "run" command that waits, if any."""
        return self._runs.popleft() if self._runs else None


class Outbox:
    """Events to the daemon."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, event: str, **members: Any) -> None:
        """Writes one message, whole. Closed if the daemon reads no more."""
        text = json.dumps({"event": event, **members}, separators=(",", ":"))
        data = memoryview(text.encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except BrokenPipeError:
            raise Closed from None
