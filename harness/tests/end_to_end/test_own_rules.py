"""Rules of the user's own: they speak beside the shipped ones, and a faulty one is named."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SHAKEDOWN = ROOT / os.environ.get("SHAKEDOWN_BUILD", "build") / "shakedown"


def rule(name: str, when: str) -> dict[str, Any]:
    return {
        "id": name, "title": "Own cause", "order": 1, "when": when, "cause": "It is \\(.board).",
        "evidence": [{"witness": "wire", "text": "e"}], "fix": {"board": {}, "server": "s"},
        "rfc": ["RFC 8446"],
    }


class OwnRules(unittest.TestCase):
    def setUp(self) -> None:
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name)
        self.out = self.folder / "out"

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def shakedown(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(SHAKEDOWN), *words], cwd=ROOT, capture_output=True, text=True,
                              check=False)

    def run_story(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.shakedown("run", "story", "--board", "netx-fixed", "--tries", "0",
                              "--control", "never", "--out", str(self.out), *words)

    def causes(self) -> set[str]:
        results = json.loads((self.out / "results.json").read_text(encoding="utf-8"))
        return {d["cause"] for cell in results["cells"] for d in cell["diagnosis"]
                if d["title"] == "Own cause"}

    def test_own_rule_speaks_in_a_run_and_in_its_report(self) -> None:
        own = self.write("own.json", json.dumps(rule("own", 'alert("server"; 40)')))
        self.assertEqual(self.run_story("--rules", own).returncode, 1)
        self.assertEqual(self.causes(), {"It is netx-fixed."})
        never = self.write("never.json", json.dumps(rule("never", "false")))
        self.assertEqual(self.shakedown("report", str(self.out), "--rules", never).returncode, 0)
        self.assertEqual(self.causes(), set())
        self.assertEqual(self.shakedown("report", str(self.out), "--rules", own).returncode, 0)
        self.assertEqual(self.causes(), {"It is netx-fixed."})

    def test_rule_that_fails_in_a_cell_is_reported_and_the_others_go_on(self) -> None:
        late = self.write("late.json", json.dumps(rule("late", ".board.x == 1")))
        done = self.run_story("--rules", late)
        self.assertIn(f"The rule {late} fails in jq: Cannot index string", done.stdout)
        self.assertIn("RSA-PSS", done.stdout)

    def test_faulty_rule_is_refused_by_name(self) -> None:
        faulty = {
            "typo.json": (json.dumps(rule("typo", 'alrt("server"; 40)')), "alrt/2 is not defined"),
            "cut.json": ('{"id":', "is not JSON"),
            "key.json": (json.dumps({**rule("key", "true"), "cuase": "x"}), '"cuase"'),
            "twice.json": (json.dumps(rule("no-close-notify", "true")), "both the rule"),
        }
        for name, (text, why) in faulty.items():
            path = self.write(name, text)
            done = self.run_story("--rules", path)
            self.assertEqual((done.returncode, done.stdout), (2, ""), name)
            self.assertIn(path, done.stderr)
            self.assertIn(why, done.stderr)
            self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()
