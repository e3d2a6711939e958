"""What a board prints besides frames, kept with its time."""

from __future__ import annotations

from collections import deque
from time import monotonic

from .frame import Lines
from .text import legible

LOG_MAX = 64 * 1024  # bytes; the oldest lines go first, as the end of a log tells why a run ended


class Log:
    """Lines of log since the last clear()."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._cut = 0

    def add(self, time: float, line: bytes) -> None:
        """Keeps a line (without its end) that came at `time`, in seconds of the steady clock."""
        self._lines.append((time, line))
        self._held += len(line) + 1
        while self._held > LOG_MAX:
            _, oldest = self._lines.popleft()
            self._held -= len(oldest) + 1
            self._cut += len(oldest) + 1

    def add_half(self, lines: Lines) -> None:
        """Keeps what has come of a line that may never end, if anything has."""
        half = lines.take_half()
        if half:
            self.add(monotonic(), half)

    def clear(self) -> None:
        """Forgets all lines."""
        self._lines.clear()
        self._held = self._cut = 0

    def text(self, zero: float) -> str:
        """All lines, each after its time in seconds since `zero` (negative: before it).

        Bytes that are not UTF-8 show as \\xNN. ANSI sequences stay as they came.
        """
        head = f"[{self._cut} earlier bytes of log were cut]\n" if self._cut else ""
        legibles = ((time, legible(line)) for time, line in self._lines)
        return head + "".join(f"[{time - zero:8.3f}] {text}\n" for time, text in legibles if text)
