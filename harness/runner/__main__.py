"""The runner's process: python3 -m runner --name NAME [--driver DRIVER] [--profile JSON]
                                           [--port DEVICE --baud RATE]

Standard input and output carry messages (messages.py). It ends with 0 when its input closes or a
signal asks it to, and with 3, after a "lost" message, when there is no port or no board.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple

from .driver import Driver, Failed, Unfit
from .messages import Closed, Inbox, Message, Outbox
from .port import RETURN_S, Lost, Port
from .trace import Trace

LOST_STATUS = 3
_TASKS = ("check", "reset")


class Arguments(NamedTuple):
    """The command line."""

    name: str  # the board's, for sentences
    driver: str
    profile: Dict[str, Any]  # the board's
    port: str  # device, or a URL that pyserial knows; may be empty
    baud: int
    task: str  # "check" or "reset": do this, and end
    trace: bool  # tell each step of a dialogue


class Setting(NamedTuple):
    """What drivers are made of."""

    arguments: Arguments
    port: Port | None
    inbox: Inbox
    trace: Trace

    @property
    def name(self) -> str:
        """The board's name."""
        return self.arguments.name

    @property
    def profile(self) -> dict[str, Any]:
        """The board's profile."""
        return self.arguments.profile

    def needed_port(self) -> Port:
        """The port, for drivers that cannot do without."""
        if self.port is None:
            raise Lost("this driver needs a port, and none was given")
        return self.port


# A driver's modules are read when it is asked for: a run starts one interpreter for each board.


def _agent(of: Setting) -> Driver:
    from .agent_driver import AgentDriver
    from .reset import Reset

    return AgentDriver(of.needed_port(), of.inbox, Reset(of.name, of.profile, of.port))


def _console(of: Setting) -> Driver:
    from .console import Console

    return Console(of.name, of.profile, of.needed_port(), of.inbox, of.trace)


def _program(of: Setting) -> Driver:
    from .program import Program

    return Program(of.name, of.profile, of.inbox, of.trace)


def _passive(of: Setting) -> Driver:
    from .passive import Passive

    return Passive(of.name, of.profile, of.port, of.inbox, of.trace)


_DRIVERS: dict[str, Callable[[Setting], Driver]] = {
    "agent": _agent, "console": _console, "exec": _program, "passive": _passive,
}


_USAGE = f"""usage: runner --name NAME [--driver {{{','.join(sorted(_DRIVERS))}}}] [--profile JSON]
              [--port DEVICE] [--baud RATE] [--task {{check,reset}}] [--trace]"""


def _wrong_usage(what: str) -> SystemExit:
    print(f"{_USAGE}\nrunner: error: {what}", file=sys.stderr)
    return SystemExit(2)


def _arguments(words: List[str]) -> Arguments:
    """The command line, read by hand: argparse takes a third of an interpreter's start to load."""
    given = {"name": "", "driver": "agent", "profile": "{}", "port": "", "baud": "115200", "task": ""}
    rest = iter(word for word in words if word != "--trace")
    for word in rest:
        if word[:2] != "--" or word[2:] not in given:
            raise _wrong_usage(f"{word} is no option")
        given[word[2:]] = next(rest, "")
    if not given["name"] or given["driver"] not in _DRIVERS or given["task"] not in ("", *_TASKS):
        raise _wrong_usage("--name is needed, and --driver and --task take one of their words")
    return Arguments(
        given["name"], given["driver"], json.loads(given["profile"]), given["port"],
        int(given["baud"]), given["task"], "--trace" in words,
    )


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


def _drive(arguments: Arguments, inbox: Inbox, outbox: Outbox) -> int:
    port = None
    trace = Trace(outbox if arguments.trace else None)
    try:
        if arguments.port:
            return_s = arguments.profile.get("return_timeout_ms", RETURN_S * 1000) / 1000
            port = Port(arguments.port, arguments.baud, trace, return_s)
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


def _do(arguments: Arguments) -> int:
    """A task; nobody sends commands."""
    from .check import check, reset

    nobody, _ = os.pipe()

    def open_port() -> Port:
        return Port(arguments.port, arguments.baud)

    def make(port: Port | None) -> Driver:
        return _DRIVERS[arguments.driver](Setting(arguments, port, Inbox(nobody), Trace()))

    if arguments.task == "check":
        passive = arguments.driver == "passive"
        well = check(arguments.name, arguments.port, passive, open_port, make)
    else:
        well = reset(arguments.name, arguments.profile, arguments.port, open_port)
    return 0 if well else 1


def main() -> int:
    """Runs until the daemon or the port goes; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        arguments = _arguments(sys.argv[1:])
        if arguments.task:
            return _do(arguments)
        return _drive(arguments, Inbox(sys.stdin.fileno()), Outbox(sys.stdout.fileno()))
    except Closed:
        return 0


if __name__ == "__main__":
    sys.exit(main())
