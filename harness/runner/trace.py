"""Each step of a dialogue, told as it happens: for `shakedown board try`."""

from __future__ import annotations

from .messages import Outbox
from .text import shown


HELD_MAX = 4096  # bytes of a line without an end


class Trace:
    """Tells nobody, unless it was given an outbox."""

    def __init__(self, outbox: Outbox | None = None) -> None:
        self._outbox = outbox
        self._held = b""  # of a line that is still coming

    def sent(self, data: bytes) -> None:
        """Bytes that went to the board."""
        if self._outbox:
            self._tell("sent", shown(data))

    def came(self, data: bytes) -> None:
        """Bytes that came from it, in whatever pieces; told line by line."""
        if not self._outbox:
            return
        self._held += data
        if self._held.endswith(b"\n") or len(self._held) > HELD_MAX:
            self.flush()

    def say(self, text: str) -> None:
        """What was made of them."""
        self._tell("note", text)

    def flush(self) -> None:
        """Tells what has come and is not told yet."""
        held, self._held = self._held, b""
        if self._outbox:
            for line in held.splitlines(keepends=True):
                self._outbox.send("trace", what="came", text=shown(line))

    def _tell(self, what: str, text: str) -> None:
        if self._outbox:
            self.flush()
            self._outbox.send("trace", what=what, text=text)
