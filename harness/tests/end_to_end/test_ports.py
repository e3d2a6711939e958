"""Ports of all kinds that pyserial opens, and what goes wrong with them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, outcomes, until  # noqa: E402
from serial_port import BoardAtPort  # noqa: E402

ONE = {"suite": "one", "why": "w", "scenarios": [{"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}]}
MANY = {"suite": "many", "why": "w", "scenarios": [
    {"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"},
     "matrix": {"server.max_send_fragment": [512 + i for i in range(12)]}}]}
PASS = ("pass", "connected")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Ports(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.options = ["--control", "never"]
        self.board = self.new_board()

    def new_board(self) -> BoardAtPort:
        board = BoardAtPort("shakedown-board", "--stack", "netx", "--state", "fixed")
        self.addCleanup(board.close)
        return board

    def profile(self, port: str, **members: Any) -> str:
        return self.write("own.json", {"name": "own", "why": "w", "stack": "netxduo", "port": port, "address": "127.0.0.1",
                                       "return_timeout_ms": 500, **members})

    def serve(self, number: int, *command: str) -> None:
        """Starts a program that serves the board's device at a port of loopback."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        line = f"0100007F:{number:04X} 00000000:0000 0A"
        until("it listens", lambda: line in Path("/proc/net/tcp").read_text(encoding="ascii"))

    def run_one(self, port: str) -> tuple[str, str]:
        self.run_suite(self.write("one.json", ONE), self.profile(port))
        return outcomes(self.cells())["one/good/own"]

    @unittest.skipUnless(shutil.which("ser2net"), "ser2net is not installed")
    def test_board_behind_ser2net(self) -> None:
        number = free_port()
        settings = self.write("ser2net.yaml", f"""%YAML 1.1
---
connection: &board
  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}
  connector: serialdev,{self.board.device},115200n81,local
  options:
    kickolduser: true
""")
        self.serve(number, "ser2net", "-d", "-u", "-c", settings)
        self.assertEqual(self.run_one(f"rfc2217://127.0.0.1:{number}?ign_set_control"), PASS)

    @unittest.skipUnless(shutil.which("socat"), "socat is not installed")
    def test_board_behind_a_socket(self) -> None:
        number = free_port()
        self.serve(number, "socat", f"TCP-LISTEN:{number},bind=127.0.0.1,reuseaddr,fork", f"FILE:{self.board.device},raw,echo=0")
        self.assertEqual(self.run_one(f"socket://127.0.0.1:{number}"), PASS)

    def test_spied_port(self) -> None:
        spied = self.folder / "spied"
        self.assertEqual(self.run_one(f"spy://{self.board.device}?file={spied}"), PASS)
        self.assertIn("@H", spied.read_text(encoding="utf-8"))

    def test_nobody_at_the_address_is_named(self) -> None:
        number = free_port()
        done = self.run_suite(self.write("one.json", ONE), self.profile(f"socket://127.0.0.1:{number}"))
        self.assertEqual(done.status, 3)
        self.assertRegex(done.complaint, f"^own: cannot open socket://127.0.0.1:{number}: .*; "
                         "start the program that serves this port over the network$")

    def test_board_that_is_plugged_in_again_under_another_name_goes_on(self) -> None:
        link = self.folder / "usb-own-board"
        link.symlink_to(self.board.device)
        run = self.start(self.write("many.json", MANY), self.profile(str(link), return_timeout_ms=20000))
        run.wait_for_cells(3)
        link.unlink()
        self.board.close()
        run.wait_for_line(r"own: .*is gone.*")
        again = self.new_board()
        link.symlink_to(again.device)
        done = run.finish()
        self.check_nothing_left(run)
        found = sorted(outcomes(self.cells()).values())
        self.assertEqual(len(found), 12)
        self.assertLessEqual(len([one for one in found if one != PASS]), 2, done.err)
        self.assertLessEqual({one[0] for one in found}, {"pass", "inconclusive"})

    def hear(self, text: bytes) -> str:
        """What is said of a console at a port where only this comes, again and again."""
        master, slave = os.openpty()
        over = threading.Event()

        def talk() -> None:
            while not over.wait(0.005):
                os.write(master, text)

        talker = threading.Thread(target=talk)
        talker.start()
        try:
            done = self.shakedown("board", "check", self.profile(
                os.ttyname(slave), driver="console", boot_timeout_ms=200, console={"prompt": "> $", "command": "x"}))
        finally:
            over.set()
            talker.join()
            os.close(master)
            os.close(slave)
        return done.out.splitlines()[-1]

    def test_garbage_makes_the_baud_rate_suspect(self) -> None:
        self.assertRegex(self.hear(bytes(range(128, 160)) + b"\n"),
                         "no prompt came in 0.2 s: .*; most of what came is no text: 115200 may be the wrong baud rate")

    def test_probes_of_modemmanager_are_recognized_in_the_echo(self) -> None:
        self.assertRegex(self.hear(b"AT+GCAP\r\n"), "ModemManager probes this port")


if __name__ == "__main__":
    unittest.main()
