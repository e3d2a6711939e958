from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench import Desk, Process, command
from boards import HARNESS, NoisyLine

BUILD = Path(os.environ.get("SHAKEDOWN_BUILD") or HARNESS.parent / "build")
BOARD = BUILD / "shakedown-board"


@unittest.skipUnless(BOARD.exists(), f"{BOARD} is not built")
class VirtualBoard(unittest.TestCase):
    """The agent as boards have it, in the program that runs it on a pty."""

    def setUp(self) -> None:
        self.board = subprocess.Popen(
            [BOARD, "--stack", "openssl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.board.stdin and self.board.stdout
        self.addCleanup(self.board.wait)
        self.addCleanup(self.board.stdin.close)
        self.addCleanup(self.board.stdout.close)
        self.device: str = json.loads(self.board.stdout.readline())["device"]

    def server(self) -> socket.socket:
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        return server

    def closed_port(self) -> int:
        """A port that nobody listens on, and that nobody else is given meanwhile."""
        bound = socket.socket()
        self.addCleanup(bound.close)
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port

    def test_connection_that_is_refused_is_a_result_of_phase_tcp(self) -> None:
        result = Desk(self, self.device).run(port=self.closed_port())
        self.assertEqual(result["phase"], "tcp")
        self.assertNotEqual(result["status"], "0")
        self.assertIsNone(result["alert"])

    def test_client_hello_reaches_the_server_and_its_close_is_told(self) -> None:
        server = self.server()
        desk = Desk(self, self.device)

        def answer_with_nothing() -> None:
            connection, _ = server.accept()
            with connection:
                self.assertEqual(connection.recv(1), b"\x16")

        setattr(desk, "started", answer_with_nothing)
        result = desk.run(port=server.getsockname()[1], sni="a.test", min="1.2", max="1.2")
        self.assertEqual(result["phase"], "hs")

    def test_key_that_the_stack_cannot_honour_is_refused_by_name(self) -> None:
        runner = Process(self, self.device)
        self.assertEqual(runner.next()["event"], "ready")
        runner.send(command(min="1.7"))
        failed = runner.next()
        self.assertEqual((failed["event"], failed["kind"]), ("failed", "unable"))
        self.assertRegex(failed["text"], "the board refused RUN: ERR why=unsupported key=min")

    def test_uploads_and_runs_survive_half_a_percent_of_spoilt_bytes(self) -> None:
        line = NoisyLine(self.device, 0.005, seed=11)
        self.addCleanup(line.close)
        with tempfile.NamedTemporaryFile() as ca:
            ca.write(os.urandom(700))
            ca.flush()
            desk = Desk(self, line.device)
            port = self.closed_port()
            for number in range(5):
                result = desk.run(id=str(number), port=port, ca=ca.name)
                self.assertEqual(result["phase"], "tcp")
        self.assertGreater(line.spoilt, 10)

    def test_board_that_is_killed_in_a_run_is_lost(self) -> None:
        server = self.server()
        runner = Process(self, self.device)
        runner.next()
        runner.send(command(port=server.getsockname()[1]))
        self.assertEqual(runner.next()["event"], "started")
        self.board.kill()
        lost = runner.next()
        self.assertEqual((lost["event"], lost["who"]), ("lost", "port"))
        self.assertEqual(runner.status(), 3)


if __name__ == "__main__":
    unittest.main()
