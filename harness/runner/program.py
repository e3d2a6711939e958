"""The driver "exec": a program on this or another host is the client.

It is started without a shell, in a session of its own, and its whole process group is ended when
time is up. Exit status and output are its testimony.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import time
from typing import Any, Callable

from . import template
from .driver import Board, Failed, Unfit, about
from .frame import Lines
from .log import Log
from .messages import Inbox, Message
from .patterns import Patterns, Wrong
from .text import clean
from .trace import Trace
from .values import Values, refuse_unmet

MARGIN_S = 0.5  # beyond the run's time: the server is to give up first
GRACE_S = 0.5  # between SIGTERM and SIGKILL
CHUNK = 65536
LISTEN_S = 60.0
VERSION_S = 5.0  # for a program to print its version
PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)
NO_RESULT = (126, 127)  # shells and ssh: the command was not found, or could not be started


def _die_with_us() -> None:
    """In the child: it is killed when the runner is, so that no client outlives its run."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """The user's own, as it was before the runner's came in; messages in English."""
    env = dict(os.environ)
    own = env.pop("PYTHONPATH", "").partition(":")[2]
    if own:
        env["PYTHONPATH"] = own
    env.pop("PYTHONSAFEPATH", None)
    env["LC_ALL"] = "C.UTF-8"
    return env


class Program:
    """A client that is a program."""

    def __init__(
        self, name: str, profile: dict[str, Any], inbox: Inbox, trace: Trace
    ) -> None:
        self.log = Log()
        self._name = name
        self._inbox = inbox
        self._trace = trace
        self._settings: dict[str, Any] = profile["exec"]
        self._application = profile.get("application")
        self._command: list[template.Word] = self._settings["command"]
        self._no_result = set(self._settings.get("no_result", NO_RESULT))
        self._values = Values(self._settings)
        try:
            self._patterns = Patterns("$.exec", self._settings)
            template.check([*self._command, self._settings.get("stdin", "")])
        except (Wrong, template.Unknown) as wrong:
            raise Unfit(str(wrong)) from None

    def greet(self) -> Message:
        program = template.fill(self._command[:1], {})
        if not program or not shutil.which(program[0]):
            raise Failed(
                "silent", f"there is no program {self._command[0]}: install it, or correct "
                "$.exec.command[0] of the profile"
            )
        version = self._version()
        return about(f"{program[0]}/{version}" if version else "")

    def _version(self) -> str:
        """The first version number in what the profile's command for that prints; empty if none."""
        command = self._settings.get("version")
        if not command:
            return ""
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=_environment(), timeout=VERSION_S, check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        found = re.search(r"\d+\.\d+[0-9A-Za-z.-]*", done.stdout.decode(errors="replace"))
        return found[0] if found else ""

    def listen(self) -> None:
        if select.select([self._inbox.fd], [], [], LISTEN_S)[0]:
            self._inbox.read()

    def settle(self) -> None:
        pass

    def run(self, command: Message, started: Callable[[], None]) -> Board:
        words = [*self._command, self._settings.get("stdin", "")]
        refuse_unmet(words, command, "the profile's exec.command", self._application)
        values = self._values.of(command)
        self._patterns.clear()
        child = self._start(template.fill(self._command, values))
        started()
        try:
            self._say(child, "".join(template.fill(words[-1:], values)))
            in_time = self._watch(child, time.monotonic() + command["timeout_ms"] / 1000 + MARGIN_S)
        finally:
            self._end(child)
        return self._testimony(child.returncode if in_time else None)

    def _start(self, words: list[str]) -> subprocess.Popen[bytes]:
        line = ("$ " + " ".join(words)).encode()
        self.log.add(time.monotonic(), line)
        self._trace.sent(line)
        try:
            return subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=_environment(), start_new_session=True, preexec_fn=_die_with_us,
            )
        except OSError as error:
            raise Failed("refused", f"cannot start {words[0]}: {error.strerror}") from None

    def _say(self, child: subprocess.Popen[bytes], text: str) -> None:
        """What the program finds on its standard input, which is then at its end."""
        assert child.stdin
        try:
            child.stdin.write(text.encode())
            child.stdin.close()
        except BrokenPipeError:
            pass

    def _watch(self, child: subprocess.Popen[bytes], end: float) -> bool:
        """Collects output until the program has ended. False if it was still at it at `end`."""
        assert child.stdout
        lines = Lines()
        ended = os.pidfd_open(child.pid)
        os.set_blocking(child.stdout.fileno(), False)
        try:
            while time.monotonic() < end and not self._inbox.abort:
                watched = [child.stdout, ended, self._inbox.fd]
                ready = select.select(watched, [], [], max(end - time.monotonic(), 0))[0]
                if self._inbox.fd in ready:
                    self._inbox.read()
                if child.stdout in ready or ended in ready:
                    whole = self._drain(child.stdout.fileno(), lines)
                    if ended in ready or whole:
                        break
            child.wait(max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            pass
        finally:
            os.close(ended)
        self._take(lines.take_half())
        self._inbox.abort = False
        return child.returncode is not None

    def _drain(self, fd: int, lines: Lines) -> bool:
        """Takes what there is of output. True at its end."""
        while True:
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return False
            for line in lines.feed(data):
                self._take(line)
            if not data:
                return True

    def _take(self, line: bytes) -> None:
        if not line:
            return
        self.log.add(time.monotonic(), line)
        self._trace.came(line)
        try:
            for match in self._patterns.take(clean(line)):
                self._trace.say(match.told())
        except Wrong as wrong:
            raise Failed("no-match", str(wrong)) from None

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Nothing that the program has started is left."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, number)
                child.wait(GRACE_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        child.wait()
        assert child.stdout
        child.stdout.close()

    def _testimony(self, status: int | None) -> Board:
        """What exit status and output say. None: it was ended, as its time was up."""
        patterns = self._patterns
        fatal, fail = patterns.first("fatal"), patterns.first("fail")
        board: Board = {"exit_status": status, **patterns.facts()}
        if fatal:
            raise Failed("reboot", f"{self._name} wrote {fatal.line!r} ({fatal.place})")
        if status is not None and status < 0:
            raise Failed("reboot", f"{self._name} was ended by signal {-status}")
        if fail:
            return {**board, "status": board.get("status", "failed")}
        if status is None:
            return board
        if status in self._no_result:
            raise Failed("no-match", f"{self._name} ended with {status}, which says nothing of TLS")
        if status != 0:
            return {**board, "status": board.get("status", str(status))}
        if patterns.wants("ok") and not patterns.first("ok"):
            raise Failed(
                "no-match", f"{self._name} ended with 0, and no pattern of $.exec.ok matched"
            )
        return {**board, "phase": "close", "status": "0"}
