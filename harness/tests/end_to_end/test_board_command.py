"""`shakedown board`: list, check, try, reset, learn."""

from __future__ import annotations

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, Lab  # noqa: E402
from serial_port import BoardAtPort, SerialPort  # noqa: E402

SHELLS = str(ROOT / "harness/tests/runner/shells.py")


class BoardCommand(Lab):
    def console(self, **settings: Any) -> str:
        return self.write("own.json", {
            "name": "own", "why": "w", "stack": "openssl", "driver": "console", "virtual": [SHELLS, "s-client"],
            "sni": "server.shakedown.test", "timeout_ms": 300,
            "console": {"prompt": "^target# $", "command": ["s_client -connect {host}:{port}", " -servername {sni}"],
                        "ok": [r"Verify return code: (?P<status>0) "], **settings}})

    def at_port(self, device: str, **members: Any) -> str:
        return self.write("own.json", {"name": "own", "why": "w", "stack": "x", "port": device, "address": "127.0.0.1", **members})

    def test_list_shows_every_profile_and_a_labs_boards(self) -> None:
        done = self.shakedown("board", "list")
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.out, r"(?m)^netx-fixed +agent +netxduo 6\.2\.0  virtual$")
        self.assertRegex(done.out, r"(?m)^at-modem +console +quectel  #console #type$")
        lab = self.write("lab.json", {"boards": [
            {"name": "left", "profile": "at-modem", "serial_number": "0037", "address": "::1", "tags": ["lte"]}]})
        self.assertIn("left               console  quectel  on serial-number:0037  #console #type #lte",
                      self.shakedown("board", "list", "--lab", lab).out)

    def test_try_shows_each_step_and_the_pattern_that_matched(self) -> None:
        done = self.shakedown("board", "try", self.console())
        self.assertEqual(done.status, 0, done.out + done.err)
        self.assertIn("= prompt: 'target# ' matches $.console.prompt\n= ready\n", done.out)
        self.assertRegex(done.out, r"(?m)^> s_client -connect 127\.0\.0\.1:\d+ -servername server\.shakedown\.test\\r\\n$")
        self.assertIn("= ok: $.console.ok[0] matches '    Verify return code: 0 (ok)', status 0\n", done.out)
        self.assertRegex(done.out, r"(?m)^pass \(connected\): ")

    def test_try_tells_what_is_wrong_with_a_profile(self) -> None:
        done = self.shakedown("board", "try", self.console(ok=["never"]))
        self.assertEqual(done.status, 1)
        self.assertRegex(done.out, r"(?m)^inconclusive \(no-match\): .*none of its lines is one of \$\.console\.ok")
        done = self.shakedown("board", "try", self.console(ok=["("]))
        self.assertEqual(done.status, 2)
        self.assertIn("own: $.console.ok[0]: '(' is no regular expression", done.complaint)

    def test_learn_proposes_what_the_schema_takes(self) -> None:
        done = self.shakedown("board", "learn", "netx-fixed")
        self.assertEqual(done.status, 0, done.err)
        proposal = json.loads(done.out)
        self.assertIn("rsa_pss_rsae_sha256", proposal["unsupported"]["signature_algorithms"])
        self.assertNotIn("versions", proposal["unsupported"])
        profile = json.loads((ROOT / "scenarios/boards/netx-fixed.json").read_text(encoding="utf-8"))
        self.assertEqual(self.shakedown("board", "list", self.write("new.json", {**profile, **proposal, "name": "new"})).status, 0)

    def test_check_tells_whether_a_board_is_there_and_answers(self) -> None:
        board = BoardAtPort("shakedown-board", "--stack", "netx", "--state", "fixed")
        self.addCleanup(board.close)
        done = self.shakedown("board", "check", self.at_port(board.device))
        self.assertEqual(done.status, 0, done.out)
        self.assertEqual([line[:4] for line in done.out.splitlines()], ["ok  ", "note", "ok  ", "ok  "])
        self.assertIn("shakedown-board (process", done.out)  # which is the board itself
        self.assertRegex(done.out, r"ok   own answers: NetXDuo/")
        done = self.shakedown("board", "check", self.at_port("/dev/serial/by-id/none"))
        self.assertEqual(done.status, 1)
        self.assertIn("no   cannot open /dev/serial/by-id/none: No such file or directory; plug the board in", done.out)
        done = self.shakedown("board", "check", self.at_port("serial-number:0037"))
        self.assertIn("no   no adapter with the serial number 0037 is there; plugged in are:", done.out)

    def test_check_of_a_program_says_that_it_is_here_and_no_more(self) -> None:
        own = {"name": "own", "why": "w", "stack": "x", "driver": "exec", "exec": {"command": ["true"]}}
        done = self.shakedown("board", "check", self.write("own.json", own))
        self.assertEqual((done.status, done.out), (
            0, "ok   the program of own is here; `shakedown board try` tells whether it connects\n"))

    def test_check_names_the_program_that_has_the_port(self) -> None:
        port = SerialPort()
        self.addCleanup(port.close)
        done = self.shakedown("board", "check", self.at_port(port.device, driver="console", boot_timeout_ms=100, console={
            "prompt": ">", "command": "x"}))
        self.assertEqual(done.status, 1)
        self.assertRegex(done.out, rf"(?m)^note \S+ \(process {os.getpid()}\) has it open: close that$")
        self.assertRegex(done.out, rf"no prompt came in 0\.1 s.*; \S+ \(process {os.getpid()}\) has the port open too")

    def test_check_fails_for_a_log_port_that_another_program_has(self) -> None:
        port = SerialPort()
        self.addCleanup(port.close)
        done = self.shakedown("board", "check", self.at_port(port.device, driver="passive", passive={
            "listen": 1 + port.master, "from": "127.0.0.1", "trigger": "none"}))
        self.assertRegex(done.out, r"(?m)^no   \S+ \(process \d+\) has it open: close that$")
        self.assertEqual(done.status, 1)

    def test_reset_runs_the_hook_beside_the_profile(self) -> None:
        hook = self.folder / "hook"
        hook.write_text('#!/bin/sh\necho "$1" > "${0%/*}/done"; exit "$2"\n', encoding="utf-8")
        hook.chmod(0o755)
        done = self.shakedown("board", "reset", self.at_port("/dev/none", reset=["./hook", "now", "0"]))
        self.assertEqual((done.status, done.out), (0, "ok   own was reset\n"), done.err)
        self.assertEqual((self.folder / "done").read_text(encoding="utf-8"), "now\n")
        done = self.shakedown("board", "reset", self.at_port("/dev/none", reset=["./hook", "now", "7"]))
        self.assertEqual(done.status, 1)
        self.assertRegex(done.out, r"^no   the reset hook .*/hook of own ended with 7\n$")

    def test_unknown_deed_is_answered_with_those_there_are(self) -> None:
        self.assertEqual(self.shakedown("board", "chekc").complaint,
                         'unknown deed of board "chekc" (did you mean "check"?); known are list, check, try, reset, learn')


if __name__ == "__main__":
    unittest.main()
