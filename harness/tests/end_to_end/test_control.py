"""What fails is looked into: the control at the same server, and changes of one factor until one passes."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, outcomes  # noqa: E402


def suite(**server: Any) -> dict[str, Any]:
    return {"suite": "own", "why": "A test.",
            "scenarios": [{"name": "one", "why": "A test.", "server": {"certificate": "rsa-2048", **server}}]}


UNSTEADY = """
import itertools, sys
sys.path.insert(0, {accuracy!r})
import board
scripts = itertools.cycle({scripts!r})
run = board.Board.on_run
board.Board.on_run = lambda self, fields: run(self, {{**fields, "sni": next(scripts)}})
board.main()
"""


class Control(Lab):
    maxDiff = None

    def test_a_server_that_can_serve_nobody_is_our_own_error(self) -> None:
        # It may sign with ECDSA only, and has an RSA key.
        server = suite(versions=["1.3"], signature_algorithms="ecdsa_secp256r1_sha256")
        done = self.run_suite(self.write("own.json", server), "openssl")
        cell = self.cells()["own/one/openssl"]
        self.assertEqual((cell["outcome"], cell["reason"]), ("error", "control-failed"))
        self.assertEqual(cell["control"]["outcome"], "fail")
        self.assertNotIn("tries", cell)
        self.assertEqual(done.status, 3)

    def test_what_a_suite_told_all_clients_is_said_once(self) -> None:
        contradictory = suite(versions=["1.2"])
        contradictory["scenarios"][0]["client"] = {"min": "1.3"}
        self.run_suite(self.write("own.json", contradictory), "openssl")
        cell = self.cells()["own/one/openssl"]
        self.assertEqual((cell["outcome"], cell["reason"]), ("error", "control-failed"))
        self.assertEqual(cell["detail"].count("The suite told it to offer at least TLS 1.3."), 1, cell["detail"])

    def test_without_control_it_is_a_failure_that_no_client_is_blamed_for(self) -> None:
        server = suite(versions=["1.3"], signature_algorithms="ecdsa_secp256r1_sha256")
        self.options = ["--control", "never", "--tries", "0"]
        done = self.run_suite(self.write("own.json", server), "openssl")
        self.assertEqual(outcomes(self.cells()), {"own/one/openssl": ("fail", "server-cannot")})
        self.assertNotIn("control", self.cells()["own/one/openssl"])
        self.assertEqual(done.status, 1)

    def test_the_control_runs_where_it_is_always_wanted(self) -> None:
        self.options = ["--control", "always"]
        done = self.run_suite(self.write("own.json", suite(client_auth="require")), "openssl")
        cell = self.cells()["own/one/openssl"]
        self.assertEqual((cell["outcome"], cell["control"]["outcome"]), ("pass", "pass"))
        self.assertEqual(done.status, 0)

    def test_boards_that_fail_at_the_same_case_share_the_control(self) -> None:
        self.options = ["--tries", "0"]
        self.run_suite(self.write("own.json", suite(versions=["1.3"])), "netx-unallocated", "netx-fixed")
        controls = [cell["control"] for cell in self.cells().values()]
        self.assertEqual([control["reason"] for control in controls], ["connected"] * 2)
        self.assertEqual(controls[0], controls[1])

    def test_the_control_has_the_key_that_a_board_has_built_in_and_the_suite_does_not_tell(self) -> None:
        self.options = ["--tries", "0"]
        server = suite(versions=["1.2"], psk={"identity": "board-7", "key": "0123456789abcdef"}, cipher_list="PSK")
        self.run_suite(self.write("own.json", server), "openssl")
        cell = self.cells()["own/one/openssl"]
        self.assertEqual((cell["outcome"], cell["control"]["outcome"]), ("fail", "pass"), cell["detail"])

    def test_the_control_has_a_name_where_the_server_needs_one_and_the_board_has_none(self) -> None:
        self.options = ["--tries", "0"]
        self.run_suite(self.write("own.json", suite(certificate="ecdsa-p256", sni="require")), "netx-fixed")
        cell = self.cells()["own/one/netx-fixed"]
        self.assertEqual((cell["outcome"], cell["control"]["outcome"]), ("fail", "pass"))

    def test_what_no_rule_explains_is_found_by_trying(self) -> None:
        server = suite(versions=["1.3"], certificate="ecdsa-p256", ciphersuites="TLS_CHACHA20_POLY1305_SHA256")
        done = self.run_suite(self.write("own.json", server), "netx-fixed")
        cell = self.cells()["own/one/netx-fixed"]
        self.assertEqual(cell["outcome"], "fail")
        self.assertEqual(cell["control"]["outcome"], "pass")
        self.assertEqual(cell["counterfactual"]["outcome"], "pass")
        self.assertLessEqual(len(cell["tries"]), 6)
        self.assertEqual([one["outcome"] for one in cell["tries"][:-1]], ["fail"] * (len(cell["tries"]) - 1))
        self.assertIn("netx-fixed passes with", done.out)

    def test_no_more_is_tried_than_asked_for(self) -> None:
        self.options = ["--tries", "2"]
        board = self.unsteady_board("unexplained-close")
        done = self.run_suite(self.write("own.json", suite(certificate="ecdsa-p256", versions=["1.2"])), board)
        cell = self.cells()["own/one/unsteady"]
        self.assertEqual([one["outcome"] for one in cell["tries"]], ["fail", "fail"])
        self.assertNotIn("counterfactual", cell)
        self.assertEqual(done.status, 1)

    def test_no_board_runs_what_its_server_would_refuse_anyway(self) -> None:
        # Mbed TLS 2.28 offers no TLS 1.3, which this profile does not declare: a change of something else is in vain.
        board = self.write("old.json", {"name": "old", "why": "A test.", "stack": "mbedtls",
                                        "virtual": ["shakedown-board", "--stack", "mbedtls"]})
        self.run_suite(self.write("own.json", suite(versions=["1.3"], certificate="rsa-pss-2048")), board)
        self.assertEqual([one["change"] for one in self.cells()["own/one/old"]["tries"]], [{"versions": ["1.2", "1.3"]}])

    def unsteady_board(self, *scripts: str) -> str:
        """The profile of a board that is another one (scripts of client.py) each time, in turns."""
        accuracy = Path(__file__).resolve().parents[1] / "accuracy"
        program = self.write("unsteady.py", UNSTEADY.format(accuracy=str(accuracy), scripts=scripts))
        return self.write("unsteady.json", {"name": "unsteady", "why": "A test.", "stack": "mbedtls",
                                            "virtual": [sys.executable, program, "mbedtls"]})

    def test_what_passes_by_chance_confirms_nothing(self) -> None:
        board = self.unsteady_board("unexplained-close", "good")
        self.run_suite(self.write("own.json", suite(certificate="ecdsa-p256", versions=["1.2"])), board)
        cell = self.cells()["own/one/unsteady"]
        self.assertEqual((cell["outcome"], cell["flaky"]), ("fail", True))
        self.assertEqual([one["outcome"] for one in cell["tries"]], ["pass"])
        self.assertEqual([one["outcome"] for one in cell["attempts"]], ["fail", "fail", "pass"])
        self.assertNotIn("counterfactual", cell)
        self.assertNotIn("confirmed", [one["confidence"] for one in cell["diagnosis"]])
        self.assertIn("did not fail each time", cell["detail"])

    def test_a_connection_lost_by_chance_is_no_refusal(self) -> None:
        # Twin, case, twin, and the case again: nothing of the certificate is ever looked at.
        board = self.unsteady_board("no-verification", "unexplained-close", "no-verification", "no-verification")
        self.run_suite(self.write("own.json", suite(certificate="expired", versions=["1.2"])), board)
        cell = self.cells()["own/one/unsteady"]
        self.assertEqual((cell["outcome"], cell["reason"], cell["flaky"]), ("fail", "unsafe", True))
        self.assertEqual([one["reason"] for one in cell["attempts"]], ["refused-silently", "unsafe"])

    def test_wrong_words(self) -> None:
        for options, complaint in (
            (["--control", "perhaps"], '--control is always, on-failure or never, not "perhaps"'),
            (["--tries", "many"], "--tries takes a number from 0 to 100, not many"),
        ):
            with self.subTest(options=options):
                self.options = options
                done = self.run_suite("story", "mbedtls")
                self.assertEqual((done.status, done.complaint), (2, complaint))


if __name__ == "__main__":
    unittest.main()
