"""Frames of the agent protocol, version 1. Pure: no I/O, no clock.

    host -> board   \\n@H<seq> VERB key=value ...*<CRC>\\n
    board -> host   \\r\\n@T<seq> OK|ERR|ACK key=value ...*<CRC>\\r\\n   or   @TNAK reason*<CRC>

The sequence number is two hexadecimal digits, the CRC four: CRC-16/CCITT-FALSE over what stands
between the sentinel and the star. Everything is bytes until a frame has proved itself by its CRC.
"""

from __future__ import annotations

import binascii
import re
from typing import Mapping, NamedTuple

SENTINEL = b"@T"  # begins a frame from the board
NAK = -1  # stands in Reply.seq, as a NAK does not know what it answers
HALF_LINE_MAX = 4096  # bytes; a longer run without an end of line counts as a line

Fields = Mapping[str, str]
NO_FIELDS: Fields = {}

# A sentinel inside a value would cut its frame short, so "@" is encoded too.
_UNSAFE = re.compile(rb"[\x00-\x20*%@\x7f-\xff]")
_BODY = re.compile(rb"(?:([0-9A-Fa-f]{2}) )?([A-Z]+)(?: (.*))?", re.DOTALL)
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")


class Reply(NamedTuple):
    """One frame from the board. A word without "=" is a field with an empty value."""

    seq: int
    word: str
    fields: dict[str, str]


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE."""
    return binascii.crc_hqx(data, 0xFFFF)


def quote(text: str) -> bytes:
    """The value percent-encoded where it has to be."""
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], text.encode())


def unquote(value: bytes) -> str:
    """The text of a value; bytes that are not UTF-8 show as \\xNN."""
    if b"%" in value:
        value = _ENCODED.sub(lambda found: bytes((int(found[1], 16),)), value)
    return value.decode("utf-8", "backslashreplace")


def encode(seq: int, verb: str, fields: Fields = NO_FIELDS) -> bytes:
    """A whole frame to the board. The newline before it ends whatever half line stands there."""
    words = [b"%02X" % seq, verb.encode()]
    words += [key.encode() + b"=" + quote(value) for key, value in fields.items()]
    body = b" ".join(words)
    return b"\n@H%s*%04X\n" % (body, crc16(body))


def decode(line: bytes) -> tuple[Reply | None, bytes]:
    """The reply in a line, if there is one with a good CRC, and the rest of the line, which is log.

    The last sentinel in the line wins: what stands before it is log, or a reply cut short.
    """
    at = line.rfind(SENTINEL)
    if at < 0:
        return None, line
    body, star, tail = line[at + len(SENTINEL) :].partition(b"*")
    if not star or tail[:4].upper() != b"%04X" % crc16(body):
        return None, line
    reply = _parse(body)
    return (reply, line[:at] + tail[4:]) if reply else (None, line)


def _parse(body: bytes) -> Reply | None:
    shape = _BODY.fullmatch(body)
    if not shape or (shape[1] is None and shape[2] != b"NAK"):
        return None
    fields = {}
    for word in (shape[3] or b"").split():
        key, _, value = word.partition(b"=")
        fields[unquote(key)] = unquote(value)
    return Reply(int(shape[1], 16) if shape[1] else NAK, shape[2].decode(), fields)


class Lines:
    """Cuts a stream of bytes into lines, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends and without empty ones."""
        *whole, self._held = (self._held + data).split(b"\n")
        if len(self._held) > HALF_LINE_MAX:
            whole.append(self.take_half())
        return [line for line in (line.strip(b"\r") for line in whole) if line]

    def half(self) -> bytes:
        """The same, and it is kept: more may come of it."""
        return self._held.strip(b"\r")

    def take_half(self) -> bytes:
        """What has come of a line that has not ended; it is forgotten here."""
        half, self._held = self._held, b""
        return half.strip(b"\r")
