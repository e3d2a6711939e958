"""A serial port: opening it by whatever name the user gave, and what to say when that fails."""

from __future__ import annotations

import errno
import glob
import os
import termios

import serial  # type: ignore[import]

CHUNK = 4096  # bytes in one read; more than a pty or a USB adapter has at once
WRITE_S = 0.5  # a frame that cannot be written in this time is lost, and sent again

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
    wanted = os.path.realpath(device)
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        pid = int(link.split("/")[2])
        try:
            if pid != os.getpid() and os.readlink(link) == wanted:
                return pid
        except OSError:
            continue
    return None


def _who_to_close(device: str) -> str:
    try:
        pid = _lock_holder(device) or _opener(device)
        with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
            return f"close {comm.read().strip()} (process {pid}), which has it open"
    except OSError:
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


class Port:
    """An open port. Lost from any method when the device is gone."""

    def __init__(self, device: str, baud: int) -> None:
        self.device = device
        self.byte_s = 10 / baud  # a byte with its start and stop bit
        try:
            self._serial = serial.serial_for_url(
                device, baudrate=baud, timeout=0, write_timeout=WRITE_S, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise Lost(_cannot_open(device, error)) from None
        try:
            self.fd: int | None = self._serial.fileno()
        except OSError:  # a URL without a file descriptor (rfc2217://)
            self.fd = None

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
            else:
                data = self._serial.read(CHUNK)
            return data
        except OSError as error:
            raise self._lost(error) from None

    def write(self, data: bytes) -> None:
        """Sends all of `data`, or loses some of it where the port takes no more."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            pass
        except OSError as error:
            raise self._lost(error) from None

    def close(self) -> None:
        """Gives the port back. Never fails."""
        try:
            self._serial.close()
        except OSError:
            pass

    def _lost(self, error: OSError) -> Lost:
        return Lost(
            f"{self.device} is gone: {error}; plug it in again, and check its cable and power"
        )
