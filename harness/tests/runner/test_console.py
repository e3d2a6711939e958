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
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

from bench import Process, command, until
from boards import Pty
from runner.console import Echo
from runner.port import Lost, find_number
from runner.text import clean, legible, shown


class Text(unittest.TestCase):
    def test_colours_and_cursor_movements_are_gone(self) -> None:
        self.assertEqual(clean(b"\x1b[1;31mred\x1b[0m and \x1b[8D\x1b[Jmoved\x1b]0;title\x07"), "red and moved")

    def test_what_was_written_over_counts_as_it_was_last(self) -> None:
        self.assertEqual(clean(b"\resp> h\x1b[0K\r\x1b[6C\resp> he\x1b[0K\r\x1b[7C"), "esp> he")
        self.assertEqual(clean(b"50 %\r100 %\r"), "100 %")

    def test_bytes_that_are_no_text_are_shown(self) -> None:
        self.assertEqual(clean(b"\xff\x00ok\x07"), "\\xffok")
        self.assertEqual(shown(b"a\r\n\x1b[m\xff"), "a\\r\\n\\x1b[m\\xff")

    def test_log_has_no_byte_that_moves_a_cursor_and_loses_none_that_says_something(self) -> None:
        self.assertEqual(legible(b"\x1b[31mred\x1b[0m\x07 \x9b\xc2\x9b1m \xff\x1b]0;title\x07"),
                         "red\\x07 \\x9b\\x9b1m \\xff")
        self.assertEqual(legible(b"50 %\r100 %\r"), "50 % 100 %")
        self.assertEqual(legible(b"\resp> h\x1b[0K\r\x1b[6C\resp> he\x1b[0K\r\x1b[7C"), "esp> he")


class Echoes(unittest.TestCase):
    def heard(self, *lines: bytes) -> bool:
        """Whether a shell that writes these lines has repeated a command."""
        echo = Echo("connect 10.0.0.1 4433")
        for line in lines:
            self.assertFalse(echo.heard, line)
            self.assertTrue(echo.takes(line))
        if echo.heard:
            self.assertFalse(echo.takes(b"connected"))
        return echo.heard

    def test_echo_is_known_however_it_is_broken(self) -> None:
        self.assertTrue(self.heard(b"late log", b"> connect 10.0", b".0.1 4433"))
        self.assertFalse(self.heard(b"late log", b"> connect 10.0"))

    def test_without_an_echo_all_lines_count(self) -> None:
        self.assertFalse(Echo("").takes(b"connected"))

    def test_board_may_log_while_it_echoes(self) -> None:
        log = b"[00:01] <inf> wifi: 10.0.0.1 sends a beacon"
        for name, lines in {
            "on a line of its own": (b"> conn", log, b"ect 10.0.0.1", log, b" 4433"),
            "behind a piece": (b"> c" + log, b"onnect 10.0.0.1 44" + log, b"33"),
            "over a piece": (b"> conn\r\x1b[0K" + log, b"ect 10.0.0.1 4433"),
            "with the prompt again": (b"> conn", log, b"> ect 10.0.0.1 4433"),
            "with all of the line again": (b"> conn", log, b"> connect 10.0.0.1 4433"),
            "like the next piece": (b"> conn", b"ect: a task", b"ect 10.0.0.1 4433"),
        }.items():
            with self.subTest(name):
                self.assertTrue(self.heard(*lines))

    def test_lost_byte_is_not_made_up_from_a_log(self) -> None:
        self.assertFalse(self.heard(b"> connect 10..0.1 4433", b"resolved 10.0.0.1, port 4433", b"0 retries", b"4433"))
        self.assertFalse(self.heard(b"connecting", b"to 10.0.0.1 port 4433", b"done: 4433"))

    def test_long_redrawn_line_is_read_in_no_time(self) -> None:
        text = "https 10.0.0.1 4433 " + "x" * 200
        echo = Echo(text)
        keys = b"".join(b"\resp> " + text[:n].encode() + b"\x1b[0K" for n in range(len(text) + 1))
        self.assertTrue(echo.takes(keys))
        self.assertTrue(echo.heard)


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


class Crasher(Pty):
    """A shell that obeys no command but starts anew, with an empty line in its first words."""

    def came(self, fd: int, data: bytes) -> None:
        os.write(self.master, data + b"\n> ")
        if b"x" in data:
            os.write(self.master, b"\x1b[31mBooting\x1b[0m\r\n\r\nlast reset: ")
            os.write(self.master, b"watchdog\r\n\r\nready\r\n")


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

    def test_first_words_of_a_board_that_restarts_are_kept_beyond_an_empty_line(self) -> None:
        board = Crasher()
        board.start()
        self.addCleanup(board.close)
        profile = {"banner": "^Booting", "console": {"prompt": "^> $", "command": "x", "ok": ["never"]}}
        runner = Process(self, board.device, "--driver", "console", "--profile", json.dumps(profile))
        self.assertEqual(runner.next()["event"], "ready")
        runner.send(command())
        self.assertEqual(runner.next()["event"], "started")
        failed = runner.next()
        self.assertEqual(failed["kind"], "reboot")
        self.assertRegex(failed["log"], r"(?s)\] > Booting\n.*\] last reset: watchdog\n.*\] ready\n$")

    def test_port_that_a_reset_makes_anew_is_opened_again(self) -> None:
        first, asked = Pty(), self.folder / "asked"
        first.start()
        link = self.folder / "usb-own-board"
        link.symlink_to(first.device)
        profile = {"boot_timeout_ms": 300, "reset": self.hook(f"touch {asked}"),
                   "console": {"prompt": "^> $", "command": "x", "ok": ["x"]}}
        with patch.object(Pty, "came", lambda *_: None):
            runner = Process(self, str(link), "--driver", "console", "--profile", json.dumps(profile))
            until("the board is reset", asked.exists)
            link.unlink()
            first.close()
        self.board.awake.touch()
        link.symlink_to(self.board.device)
        back = runner.next()
        self.assertEqual(back["event"], "ready", back)

    def test_port_that_goes_without_a_reset_is_told_at_once(self) -> None:
        self.board.awake.touch()
        gone = Sleeper(self.board.awake)
        runner = Process(self, gone.device, "--driver", "console", "--profile", json.dumps(
            {"console": {"prompt": "^> $", "command": "x", "ok": ["x"]}}))
        self.assertEqual(runner.next()["event"], "ready")
        gone.close()
        self.assertRegex(runner.next()["text"], "is gone")

    def test_prompt_that_does_not_come_is_shown_with_what_came_instead(self) -> None:
        self.board.awake.touch()
        profile = {"boot_timeout_ms": 100, "console": {"prompt": "^gw> $", "command": "x", "ok": ["x"]}}
        lost = Process(self, self.board.device, "--driver", "console", "--profile", json.dumps(profile)).next()
        self.assertIn("no prompt came in 0.1 s: no line matches $.console.prompt, '^gw> $'; "
                      "the last of what came is '> '", lost["text"])

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
