"""The layers check: what may be included from where (harness/LAYERS)."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[2]
CHECK = HARNESS / "tests/layers.sh"


class Layers(unittest.TestCase):
    def check(self, include: str) -> subprocess.CompletedProcess[str]:
        """The check of a tree of two layers, low and high, where low/a.c has this line."""
        with tempfile.TemporaryDirectory() as folder:
            for layer in ("low", "high"):
                Path(folder, layer).mkdir()
            Path(folder, "LAYERS").write_text("low high\n", encoding="utf-8")
            Path(folder, "high/b.c").write_text('#include "low/a.h"\n', encoding="utf-8")
            Path(folder, "low/a.c").write_text(f"{include}\n", encoding="utf-8")
            return subprocess.run([CHECK, folder], capture_output=True, text=True, check=False)

    def test_upward_include_is_refused_with_its_place(self) -> None:
        done = self.check('#include "high/b.h"')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(
            done.stderr,
            'harness/low/a.c:1: layer low must not include "high/b.h" (harness/LAYERS)\n',
        )

    def test_upward_include_is_seen_however_it_is_written(self) -> None:
        for include in ('#include "../high/b.h"', "#include <high/b.h>", '# include\t"high/b.h"', '#include "run.h"'):
            self.assertEqual(self.check(include).returncode, 1, include)

    def test_own_layer_and_the_system_may_be_included(self) -> None:
        for include in ('#include "low/c.h"', "#include <sys/queue.h>", "#include <stdio.h>"):
            done = self.check(include)
            self.assertEqual((done.returncode, done.stderr), (0, ""), include)

    def test_this_tree_keeps_to_its_layers(self) -> None:
        done = subprocess.run([CHECK, HARNESS], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
