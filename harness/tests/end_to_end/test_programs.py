"""Clients that are programs of this machine: the profiles that ship, and one of a user's own."""

from __future__ import annotations

import json
import shutil
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, Lab, outcomes  # noqa: E402

PROGRAMS = {"openssl-s-client": "openssl", "curl": "curl", "gnutls-cli": "gnutls-cli"}
ONE = {"suite": "one", "why": "w", "scenarios": [{"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}]}
REFUSALS = {"suite": "refusals", "why": "w", "scenarios": [{"name": "expired", "why": "w", "server": {"certificate": "expired"}}]}
CLIENT = """
import socket, ssl, sys
host, port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False
try:
    with context.wrap_socket(socket.create_connection((host, int(port)))) as tls:
        tls.unwrap()
except ssl.SSLError as error:
    print("refused:", error.reason)
    sys.exit(1)
print("connected")
"""


class Programs(Lab):
    def test_programs_of_this_machine_connect_to_all_servers_of_the_story(self) -> None:
        there = [name for name, program in PROGRAMS.items() if shutil.which(program)]
        self.assertTrue(there)
        done = self.run_suite("story", *there)
        self.assertEqual(set(outcomes(self.cells()).values()), {("pass", "connected")}, done.out)
        self.assertEqual(done.status, 0)
        for board in self.results()["boards"]:
            self.assertRegex(board["stack_version"], r"^\d+\.\d+")
        self.assertTrue(all(cell["server"]["application"] in ("http", "none") for cell in self.cells().values()))

    def test_refusals_are_told_in_the_programs_own_words(self) -> None:
        there = [name for name, program in PROGRAMS.items() if shutil.which(program)]
        self.run_suite(self.write("refusals.json", REFUSALS), *there)
        cells = self.cells()
        for name in there:
            refused = cells[f"refusals/expired/{name}"]
            self.assertEqual(refused["outcome"], "pass", refused["detail"])
        names = {name: cells[f"refusals/expired/{name}"]["witnesses"]["board"].get("status_name") for name in there}
        self.assertEqual(names, {name: {
            "openssl-s-client": "certificate verify failed", "curl": "CURLE_PEER_FAILED_VERIFICATION",
            "gnutls-cli": "GNUTLS_E_CERTIFICATE_ERROR",
        }[name] for name in there})

    @unittest.skipUnless(shutil.which("gnutls-cli"), "there is no gnutls-cli")
    def test_certificate_that_is_complained_of_and_accepted_all_the_same_is_unsafe(self) -> None:
        profile = json.loads((ROOT / "scenarios/boards/gnutls-cli.json").read_text())
        del profile["$schema"]
        profile["exec"]["command"].insert(1, "--insecure")
        self.run_suite(self.write("refusals.json", REFUSALS), self.write("own.json", {**profile, "name": "own"}))
        self.assertEqual(outcomes(self.cells()), {"refusals/expired/own": ("fail", "unsafe")})

    def test_script_beside_its_profile_is_a_client(self) -> None:
        (self.folder / "boards").mkdir()
        script = self.folder / "boards" / "client.py"
        script.write_text("#!/usr/bin/env python3" + CLIENT, encoding="utf-8")
        script.chmod(0o755)
        profile = self.write("boards/own.json", {
            "name": "own", "why": "A script.", "stack": "openssl", "driver": "exec",
            "exec": {"command": ["./client.py", "{host}", "{port}", "{ca}"], "ok": ["^connected$"],
                     "fail": ["^refused: (?P<status>.*)"]},
        })
        self.run_suite("story", profile)
        self.assertEqual(set(outcomes(self.cells()).values()), {("pass", "connected")})

    def test_program_that_reaches_no_server_is_inconclusive_and_a_missing_one_ends_the_run(self) -> None:
        member = {"name": "own", "why": "w", "stack": "x", "driver": "exec"}
        one = self.write("one.json", ONE)
        self.run_suite(one, self.write("own.json", {**member, "exec": {"command": ["false"]}}))
        self.assertEqual({pair[0] for pair in outcomes(self.cells()).values()}, {"inconclusive"})
        done = self.run_suite(one, self.write("own.json", {**member, "exec": {"command": ["no-such-program"]}}),
                              out=self.folder / "other")
        self.assertEqual(done.complaint, "own: there is no program no-such-program: install it, or correct "
                         "$.exec.command[0] of the profile")
        self.assertEqual(done.status, 3)

    def test_wrong_pattern_ends_the_run_as_wrong_input(self) -> None:
        done = self.run_suite("story", self.write("own.json", {
            "name": "own", "why": "w", "stack": "x", "driver": "exec", "exec": {"command": ["true"], "ok": ["("]}}))
        self.assertIn("own: $.exec.ok[0]: '(' is no regular expression: missing )", done.complaint)
        self.assertEqual(done.status, 2)

    def test_programs_that_ship_are_those_tested_here(self) -> None:
        shipped = {path.stem for path in (ROOT / "scenarios/boards").glob("*.json") if '"exec"' in path.read_text()}
        self.assertEqual(shipped, set(PROGRAMS))


if __name__ == "__main__":
    unittest.main()
