"""What every driver does: greet a board, and lead it through one run."""

from __future__ import annotations

from typing import Any, Callable, Dict, Protocol

from .log import Log
from .messages import Message

Board = Dict[str, Any]  # a testimony, in the words of Shakedown's reports


class Failed(Exception):
    """No result can be had from this run. `kind` is for programs, the text for people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Unfit(Exception):
    """The profile is not right: the text names the place in it, and why."""


class Driver(Protocol):
    """One board, by whatever means. Lost and Closed pass through all methods."""

    log: Log

    def greet(self) -> Message:
        """Makes sure that the board is there; what it tells of itself. Failed if it is not."""

    def run(self, command: Message, started: Callable[[], None]) -> Board:
        """One run: calls `started` once the board connects, and waits for the end. Or Failed."""

    def listen(self) -> None:
        """Collects log until something comes, from the board or from the daemon."""

    def settle(self) -> None:
        """Takes what has come of a line that may never end as log: after a run that failed."""


def about(stack: str = "") -> Message:
    """What the daemon is told of a board that has no agent to tell it."""
    return {"stack": stack, "boot": "", "blob": 0, "caps": []}
