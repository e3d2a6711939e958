"""What boards print, for the runner: frames, replies to requests, shells, colours, patterns.

Usage: fuzz_lines.py SECONDS [TARGET SEED]. Each input is made of a number, so that one that fails
is made again by it. Time passes by a clock of the fuzzer's own: nothing waits.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Callable, Optional

HARNESS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HARNESS))

from runner import agent, console, frame, link, log, patterns, text  # noqa: E402
from runner.driver import Failed, Unfit  # noqa: E402
from runner.messages import Inbox  # noqa: E402
from runner.port import Lost  # noqa: E402
from runner.trace import Trace  # noqa: E402

Random = random.Random
PIECES_MAX = 60  # of what a board says in one run
CONSOLES = {
    path.stem: profile
    for path in sorted((HARNESS.parent / "scenarios" / "boards").glob("*.json"))
    for profile in [json.loads(path.read_text(encoding="utf-8"))] if "console" in profile
}
SNIPPETS = (
    b"\n", b"\r", b"\r\n", b"\x1b[", b"\x1b]0;", b"\x07", b"\x08 \x08", b"\x00", b"\xff\xfe", b"@T",
    b"@TNAK seq", b"*0000", b"%", b"%00", b"=", b" ", b"OK", b"> ", b"esp> ", b"ERROR", b"\xc3",
    b"A" * 5000, b"0x20007", b"-1",
)
WORDS = ("OK", "ERR", "ACK", "NAK", "TOLD")
KEYS = (
    "boot", "stack", "blob", "line", "caps", "off", "why", "busy", "run", "ph", "rc", "al", "ver",
    "ms", "heap", "more",
)
VALUES = (
    "0", "1", "100", "65536", "-1", "9" * 30, "", "hs", "0x0", "r40", "s80", "\u0664",
    "a%00b", "é", "9" * 4400, "r" + "9" * 4400,
)


def noise(dice: Random, most: int = 8) -> bytes:
    """Bytes that mean something to somebody, and some that do not."""
    return b"".join(
        dice.choice(SNIPPETS) if dice.random() < 0.7 else dice.randbytes(dice.randrange(6))
        for _ in range(dice.randrange(most))
    )


def damaged(dice: Random, data: bytes) -> bytes:
    """The bytes, of which most often all are as they were."""
    if not data or dice.random() < 0.6:
        return data
    at = dice.randrange(len(data))
    end = min(len(data), at + dice.randrange(4))
    middle = dice.choice((b"", dice.randbytes(1), data[at:end] * 2, noise(dice)))
    return data[:at] + middle + data[end:]


def reply_to(dice: Random, request: bytes) -> bytes:
    """A frame as a board sends it, to the request's number as a rule, with any fields."""
    asked = re.search(rb"@H([0-9A-F]{2}) ", request)
    number = asked[1] if asked and dice.random() < 0.9 else b"%02X" % dice.randrange(256)
    fields = b"".join(
        b" %s=%s" % (key.encode(), frame.quote(dice.choice(VALUES)))
        for key in dice.sample(KEYS, dice.randrange(len(KEYS)))
    )
    body = number + b" " + dice.choice(WORDS).encode() + fields
    return b"\r\n@T%s*%04X\r\n" % (body, frame.crc16(body))


class Clock:
    """Time goes on whenever somebody looks."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 0.001
        return self._now

    def time(self) -> float:
        return self.monotonic()

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class Board:
    """A port to a board that answers whatever it likes, until it is unplugged."""

    fd: Optional[int] = None
    byte_s = 0.0
    opened = 0.0

    def __init__(self, dice: Random, answer: Callable[[Random, bytes], bytes]) -> None:
        self._dice = dice
        self._answer = answer
        self._written = b""
        self._left = PIECES_MAX

    def write(self, data: bytes) -> None:
        self._written = data

    def read(self, _seconds: float = 0) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise Lost("the board is unplugged")
        return damaged(self._dice, self._answer(self._dice, self._written))

    def wait(self, _inbox: Inbox, _seconds: float) -> bytes:
        return self.read()

    def set_line(self, _line: str, _on: bool) -> None:
        pass

    def expect_return(self) -> None:
        pass

    def doubt(self) -> str:
        return ""


def quiet_inbox() -> Inbox:
    """Nobody says anything, and the pipe is never closed."""
    return Inbox(QUIET[0])


QUIET = os.pipe()


def command(dice: Random) -> dict[str, Any]:
    """A whole "run" command."""
    members = {"sni": "server.shakedown.test", "alpn": "h2", "send": "hello"}
    asked = dice.sample(sorted(members), dice.randrange(len(members) + 1))
    return {
        "id": dice.choice(VALUES), "host": "127.0.0.1", "port": 4433, "timeout_ms": 500,
        **{key: members[key] for key in asked},
    }


def machine_number(digits: str) -> int:
    """The daemon holds integers in 64 bits, and takes no others."""
    assert -(2**63) <= int(digits) < 2**63, digits
    return int(digits)


def check_told(told: Any, kept: log.Log) -> None:
    """What the daemon is told is JSON as it reads it, and the log is no longer than it may be."""
    assert json.loads(json.dumps(told), parse_int=machine_number) == told, told
    assert len(kept.text(0.0)) <= 5 * log.LOG_MAX


# --- targets ------------------------------------------------------------------------------------


def lines(dice: Random) -> None:
    """A stream cut into pieces anyhow comes out as the same lines, none of them endless."""
    stream = b"".join(noise(dice) + reply_to(dice, b"") for _ in range(dice.randrange(1, 20)))
    cutter = frame.Lines()
    whole: list[bytes] = []
    at = 0
    while at < len(stream):
        step = dice.randrange(1, 600)
        whole += cutter.feed(stream[at : at + step])
        assert len(cutter.half()) <= frame.HALF_LINE_MAX
        at += step
    assert not any(b"\n" in line or not line for line in whole)
    for line in map(lambda line: damaged(dice, line), whole):
        reply, rest = frame.decode(line)
        assert len(rest) <= len(line) and (reply or rest == line)
        assert not reply or reply.seq in range(frame.NAK, 256)


def shown(dice: Random) -> None:
    """What patterns and people see of a line has no control characters, and is the same twice."""
    data = noise(dice, 30)
    seen = text.clean(data.replace(b"\n", b""))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", seen), seen
    assert text.shown(data).isascii() and text.shown(data).isprintable()


def replies(dice: Random) -> None:
    """An agent that answers almost anything: a run ends with a testimony, or with a sentence."""
    kept = log.Log()

    def answer(dice: Random, asked: bytes) -> bytes:
        return reply_to(dice, asked) if dice.random() < 0.8 else noise(dice)

    board: Any = Board(dice, answer)
    driver = agent.Agent(link.Link(board, quiet_inbox(), kept), quiet_inbox())
    try:
        check_told(driver.run(command(dice), lambda: None), kept)
    except (Failed, Lost) as failed:
        check_told(str(failed), kept)


def shells(dice: Random) -> None:
    """A shell that says anything, often what its profile looks for."""
    profile = CONSOLES[dice.choice(sorted(CONSOLES))]
    told = re.findall(r"\^?([A-Za-z0-9 _:+#>\\.-]{2,})", json.dumps(profile["console"]))
    words = [word.encode().replace(b"\\", b"") for word in told]

    def answer(dice: Random, asked: bytes) -> bytes:
        word = dice.choice(words)
        heard: bytes = dice.choice((asked, noise(dice), word + b"\r\n", b"\n" + word))
        return heard + dice.choice((b"", b"\r\n", b"OK\r\n", b"esp> ", b"uart:~$ "))

    board: Any = Board(dice, answer)
    driver = console.Console("board", profile, board, quiet_inbox(), Trace())
    try:
        check_told(driver.run(command(dice), lambda: None), driver.log)
    except (Failed, Lost) as failed:
        check_told(str(failed), driver.log)
    driver.settle()


def profiles(dice: Random) -> None:
    """Regular expressions of a profile that somebody got wrong: refused, or used."""
    profile = CONSOLES[dice.choice(sorted(CONSOLES))]
    settings = json.loads(json.dumps(profile["console"]))
    for kind in patterns.KINDS:
        for i, entry in enumerate(settings.get(kind, [])):
            if isinstance(entry, str):
                settings[kind][i] = damaged(dice, entry.encode()).decode("latin-1")
    try:
        known = patterns.Patterns("$.console", settings)
        known.take(text.clean(noise(dice)))
        check_told(known.facts(), log.Log())
    except patterns.Wrong as wrong:
        assert str(wrong).startswith("$.console")


TARGETS = (lines, shown, replies, shells, profiles)


def run_one(target: Callable[[Random], None], seed: int) -> None:
    """One input. On failure its number is told."""
    try:
        target(Random(seed))
    except Exception:
        print(f"{target.__name__} fails with the seed {seed}", file=sys.stderr)
        raise


def main(seconds: float, chosen: list[str]) -> int:
    if not CONSOLES:
        raise SystemExit("there are no profiles of consoles")
    warnings.simplefilter("ignore", FutureWarning)  # of what regular expressions may mean some day
    clock = Clock()
    for module in (agent, console, link, log):
        for name, value in (("time", clock), ("monotonic", clock.monotonic)):
            if hasattr(module, name):
                setattr(module, name, value)
    if chosen:
        run_one(next(target for target in TARGETS if target.__name__ == chosen[0]), int(chosen[1]))
        return 0
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        for target in TARGETS:
            run_one(target, n)
        n += 1
    print(f"{n * len(TARGETS)} inputs")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), sys.argv[2:]))
