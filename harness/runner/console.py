"""The driver "console": firmware with a shell of its own, driven by its profile.

A run is a dialogue: commands that set things and bring certificates over (`before`, `roots`), the
command that connects, and what ends the connection (`after`). After each command the prompt is
awaited; after the one that connects also a line that a pattern knows. Patterns see complete lines
alone, without colours, that came after the echo of the command.
"""

from __future__ import annotations

import re
import time
from os.path import commonprefix
from typing import Any, Callable, Dict, Iterator, List, Union

from . import template
from .driver import Board, Failed, Unfit, about
from .frame import Lines
from .log import Log
from .messages import Inbox, Message
from .patterns import Patterns, TooSlow, Wrong, compiled, search
from .port import Port
from .reset import Reset
from .text import clean, written
from .trace import Trace
from .values import Values, refuse_unmet

BOOT_S = 10.0  # for a first prompt, where the profile does not say
SETUP_S = 60.0  # for all commands before the one that connects; the daemon waits for longer
STEP_S = 10.0  # for the answer to a command that is not the one that connects
LEAVE_S = 3.0  # for the answer to one that ends the connection
WAKE_S = 0.5  # between two attempts to get a prompt
MARGIN_S = 0.5  # beyond the run's time: the server is to give up first
CALM_S = 0.05  # a worse line may be close behind one that says that all is well
LATE_S = 1.0  # for the prompt, once a line has said how it went
LAST_WORDS_S = 1.0  # for what a board says when it crashes and starts anew,
QUIET_S = 0.1  # which is over when nothing came for this long
PROMPT_MAX = 64  # characters of a prompt that something stands behind
LISTEN_S = 60.0

Step = Dict[str, Any]  # "send": words; "each", "expect", "end_of_line" as in the profile
Entry = Union[str, List[str], Step]


def _step(entry: Entry, kind: str) -> Step:
    """A command in its longest form."""
    step: Step = dict(entry) if isinstance(entry, dict) else {"send": entry}
    step["send"] = [step["send"]] if isinstance(step["send"], str) else step["send"]
    step["kind"] = kind
    return step


class Console:
    """A board with a shell."""

    def __init__(
        self, name: str, profile: dict[str, Any], port: Port, inbox: Inbox, trace: Trace
    ) -> None:
        self.log = Log()
        self._name = name
        self._port = port
        self._inbox = inbox
        self._trace = trace
        self._settings: dict[str, Any] = profile["console"]
        self._boot_s = profile.get("boot_timeout_ms", BOOT_S * 1000) / 1000
        self._application = profile.get("application")
        self._reset = Reset(name, profile, port)
        self._end = self._settings.get("end_of_line", "\r\n")
        self._echo = self._settings.get("echo", True)
        self._values = Values(self._settings)
        self._lines = Lines()
        self._half = b""  # of a line that has not ended
        self._setup_end = 0.0
        self._asked = ""  # the command that was sent last
        entries = {**self._settings, "command": [self._settings["command"]]}
        self._steps = [
            _step(entry, kind)
            for kind in ("before", "roots", "command", "after")
            for entry in entries.get(kind, [])
        ]
        try:
            self._patterns = Patterns("$.console", self._settings)
            self._prompt = compiled("$.console.prompt", self._settings["prompt"])
            self._banner = compiled("$.banner", profile["banner"]) if "banner" in profile else None
            self._expected = {
                step["expect"]: compiled(f"$.console.{step['kind']}", step["expect"])
                for step in self._steps if "expect" in step
            }
            self._check_places()
        except (Wrong, template.Unknown) as wrong:
            raise Unfit(str(wrong)) from None

    def _check_places(self) -> None:
        for step in self._steps:
            template.check([text.replace("{line}", "") if "each" in step else text
                            for text in step["send"]])

    # --- the daemon's side -----------------------------------------------------------------------

    def greet(self) -> Message:
        self._get_ready()
        return about()

    def listen(self) -> None:
        self._hear(LISTEN_S)

    def settle(self) -> None:
        self.log.add_half(self._lines)

    def run(self, command: Message, started: Callable[[], None]) -> Board:
        words: list[template.Word] = [word for step in self._steps for word in step["send"]]
        refuse_unmet(words, command, "the profile's console", self._application)
        values = self._values.of(command)
        self._patterns.clear()
        self._get_ready()
        self._bring(values, self._values.of_roots(command))
        crashed = False
        try:
            self._connect(values, command["timeout_ms"] / 1000 + MARGIN_S, started)
            board = self._testimony()
        except Failed as failed:
            crashed = failed.kind == "reboot"
            raise
        finally:
            if not crashed:
                self._leave(values)
        return board

    def _bring(self, values: dict[str, str], roots: list[dict[str, str]]) -> None:
        """All that comes before the command that connects."""
        if len(roots) > 1 and self._brings_one_root():
            raise Failed(
                "unable", f"the server's certificates lead to {len(roots)} roots, and the profile "
                "brings the first over alone: $.console.roots does it for each"
            )
        self._setup_end = time.monotonic() + SETUP_S
        for step in self._steps:
            if step["kind"] == "before":
                self._do(step, values)
        for root in roots:
            for step in self._steps:
                if step["kind"] == "roots":
                    self._do(step, {**values, **root})

    def _brings_one_root(self) -> bool:
        """Whether forms that hold one root are used where all should be."""
        forms = ("ca_base64", "ca_hex", "ca_der_size")
        names = (
            [*template.places(step["send"]), step.get("each", "")]
            for step in self._steps if step["kind"] != "roots"
        )
        return any(name in forms for of_step in names for name in of_step)

    # --- the dialogue ----------------------------------------------------------------------------

    def _get_ready(self) -> None:
        """A prompt, if need be by a reset or by taking the power away."""
        try:
            return self._wake(self._boot_s)
        except Failed as failed:
            silence = failed
        for way in self._reset.ways():
            self._trace.say(f"{silence}: {way}")
            try:
                return self._wake(self._boot_s)
            except Failed as failed:
                silence = failed
        raise silence

    def _wake(self, seconds: float) -> None:
        """Until a prompt comes. Failed (silent) if none does."""
        end = time.monotonic() + seconds
        n_heard = 0
        last = ""
        while time.monotonic() < max(end, self._port.opened + seconds):
            self._half = b""
            self._lines.take_half()
            asked = time.monotonic()
            self._write(self._settings.get("wake", ""), self._end)
            again = time.monotonic() + min(WAKE_S, seconds)
            while time.monotonic() < again and self._port.opened < asked:
                for line in self._hear(again - time.monotonic()):
                    n_heard += 1
                    last = clean(line) or last
                    if self._shows(self._prompt, line):
                        return self._drain(line)
                if self._shows(self._prompt, self._half):
                    return self._drain(self._half)
        last = clean(self._half) or last
        heard = _heard(n_heard, last, self._port)
        raise Failed(
            "silent", f"no prompt came in {seconds:g} s: no line matches $.console.prompt, "
            f"{self._prompt.pattern!r}{heard}"
        )

    def _drain(self, prompt: bytes) -> None:
        """Takes what still comes of earlier answers."""
        self._trace.say(f"prompt: {clean(prompt)!r} matches $.console.prompt")
        calm = time.monotonic() + CALM_S
        while time.monotonic() < calm:
            self._hear(calm - time.monotonic())

    def _do(self, step: Step, values: dict[str, str]) -> None:
        """One command but the one that connects, and its answer."""
        pieces = [""]
        if "each" in step:
            name = step["each"]
            if name not in values:
                return
            pieces = [line for line in values[name].splitlines() if line]
        for piece in pieces:
            text = "".join(template.fill(step["send"], {**values, "line": piece}))
            if text:
                self._ask(step, text)

    def _send(self, step: Step, text: str) -> Echo:
        """Sends a command; the echo to be expected of it."""
        self._half = b""
        self._asked = text
        self._write(text, step.get("end_of_line", self._end))
        return Echo(text if step.get("echo", self._echo) else "")

    def _ask(self, step: Step, text: str) -> None:
        awaited = self._expected.get(step.get("expect", ""), self._prompt)
        if step["kind"] != "after" and time.monotonic() > self._setup_end:
            raise Failed(
                "upload", f"what comes before the connection took longer than {SETUP_S:g} s"
            )
        echo = self._send(step, text)
        end = time.monotonic() + (LEAVE_S if step["kind"] == "after" else STEP_S)
        while time.monotonic() < end:
            for line in self._answers(echo, step, end - time.monotonic()):
                if self._shows(awaited, line):
                    return
            if echo.heard and self._shows(awaited, self._half):
                return
        raise Failed("silent", f"no answer to {text[:60]!r} in time: {awaited.pattern!r} did "
                     f"not come{self._last_words(echo)}")

    def _answers(self, echo: Echo, step: Step, seconds: float) -> Iterator[bytes]:
        """The lines that come now and answer the command; all that come are noted and judged."""
        for line in self._hear(seconds):
            if echo.takes(line):
                self._refuse_crash(line)
            else:
                self._refuse_worst(line, step)
                yield line

    def _refuse_worst(self, line: bytes, step: Step) -> None:
        """A crash, a restart, or a command that the shell does not take."""
        self._refuse_crash(line)
        refused = next((match for match in self._look(line) if match.kind == "refused"), None)
        if refused and not step.get("may_fail"):
            raise Failed(
                "upload" if step["kind"] in ("before", "roots") else "refused",
                f"the board refused {self._asked[:60]!r}: it wrote {refused.line!r} "
                f"({refused.place})",
            )

    def _refuse_crash(self, line: bytes) -> None:
        """That says it all, also where an echo is still awaited."""
        text = self._without_prompt(clean(line))
        try:
            if self._banner and search(self._banner, text):
                raise self._crash(f"the board restarted: it wrote {text!r}, which is its banner")
            fatal = self._patterns.fatal(text)
        except Wrong as wrong:
            raise Failed("no-match", str(wrong)) from None
        except TooSlow:
            raise Failed("no-match", "$.banner takes too long on a line") from None
        if fatal:
            self._trace.say(fatal.told())
            raise self._crash(f"the board wrote {fatal.line!r} ({fatal.place})")

    def _crash(self, text: str) -> Failed:
        """What is said of a board that starts anew, once its last and first words are in the log."""
        self._port.expect_return()
        now = time.monotonic()
        end, calm = now + LAST_WORDS_S, now + QUIET_S
        while now < min(calm, end):
            half = self._half
            if self._hear(calm - now) or self._half != half:
                calm = time.monotonic() + QUIET_S
            now = time.monotonic()
        return Failed("reboot", text)

    def _connect(
        self, values: dict[str, str], seconds: float, started: Callable[[], None]
    ) -> None:
        """Sends the command and takes lines until they say how it went, or time is up."""
        step = next(step for step in self._steps if step["kind"] == "command")
        text = "".join(template.fill(step["send"], values))
        self._patterns.clear()
        end = time.monotonic() + seconds
        echo = self._send(step, text)
        started()
        prompted = False
        while time.monotonic() < end and not self._inbox.abort:
            for line in self._answers(echo, step, end - time.monotonic()):
                prompted = prompted or self._shows(self._prompt, line)
            prompted = prompted or (echo.heard and self._shows(self._prompt, self._half))
            if self._patterns.first("ok") or self._patterns.first("fail"):
                end = min(end, time.monotonic() + (CALM_S if prompted else LATE_S))
        self._inbox.abort = False
        if not echo.heard:
            raise Failed(
                "no-match", f"the board did not echo {text[:60]!r}{self._last_words(echo)}; if it "
                "repeats nothing, say so in the profile (\"echo\": false), and if it loses bytes, "
                "byte_delay_ms helps"
            )

    def _testimony(self) -> Board:
        """What the patterns say."""
        if self._patterns.first("fail"):
            return {"status": "failed", **self._patterns.facts()}
        if self._patterns.first("ok"):
            return {**self._patterns.facts(), "phase": "close", "status": "0"}
        raise Failed("no-match", "none of its lines is one of $.console.ok or $.console.fail")

    def _leave(self, values: dict[str, str]) -> None:
        """What ends the connection. That it fails says nothing of how the connection was."""
        interrupt = self._settings.get("interrupt", "")
        if interrupt and not self._patterns.first("ok") and not self._patterns.first("fail"):
            self._write(interrupt, "")
        matches = self._patterns.matches
        for step in self._steps:
            if step["kind"] == "after":
                try:
                    self._do(step, values)
                except Failed as failed:
                    if failed.kind == "reboot":
                        raise
                    break
        self._patterns.matches = matches

    # --- lines -----------------------------------------------------------------------------------

    def _look(self, line: bytes) -> list[Any]:
        try:
            matches = self._patterns.take(self._without_prompt(clean(line)))
        except Wrong as wrong:
            raise Failed("no-match", str(wrong)) from None
        for match in matches:
            self._trace.say(match.told())
        return matches

    def _without_prompt(self, text: str) -> str:
        """A log line may have been printed behind the prompt."""
        end = self._prompt_end(text, len(text))
        for n in range(1, min(len(text), PROMPT_MAX)):
            if end or text[n - 1].isalnum():  # "OK" ends a modem's answer, and begins "OKAY"
                continue
            end = self._prompt_end(text, n)
            if end and text[n] == " ":
                end = max(end, self._prompt_end(text, n + 1))
        return text[end:] if end < len(text) else text

    def _prompt_end(self, text: str, n: int) -> int:
        """Where the prompt ends that the first `n` characters begin with; 0 if they do not."""
        try:
            found = search(self._prompt, text[:n])
        except TooSlow:
            found = None
        return found.end() if found and found.start() == 0 else 0

    def _shows(self, pattern: re.Pattern[str], line: bytes) -> bool:
        try:
            return bool(line) and bool(search(pattern, clean(line)))
        except TooSlow:
            raise Failed("no-match", f"{pattern.pattern!r} takes too long on a line") from None

    def _last_words(self, echo: Echo) -> str:
        last = (echo.seen or clean(self._half))[-80:]
        wrote = f"it wrote {last!r}" if last else "not one byte came"
        return f"; {wrote}{self._port.doubt()}"

    # --- bytes -----------------------------------------------------------------------------------

    def _write(self, text: str, end: str) -> None:
        """Sends a line, at the pace that the board can follow."""
        data = (text + end).encode()
        pause = self._settings.get("byte_delay_ms", 0) / 1000
        if not pause:
            self._port.write(data)
            return
        for i in range(len(data)):
            self._port.write(data[i : i + 1])
            time.sleep(pause)

    def _hear(self, seconds: float) -> list[bytes]:
        """The lines that are whole now, all in the log; waits for something to come, from wherever."""
        data = self._port.wait(self._inbox, seconds)
        whole = self._lines.feed(data)
        for line in whole:
            self.log.add(time.monotonic(), line)
        self._half = self._lines.half()
        return whole


class Echo:
    """The echo of a command, which is no answer, however the board breaks it into lines.

    The board may log while it echoes: its lines then stand between pieces of the echo, or behind one
    in the same line. A later piece begins where a line does, or ends where it does and is long
    enough to be no accident. A log may look like a piece, so all ways to read a line are followed.
    """

    PIECE_MIN = 4  # characters of a later piece that something stands before

    def __init__(self, text: str) -> None:
        self._awaited = "".join(text.split())
        self._reached = {0}  # so many characters of it may have come
        self.seen = ""
        self.heard = not self._awaited

    def takes(self, line: bytes) -> bool:
        """True for lines of the echo and those before it."""
        if self.heard:
            return False
        self.seen += "".join(clean(line).split())
        for part in written(line):
            text = "".join(part.split())
            self._reached |= {end for n in self._reached for end in self._ends(text, n)}
        self.heard = self._awaited in self.seen or len(self._awaited) in self._reached
        return True

    def _ends(self, line: str, n: int) -> Iterator[int]:
        """How much may have come after this line, if `n` characters had before."""
        yield from range(n, n + self._n_common(line, n) + 1)
        for at in range(1, len(line)):
            n_common = self._n_common(line[at:], n)
            if n == 0:
                yield n_common
            elif n_common == len(line) - at >= self.PIECE_MIN:
                yield n + n_common

    def _n_common(self, line: str, n: int) -> int:
        """How many characters at the beginning of the line go on with the echo."""
        return len(commonprefix([line, self._awaited[n:]]))


def _heard(n: int, last: str, port: Port) -> str:
    if last:
        return f"; the last of what came is {last[-80:]!r}{port.doubt()}"
    return f"; {n} lines came, all of them blank" if n else f"; not one byte came{port.doubt()}"
