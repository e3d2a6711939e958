"""TCP conversations taken from captures, and written again as other networks and hosts would show them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

FIN, SYN = 1, 2
CLIENT, SERVER = 0, 1
ETHERNET, COOKED = 1, 113
SECRETS = 10  # the pcapng block
MACS = b"DDDDDDSSSSSS"


class Segment(NamedTuple):
    sender: int  # CLIENT or SERVER
    ports: tuple[int, int]
    seq: int
    ack: int
    flags: int
    data: bytes


class Conversation(NamedTuple):
    segments: list[Segment]
    secrets: list[bytes]  # bodies of secrets blocks


def blocks(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The blocks of a little-endian pcapng, or the packets of a little-endian pcap as such blocks."""
    at = 0
    if content[:4] != b"\x0a\x0d\x0d\x0a":
        at = 24
        while at < len(content):
            length = struct.unpack_from("<I", content, at + 8)[0]
            yield 6, struct.pack("<IIIII", 0, 0, 0, length, length) + content[at + 16:at + 16 + length]
            at += 16 + length
    while at < len(content):
        kind, length = struct.unpack_from("<II", content, at)
        yield kind, content[at + 8:at + length - 4]
        at += length


def segment(frame: bytes, client: bytes) -> Segment:
    """What an Ethernet frame holds; `client` is the client's port, empty if this is its first segment."""
    if frame[12:14] == b"\x86\xdd":
        tcp = frame[54:]
    else:
        header = 14 + (frame[14] & 15) * 4
        tcp = frame[header:14 + struct.unpack_from(">H", frame, 16)[0]]
    source, destination, seq, ack, offset, flags = struct.unpack_from(">HHIIBB", tcp)
    sender = CLIENT if client in (b"", tcp[:2]) else SERVER
    ports = (source, destination) if sender == CLIENT else (destination, source)
    return Segment(sender, ports, seq, ack, flags, tcp[(offset >> 4) * 4:])


def conversation(capture: Path) -> Conversation:
    """The one conversation of a capture with Ethernet frames, which its client begins; with a SYN, if it has none."""
    found = Conversation([], [])
    client = b""
    for kind, body in blocks(capture.read_bytes()):
        if kind == SECRETS:
            found.secrets.append(body)
        elif kind == 6:
            length = struct.unpack_from("<I", body, 12)[0]
            found.segments.append(segment(body[20:20 + length], client))
            client = struct.pack(">H", found.segments[0].ports[CLIENT])
    first = found.segments[0]
    if not first.flags & SYN:
        found.segments.insert(0, first._replace(seq=(first.seq - 1) % 2**32, ack=0, flags=SYN, data=b""))
    return found


# --- Orders: the same bytes in other segments ----------------------------------------------------------------

Order = Callable[[list[Segment]], list[Segment]]


def part(whole: Segment, begin: int, end: int) -> Segment:
    flags = whole.flags & ~FIN if end < len(whole.data) else whole.flags
    return whole._replace(seq=(whole.seq + begin) % 2**32, flags=flags, data=whole.data[begin:end])


def as_captured(segments: list[Segment]) -> list[Segment]:
    return segments


def pieces(segments: list[Segment], step: int = 29, size: int = 29) -> list[Segment]:
    return [part(each, at, at + size) for each in segments for at in range(0, max(len(each.data), 1), step)]


def overlapping(segments: list[Segment]) -> list[Segment]:
    return pieces(segments, 23, 40)


def each_twice(segments: list[Segment]) -> list[Segment]:
    return [each for each in segments for _ in range(2)]


def late(segments: list[Segment]) -> list[Segment]:
    """What one side sends without hearing of the other comes in reverse."""
    runs: list[list[Segment]] = []
    for each in pieces(segments):
        if runs and runs[-1][0].sender == each.sender and not (runs[-1][-1].flags | each.flags) & SYN:
            runs[-1].append(each)
        else:
            runs.append([each])
    return [each for run in runs for each in reversed(run)]


def split_records(segments: list[Segment]) -> list[Segment]:
    """Handshake messages in plaintext come in records of 40 bytes (RFC 8446 section 5.1 allows it)."""
    grown, protected, out = [0, 0], [False, False], []
    for each in segments:
        data, at = b"", 0
        while at < len(each.data):
            kind, version, length = struct.unpack_from(">BHH", each.data, at)
            body = each.data[at + 5:at + 5 + length]
            protected[each.sender] |= kind in (20, 23)
            step = length if kind != 22 or protected[each.sender] else 40
            for begin in range(0, length, step):
                piece = body[begin:begin + step]
                data += struct.pack(">BHH", kind, version, len(piece)) + piece
            at += 5 + length
        out.append(each._replace(seq=(each.seq + grown[each.sender]) % 2**32,
                                 ack=(each.ack + grown[1 - each.sender]) % 2**32, data=data))
        grown[each.sender] += len(data) - len(each.data)
    return out


# --- Frames: the same segments in other headers --------------------------------------------------------------

Place = tuple[int, int]  # makes the addresses of a conversation its own
Frame = Callable[[Segment, Place], bytes]


def tcp_bytes(each: Segment) -> bytes:
    source, destination = each.ports if each.sender == CLIENT else each.ports[::-1]
    return struct.pack(">HHIIBBHI", source, destination, each.seq, each.ack, 0x50, each.flags, 8192, 0) + each.data


def ipv4_header(protocol: int, length: int, source: bytes, destination: bytes) -> bytes:
    return struct.pack(">BBHIBBH", 0x45, 0, 20 + length, 0, 64, protocol, 0) + source + destination


def ipv4(each: Segment, place: Place) -> bytes:
    ends = [bytes([10, *place, 1]), bytes([10, *place, 2])]
    tcp = tcp_bytes(each)
    return ipv4_header(6, len(tcp), ends[each.sender], ends[1 - each.sender]) + tcp


def ethernet(each: Segment, place: Place) -> bytes:
    return MACS + b"\x08\0" + ipv4(each, place)


def vlans(each: Segment, place: Place) -> bytes:
    return MACS + b"\x88\xa8\0\5\x81\0\0\6\x08\0" + ipv4(each, place)


def cooked(each: Segment, place: Place) -> bytes:
    return b"\0\0\0\1\0\6DDDDDD\0\0\x08\0" + ipv4(each, place)


def ipv6(each: Segment, place: Place) -> bytes:
    ends = [b"\xfd" + bytes(12) + bytes([*place, 1]), b"\xfd" + bytes(12) + bytes([*place, 2])]
    tcp = tcp_bytes(each)
    return MACS + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + ends[each.sender] + ends[
        1 - each.sender] + tcp


def gtp(each: Segment, place: Place) -> bytes:
    inner = ipv4(each, place)
    udp = struct.pack(">HHHHBBHI", 2152, 2152, 16 + len(inner), 0, 0x30, 255, len(inner), 7) + inner
    return MACS + b"\x08\0" + ipv4_header(17, len(udp), b"\x0a\0\0\1", b"\x0a\0\0\2") + udp


# Each way to write a conversation again: its order, its frames, their link type.
WAYS: list[tuple[Order, Frame, int]] = [
    (as_captured, ethernet, ETHERNET), (as_captured, vlans, ETHERNET), (as_captured, cooked, COOKED),
    (as_captured, ipv6, ETHERNET), (as_captured, gtp, ETHERNET), (pieces, ethernet, ETHERNET),
    (overlapping, ipv6, ETHERNET), (each_twice, ethernet, ETHERNET), (late, ethernet, ETHERNET),
    (split_records, ethernet, ETHERNET),
]


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def rewritten(conversations: list[Conversation], with_secrets: bool) -> bytes:
    """A pcapng in which each conversation comes in each way, one after the other."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for linktype in (ETHERNET, COOKED):
        out += block(1, struct.pack("<HHI", linktype, 0, 0))
    if with_secrets:
        out += b"".join(block(SECRETS, body) for each in conversations for body in each.secrets)
    t_us = 1_700_000_000_000_000
    for i, (order, frame, linktype) in enumerate(WAYS):
        for j, each in enumerate(conversations):
            for one in order(each.segments):
                packet = frame(one, (i, j))
                t_us += 1000
                out += block(6, struct.pack("<IIIII", linktype == COOKED, t_us >> 32, t_us & 0xFFFFFFFF, len(packet),
                                            len(packet)) + packet)
            t_us += 1_000_000
    return out
