"""The processes of a run under memcheck: one that is undisturbed, and one whose children are killed. Run by
`make check-valgrind`, which says by $SHAKEDOWN_MEMCHECK what the command and all that it starts are run by, and reads
what that found. Of outcomes nothing is expected: memcheck is too slow for the deadlines of a cell.
"""

from __future__ import annotations

import os
import signal
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "end_to_end")]

from lab import Lab  # noqa: E402


class Memory(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.options = ["--control", "never", "--tries", "0"]

    def test_undisturbed(self) -> None:
        done = self.run_suite("story", "netx-fixed", "wolfssl", "mbedtls")
        self.assertIn(done.status, (1, 3))
        self.assertTrue(self.results()["run"]["complete"])
        self.assertEqual(self.shakedown("report", str(self.out)).status, 0)

    def test_server_and_board_are_killed(self) -> None:
        run = self.start("story", "netx-fixed", "openssl")
        run.wait_for_cells(1)
        os.kill(run.server().pid, signal.SIGKILL)
        os.kill(run.board("netx").pid, signal.SIGKILL)
        self.assertIn(run.finish().status, (1, 3))
        self.check_nothing_left(run)
        self.assertTrue(self.results()["run"]["complete"])


if __name__ == "__main__":
    unittest.main()
