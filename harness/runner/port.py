"""A serial port: opening it by whatever name the user gave, and what to say when that fails."""

from __future__ import annotations

import errno
import os
import termios
import time

import fcntl
import select
import struct
from typing import TYPE_CHECKING, Iterable

import serial  # type: ignore[import]

from .messages import Inbox
from .trace import Trace

if TYPE_CHECKING:
    from serial.tools import list_ports  # type: ignore[import]

CHUNK = 4096  # bytes in one read; more than a pty or a USB adapter has at once
WRITE_S = 0.5  # a frame that cannot be written in this time is lost, and sent again

SLICE_S = 0.01  # how long a port without descriptor is waited for in one go
RETURN_S = 5.0  # for a port that went with its restarting board, where the profile does not say
GO_S = 5.0  # after a restart began, in which the port may go
RETRY_S = 0.05
SERIAL_NUMBER = "serial-number:"  # a port named by the serial number of its USB adapter
GARBAGE_SHARE = 4  # one byte in so many that is no text: most likely the baud rate is wrong
TEXT = b"\t\n\r\x07\x08\x1b" + bytes(range(0x20, 0x7F))
PROBES = (b"AT+GCAP", b"AT+CGMI", b"ATE1 E0", b"AT+CPIN?")  # how ModemManager asks for modems
TIOCGICOUNT = 0x545D  # serial_core.h: counts of what went wrong on a line
_COUNTS = struct.Struct("20i")

_GONE = (errno.EIO, errno.ENODEV, errno.ENXIO)

_PLUG_IN = "plug the board in, or correct the name (`ls -l /dev/serial/by-id` lists what is there)"
_JOIN = "join the group that owns it (`sudo usermod -aG dialout $USER`) and log in again"
_NOT_SERIAL = "name a serial port"
_ADVICE = {
    errno.ENOENT: _PLUG_IN,
    errno.ENXIO: _PLUG_IN,
    errno.ENODEV: _PLUG_IN,
    errno.EACCES: _JOIN,
    errno.EPERM: _JOIN,
    errno.ENOTTY: _NOT_SERIAL,
    errno.EISDIR: _NOT_SERIAL,
    errno.ECONNREFUSED: "start the program that serves this port over the network",
}


class Lost(Exception):
    """The port cannot be opened, or is gone. The text is a sentence for the user."""


def _lock_holder(device: str) -> int | None:
    """The process that holds the advisory lock on the device, as /proc/locks tells."""
    status = os.stat(device)
    number = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with open("/proc/locks", encoding="ascii") as locks:
        for line in locks:
            words = line.split()
            if words[1] == "FLOCK" and words[5] == number:
                return int(words[4])
    return None


def _opener(device: str) -> int | None:
    """A process that has the device open, as far as /proc tells this user."""
    import glob

    wanted = os.path.realpath(device)
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        pid = int(link.split("/")[2])
        try:
            if pid != os.getpid() and os.readlink(link) == wanted:
                return pid
        except OSError:
            continue
    return None


def _named(pid: int | None) -> str:
    """A process as people know it; empty if there is none."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
            return f"{comm.read().strip()} (process {pid})"
    except OSError:
        return ""


def lock_holder(device: str) -> str:
    """Who holds the lock on the device, as "minicom (process 4711)"; empty if nobody does."""
    pid = _lock_holder(device)
    return _named(pid) if pid else ""


def opener(device: str) -> str:
    """Who has the device open, in the same form, as far as /proc tells this user."""
    pid = _opener(device)
    return _named(pid) if pid else ""


def _who_to_close(device: str) -> str:
    holder = _named(_lock_holder(device) or _opener(device))
    if holder:
        return f"close {holder}, which has it open"
    return f"close the program that has it open (`sudo fuser {device}` names it)"


def _number(error: Exception) -> int:
    """The errno value behind an error of pyserial's, or 0."""
    for cause in (error, error.__context__):
        if isinstance(cause, termios.error):
            return int(cause.args[0])
        if isinstance(cause, OSError) and cause.errno:
            return cause.errno
    return 0


def _cannot_open(device: str, error: Exception) -> str:
    number = _number(error)
    if number in (errno.EAGAIN, errno.EBUSY):
        return f"cannot open {device}: another program uses it; {_who_to_close(device)}"
    reason = os.strerror(number) if number else str(error)
    advice = _ADVICE.get(number, "check the name, the device and its driver (`sudo dmesg | tail`)")
    return f"cannot open {device}: {reason}; {advice}"


def find_number(number: str, ports: Iterable[list_ports.ListPortInfo]) -> str:
    """The device of the adapter with this serial number. Lost if there is not just one."""
    known = {port.device: port.serial_number for port in ports if port.serial_number}
    found = sorted(device for device, its in known.items() if its.lower() == number.lower())
    if len(found) > 1:
        raise Lost(
            f"the adapter with the serial number {number} has several ports ({', '.join(found)}): "
            "name one of them as \"port\", best by its path under /dev/serial/by-id"
        )
    if not found:
        there = ", ".join(sorted(set(known.values()))) or "none"
        raise Lost(f"no adapter with the serial number {number} is there; plugged in are: {there}")
    return str(found[0])


def _probes(tail: bytes) -> bool:
    return any(probe in tail.upper() for probe in PROBES)


class Port:
    """An open port. Lost from any method when the device is gone."""

    def __init__(
        self, device: str, baud: int, trace: Trace | None = None, return_s: float = RETURN_S
    ) -> None:
        self.byte_s = 10 / baud  # a byte with its start and stop bit
        self._name = device
        self._baud = baud
        self._return_s = return_s
        self._may_go_until = 0.0  # with a board that restarts
        self._n_bytes = self._n_garbage = 0  # that came
        self._tail = b""  # the end of what came
        self._probed = False
        self._trace = trace or Trace()
        self._open()

    def _open(self) -> None:
        device = self._name
        if device.startswith(SERIAL_NUMBER):
            from serial.tools import list_ports

            device = find_number(device[len(SERIAL_NUMBER):], list_ports.comports())
        self.device = device
        self.opened = time.monotonic()
        try:
            # pyserial's client of RFC 2217 knows no time-out for writing, and refuses any.
            write_s = None if device.lower().startswith("rfc2217:") else WRITE_S
            self._serial = serial.serial_for_url(
                device, baudrate=self._baud, timeout=0, write_timeout=write_s, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise Lost(_cannot_open(device, error)) from None
        try:
            self.fd: int | None = self._serial.fileno()
        except OSError:  # a URL without a file descriptor (rfc2217://)
            self.fd = None
        # A device is read and written as it is: pyserial would ask for each byte whether it may. What
        # builds on its class, such as spy://, has to see the bytes.
        self._device_fd = self.fd if type(self._serial) is serial.Serial else None

    def expect_return(self) -> None:
        """The board restarts: a port that is its own USB device goes with it, and comes back."""
        self._may_go_until = time.monotonic() + GO_S

    def _gone(self, error: OSError) -> None:
        """Opens the port anew where its board restarts, else Lost. What was under way is lost."""
        lost = Lost(
            f"{self.device} is gone: {error}; plug it in again, and check its cable and power"
        )
        if time.monotonic() > self._may_go_until:
            raise lost from None
        self.close()
        self._trace.say(f"{self.device} went with the board: waiting for it")
        end = time.monotonic() + self._return_s
        while time.monotonic() < end:
            time.sleep(RETRY_S)
            try:
                return self._open()
            except Lost:
                continue
        raise lost from None

    def read(self, seconds: float = 0) -> bytes:
        """What has come; waits up to `seconds` for a first byte if the port has no descriptor."""
        try:
            if self.fd is None:
                self._serial.timeout = seconds
                data: bytes = self._serial.read(1)
                self._serial.timeout = 0
                if not data:
                    return data
                data += self._serial.read(CHUNK)
            elif self._device_fd is None:
                data = self._serial.read(CHUNK)
            else:
                data = self._read_device(self._device_fd)
            self._study(data)
            return data
        except OSError as error:
            self._gone(error)
            return b""

    def _read_device(self, fd: int) -> bytes:
        """What has come; nothing comes from a device that is gone, though it claims to have some."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("it has hung up")
        return data

    def write(self, data: bytes) -> None:
        """Sends all of `data`, or loses some of it where the port takes no more."""
        self._trace.sent(data)
        try:
            n = os.write(self._device_fd, data) if self._device_fd is not None else 0
        except BlockingIOError:
            n = 0
        except OSError as error:
            return self._gone(error)
        try:
            if n < len(data):
                self._serial.write(data[n:])
        except serial.SerialTimeoutException:
            pass
        except OSError as error:
            self._gone(error)

    def wait(self, inbox: Inbox, seconds: float) -> bytes:
        """What comes first: bytes, or a command, which is taken in; or nothing in this time."""
        watched = [inbox.fd] if self.fd is None else [inbox.fd, self.fd]
        ready = select.select(watched, [], [], 0 if self.fd is None else max(seconds, 0))[0]
        if inbox.fd in ready:
            inbox.read()
        if self.fd is None:
            return self.read(min(max(seconds, 0), SLICE_S))
        return self.read() if self.fd in ready else b""

    def set_line(self, line: str, on: bool) -> None:
        """Sets "dtr" or "rts"."""
        try:
            setattr(self._serial, line, on)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and _number(error) in _GONE:
                return self._gone(error)
            raise Lost(
                f"{self.device} has no {line.upper()} to set ({error}); "
                "reset the board by a hook instead"
            ) from None

    def doubt(self) -> str:
        """What may be wrong with the line, in clauses to follow a sentence, if anything shows."""
        doubts = []
        wrong = f"{self._baud} may be the wrong baud rate"
        if self._n_garbage * GARBAGE_SHARE >= max(self._n_bytes, 1):
            doubts.append(f"most of what came is no text: {wrong}")
        elif self._line_errors():
            doubts.append(f"the adapter counts framing errors: {wrong}")
        if self._probed:
            doubts.append(
                "ModemManager probes this port (AT+GCAP): install Shakedown's udev rule, or stop it"
            )
        other = self.other_opener()
        if other:
            doubts.append(f"{other} has the port open too, and takes some of what comes")
        return "".join(f"; {doubt}" for doubt in doubts)

    def other_opener(self) -> str:
        """Who else has the device open, as "minicom (process 4711)"; empty if nobody is seen."""
        return opener(self.device) if self.device.startswith("/") else ""

    def _line_errors(self) -> int:
        """Framing errors that the driver counted; 0 where it does not count."""
        if self.fd is None:
            return 0
        try:
            counts = fcntl.ioctl(self.fd, TIOCGICOUNT, bytes(_COUNTS.size))
        except OSError:
            return 0
        return int(_COUNTS.unpack(counts)[6])

    def _study(self, data: bytes) -> None:
        self._trace.came(data)
        self._n_bytes += len(data)
        self._n_garbage += len(data.translate(None, TEXT))
        self._tail = (self._tail + data)[-64:]
        self._probed = self._probed or _probes(self._tail)

    def close(self) -> None:
        """Gives the port back. Never fails."""
        try:
            self._serial.close()
        except OSError:
            pass
