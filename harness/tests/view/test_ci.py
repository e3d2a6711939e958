"""What CI systems are given: JUnit by Jenkins' rules, annotations, TAP, and the examples of docs/ci.md.

Run with unittest from the root of the repository; SHAKEDOWN_BUILD names the folder of the build.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import yaml  # type: ignore  # Debian has no types for it

ROOT = Path(__file__).resolve().parents[3]
SHAKEDOWN = str(Path(os.environ.get("SHAKEDOWN_BUILD", "build")).resolve() / "shakedown")
STORED = ROOT / "harness/tests/view/run/results.json"
EVIL = "\n::error::forged\r\n%0A # TODO x\n...\nnot ok 1\u001b[2J: ,\u0001"
# What the schema that Jenkins goes by lets an element have: attributes, those that it must have, and children.
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id",
                   "package", "file", "log", "url"}, {"name", "tests", "failures", "errors"},
                  {"testsuite", "properties", "testcase", "system-out", "system-err"}),
    "testcase": ({"name", "time", "classname", "group"}, {"name"},
                 {"skipped", "error", "failure", "system-out", "system-err"}),
    "skipped": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "failure": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}


def stored() -> Any:
    return json.loads(STORED.read_text(encoding="utf-8"))


def evil() -> Any:
    results = stored()
    for cell in results["cells"]:
        cell["detail"] += EVIL
        for diagnosis in cell["diagnosis"]:
            diagnosis["title"] += EVIL
            diagnosis["cause"] += EVIL
        if cell.get("witnesses", {}).get("board"):
            cell["witnesses"]["board"]["log"] = "[ 1.0] x" + EVIL
    return results


class Reported(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def report(self, results: Any, *options: str) -> str:
        (self.folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
        done = subprocess.run([SHAKEDOWN, "report", str(self.folder), *options], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def annotations(self, results: Any) -> list[str]:
        """Those behind the report, which stands between two commands with a token."""
        lines = self.report(results, "--github").splitlines()
        token = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", lines[0])
        assert token
        return lines[lines.index(f"::{token[1]}::") + 1:]


class JUnit(Reported):
    def test_files_fit_the_schema_that_jenkins_goes_by(self) -> None:
        for results in (stored(), evil()):
            self.report(results)
            for element in ElementTree.parse(self.folder / "junit.xml").getroot().iter():
                allowed, needed, children = JUNIT[element.tag]
                self.assertLessEqual(set(element.attrib), allowed)
                self.assertLessEqual(needed, set(element.attrib))
                self.assertLessEqual({child.tag for child in element}, children)
                self.assertRegex(element.get("time", "0"), r"^[0-9]+(\.[0-9]+)?$")


class GitHub(Reported):
    def test_each_cause_is_an_annotation_that_text_cannot_break(self) -> None:
        for results in (stored(), evil()):
            lines = self.annotations(results)
            self.assertGreater(len(lines), 1)
            for line in lines:
                self.assertRegex(line, r"^::(error|warning) title=[^:,]*::.+$")
                self.assertNotIn("\u001b", line)
                self.assertFalse(re.search(r"%(?!25|0A|3A|2C)", line), line)

    def test_no_more_than_github_shows_and_most_cells_first(self) -> None:
        results = stored()
        failed = next(cell for cell in results["cells"] if cell["outcome"] == "fail")
        results["cells"] = []
        for i in range(30):
            for k in range(i + 1):
                cell = json.loads(json.dumps(failed))
                cell.update(id=f"story/{i}-{k}/netx-fixed", case=f"{i}-{k}", board="netx-fixed")
                cell["diagnosis"] = [{**cell["diagnosis"][0], "id": f"r{i}", "title": f"Cause {i}"}]
                results["cells"].append(cell)
        lines = self.annotations(results)
        self.assertEqual(len(lines), 10)
        self.assertIn("::error title=Cause 29::30 cells, such as ", lines[0])
        self.assertEqual(lines[-1], "::error title=And 21 more::The summary and the report have all of them.")

    def test_what_the_base_has_is_a_warning(self) -> None:
        base = self.folder / "base"
        base.mkdir()
        (base / "results.json").write_text(json.dumps(stored()), encoding="utf-8")
        lines = self.report(stored(), "--github", "--baseline", str(base)).splitlines()
        self.assertTrue(any(line.startswith("::warning") for line in lines))
        self.assertFalse(any(line.startswith("::error") for line in lines))


class Protocol(Reported):
    def test_each_cell_is_a_test_point_with_yaml(self) -> None:
        for results in (stored(), evil()):
            path = self.folder / "run.tap"
            self.report(results, "--tap", str(path))
            text = path.read_text(encoding="utf-8")
            points = re.findall(r"(?m)^(ok|not ok) (\d+) - (\S+)(?: # (TODO|SKIP) .*)?$", text)
            self.assertEqual([point[2] for point in points], [cell["id"] for cell in results["cells"]])
            self.assertEqual(text.splitlines()[:2], ["TAP version 14", f"1..{len(points)}"])
            fine = {"pass": ("ok", ""), "xfail": ("not ok", "TODO"), "unsupported": ("ok", "SKIP"), "skip": ("ok", "SKIP")}
            for cell, point in zip(results["cells"], points):
                self.assertEqual((point[0], point[3]), fine.get(cell["outcome"], ("not ok", "")))
            blocks = re.findall(r"(?ms)^  ---\n(.*?)^  \.\.\.\n", text)
            self.assertEqual(len(blocks), sum(point[0] == "not ok" for point in points))
            for block in blocks:
                self.assertIn("message", yaml.safe_load(block))


class Examples(unittest.TestCase):
    """The commands run; the files are what their systems read."""

    def setUp(self) -> None:
        text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
        self.blocks = re.findall(r"(?ms)^```(yaml|groovy)\n(.*?)^```$", text)

    def commands(self) -> list[str]:
        found = []
        for kind, text in self.blocks:
            if kind == "groovy":
                found += re.findall(r"sh '(.*)'", text)
                continue
            for job in yaml.safe_load(text).get("jobs", yaml.safe_load(text)).values():
                found += job.get("script", [])
                found += [step["run"] for step in job.get("steps", []) if "run" in step]
        return found

    def test_commands_run_as_they_stand(self) -> None:
        self.assertEqual([kind for kind, _ in self.blocks], ["yaml", "yaml", "groovy"])
        for commands in ([one] for one in self.commands() if "GITHUB" not in one):
            commands += [one for one in self.commands() if "GITHUB" in one and "--github" in commands[0]]
            with tempfile.TemporaryDirectory() as folder:
                os.symlink(Path(SHAKEDOWN).parent, Path(folder) / "build")
                for command in commands:
                    done = subprocess.run(["sh", "-e", "-c", command], cwd=folder, capture_output=True, text=True,
                                          env={**os.environ, "GITHUB_STEP_SUMMARY": f"{folder}/step.md",
                                               "SHAKEDOWN_ROOT": str(ROOT)}, check=False)
                    self.assertIn(done.returncode, (0, 1), done.stderr)
                self.assertTrue((Path(folder) / "report/junit.xml").stat().st_size > 0)
                self.assertEqual((Path(folder) / "step.md").exists(), len(commands) == 2)
                attached = re.findall(r"\[\[ATTACHMENT\|(.*?)\]\]", (Path(folder) / "report/junit.xml").read_text())
                self.assertTrue(all((Path(folder) / path).is_file() for path in attached))


if __name__ == "__main__":
    unittest.main()
