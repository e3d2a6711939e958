from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[2]
TESTS = sorted(HARNESS.glob("tests/*/*.py"))


@unittest.skipUnless(shutil.which("mypy"), "mypy is not installed")
class Types(unittest.TestCase):
    def test_runner_and_all_tests_are_strictly_typed(self) -> None:
        folders = sorted({str(path.parent) for path in TESTS})
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                ["mypy", "--strict", "--cache-dir", cache, "runner", *map(str, TESTS)],
                cwd=HARNESS, env={**os.environ, "MYPYPATH": ":".join([str(HARNESS), *folders])},
                capture_output=True, text=True, check=False,
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
