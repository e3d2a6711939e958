"""The runner's process: python3 -m runner --name NAME [--driver DRIVER] [--profile JSON]
                                           [--port DEVICE --baud RATE]

Standard input and output carry messages (messages.py). It ends with 0 when its input closes or a
signal asks it to, and with 3, after a "lost" message, when there is no port or no board.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from typing import Any, Callable, NamedTuple

from .agent import GREET_S, Agent
from .check import check, reset
from .console import Console
from .driver import Driver, Failed, Unfit
from .link import Link
from .log import Log
from .messages import Closed, Inbox, Message, Outbox
from .passive import Passive
from .port import Lost, Port
from .program import Program
from .reset import Reset
from .trace import Trace

LOST_STATUS = 3
_MUTE = (
    "check that firmware with the agent runs on it, that the baud rate is the firmware's, and that "
    "RX and TX are crossed"
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runner", description="Drives one board.")
    parser.add_argument("--driver", default="agent", choices=sorted(_DRIVERS))
    parser.add_argument("--profile", type=json.loads, default={}, help="the board's profile")
    parser.add_argument("--port", default="", help="device, or a URL that pyserial knows")
    parser.add_argument("--baud", type=int, default=115200)
    parser.add_argument("--name", required=True, help="the board's name, for sentences")
    parser.add_argument("--task", choices=("check", "reset"), help="do this, and end")
    parser.add_argument("--trace", action="store_true", help="tell each step of a dialogue")
    return parser.parse_args()


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


class Setting(NamedTuple):
    """What drivers are made of."""

    arguments: argparse.Namespace
    port: Port | None
    inbox: Inbox
    trace: Trace

    @property
    def name(self) -> str:
        """The board's name."""
        return str(self.arguments.name)

    @property
    def profile(self) -> dict[str, Any]:
        """The board's profile."""
        profile: dict[str, Any] = self.arguments.profile
        return profile

    def needed_port(self) -> Port:
        """The port, for drivers that cannot do without."""
        if self.port is None:
            raise Lost("this driver needs a port, and none was given")
        return self.port


def _agent(of: Setting) -> Driver:
    return AgentDriver(of.needed_port(), of.inbox, Reset(of.name, of.profile, of.port))


def _console(of: Setting) -> Driver:
    return Console(of.name, of.profile, of.needed_port(), of.inbox, of.trace)


def _program(of: Setting) -> Driver:
    return Program(of.name, of.profile, of.inbox, of.trace)


def _passive(of: Setting) -> Driver:
    return Passive(of.name, of.profile, of.port, of.inbox, of.trace)


_DRIVERS: dict[str, Callable[[Setting], Driver]] = {
    "agent": _agent, "console": _console, "exec": _program, "passive": _passive,
}


def _end(number: int, _frame: object) -> None:
    raise Closed


def _run(driver: Driver, outbox: Outbox, command: Message, trace: Trace) -> None:
    began = time.monotonic()
    name = command["id"]
    try:
        board = driver.run(command, lambda: outbox.send("started", id=name))
        trace.flush()
        outbox.send("result", id=name, board=board, log=driver.log.text(began))
    except Failed as failed:
        driver.settle()
        trace.flush()
        log = driver.log.text(began)
        outbox.send("failed", id=name, kind=failed.kind, text=str(failed), log=log)
    driver.log.clear()


def _serve(driver: Driver, inbox: Inbox, outbox: Outbox, trace: Trace) -> None:
    """Greets the board, then does the runs that the daemon asks for, until Closed or Lost."""
    outbox.send("ready", **driver.greet())
    while True:
        command = inbox.next_run()
        if command is None:
            driver.listen()
        else:
            _run(driver, outbox, command, trace)


def _drive(arguments: argparse.Namespace, inbox: Inbox, outbox: Outbox) -> int:
    port = None
    trace = Trace(outbox if arguments.trace else None)
    try:
        if arguments.port:
            port = Port(arguments.port, arguments.baud, trace)
        driver = _DRIVERS[arguments.driver](Setting(arguments, port, inbox, trace))
        _serve(driver, inbox, outbox, trace)
    except Lost as lost:
        trace.flush()
        outbox.send("lost", who="port", text=f"{arguments.name}: {lost}")
    except Unfit as unfit:
        outbox.send("lost", who="profile", text=f"{arguments.name}: {unfit}")
    except Failed as failed:
        trace.flush()
        where = f"{arguments.name} on {arguments.port}" if arguments.port else arguments.name
        outbox.send("lost", who="board", text=f"{where}: {failed}")
    finally:
        if port:
            port.close()
    return LOST_STATUS


def _do(arguments: argparse.Namespace) -> int:
    """A task; nobody sends commands."""
    nobody, _ = os.pipe()

    def open_port() -> Port:
        return Port(arguments.port, arguments.baud)

    def make(port: Port | None) -> Driver:
        return _DRIVERS[arguments.driver](Setting(arguments, port, Inbox(nobody), Trace()))

    if arguments.task == "check":
        well = check(arguments.name, arguments.port, open_port, make)
    else:
        well = reset(arguments.name, arguments.profile, arguments.port, open_port)
    return 0 if well else 1


def main() -> int:
    """Runs until the daemon or the port goes; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        arguments = _arguments()
        if arguments.task:
            return _do(arguments)
        return _drive(arguments, Inbox(sys.stdin.fileno()), Outbox(sys.stdout.fileno()))
    except Closed:
        return 0


if __name__ == "__main__":
    sys.exit(main())
