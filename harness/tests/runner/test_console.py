"""What the console driver makes of bytes, and how boards are restarted."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from bench import Process, command
from boards import Pty
from runner.console import Echo
from runner.port import Lost, find_number
from runner.text import clean, shown


class Text(unittest.TestCase):
    def test_colours_and_cursor_movements_are_gone(self) -> None:
        self.assertEqual(clean(b"\x1b[1;31mred\x1b[0m and \x1b[8D\x1b[Jmoved\x1b]0;title\x07"), "red and moved")

    def test_what_was_written_over_counts_as_it_was_last(self) -> None:
        self.assertEqual(clean(b"\resp> h\x1b[0K\r\x1b[6C\resp> he\x1b[0K\r\x1b[7C"), "esp> he")
        self.assertEqual(clean(b"50 %\r100 %\r"), "100 %")

    def test_bytes_that_are_no_text_are_shown(self) -> None:
        self.assertEqual(clean(b"\xff\x00ok\x07"), "\\xffok")
        self.assertEqual(shown(b"a\r\n\x1b[m\xff"), "a\\r\\n\\x1b[m\\xff")


class Echoes(unittest.TestCase):
    def test_echo_is_known_however_it_is_broken(self) -> None:
        echo = Echo("connect 10.0.0.1 4433")
        self.assertTrue(echo.takes("late log"))
        self.assertFalse(echo.heard)
        self.assertTrue(echo.takes("> connect 10.0"))
        self.assertTrue(echo.takes(".0.1 4433"))
        self.assertTrue(echo.heard)
        self.assertFalse(echo.takes("connected"))

    def test_without_an_echo_all_lines_count(self) -> None:
        self.assertFalse(Echo("").takes("connected"))


class SerialNumbers(unittest.TestCase):
    PORTS: Any = [SimpleNamespace(device=device, serial_number=number) for device, number in (
        ("/dev/ttyACM0", "0037"), ("/dev/ttyUSB0", "FT12"), ("/dev/ttyUSB1", "FT12"), ("/dev/ttyS0", None))]

    def test_adapter_is_found_by_its_number(self) -> None:
        self.assertEqual(find_number("0037", self.PORTS), "/dev/ttyACM0")

    def test_number_of_several_ports_or_of_none_is_told(self) -> None:
        with self.assertRaisesRegex(Lost, r"several ports \(/dev/ttyUSB0, /dev/ttyUSB1\): name one"):
            find_number("ft12", self.PORTS)
        with self.assertRaisesRegex(Lost, "no adapter with the serial number 9 is there; plugged in are: 0037, FT12"):
            find_number("9", self.PORTS)


class Sleeper(Pty):
    """A shell that says nothing until a file is there."""

    def __init__(self, awake: Path) -> None:
        super().__init__()
        self.awake = awake
        self.start()

    def came(self, fd: int, data: bytes) -> None:
        if self.awake.exists():
            os.write(self.master, data + b"\n> ")


class Restarts(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.board = Sleeper(self.folder / "awake")
        self.addCleanup(self.board.close)

    def runner(self, **members: Any) -> Process:
        profile = {"boot_timeout_ms": 100, "console": {"prompt": "^> $", "command": "x", "ok": ["x"]}, **members}
        return Process(self, self.board.device, "--driver", "console", "--profile", json.dumps(profile))

    def hook(self, *words: str) -> list[str]:
        return ["sh", "-c", " ".join(words)]

    def test_board_that_no_reset_wakes_has_its_power_taken_away(self) -> None:
        log = self.folder / "log"
        runner = self.runner(
            reset=self.hook(f"echo reset >> {log}"),
            power={"off": self.hook(f"echo off >> {log}"), "on": self.hook(f"echo on >> {log}; touch {self.board.awake}")})
        self.assertEqual(runner.next()["event"], "ready")
        self.assertEqual(log.read_text(encoding="ascii").split(), ["reset", "off", "on"])

    def test_port_without_modem_lines_is_named(self) -> None:
        lost = self.runner(reset="D0|R1|W0.01|R0").next()
        self.assertRegex(lost["text"], f"{self.board.device} has no DTR to set .*; reset the board by a hook instead")

    def test_hook_that_fails_is_told_with_its_last_words(self) -> None:
        lost = self.runner(reset=self.hook("echo relay is gone; exit 3")).next()
        self.assertRegex(lost["text"], "the reset hook sh of bench ended with 3: relay is gone")

    def test_abort_ends_a_run_that_waits(self) -> None:
        self.board.awake.touch()
        runner = self.runner(console={"prompt": "^> $", "command": "x", "ok": ["never"], "echo": False})
        self.assertEqual(runner.next()["event"], "ready")
        runner.send(command(timeout_ms=60000))
        self.assertEqual(runner.next()["event"], "started")
        runner.send({"op": "abort"})
        self.assertEqual(runner.next()["kind"], "no-match")


if __name__ == "__main__":
    unittest.main()
