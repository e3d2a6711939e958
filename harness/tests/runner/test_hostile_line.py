"""Whole runs over a line that does all that serial lines do: the agent as boards have it, and real TLS.

Every run sends a text of its own to a server, which keeps what it is sent and the certificate that the
board presents: so the server knows which runs there were, how often, and whether uploads came over whole.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from bench import Desk
from boards import HARNESS, HostileLine
from runner.driver import Failed

BUILD = Path(os.environ.get("SHAKEDOWN_BUILD") or HARNESS.parent / "build").resolve()
CERTS = HARNESS.parent / "certs" / "out"
SERVER, CLIENT = CERTS / "ecdsa-p256", CERTS / "client-ecdsa-p256"
N_RUNS = 7
REBOOTS = (2, 6)  # runs in the middle of which the board restarts


def setUpModule() -> None:
    subprocess.run([BUILD / "shakedown", "certs"], check=True, stdout=subprocess.DEVNULL)


class Server:
    """Echoes one text for each connection, and keeps it with the client's certificate."""

    def __init__(self) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(SERVER / "chain.pem", SERVER / "key.pem")
        self._tls.load_verify_locations(CLIENT / "ca.pem")
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.n_connections = 0
        self.heard: list[tuple[str, bytes | None]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.n_connections += 1
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        """A board that restarts leaves at any time."""
        try:
            with self._tls.wrap_socket(connection, server_side=True) as tls:
                text = tls.recv(100)
                self.heard.append((text.decode(), tls.getpeercert(binary_form=True)))
                tls.sendall(text)
                tls.recv(1)
        except OSError:
            pass


@unittest.skipUnless((BUILD / "shakedown-board").exists(), "shakedown-board is not built")
class HostileLines(unittest.TestCase):
    def setUp(self) -> None:
        board = subprocess.Popen([BUILD / "shakedown-board", "--stack", "openssl"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert board.stdin and board.stdout
        self.addCleanup(board.wait)
        self.addCleanup(board.stdin.close)
        self.addCleanup(board.stdout.close)
        self.device: str = json.loads(board.stdout.readline())["device"]
        self.server = Server()
        self.addCleanup(self.server.close)

    def one_run(self, desk: Desk, number: int) -> dict[str, Any] | Failed:
        try:
            return desk.run(
                id=str(number), port=self.server.port, sni="server.shakedown.test", send=f"run {number}",
                ca=str(SERVER / "ca.der"), cert=str(CLIENT / "leaf.der"), key=str(CLIENT / "key.der"),
            )
        except Failed as failure:
            return failure

    def all_runs(self, rate: float, seed: int) -> HostileLine:
        """Every run ends well and once, but for those in which the board restarts: they have no result."""
        line = HostileLine(self.device, rate, seed, REBOOTS)
        self.addCleanup(line.close)
        desk = Desk(self, line.device)
        heard = []
        for number in range(1, N_RUNS + 1):
            result = self.one_run(desk, number)
            if number in REBOOTS:
                assert isinstance(result, Failed), result
                self.assertEqual(result.kind, "reboot", result)
                self.assertRegex(str(result), "^the board restarted: it was in boot [0-9A-F]{8}, now ")
            else:
                assert isinstance(result, dict), result
                self.assertEqual((result["phase"], result["status"]), ("close", "0"))
                heard.append(f"run {number}")
        self.assertEqual(line.n_runs, N_RUNS)
        self.assertLessEqual(self.server.n_connections, N_RUNS)
        texts = [text for text, _ in self.server.heard]
        self.assertEqual([text for text in texts if text in heard], heard)
        self.assertLessEqual(set(texts) - set(heard), {"", *(f"run {number}" for number in REBOOTS)})
        presented = {certificate for text, certificate in self.server.heard if text in heard}
        self.assertEqual(presented, {(CLIENT / "leaf.der").read_bytes()})
        return line

    def test_each_run_happens_once_where_one_byte_in_2000_is_spoilt(self) -> None:
        line = self.all_runs(0.0005, seed=5)
        self.assertGreater(line.spoilt, 3)
        self.assertGreater(line.n_litter, 3)

    def test_each_run_happens_once_where_one_byte_in_200_is_spoilt(self) -> None:
        line = self.all_runs(0.005, seed=7)
        self.assertGreater(line.spoilt, 30)


if __name__ == "__main__":
    unittest.main()
