"""Each process of a run dies at each state of a cell's life: those that a run survives in one run, those that end it in
one that goes on after each. Run by `make soak`.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "end_to_end")]

import test_deaths  # noqa: E402


class AllDeaths(test_deaths.Deaths):
    cuts = [(who, state) for who in ("daemon", "command") for state in test_deaths.STATES]
    n_resumed = 24

    def test_what_a_run_survives(self) -> None:
        self.check_survivals()


if __name__ == "__main__":
    unittest.main()
