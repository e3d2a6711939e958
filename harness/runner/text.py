"""Lines as a terminal would show them, for patterns and people. Pure: no I/O, no clock."""

from __future__ import annotations

import re

# ECMA-48: control sequences, strings (window titles), and two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
_RUBBED_OUT = re.compile(r"[^\x08]\x08 \x08")


def clean(line: bytes) -> str:
    """The text of a line without colours and cursor movements.

    Of what was written over itself, with carriage returns between, the last part counts. Bytes that
    are not UTF-8 show as \\xNN, other control characters are left out.
    """
    text = _ESCAPES.sub("", line.decode("utf-8", "backslashreplace"))
    text = _RUBBED_OUT.sub("", text)
    parts = [part for part in text.split("\r") if part.strip()]
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", parts[-1]) if parts else ""


def shown(data: bytes) -> str:
    """Raw bytes in one line: what cannot be printed as \\r, \\n, \\x1b."""
    return data.decode("latin-1").encode("unicode_escape").decode()
