"""Lines as a terminal would show them, for patterns and people. Pure: no I/O, no clock."""

from __future__ import annotations

import re

# ECMA-48: control sequences, strings (window titles), and two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_RUBBED_OUT = re.compile(r"[^\x08]\x08 \x08")


def written(line: bytes) -> list[str]:
    """What was written from the first column on, each time, without colours and cursor movements.

    What was only written again, longer, stands there once: shells redraw their line at each key.
    """
    parts = [part for part in _without_escapes(line).split("\r") if part.strip()]
    followed = zip(parts, [*parts[1:], ""])
    return [part for part, then in followed if not then.startswith(part.rstrip())]


def _without_escapes(line: bytes) -> str:
    return _ESCAPES.sub("", line.decode("utf-8", "backslashreplace"))


def clean(line: bytes) -> str:
    """The text of a line without colours and cursor movements.

    Of what was written over itself, with carriage returns between, the last part counts. Bytes that
    are not UTF-8 show as \\xNN, other control characters are left out.
    """
    text = _RUBBED_OUT.sub("", _without_escapes(line))
    parts = [part for part in text.split("\r") if part.strip()]
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", parts[-1]) if parts else ""


def legible(line: bytes) -> str:
    """A line for a log: all that was written, without colours and cursor movements.

    Bytes that are not UTF-8, and control characters, show as \\xNN: nothing moves a reader's cursor.
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", " ".join(written(line)))


def shown(data: bytes) -> str:
    """Raw bytes in one line: what cannot be printed as \\r, \\n, \\x1b."""
    return data.decode("latin-1").encode("unicode_escape").decode()
