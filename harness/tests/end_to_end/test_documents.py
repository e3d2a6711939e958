"""The sessions that README.md and docs/whatif.md show are what the commands say."""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, Lab  # noqa: E402

SESSION = re.compile(r"^\$ (?:build/)?shakedown (.*)\n((?:(?!```|\$ ).*\n)+)", re.M)
LEFT_OUT = "..."  # a line that stands for any number of lines
VARIES = re.compile(r"in \d+\.\d s|\d+\.\d+\.\d+")  # how long a run took, and versions of stacks


def first_untrue(shown: list[str], said: list[str]) -> str | None:
    """The first line shown that the command does not say there."""
    at, anywhere = 0, False
    for line in shown:
        if line == LEFT_OUT:
            anywhere = True
            continue
        while anywhere and at < len(said) and said[at] != line:
            at += 1
        if at == len(said) or said[at] != line:
            return line
        at, anywhere = at + 1, False
    return None


class Sessions(Lab):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "captures").symlink_to(ROOT / "captures")

    def say(self, words: list[str]) -> str:
        if words[0] == "run":
            return self.run_suite(words[1], *words[3:]).out
        return self.shakedown(*words).out

    def check(self, document: str) -> None:
        sessions = SESSION.findall((ROOT / document).read_text(encoding="utf-8"))
        self.assertTrue(sessions, f"{document} shows no session")
        for command, shown in sessions:
            said = self.say(command.split())
            lines = [VARIES.sub("", text).splitlines() for text in (shown, said)]
            self.assertIsNone(first_untrue(*lines), f"{document}: {command} says:\n{said}")

    def test_readme(self) -> None:
        self.check("README.md")

    def test_what_if(self) -> None:
        self.check("docs/whatif.md")


if __name__ == "__main__":
    unittest.main()
