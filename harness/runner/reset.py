"""Restarting a board: by the modem lines of its port, by a hook, or by taking its power away."""

from __future__ import annotations

import time
from typing import Any, Iterator, List

from .driver import Failed
from .port import Port

HOOK_S = 30.0
OFF_S = 1.0  # between power off and power on


def run_hook(name: str, what: str, command: List[str]) -> None:
    """Runs an executable of the user's to its end. Failed if it is not there, fails or hangs."""
    import subprocess

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=HOOK_S, check=False,
        )
    except OSError as error:
        why = f"cannot start the {what} hook {command[0]}: {error.strerror}"
        raise Failed("refused", why) from None
    except subprocess.TimeoutExpired:
        why = f"the {what} hook {command[0]} took longer than {HOOK_S:g} s"
        raise Failed("refused", why) from None
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip().splitlines()
        last = f": {said[-1]}" if said else ""
        status = f"{done.returncode}{last}"
        raise Failed("refused", f"the {what} hook {command[0]} of {name} ended with {status}")


def play_lines(port: Port, script: str) -> None:
    """Sets the modem lines as "D0|R1|W0.1" says: DTR off, RTS on, wait for 0.1 s."""
    for step in script.split("|"):
        if step[0] == "W":
            time.sleep(float(step[1:]))
        else:
            port.set_line({"D": "dtr", "R": "rts"}[step[0]], step[1] == "1")


class Reset:
    """The ways to restart a board that its profile knows, the gentlest first."""

    def __init__(self, name: str, profile: dict[str, Any], port: Port | None) -> None:
        self._name = name
        self._port = port
        self._reset: str | list[str] | None = profile.get("reset")
        self._power: dict[str, list[str]] | None = profile.get("power")

    @property
    def possible(self) -> bool:
        """Whether there is any way."""
        return bool(self._reset or self._power)

    def ways(self) -> Iterator[str]:
        """Restarts the board in one way after the other, and names each once it is done.

        Failed, with a sentence, where that cannot be done.
        """
        if self._reset:
            self._expect_port()
            self._do_reset()
            self._expect_port()
            yield "reset"
        if self._power:
            self._cycle_power()
            self._expect_port()
            yield "power off and on"

    def do(self) -> None:
        """Restarts the board in the gentlest way, if there is any."""
        next(self.ways(), None)

    def _expect_port(self) -> None:
        if self._port:
            self._port.expect_return()

    def _do_reset(self) -> None:
        if isinstance(self._reset, list):
            run_hook(self._name, "reset", self._reset)
        elif self._port and self._reset:
            play_lines(self._port, self._reset)
        else:
            raise Failed("refused", "the modem lines of a port cannot be set without a port")

    def _cycle_power(self) -> None:
        assert self._power
        run_hook(self._name, "power", self._power["off"])
        time.sleep(OFF_S)
        run_hook(self._name, "power", self._power["on"])
