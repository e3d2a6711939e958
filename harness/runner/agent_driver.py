"""The driver of boards whose firmware has the agent."""

from __future__ import annotations

import time
from typing import Any, Callable

from .agent import GREET_S, Agent
from .driver import Failed
from .link import Link
from .log import Log
from .messages import Inbox, Message
from .port import Port
from .reset import Reset

_MUTE = (
    "check that firmware with the agent runs on it, that the baud rate is the firmware's, and that "
    "RX and TX are crossed"
)


class AgentDriver:
    """A board whose firmware has the agent."""

    def __init__(self, port: Port, inbox: Inbox, reset: Reset) -> None:
        self.log = Log()
        self._reset = reset
        self._link = Link(port, inbox, self.log)
        self._agent = Agent(self._link, inbox)

    def greet(self) -> Message:
        """A silent board is greeted again after a reset, if there is a way to reset it."""
        try:
            return self._greet()
        except Failed as failed:
            if failed.kind != "silent":
                raise
            silence = failed
        for _ in self._reset.ways():
            try:
                return self._greet()
            except Failed as failed:
                silence = failed
        raise silence

    def _greet(self) -> Message:
        """Boards that restart as their port is opened are greeted once more."""
        end = time.monotonic() + GREET_S
        while True:
            try:
                return self._agent.greet(GREET_S)._asdict()
            except Failed as failed:
                if failed.kind == "silent":
                    raise Failed("silent", f"{failed}; {_MUTE}") from None
                if failed.kind != "reboot" or time.monotonic() >= end:
                    raise

    def run(self, command: Message, started: Callable[[], None]) -> Any:
        try:
            return self._agent.run(command, started)
        except Failed as failed:
            if failed.kind == "silent" and self._reset.possible:
                self._reset.do()  # for the run after this one
            raise

    def listen(self) -> None:
        self._link.listen()

    def settle(self) -> None:
        self._link.end_half_line()
