"""One request, one reply: stop and wait over a line that loses and changes bytes."""

from __future__ import annotations

import select
import time

from . import frame
from .log import Log
from .messages import Inbox
from .port import Port

PATIENCE_S = 6.0  # without any answer for this long, a board is silent
RETRY_FIRST_S = 0.25  # until it is known how fast the board answers
RETRY_GROWTH = 1.5
RETRY_MIN_S = 0.02
RETRY_MAX_S = 1.0
NAKS_AT_ONCE = 4  # resent without delay; later NAKs to the same request wait for its time-out
LISTEN_S = 60.0
END_OF_RUN = b"run: phase "  # stands in the line of log in which the shipped glue ends a run
SLICE_S = 0.01  # how long a port without descriptor is waited for in one go


class Silent(Exception):
    """The board did not answer, however often it was asked."""


class TooLong(Exception):
    """The request does not fit in a line that the board takes."""


class Link:
    """The line to one board. Whatever else comes over it goes to the log."""

    def __init__(self, port: Port, inbox: Inbox, log: Log, patience: float = PATIENCE_S) -> None:
        self.line_max = 128  # bytes, from sentinel to newline; the board may tell another
        self._port = port
        self._inbox = inbox
        self._log = log
        self._patience = patience
        self._lines = frame.Lines()
        self._seq = -1
        self._sent = b""
        self._slowest = RETRY_FIRST_S / 4  # seconds of an exchange; fades
        self._n_heard = 0  # bytes that came so far
        self._n_spoilt = 0  # lines that came so far with a frame that did not prove itself
        self._hinted = False  # END_OF_RUN came, and idle() has not told yet

    def exchange(
        self, verb: str, fields: frame.Fields = frame.NO_FIELDS, patience: float | None = None
    ) -> frame.Reply:
        """Sends a request until it is answered. Silent after `patience` seconds, TooLong at once.

        NAK seq is an answer too: the board wants HELLO first, as it has restarted.
        """
        self._seq = (self._seq + 1) & 0xFF
        request = frame.encode(self._seq, verb, fields)
        self._sent = request.strip()
        size = len(self._sent) + 1
        if size > self.line_max:
            raise TooLong(f"{verb} takes {size} bytes, and the board {self.line_max} in a line")
        on_the_wire = self._port.byte_s * (size + self.line_max)
        retry = on_the_wire + max(4 * self._slowest, RETRY_MIN_S)
        patience = self._patience if patience is None else patience
        start = time.monotonic()
        n_heard = self._n_heard
        n_naks = 0
        first = True
        while True:
            now = time.monotonic()
            n_spoilt = self._n_spoilt
            if now - max(start, self._port.opened) >= patience:
                raise Silent(f"no answer to {verb} in {patience:g} s{self._heard_since(n_heard)}")
            self._port.write(request)
            reply = self._await(now + retry, n_naks < NAKS_AT_ONCE)
            if reply is None:
                if self._n_spoilt == n_spoilt:  # a line that spoils answers makes no slow board
                    retry = on_the_wire + min(RETRY_GROWTH * retry, RETRY_MAX_S)
            elif reply.word == "NAK" and (verb == "HELLO" or "seq" not in reply.fields):
                n_naks += 1
            else:
                # The answer to a repeated request does not tell how long it took.
                took = time.monotonic() - now if first else 0.0
                self._slowest = min(max(took, 0.9 * self._slowest), RETRY_MAX_S / 4)
                return reply
            first = False

    def post(self, verb: str) -> None:
        """Sends a request once, and does not wait for its answer."""
        self._seq = (self._seq + 1) & 0xFF
        self._port.write(frame.encode(self._seq, verb))

    def idle(self, seconds: float) -> bool:
        """Collects log for a while; ends early when the daemon wants the run to end.

        So it does when the board's log says that a run is over, or has said so since idle() was
        called before; true then.
        """
        end = time.monotonic() + seconds
        while seconds > 0 and not self._inbox.abort and not self._hinted:
            self._take(seconds)
            seconds = end - time.monotonic()
        hinted, self._hinted = self._hinted, False
        return hinted

    def listen(self) -> None:
        """Collects log until something comes, from the board or from the daemon."""
        self._take(LISTEN_S)

    def expect_return(self) -> None:
        """The board is about to restart, and its port may go and come back."""
        self._port.expect_return()

    def end_half_line(self) -> None:
        """Takes what has come of a line that may never end as log."""
        self._log.add_half(self._lines)

    def _await(self, end: float, heed_nak: bool) -> frame.Reply | None:
        left = end - time.monotonic()
        while left > 0:
            for reply in self._take(left):
                if reply.seq == self._seq or (reply.seq == frame.NAK and heed_nak):
                    return reply
            left = end - time.monotonic()
        return None

    def _take(self, seconds: float) -> list[frame.Reply]:
        """The replies in what comes next, which may be none. Takes in commands on the way."""
        if self._port.fd is None:
            return self._take_without_descriptor(seconds)
        ready = select.select([self._inbox.fd, self._port.fd], [], [], seconds)[0]
        if self._inbox.fd in ready:
            self._inbox.read()
        return self._sort(self._port.read()) if self._port.fd in ready else []

    def _take_without_descriptor(self, seconds: float) -> list[frame.Reply]:
        if select.select([self._inbox.fd], [], [], 0)[0]:
            self._inbox.read()
        return self._sort(self._port.read(min(seconds, SLICE_S)))

    def _heard_since(self, before: int) -> str:
        n = self._n_heard - before
        heard = f"; {n} bytes came, and no answer among them" if n else ", not one byte"
        return heard + self._port.doubt()

    def _sort(self, data: bytes) -> list[frame.Reply]:
        self._n_heard += len(data)
        replies = []
        for line in self._lines.feed(data):
            reply, rest = frame.decode(line)
            if reply:
                replies.append(reply)
            self._n_spoilt += frame.SENTINEL in rest
            if rest and rest != self._sent:  # an echo is no log
                self._log.add(time.monotonic(), rest)
                self._hinted = self._hinted or END_OF_RUN in rest
        return replies
