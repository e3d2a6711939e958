from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
HARNESS = HERE.parents[1]


@unittest.skipUnless(shutil.which("mypy"), "mypy is not installed")
class Types(unittest.TestCase):
    def test_runner_and_its_tests_are_strictly_typed(self) -> None:
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                ["mypy", "--strict", "--cache-dir", cache, "runner", *map(str, HERE.glob("*.py"))],
                cwd=HARNESS, env={**os.environ, "MYPYPATH": f"{HARNESS}:{HERE}"},
                capture_output=True, text=True, check=False,
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
