"""Tasks without a daemon: is this board there and does it answer (check), and restart it (reset).

Each finding is a line on standard output: "ok   ..." or "no   ...", or "note ...".
"""

from __future__ import annotations

import glob
import os
import stat
from typing import Any, Callable

from .driver import Driver, Failed, Unfit
from .port import SERIAL_NUMBER, Lost, Port, lock_holder, opener
from .reset import Reset

Opened = Callable[[], Port]


def _tell(kind: str, text: str) -> None:
    print(f"{kind:<4} {text}", flush=True)


def _runs(program: str) -> bool:
    """Whether a process of this name runs."""
    for path in glob.iglob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8") as comm:
                if comm.read().strip() == program[:15]:
                    return True
        except OSError:
            continue
    return False


def _is_ignored(device: str) -> bool:
    """Whether udev tells ModemManager to leave the device alone."""
    status = os.stat(device)
    path = f"/run/udev/data/c{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    try:
        with open(path, encoding="utf-8", errors="replace") as data:
            return "ID_MM_DEVICE_IGNORE=1" in data.read()
    except OSError:
        return False


def _device(port: str, passive: bool) -> bool:
    """What the system tells of a device without opening it; whether nothing speaks against it.

    A board that answers in spite of another program is there; one that is asked nothing cannot tell.
    """
    real = os.path.realpath(port)
    if not os.path.exists(real):
        return True
    well = True
    _tell("ok", f"{port} is there" + (f" ({real})" if real != port else ""))
    if not stat.S_ISCHR(os.stat(real).st_mode):
        _tell("no", f"{real} is no serial port, but a file of another kind")
        well = False
    locker = lock_holder(real)
    holder = locker or opener(real)
    if holder:
        spoils = bool(locker) or passive
        _tell("no" if spoils else "note", f"{holder} has it open: close that")
        well = well and not spoils
    else:
        _tell("ok", "no other program is seen to have it open")
    if real.startswith("/dev/tty") and _runs("ModemManager") and not _is_ignored(real):
        _tell(
            "note", "ModemManager runs and may probe this port: install Shakedown's udev rule, or "
            "stop it"
        )
    return well


def check(
    name: str, port: str, passive: bool, open_port: Opened, make: Callable[[Port | None], Driver]
) -> bool:
    """Whether the board is there, its port is free, and it answers, unless it is `passive`."""
    opened = None
    well = True
    try:
        if port.startswith("/"):
            well = _device(port, passive)
        if port:
            opened = open_port()
            how = f" (found as {opened.device})" if port.startswith(SERIAL_NUMBER) else ""
            _tell("ok", f"{port} can be opened{how}")
        info = make(opened).greet()
        told = f": {info['stack']}" if info.get("stack") else ""
        if passive:
            _tell("note", f"{name} connects by itself and is asked nothing: a run tells whether it does")
        elif not port:
            _tell("ok", f"the program of {name} is here{told}; `shakedown board try` tells whether it connects")
        else:
            _tell("ok", f"{name} answers{told}")
        return well
    except (Lost, Failed, Unfit) as error:
        _tell("no", str(error))
        return False
    finally:
        if opened:
            opened.close()


def reset(name: str, profile: dict[str, Any], port: str, open_port: Opened) -> bool:
    """Restarts the board in the way that its profile says."""
    opened = None
    try:
        if isinstance(profile.get("reset"), str):
            opened = open_port()
        way = Reset(name, profile, opened)
        if not way.possible:
            _tell("no", f"the profile of {name} has no reset and no power")
            return False
        way.do()
        _tell("ok", f"{name} was reset")
        return True
    except (Lost, Failed) as error:
        _tell("no", str(error))
        return False
    finally:
        if opened:
            opened.close()
