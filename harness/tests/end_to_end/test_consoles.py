"""Firmware with a shell of its own, by the console profiles that ship: shells.py plays it, with real TLS."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, Lab, outcomes  # noqa: E402

SHELLS = str(ROOT / "harness/tests/runner/shells.py")
DIALECTS = {"zephyr-shell": "zephyr", "esp-idf-console": "esp-idf", "s-client-prompt": "s-client", "at-modem": "at"}
GOOD = {"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}
ONE = {"suite": "one", "why": "w", "scenarios": [GOOD]}
TWO = {"certificate": ["rsa-2048", "ecdsa-p256"]}
BOTH = {"suite": "both", "why": "w", "scenarios": [
    {"name": "ecdsa", "why": "w", "server": {**TWO, "versions": ["1.3"]}},
    {"name": "rsa", "why": "w", "server": {**TWO, "versions": ["1.2"], "cipher_list": "ECDHE-RSA-AES128-GCM-SHA256"}},
]}
MIXED = {"suite": "mixed", "why": "w", "scenarios": [
    GOOD, {"name": "expired", "why": "w", "server": {"certificate": "expired"}},
    {"name": "no-version", "why": "w", "server": {"certificate": "ecdsa-p256", "faults": [
        {"at": "server_hello", "do": "alert", "level": "fatal", "description": "handshake_failure"}]},
     "expect": {"result": "refuse", "by": "either"}},
]}


class Consoles(Lab):
    def profile(self, name: str, *faults: str, **members: Any) -> str:
        profile = json.loads((ROOT / f"scenarios/boards/{name}.json").read_text(encoding="utf-8"))
        for key in ("$schema", "reset"):
            profile.pop(key, None)
        settings = {**profile["console"], **members.pop("console", {})}
        return self.write(f"{name}.json", {
            **profile, "virtual": [SHELLS, DIALECTS[name], *faults], **members, "console": settings})

    def each(self, *paths: str) -> list[dict[str, Any]]:
        """The only cell of each board, of a run of one good server."""
        self.options = ["--control", "never"]
        self.run_suite(self.write("one.json", ONE), *paths)
        cells = self.cells()
        return [cells[f"one/good/{Path(path).stem}"] for path in paths]

    def test_every_dialect_connects_and_refuses_in_its_own_words(self) -> None:
        self.options = ["--control", "never"]
        boards = [self.profile(name) for name in DIALECTS]
        done = self.run_suite(self.write("mixed.json", MIXED), *boards)
        cells = self.cells()
        for name in DIALECTS:
            good, expired, refused = (cells[f"mixed/{case}/{name}"] for case in ("good", "expired", "no-version"))
            self.assertEqual((good["outcome"], good["reason"]), ("pass", "connected"), f"{name}: {good['detail']}")
            self.assertEqual(refused["outcome"], "pass", f"{name}: {refused['detail']}")
            if name in ("zephyr-shell", "at-modem"):  # the others are told no roots
                self.assertEqual(expired["outcome"], "pass", f"{name}: {expired['detail']}")
            else:
                self.assertEqual(expired["reason"], "unsafe", f"{name}: {expired['detail']}")
        status = {name: cells[f"mixed/no-version/{name}"]["witnesses"]["board"]["status"] for name in DIALECTS}
        self.assertEqual(status, {"zephyr-shell": "113", "esp-idf-console": "-0x7780", "s-client-prompt": "0x0A000410",
                                  "at-modem": "579"}, done.out)

    def test_each_root_is_brought_over_or_the_case_is_not_run(self) -> None:
        self.options = ["--control", "never"]
        steps = json.loads((ROOT / "scenarios/boards/zephyr-shell.json").read_text(encoding="utf-8"))["console"]["before"]
        each = self.profile("zephyr-shell", console={"before": steps[:1], "roots": steps[1:]})
        both = self.write("both.json", BOTH)
        self.run_suite(both, each)
        self.assertEqual(set(outcomes(self.cells()).values()), {("pass", "connected")})
        self.run_suite(both, self.profile("zephyr-shell"), out=self.folder / "first-alone")
        self.assertEqual(set(outcomes(self.cells(self.folder / "first-alone")).values()), {("skip", "unable")})

    def test_crash_and_restart_are_inconclusive_with_the_line(self) -> None:
        crashed, restarted = self.each(self.profile("zephyr-shell", "crash"), self.profile("esp-idf-console", "reboot"))
        self.assertEqual((crashed["outcome"], crashed["reason"]), ("inconclusive", "reboot"))
        self.assertIn("ZEPHYR FATAL ERROR 0: CPU exception on CPU 0' ($.console.fatal[0])", crashed["detail"])
        self.assertEqual((restarted["outcome"], restarted["reason"]), ("inconclusive", "reboot"))
        self.assertIn("the board restarted: it wrote 'rst:0x1 (POWERON_RESET)", restarted["detail"])

    def test_what_cannot_be_understood_is_no_failure(self) -> None:
        unknown, strange, silent = self.each(
            self.profile("s-client-prompt", timeout_ms=300, console={"ok": ["never said"]}),
            self.profile("zephyr-shell", console={"command": "tls {host} {port}"}),
            self.profile("esp-idf-console", "mute-after=0", timeout_ms=300, boot_timeout_ms=300))
        self.assertEqual((unknown["outcome"], unknown["reason"]), ("inconclusive", "no-match"))
        self.assertIn("none of its lines is one of $.console.ok or $.console.fail", unknown["detail"])
        self.assertEqual((strange["outcome"], strange["reason"]), ("inconclusive", "board-not-ready"))
        self.assertIn("the board refused 'tls 127.0.0.1 ", strange["detail"])
        self.assertIn("it wrote 'tls: command not found' ($.console.refused[0])", strange["detail"])
        self.assertEqual(silent["outcome"], "inconclusive")

    def test_line_that_loses_bytes_shows_in_the_echo(self) -> None:
        cell, = self.each(self.profile("s-client-prompt", "lose", timeout_ms=300))
        self.assertEqual((cell["outcome"], cell["reason"]), ("inconclusive", "no-match"))
        self.assertIn("the board did not echo 's_client -connect 127.0.0.1:", cell["detail"])


if __name__ == "__main__":
    unittest.main()
