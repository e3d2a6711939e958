"""A run in a terminal: one line that changes while it goes on, and colours where they are wanted."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, SHAKEDOWN, Lab, processes, until  # noqa: E402


class Terminal(Lab):
    def run_in_terminal(self, environment: dict[str, str], at_once: bool = False) -> str:
        """What a run writes to a terminal that is its standard output and error."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        child = subprocess.Popen([SHAKEDOWN, "run", "story", "--board", "netx-fixed", "--tries", "0", "--control", "never",
                                  "--out", str(self.folder / f"run{'-'.join(environment)}")],
                                 stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=ROOT,
                                 env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", **environment})
        os.close(theirs)
        text = b""
        while True:
            try:
                text += os.read(ours, 65536)
            except OSError:  # the last of them has closed it
                break
            if at_once:  # it hears of all cells and of the end together
                os.kill(child.pid, signal.SIGSTOP)
                until("its daemon is done", lambda: all(one.parent != child.pid for one in processes()))
                os.kill(child.pid, signal.SIGCONT)
                at_once = False
        self.assertEqual(child.wait(), 1)
        return text.decode()

    def test_one_line_changes_and_is_gone_in_the_end(self) -> None:
        live, _, report = self.run_in_terminal({}).partition("story: 6 cells")
        self.assertNotIn("\n", live)
        self.assertIn("\r\x1b[K0/6: story/rsa-certificate-in-tls-1.3/netx-fixed", live)
        self.assertRegex(live, r"5/6, 2 failed, about \d+ s left: story/")
        self.assertTrue(live.endswith("\r\x1b[K"))
        self.assertIn("\x1b[1;31m", report)

    def test_line_is_gone_too_where_the_end_came_with_the_last_cells(self) -> None:
        live = self.run_in_terminal({}, at_once=True).partition("story: 6 cells")[0]
        self.assertTrue(live.endswith("\r\x1b[K"), live)

    def test_no_colour_where_none_is_wanted(self) -> None:
        for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
            report = self.run_in_terminal({name: value}).partition("story: 6 cells")[2]
            self.assertIn("✗ not-offered", report)
            self.assertNotIn("\x1b[", report)


if __name__ == "__main__":
    unittest.main()
