"""Each step of a dialogue, told as it happens: for `shakedown board try`."""

from __future__ import annotations

from .messages import Outbox
from .text import shown


class Trace:
    """Tells nobody, unless it was given an outbox."""

    def __init__(self, outbox: Outbox | None = None) -> None:
        self._outbox = outbox

    def _tell(self, what: str, text: str) -> None:
        if self._outbox:
            self._outbox.send("trace", what=what, text=text)

    def sent(self, data: bytes) -> None:
        """Bytes that went to the board."""
        self._tell("sent", shown(data))

    def came(self, data: bytes) -> None:
        """Bytes that came from it."""
        if data:
            self._tell("came", shown(data))

    def say(self, text: str) -> None:
        """What was made of them."""
        self._tell("note", text)
