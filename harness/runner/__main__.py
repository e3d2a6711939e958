"""The runner's process: python3 -m runner --port DEVICE --baud RATE --name NAME

Standard input and output carry messages (messages.py). It ends with 0 when its input closes or a
signal asks it to, and with 3, after a "lost" message, when there is no port or no board.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from .agent import GREET_S, Agent, Failed, Info
from .link import Link
from .log import Log
from .messages import Closed, Inbox, Message, Outbox
from .port import Lost, Port

LOST_STATUS = 3
_MUTE = (
    "check that firmware with the agent runs on it, that the baud rate is the firmware's, and that "
    "RX and TX are crossed"
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runner", description="Drives one board over its UART.")
    parser.add_argument("--port", required=True, help="device, or a URL that pyserial knows")
    parser.add_argument("--baud", type=int, default=115200)
    parser.add_argument("--name", required=True, help="the board's name, for sentences")
    return parser.parse_args()


def _end(number: int, _frame: object) -> None:
    raise Closed


def _run(agent: Agent, link: Link, log: Log, outbox: Outbox, command: Message) -> None:
    began = time.monotonic()
    name = command["id"]
    try:
        board = agent.run(command, lambda: outbox.send("started", id=name))
        outbox.send("result", id=name, board=board, log=log.text(began))
    except Failed as failed:
        link.end_half_line()
        outbox.send("failed", id=name, kind=failed.kind, text=str(failed), log=log.text(began))
    log.clear()


def _greet(agent: Agent) -> Info:
    """Boards that restart as their port is opened are greeted once more."""
    end = time.monotonic() + GREET_S
    while True:
        try:
            return agent.greet(GREET_S)
        except Failed as failed:
            if failed.kind != "reboot" or time.monotonic() >= end:
                raise


def _serve(port: Port, inbox: Inbox, outbox: Outbox) -> None:
    """Greets the board, then does the runs that the daemon asks for, until Closed or Lost."""
    log = Log()
    link = Link(port, inbox, log)
    agent = Agent(link, inbox)
    outbox.send("ready", **_greet(agent)._asdict())
    while True:
        command = inbox.next_run()
        if command is None:
            link.listen()
        else:
            _run(agent, link, log, outbox, command)


def _drive(arguments: argparse.Namespace, inbox: Inbox, outbox: Outbox) -> int:
    port = None
    try:
        port = Port(arguments.port, arguments.baud)
        _serve(port, inbox, outbox)
    except Lost as lost:
        outbox.send("lost", who="port", text=f"{arguments.name}: {lost}")
    except Failed as failed:
        where = f"{arguments.name} on {arguments.port}"
        advice = f"; {_MUTE}" if failed.kind == "silent" else ""
        outbox.send("lost", who="board", text=f"{where}: {failed}{advice}")
    finally:
        if port:
            port.close()
    return LOST_STATUS


def main() -> int:
    """Runs until the daemon or the port goes; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        arguments = _arguments()
        return _drive(arguments, Inbox(sys.stdin.fileno()), Outbox(sys.stdout.fileno()))
    except Closed:
        return 0


if __name__ == "__main__":
    sys.exit(main())
