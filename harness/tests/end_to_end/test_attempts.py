"""A board that passes now and then: attempts, what is flaky, and the quarantine."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Cell, Done, Lab  # noqa: E402

SUITE = {"suite": "one", "why": "w", "scenarios": [{"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}]}
CLIENT = """#!/usr/bin/env python3
import os, pathlib, socket, ssl, sys
host, port, ca = sys.argv[1:]
plan = pathlib.Path(__file__).with_name("plan")
todo = plan.read_text()
plan.write_text(todo[1:] or todo)
if todo[0] == "s":
    sys.exit(1)
context = ssl.create_default_context(cafile=ca if todo[0] == "p" else None)
context.check_hostname = False
try:
    with context.wrap_socket(socket.create_connection((host, int(port)))) as tls:
        tls.unwrap()
except ssl.SSLError as error:
    print("refused:", error.reason)
    sys.exit(1)
print("connected")
"""
QUARANTINE = {"cells": "one/good/own", "reason": "It fails on some days.", "link": "https://example.org/1", "quarantine": True}


class Attempts(Lab):
    def run_plan(self, plan: str, *options: str) -> tuple[Done, Cell]:
        """One case on a board that does what `plan` says: each time pass, fail or stay silent; the last for good."""
        (self.folder / "plan").write_text(plan)
        script = self.folder / "client.py"
        script.write_text(CLIENT, encoding="utf-8")
        script.chmod(0o755)
        profile = self.write("own.json", {
            "name": "own", "why": "A script.", "stack": "openssl", "driver": "exec",
            "exec": {"command": ["./client.py", "{host}", "{port}", "{ca}"], "ok": ["^connected$"],
                     "fail": ["^refused: (?P<status>.*)"]},
        })
        self.options = [*options, "--control", "never", "--tries", "0"]
        done = self.run_suite(self.write("one.json", SUITE), profile)
        [cell] = self.cells().values()
        return done, cell

    def check(self, plan: str, n: int, outcome: str, attempts: list[str], status: int, flaky: bool) -> Done:
        done, cell = self.run_plan(plan, "--attempts", str(n))
        self.assertEqual((cell["outcome"], [one["outcome"] for one in cell["attempts"]]), (outcome, attempts))
        self.assertEqual((cell["flaky"], done.status), (flaky, status), done.out)
        return done

    def test_what_passes_is_run_once(self) -> None:
        self.check("p", 3, "pass", ["pass"], 0, False)

    def test_what_fails_is_run_again_until_it_passes_and_stays_a_failure(self) -> None:
        done = self.check("ffpp", 5, "fail", ["fail", "fail", "pass"], 1, True)
        self.assertIn("Flaky: one/good/own: fail (alert-from-board), fail (alert-from-board), pass", done.out)

    def test_what_always_fails_is_run_as_often_as_was_asked(self) -> None:
        self.check("f", 3, "fail", ["fail"] * 3, 1, False)

    def test_verdict_takes_the_place_of_none(self) -> None:
        self.check("sp", 3, "pass", ["inconclusive", "pass"], 0, True)

    def test_quarantined_failure_does_not_count_and_stands_apart(self) -> None:
        known = self.write("known.json", {"known": [QUARANTINE]})
        done, cell = self.run_plan("f", "--known", known)
        self.assertEqual((cell["outcome"], done.status), ("xfail", 0))
        self.assertIn("In quarantine, and not counted: one/good/own (alert-from-board): It fails on some days. "
                      "https://example.org/1", " ".join(done.out.split()))

    def test_quarantined_pass_is_a_pass(self) -> None:
        known = self.write("known.json", {"known": [QUARANTINE]})
        done, cell = self.run_plan("p", "--known", known)
        self.assertEqual((cell["outcome"], done.status), ("pass", 0))

    def test_wrong_words_are_refused(self) -> None:
        self.options = ["--attempts", "0"]
        self.assertIn("--attempts takes a number from 1 to 20, not 0", self.refusal())
        self.options = ["--known", self.write("known.json", {"known": [{"cells": "x"}]})]
        self.assertIn("$.known[0]", self.refusal())

    def refusal(self) -> Any:
        done = self.run_suite("story", "openssl")
        self.assertEqual(done.status, 2)
        return done.complaint


if __name__ == "__main__":
    unittest.main()
