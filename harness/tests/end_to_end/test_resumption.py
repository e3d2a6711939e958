"""Cases of several connections: what each board remembers of the last, and what the evidence holds of all."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab  # noqa: E402

BOTH = ("1.2", "1.3")
BOARDS = {"openssl": BOTH, "wolfssl": BOTH, "mbedtls": ("1.2",), "gnutls": BOTH,
          "bearssl": ("1.2",)}


def suite() -> dict[str, Any]:
    return {
        "suite": "again",
        "why": "Each kind of session, three times.",
        "scenarios": [
            {
                "name": "it",
                "why": "The third connection resumes what the second brought.",
                "server": {"certificate": "ecdsa-p256"},
                "client": {"connections": 3, "resume": True},
                "matrix": {"server.versions": [["1.2"], ["1.3"]], "server.tickets": [True, False]},
                "exclude": [{"server.versions": ["1.3"], "server.tickets": False}],
                "expect": {"result": "connect", "resumed": True},
            }
        ],
    }


class Resumption(Lab):
    def test_each_board_resumes_and_all_connections_are_kept(self) -> None:
        self.run_suite(self.write("again.json", suite()), *BOARDS)
        cells = self.cells()
        for board, versions in BOARDS.items():
            for case in [f"{version},tickets" for version in versions] + ["1.2,no-tickets"]:
                with self.subTest(board=board, case=case):
                    cell = cells[f"again/it/{case}/{board}"]
                    self.assertEqual(cell["outcome"], "pass")
                    server = cell["witnesses"]["server"]
                    self.assertEqual([one["resumed"] for one in server["connections"]], [False, True, True])
                    self.assertEqual(cell["witnesses"]["wire"]["connections"], 3)
                    capture = str(self.out / cell["evidence"]["capture"])
                    told = self.shakedown("decode", capture, "--json").out
                    connections = [json.loads(line) for line in told.splitlines()]
                    self.assertEqual(sum("client_hello" in one for one in connections), 3)


if __name__ == "__main__":
    unittest.main()
