"""The driver "passive": a board that connects by itself, or after a reset or a hook.

It is asked for nothing and says nothing: the server, which knows it by its address, tells how the
connection was. What the board prints, if it has a port, is kept as log.
"""

from __future__ import annotations

import select
import time
from typing import Any, Callable

from .driver import Board, Failed, Unfit, about
from .frame import Lines
from .log import Log
from .messages import Inbox, Message
from .patterns import TooSlow, Wrong, compiled, search
from .port import Port
from .reset import Reset, run_hook
from .text import clean
from .trace import Trace
from .values import refuse_unmet

MARGIN_S = 1.0  # beyond the run's time: the server is to give up first
LISTEN_S = 60.0


class Passive:
    """A board that is not spoken to."""

    def __init__(
        self, name: str, profile: dict[str, Any], port: Port | None, inbox: Inbox, trace: Trace
    ) -> None:
        self.log = Log()
        self._name = name
        self._port = port
        self._inbox = inbox
        self._trace = trace
        self._trigger: str | list[str] = profile["passive"].get("trigger", "none")
        self._application = profile.get("application")
        self._reset = Reset(name, profile, port)
        self._lines = Lines()
        if self._trigger == "reset" and not self._reset.possible:
            raise Unfit(
                "$.passive.trigger: there is no way to reset the board; give the profile a reset "
                "or power"
            )
        try:
            self._banner = compiled("$.banner", profile["banner"]) if "banner" in profile else None
        except Wrong as wrong:
            raise Unfit(str(wrong)) from None

    def greet(self) -> Message:
        return about()

    def listen(self) -> None:
        self._hear(LISTEN_S)

    def settle(self) -> None:
        self.log.add_half(self._lines)

    def run(self, command: Message, started: Callable[[], None]) -> Board:
        """Until the daemon, which hears the server, says that it is over."""
        refuse_unmet([], command, "a board that connects by itself", self._application)
        self._pull()
        started()
        end = time.monotonic() + command["timeout_ms"] / 1000 + MARGIN_S
        awake = self._trigger == "none"
        while time.monotonic() < end and not self._inbox.abort:
            for line in self._hear(end - time.monotonic()):
                if awake and self._is_banner(line):
                    raise Failed(
                        "reboot",
                        f"the board restarted: it wrote {clean(line)!r}, which is its banner",
                    )
                awake = awake or self._is_banner(line)
        self._inbox.abort = False
        return {"passive": True}

    def _pull(self) -> None:
        """What makes the board connect."""
        if isinstance(self._trigger, list):
            run_hook(self._name, "trigger", self._trigger)
        elif self._trigger == "reset":
            self._reset.do()
        self._trace.say(f"trigger: {self._trigger}; waiting for the board to connect")

    def _is_banner(self, line: bytes) -> bool:
        try:
            return bool(self._banner and search(self._banner, clean(line)))
        except TooSlow:
            raise Failed("no-match", "$.banner takes too long on a line") from None

    def _hear(self, seconds: float) -> list[bytes]:
        if self._port:
            lines = self._lines.feed(self._port.wait(self._inbox, seconds))
        else:
            lines = []
            if select.select([self._inbox.fd], [], [], max(seconds, 0))[0]:
                self._inbox.read()
        for line in lines:
            self.log.add(time.monotonic(), line)
        return lines
