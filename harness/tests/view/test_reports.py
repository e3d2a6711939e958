"""Reads the reports as others will: results.json by its schema, junit.xml as XML.

Run with unittest from the root of the repository; SHAKEDOWN_BUILD names the folder of the build.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from typing import Any

import jsonschema  # type: ignore

HELPER = os.path.join(os.environ.get("SHAKEDOWN_BUILD", "build"), "tests/view/test_results")
STORED = "harness/tests/view/run/results.json"
FREE_TEXT = {"text", "detail", "cause", "title", "log", "board", "server", "id"}
EVIL = "\u0001\u001b]0;x\u0007<![CDATA[ ]]> & \"'\ufffe\uffff \U0001f600|`"
COUNTED = ("failure", "error", "skipped")


def load(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def poisoned(value: Any, key: str = "") -> Any:
    """The same with hostile text added to every string that is free text."""
    if isinstance(value, dict):
        return {name: poisoned(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [poisoned(member, key) for member in value]
    if isinstance(value, str) and key in FREE_TEXT:
        return value + EVIL
    return value


def reports_of(results: Any) -> tuple[Any, ElementTree.Element, str]:
    """results.json, junit.xml and summary.md, written for these results."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "given.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(results, file)
        subprocess.run([HELPER, path, folder], check=True)
        junit = ElementTree.parse(os.path.join(folder, "junit.xml")).getroot()
        with open(os.path.join(folder, "summary.md"), encoding="utf-8") as file:
            summary = file.read()
        return load(os.path.join(folder, "results.json")), junit, summary


class Reports(unittest.TestCase):
    def test_results_fit_their_schema_and_stay_what_they_were(self) -> None:
        stored = load(STORED)
        results, _, _ = reports_of(stored)
        schema = load("scenarios/schema/results.schema.json")
        validator = getattr(jsonschema, "Draft202012Validator", jsonschema.Draft7Validator)
        validator.check_schema(schema)
        validator(schema).validate(results)
        self.assertEqual(results, stored)

    def test_rules_fit_their_schema(self) -> None:
        schema = load("scenarios/schema/rules.schema.json")
        validator = getattr(jsonschema, "Draft202012Validator", jsonschema.Draft7Validator)
        validator.check_schema(schema)
        for name in os.listdir("harness/verdict/rules"):
            if name.endswith(".json"):
                validator(schema).validate(load(os.path.join("harness/verdict/rules", name)))

    def test_junit_names_each_cell_once_and_counts_right(self) -> None:
        stored = load(STORED)
        _, junit, _ = reports_of(stored)
        cases = list(junit.iter("testcase"))
        self.assertEqual(sorted(case.get("name", "") for case in cases),
                         sorted(cell["id"] for cell in stored["cells"]))
        for element in [junit, *junit.iter("testsuite")]:
            inside = list(element.iter("testcase"))
            self.assertEqual(element.get("tests"), str(len(inside)))
            for kind in COUNTED:
                n = sum(case.find(kind) is not None for case in inside)
                plural = {"failure": "failures", "error": "errors"}.get(kind, kind)
                if (element, kind) != (junit, "skipped"):  # which the root of JUnit's files does not have
                    self.assertEqual(element.get(plural), str(n))

    def test_junit_says_why_and_what_helps_in_the_body(self) -> None:
        _, junit, _ = reports_of(load(STORED))
        name = "story/ecdsa-certificate-in-tls-1.3/netx-unallocated"
        case = next(case for case in junit.iter("testcase") if case.get("name") == name)
        failure = case.find("failure")
        assert failure is not None
        self.assertEqual(case.get("classname"), "netx-unallocated.story")
        self.assertEqual(failure.get("type"), "alert-from-board")
        for words in ("internal_error (80)", "0x20007", "nx_secure_tls_remote_certificate_allocate",
                      "it passes with versions 1.2", "RFC 8446"):
            self.assertIn(words, failure.text or "")

    def test_what_is_wrong_with_client_hellos_is_told_once_for_all_cells(self) -> None:
        stored = load(STORED)
        told = {"text": "It lacks what it needs.", "rfc": "RFC 8446 section 9.1"}
        for cell in stored["cells"]:
            cell["lint"] = [{"id": "lacks", "severity": "error", **told},
                            {"id": "trifle", "severity": "note", "text": "A trifle.", "rfc": "RFC 1"}]
        _, junit, summary = reports_of(stored)
        self.assertEqual(summary.count("It lacks what it needs"), 1)
        self.assertIn(f"{stored['boards'][0]['name']} in ", summary)
        self.assertEqual({suite.findtext("system-out") for suite in junit.iter("testsuite")},
                         {"ClientHello, error: It lacks what it needs. (RFC 8446 section 9.1)\n"})
        self.assertNotIn("A trifle", summary)

    def test_junit_body_begins_with_the_verdict_and_attaches_the_capture(self) -> None:
        stored = load(STORED)
        _, junit, _ = reports_of(stored)
        cells = {cell["id"]: cell for cell in stored["cells"]}
        attached = 0
        for case in junit.iter("testcase"):
            cell = cells[case.get("name")]
            self.assertEqual(case.findall("properties"), [])
            for kind in COUNTED:
                element = case.find(kind)
                if element is not None:
                    self.assertEqual(element.get("message"), cell["detail"])
                    self.assertTrue((element.text or "").startswith(cell["detail"] + "\n"))
            output = case.findtext("system-out", "")
            attached += output.startswith("[[ATTACHMENT|/") and output.endswith(
                f"/{cell.get('evidence', {}).get('capture')}]]")
        self.assertGreater(attached, 0)

    def test_only_what_was_as_expected_or_not_run_is_no_failure(self) -> None:
        stored = load(STORED)
        _, junit, _ = reports_of(stored)
        elements = {"pass": None, "fail": "failure", "unsupported": "skipped",
                    "inconclusive": "error", "error": "error", "skip": "skipped"}
        cases = {case.get("name"): case for case in junit.iter("testcase")}
        for cell in stored["cells"]:
            kinds = [kind for kind in COUNTED if cases[cell["id"]].find(kind) is not None]
            expected = elements[cell["outcome"]]
            self.assertEqual(kinds, [expected] if expected else [])

    def test_hostile_text_breaks_no_report(self) -> None:
        hostile = poisoned(load(STORED))
        results, junit, summary = reports_of(hostile)
        self.assertEqual(results, hostile)
        self.assertEqual(len(list(junit.iter("testcase"))), len(hostile["cells"]))
        self.assertNotIn("\u001b", summary)
        self.assertNotIn("<![CDATA[", summary)

    def test_summary_of_a_huge_run_stays_below_what_github_takes(self) -> None:
        stored = load(STORED)
        failed = next(cell for cell in stored["cells"] if cell["outcome"] == "fail")
        cells = []
        for i in range(4000):
            cell = json.loads(json.dumps(failed))
            name = f"{'x' * 200}-{i}"
            cell.update(id=f"story/{name}/netx-fixed", case=name, board="netx-fixed")
            cell["diagnosis"][0].update(confidence="none", cause=f"{'why ' * 50}{i}")
            cells.append(cell)
        _, junit, summary = reports_of({**stored, "cells": cells})
        self.assertLessEqual(len(summary.encode()), 900_000)
        self.assertIn("results.json has all of it", summary)
        self.assertEqual(len(list(junit.iter("testcase"))), 4000)


if __name__ == "__main__":
    unittest.main()
