"""Boards for the runner's tests, on real ptys: a small agent, and a line that loses bytes."""

from __future__ import annotations

import base64
import os
import random
import re
import select
import sys
import threading
import tty
from pathlib import Path
from typing import Callable

HARNESS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HARNESS))

from runner import frame  # noqa: E402

DONE = "ph=close rc=0x0 ver=1.3 cs=TLS_AES_128_GCM_SHA256 grp=x25519 ms=7 heap=1234"


class Pty:
    """A pty in raw mode, and a thread that serves its master until close()."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.device = os.ttyname(self.slave)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Takes the device away, as when its cable is pulled."""
        os.write(self._waker, b"x")
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        for fd in (self.master, self.slave, self._wake, self._waker):
            os.close(fd)

    def sources(self) -> list[int]:
        return [self.master]

    def came(self, fd: int, data: bytes) -> None:
        raise NotImplementedError

    def _serve(self) -> None:
        while True:
            ready = select.select([self._wake, *self.sources()], [], [])[0]
            if self._wake in ready:
                return
            for fd in ready:
                self.came(fd, os.read(fd, 4096))


class NoisyLine(Pty):
    """A pty in front of another device; bytes are dropped or flipped in both directions."""

    def __init__(self, device: str, rate: float, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._rate = rate
        self.spoilt = 0
        self._far = os.open(device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._far)
        self.start()

    def close(self) -> None:
        super().close()
        os.close(self._far)

    def sources(self) -> list[int]:
        return [self.master, self._far]

    def came(self, fd: int, data: bytes) -> None:
        os.write(self._far if fd == self.master else self.master, self._spoil(data))

    def _spoil(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self._random.random() >= self._rate:
                out.append(byte)
                continue
            self.spoilt += 1
            if self._random.random() < 0.5:
                out.append(byte ^ 1 << self._random.randrange(8))
        return bytes(out)


class HostileLine(NoisyLine):
    """Worse: also echoes, mixes logs and colours into the replies, and makes the board restart.

    `reboots` are numbers of runs, counted from 1 by the board's ACK: in the middle of each of them
    the board gets RESET from a stranger on the line.
    """

    LITTER = (b"[net] link is up\r\n", b"\x1b[32m", b"\x1b[0m", b"\xff\xfe\x80", b"\r\n*** @T\r\n")
    LITTER_RATE = 0.001

    def __init__(self, device: str, rate: float, seed: int, reboots: tuple[int, ...] = ()) -> None:
        self.n_runs = 0
        self.n_litter = 0
        self._reboots = reboots
        self._last_ack = b""
        super().__init__(device, rate, seed)

    def came(self, fd: int, data: bytes) -> None:
        if fd == self.master:
            data = self._spoil(data)
            os.write(self.master, self._spoil(data))
            os.write(self._far, data)
            return
        os.write(self.master, self._litter(self._spoil(data)))
        for ack in re.findall(rb"@T(..) ACK\*", data):
            self.n_runs += ack != self._last_ack
            if ack != self._last_ack and self.n_runs in self._reboots:
                # One of the two numbers is not the one that the host used last.
                os.write(self._far, frame.encode(0, "RESET") + frame.encode(1, "RESET"))
            self._last_ack = ack

    def _litter(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self._random.random() < self.LITTER_RATE:
                out += self._random.choice(self.LITTER)
                self.n_litter += 1
            out.append(byte)
        return bytes(out)


class SmallAgent(Pty):
    """The agent protocol as a board speaks it, with places for a test to interfere.

    `on` maps a verb to a function that is called before the verb is obeyed; if it returns bytes,
    they are sent in place of the answer.
    """

    def __init__(self, result: str = DONE, n_busy: int = 2, blob: int = 4096) -> None:
        super().__init__()
        self.result, self.n_busy, self.blob = result, n_busy, blob
        self.on: dict[str, Callable[[dict[str, str]], bytes | None]] = {}
        self.seen: list[str] = []  # verbs obeyed, in order
        self.runs: list[dict[str, str]] = []
        self.time = 0
        self._n_boots = 0
        self._lines = frame.Lines()
        self.reboot()
        self.start()

    def reboot(self) -> None:
        """All that a restart loses is lost."""
        self._n_boots += 1
        self.boot = f"{self._n_boots:04x}"
        self.blobs: dict[str, bytes] = {}
        self._name, self._len, self._part = "", 0, b""
        self._last: tuple[bytes, bytes] = (b"", b"")
        self._busy = 0
        self._run = ""
        self._greeted = False

    def say(self, text: bytes) -> None:
        """Log output."""
        os.write(self.master, text)

    def came(self, fd: int, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._obey(line[line.rfind(b"@H") + 2 :])

    def answer(self, seq: bytes, text: str) -> bytes:
        body = seq + b" " + text.encode()
        return b"\r\n@T%s*%04X\r\n" % (body, frame.crc16(body))

    def _obey(self, text: bytes) -> None:
        body, _, crc = text.partition(b"*")
        if crc != b"%04X" % frame.crc16(body):
            self.say(b"\r\n@TNAK crc*%04X\r\n" % frame.crc16(b"NAK crc"))
            return
        if self._last[0] == text:
            self.say(self._last[1])
            return
        seq, verb, *words = body.decode().split(" ")
        if not self._greeted and verb in ("BLOB", "DATA", "END", "TIME", "RUN"):
            self.say(b"\r\n@TNAK seq*%04X\r\n" % frame.crc16(b"NAK seq"))
            return
        fields = {}
        for word in words:
            key, _, value = word.partition("=")
            fields[key] = frame.unquote(value.encode())
        self.seen.append(verb)
        instead = self.on[verb](fields) if verb in self.on else None
        if instead is None:
            instead = self.answer(seq.encode(), getattr(self, "do_" + verb.lower())(fields))
            self._last = (text, instead)
        self.say(instead)

    def do_hello(self, _fields: dict[str, str]) -> str:
        self._greeted = True
        return (
            f"OK v=1 line=128 blob={self.blob} boot={self.boot} "
            f"stack=small/1.0%20test caps=tls12,tls13"
        )

    def do_time(self, fields: dict[str, str]) -> str:
        if self._busy:
            return "ERR why=busy"
        self.time = int(fields["t"])
        return "OK"

    def do_blob(self, fields: dict[str, str]) -> str:
        self._name, self._len, self._part = fields["name"], int(fields["len"]), b""
        self.blobs.pop(self._name, None)
        if self._len + sum(map(len, self.blobs.values())) > self.blob:
            return "ERR why=space key=len"
        return "OK off=0"

    def do_data(self, fields: dict[str, str]) -> str:
        if int(fields["off"]) == len(self._part):
            self._part += base64.b64decode(fields["b"])
        return f"OK off={len(self._part)}"

    def do_end(self, fields: dict[str, str]) -> str:
        if len(self._part) != self._len or int(fields["crc"], 16) != frame.crc16(self._part):
            return "ERR why=crc"
        self.blobs[self._name] = self._part
        return "OK"

    def do_run(self, fields: dict[str, str]) -> str:
        if self._busy:
            return "ERR why=busy"
        self.runs.append(fields)
        self._busy, self._run = self.n_busy, fields["id"]
        return "ACK"

    def do_stat(self, fields: dict[str, str]) -> str:
        """The report comes in two parts, as a long one does."""
        if self._busy:
            self._busy -= 1
            return f"OK boot={self.boot} busy"
        words = self.result.split(" ")
        at = int(fields.get("from", "0"))
        more = f" more={at + 4}" if at + 4 < len(words) else ""
        return f"OK boot={self.boot} run={self._run} {' '.join(words[at : at + 4])}{more}"

    def do_abort(self, _fields: dict[str, str]) -> str:
        self._busy = 0
        return "OK"

    def do_reset(self, _fields: dict[str, str]) -> str:
        self.reboot()
        return "OK"
