"""Boards that connect by themselves, and are known by their address."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, Lab, outcomes  # noqa: E402

CLIENT = ROOT / "harness/tests/end_to_end/passive_client.py"
SUITE = {"suite": "few", "why": "w", "scenarios": [
    {"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}},
    {"name": "expired", "why": "w", "server": {"certificate": "expired"}},
]}
ONE = {**SUITE, "scenarios": SUITE["scenarios"][:1]}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Stranger(threading.Thread):
    """Somebody else who comes to the board's port again and again, from 127.0.0.2."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.over = False
        self.n = 0

    def run(self) -> None:
        while not self.over:
            try:
                with socket.create_connection(("127.0.0.1", self.port), source_address=("127.0.0.2", 0)) as one:
                    one.recv(1)
                    self.n += 1
            except OSError:
                time.sleep(0.002)


class Passive(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.options = ["--control", "never"]

    def profile(self, **members: Any) -> str:
        trigger = [str(CLIENT), str(self.port), str(ROOT / "certs/out/ecdsa-p256/ca.pem")]
        return self.write("own.json", {
            "name": "own", "why": "A board that nobody can talk to.", "stack": "openssl", "driver": "passive",
            "address": "127.0.0.1", "timeout_ms": 20000,
            "passive": {"listen": self.port, "from": "127.0.0.1", "trigger": trigger}, **members,
        })

    def test_board_that_a_hook_makes_connect_is_judged_by_what_it_does(self) -> None:
        done = self.run_suite(self.write("few.json", SUITE), self.profile())
        cells = self.cells()
        self.assertEqual(outcomes(cells), {"few/good/own": ("pass", "connected"), "few/expired/own": ("pass", "refused")},
                         done.out)
        self.assertEqual({cell["witnesses"]["wire"]["server"]["port"] for cell in cells.values()}, {self.port})

    def test_whoever_comes_from_elsewhere_is_not_the_board(self) -> None:
        stranger = Stranger(self.port)
        stranger.start()
        self.run_suite(self.write("one.json", ONE), self.profile())
        stranger.over = True
        stranger.join()
        self.assertEqual(outcomes(self.cells()), {"few/good/own": ("pass", "connected")})
        self.assertGreater(stranger.n, 0)

    def test_only_strangers_came_is_said(self) -> None:
        stranger = Stranger(self.port)
        stranger.start()
        quiet = self.profile(passive={"listen": self.port, "from": "127.0.0.1"}, timeout_ms=200)
        self.run_suite(self.write("one.json", ONE), quiet)
        stranger.over = True
        stranger.join()
        cell = self.cells()["few/good/own"]
        self.assertEqual((cell["outcome"], cell["reason"]), ("inconclusive", "no-connection"))
        self.assertRegex(cell["detail"], r"\(\d+ connections? came from other addresses than the profile's \"from\": 127\.0\.0\.2\)")

    def test_board_that_does_not_come_is_inconclusive(self) -> None:
        quiet = self.profile(passive={"listen": self.port, "from": "127.0.0.1"}, timeout_ms=200)
        self.run_suite(self.write("one.json", ONE), quiet)
        cell = self.cells()["few/good/own"]
        self.assertEqual((cell["outcome"], cell["reason"]), ("inconclusive", "no-connection"))
        self.assertIn("it reports nothing, as it is not asked", cell["detail"])

    def test_port_that_is_taken_is_told_before_the_run_with_who_has_it(self) -> None:
        taken = (rf"cannot listen on 127\.0\.0\.1 port {self.port}: Address already in use; \S+ \(process {os.getpid()}\) "
                 r"listens there: end it, or give the board another port \(\"listen\" in its profile\)")
        with socket.create_server(("127.0.0.1", self.port)):
            done = self.run_suite(self.write("one.json", ONE), self.profile())
            checked = self.shakedown("board", "check", self.profile())
        self.assertEqual(done.status, 3, done.out)
        self.assertRegex(done.complaint, f"^own: {taken}$")
        self.assertEqual(checked.status, 1)
        self.assertRegex(checked.out, f"(?m)^no   {taken}$")

    def test_check_of_a_board_that_is_asked_nothing_does_not_say_that_it_answers(self) -> None:
        done = self.shakedown("board", "check", self.profile())
        self.assertEqual(done.status, 0, done.out)
        self.assertEqual(done.out.splitlines(), [
            "note own connects by itself and is asked nothing: a run tells whether it does",
            f"ok   its servers can listen on 127.0.0.1 port {self.port}"])


if __name__ == "__main__":
    unittest.main()
