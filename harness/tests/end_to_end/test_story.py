"""The story: what each of its cells has to show, in results.json, in JUnit and to Wireshark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema  # type: ignore

sys.path.insert(0, str(Path(__file__).parent))

from lab import DEADLINE_S, ROOT, Cell, Done, Lab  # noqa: E402

BOARDS = ("netx-unallocated", "netx-fixed", "wolfssl", "mbedtls")
SERVERS = {
    "rsa-certificate-in-tls-1.3": (["rsa-2048"], ["1.3"]),
    "rsa-certificate-in-tls-1.2": (["rsa-2048"], ["1.2"]),
    "rsa-certificate-in-tls-1.2-and-1.3": (["rsa-2048"], ["1.2", "1.3"]),
    "ecdsa-certificate-in-tls-1.3": (["ecdsa-p256"], ["1.3"]),
    "ecdsa-certificate-in-tls-1.2": (["ecdsa-p256"], ["1.2"]),
    "ecdsa-certificate-in-tls-1.2-and-1.3": (["ecdsa-p256"], ["1.2", "1.3"]),
}


class Failure(NamedTuple):
    """A way for a cell to fail, as every witness and the diagnosis tell it."""

    outcome: str
    reason: str
    sender: str  # of the alert
    alert: int
    description: str
    openssl: str  # the reason in OpenSSL's error queue
    status: str
    status_name: str
    diagnosis: str


NO_PSS = Failure(
    "fail", "not-offered", "server", 40, "handshake_failure", "no suitable signature algorithm",
    "0x114", "NX_SECURE_TLS_ALERT_RECEIVED", "tls13-rsa-cert-no-pss",
)
NO_SPACE = Failure(
    "fail", "alert-from-board", "client", 80, "internal_error", "tlsv1 alert internal error",
    "0x20007", "NX_CRYPTO_PTR_ERROR", "netx-no-remote-cert-space",
)
NO_VERSION = Failure(  # as the profile declares
    "unsupported", "not-offered", "server", 70, "protocol_version", "unsupported protocol",
    "-0x7780", "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE", "version-not-offered",
)

RSA, RSA_12, RSA_BOTH, ECDSA, ECDSA_12, ECDSA_BOTH = SERVERS
# What fails, and the case of the same board that proves the one-factor change that helps.
FAILURES: dict[tuple[str, str], tuple[Failure, str]] = {
    (RSA, "netx-unallocated"): (NO_PSS, RSA_12),
    (RSA_BOTH, "netx-unallocated"): (NO_PSS, RSA_12),
    (RSA, "netx-fixed"): (NO_PSS, ECDSA),
    (RSA_BOTH, "netx-fixed"): (NO_PSS, ECDSA_BOTH),
    (ECDSA, "netx-unallocated"): (NO_SPACE, ECDSA_12),
    (ECDSA_BOTH, "netx-unallocated"): (NO_SPACE, ECDSA_12),
    (RSA, "mbedtls"): (NO_VERSION, RSA_BOTH),
    (ECDSA, "mbedtls"): (NO_VERSION, ECDSA_BOTH),
}
FAILED = {f"story/{case}/{board}" for (case, board), (failure, _) in FAILURES.items() if failure.outcome == "fail"}
GLYPHS = {"fail": "✗", "unsupported": "–"}
MATRIX = [(case, board) for case in SERVERS for board in BOARDS]


def change_between(case: str, other: str) -> dict[str, Any]:
    """The members of the server in which `other` differs."""
    pairs = zip(("certificate", "versions"), SERVERS[case], SERVERS[other])
    return {key: value for key, before, value in pairs if before != value}


def negotiated(case: str, board: str) -> str:
    """The version that two peers who can speak to each other agree on."""
    return SERVERS[case][1][0 if board == "mbedtls" else -1]


def fatal(alerts: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(alert["from"], alert["number"], alert["description"])
            for alert in alerts if alert["level"] == "fatal"]


class Dissection:
    """What tshark shows of a cell's TLS, without any key log file.

    It is told the ports, as some of those that a system hands out belong to other protocols.
    """

    def __init__(self, report: Path, cell: Cell) -> None:
        ports = [cell["witnesses"]["wire"][side]["port"] for side in ("server", "client")]
        decode_as = [word for port in ports for word in ("-d", f"tcp.port=={port},tls")]
        done = subprocess.run(
            ["tshark", "-r", str(report / cell["evidence"]["capture"]), "-o", "tls.keylog_file:", *decode_as,
             "-Y", "tls", "-T", "pdml"],
            capture_output=True, timeout=DEADLINE_S, check=True,
        )
        self.pdml = ElementTree.fromstring(done.stdout)

    def shown(self, name: str, attribute: str = "show") -> list[str]:
        return [field.get(attribute, "") for field in self.pdml.iter("field") if field.get("name") == name]

    def numbers(self, name: str) -> list[int]:
        return [int(text, 0) for text in self.shown(name)]

    def application_data(self) -> list[str]:
        return [bytes.fromhex(text).decode() for text in self.shown("data.data", "value")]


class StoryLab(Lab):
    """One run of the story for all tests."""

    done: Done
    story: Cell
    of: dict[str, Cell]
    report: Path

    def run_story(self) -> None:
        StoryLab.done = self.run_suite("story", *BOARDS)
        self.assertIn(self.done.status, (0, 1), self.done.err)
        StoryLab.story, StoryLab.of, StoryLab.report = self.results(), self.cells(), self.out

    def cell(self, case: str, board: str) -> Cell:
        return self.of[f"story/{case}/{board}"]


def setUpModule() -> None:
    lab = StoryLab("run_story")
    lab.setUp()
    unittest.addModuleCleanup(lab.doCleanups)
    lab.run_story()


class Cells(StoryLab):
    def test_matrix_is_whole_and_in_order(self) -> None:
        self.assertEqual([cell["id"] for cell in self.story["cells"]],
                         [f"story/{case}/{board}" for case, board in MATRIX])
        self.assertEqual([board["name"] for board in self.story["boards"]], list(BOARDS))
        self.assertTrue(self.story["run"]["complete"])

    def test_server_is_what_the_suite_says(self) -> None:
        for case, board in MATRIX:
            server = self.cell(case, board)["server"]
            self.assertEqual((server["certificate"], server["versions"]), SERVERS[case])

    def test_passes_are_connected_and_all_witnesses_agree(self) -> None:
        for case, board in MATRIX:
            if (case, board) not in FAILURES:
                with self.subTest(case=case, board=board):
                    self.check_pass(self.cell(case, board), negotiated(case, board))

    def check_pass(self, cell: Cell, version: str) -> None:
        server, wire, board = (cell["witnesses"][who] for who in ("server", "wire", "board"))
        self.assertEqual((cell["outcome"], cell["reason"], cell["diagnosis"]), ("pass", "connected", []))
        self.assertEqual([server["version"], wire["version"], board["version"]],
                         [version, f"TLS {version}", version])
        self.assertEqual(server["ciphersuite"], wire["cipher_suite"])
        self.assertEqual(server["group"], wire["group"])
        self.assertEqual(server["signature_algorithm"], wire["signature_algorithm"])
        self.assertEqual((server["state"], server["errors"]), ("closed", []))
        self.assertEqual((server["bytes_received"], server["bytes_sent"]), (9, 9))
        self.assertEqual((board["phase"], board["status"]), ("close", "0"))
        self.assertEqual(fatal(server["alerts"]) + fatal(wire["alerts"]), [])
        self.assertEqual(wire["faults"], [])

    def test_failures_name_alert_error_status_and_cause(self) -> None:
        for (case, board), (failure, _) in FAILURES.items():
            with self.subTest(case=case, board=board):
                self.check_failure(self.cell(case, board), failure)

    def check_failure(self, cell: Cell, failure: Failure) -> None:
        server, wire, board = (cell["witnesses"][who] for who in ("server", "wire", "board"))
        alert = (failure.sender, failure.alert, failure.description)
        self.assertEqual((cell["outcome"], cell["reason"]), (failure.outcome, failure.reason))
        self.assertEqual(fatal([cell["alert"]]), [alert])
        self.assertEqual(fatal(server["alerts"]), [alert])
        self.assertEqual(fatal(wire["alerts"]), [alert])
        self.assertEqual([error["reason"] for error in server["errors"]], [failure.openssl])
        self.assertEqual((board["status"], board["status_name"]), (failure.status, failure.status_name))
        self.assertEqual(board["alert"], {"from": failure.sender, "number": failure.alert})
        self.assertEqual([one["id"] for one in cell["diagnosis"]], [failure.diagnosis])
        self.assertFalse(server["handshake"])

    def test_failures_are_confirmed_by_the_cell_where_one_change_helps(self) -> None:
        for (case, board), (_, proof) in FAILURES.items():
            with self.subTest(case=case, board=board):
                [diagnosis] = self.cell(case, board)["diagnosis"]
                self.assertEqual(diagnosis["confidence"], "confirmed")
                self.assertEqual(diagnosis["counterfactual"], {
                    "change": change_between(case, proof), "cell": f"story/{proof}/{board}",
                    "outcome": "pass",
                })

    def test_remedies_name_the_stack_and_the_server(self) -> None:
        words = {
            NO_PSS: ("ECDSA", "ECDSA"),
            NO_SPACE: ("nx_secure_tls_remote_certificate_allocate", "TLS 1.2"),
            NO_VERSION: ("3.6", "TLS 1.2"),
        }
        for (case, board), (failure, _) in FAILURES.items():
            [diagnosis] = self.cell(case, board)["diagnosis"]
            self.assertIn(words[failure][0], diagnosis["fix"]["board"])
            self.assertIn(words[failure][1], diagnosis["fix"]["server"])
            self.assertTrue(any(re.match("RFC 8446 section 4", rfc) for rfc in diagnosis["rfc"]))
        [no_space] = self.cell(ECDSA, "netx-unallocated")["diagnosis"]
        self.assertIn("6.2.0", no_space["cause"])
        self.assertIn("6.2.1", no_space["fix"]["board"])

    def test_netx_offers_what_the_forum_thread_shows(self) -> None:
        hello = self.cell(RSA, "netx-fixed")["witnesses"]["wire"]["client_hello"]
        extensions = {one["name"]: one for one in hello["extensions"]}
        self.assertEqual(hello["legacy_session_id"], "")
        self.assertNotIn("server_name", extensions)
        self.assertNotIn("extended_master_secret", extensions)
        self.assertNotIn("session_ticket", extensions)
        self.assertEqual(extensions["supported_groups"]["named_group_list"],
                         ["secp256r1", "secp384r1", "secp521r1"])
        self.assertEqual(
            extensions["signature_algorithms"]["supported_signature_algorithms"],
            ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512",
             "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512", "ecdsa_sha224"],
        )
        self.assertEqual(hello["cipher_suites"][:12], [
            "TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
            "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256",
            "TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_PSK_WITH_AES_128_CBC_SHA256",
            "TLS_PSK_WITH_AES_128_CCM_8",
        ])


class Reports(StoryLab):
    def test_exit_status_tells_that_cells_failed(self) -> None:
        self.assertEqual(self.done.status, 1)

    def test_results_follow_their_schema(self) -> None:
        schema = json.loads((ROOT / "scenarios/schema/results.schema.json").read_text())
        validator = getattr(jsonschema, "Draft202012Validator", jsonschema.Draft7Validator)
        errors = [f"{error.json_path}: {error.message}" for error in validator(schema).iter_errors(self.story)]
        self.assertEqual(errors, [])

    def test_junit_has_each_cell_once_and_counts_right(self) -> None:
        suites = ElementTree.parse(self.report / "junit.xml").getroot()
        cases = list(suites.iter("testcase"))
        names = [(case.get("classname"), case.get("name")) for case in cases]
        self.assertEqual(len(set(names)), len(MATRIX))
        failed = {case.get("name") for case in cases if case.find("failure") is not None}
        self.assertEqual(failed, FAILED)
        skipped = {case.get("name") for case in cases if case.find("skipped") is not None}
        self.assertEqual(skipped, {f"story/{case}/{board}" for case, board in FAILURES} - FAILED)
        for suite in [suites, *suites.iter("testsuite")]:
            own = list(suite.iter("testcase"))
            self.assertEqual(int(suite.get("tests", "")), len(own))
            self.assertEqual(int(suite.get("failures", "")),
                             sum(case.find("failure") is not None for case in own))
            self.assertEqual(suite.get("errors"), "0")
            if suite is not suites:  # whose number Jenkins' schema does not have
                self.assertEqual(suite.get("skipped"), str(sum(case.find("skipped") is not None for case in own)))

    def test_progress_names_each_cell_once(self) -> None:
        lines = [line.split(" ") for line in self.done.err.splitlines() if not line.startswith("No ")]
        self.assertEqual([line[0] for line in lines], [f"{i}/{len(MATRIX)}" for i in range(1, len(MATRIX) + 1)])
        self.assertEqual({line[2]: line[1] for line in lines},
                         {name: cell["outcome"] for name, cell in self.of.items()})

    def test_terminal_shows_word_and_glyph_in_each_square(self) -> None:
        rows = re.findall(r"^  \S+  +[✓✗–].*$", self.done.out, re.MULTILINE)
        self.assertEqual(len(rows), len(SERVERS))
        for case, row in zip(SERVERS, rows):  # a long name may be cut
            self.assertTrue(row.startswith(f"  {case[:16]}"))
            squares = re.findall(r"[✓✗–] \w+", row)
            self.assertEqual(
                [square[0] for square in squares],
                [GLYPHS[FAILURES[case, board][0].outcome] if (case, board) in FAILURES else "✓" for board in BOARDS],
            )
        self.assertIn(f"Report: {self.report}", self.done.out)

    def test_report_renders_the_same_again(self) -> None:
        copy = self.folder / "copy"
        copy.mkdir()
        shutil.copy(self.report / "results.json", copy)
        again = self.shakedown("report", str(copy))
        self.assertEqual((again.status, again.err), (0, ""))
        self.assertEqual(again.out.strip(), self.done.out.partition("\nReport: ")[0].strip())
        for name in ("results.json", "junit.xml", "summary.md", "index.html"):
            written = (copy / name).read_text(encoding="utf-8").replace(str(copy), str(self.report))
            self.assertEqual(written, (self.report / name).read_text(encoding="utf-8"), name)


@unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
class Captures(StoryLab):
    """Each cell's capture, opened in Wireshark."""

    opened: dict[tuple[str, str], Dissection]

    @classmethod
    def setUpClass(cls) -> None:
        cells = [cls.of[f"story/{case}/{board}"] for case, board in MATRIX]
        with ThreadPoolExecutor(2) as pool:
            cls.opened = dict(zip(MATRIX, pool.map(lambda cell: Dissection(cls.report, cell), cells)))

    def test_hellos_are_those_of_the_wire_witness(self) -> None:
        for (case, board), opened in self.opened.items():
            with self.subTest(case=case, board=board):
                self.check_hello(opened, self.cell(case, board)["witnesses"]["wire"]["client_hello"])

    def check_hello(self, opened: Dissection, hello: Cell) -> None:
        suites = opened.shown("tls.handshake.ciphersuite", "showname")
        names = [match[1] for match in map(re.compile(r"Cipher Suite: (\S+) \(0x").match, suites) if match]
        for shown, told in zip(names, hello["cipher_suites"]):
            self.assertIn(shown, (told.removeprefix("OLD_"), "Unknown"))
        extensions = [one["number"] for one in hello["extensions"]]
        self.assertEqual(opened.numbers("tls.handshake.extension.type")[:len(extensions)], extensions)
        self.assertEqual(opened.shown("tls.handshake.random", "value")[0], hello["random"])
        for mine, fields in ((hello["ja3"], opened.shown("tls.handshake.ja3")),
                             (hello["ja3_string"], opened.shown("tls.handshake.ja3_full"))):
            self.assertIn(mine, fields[:1] or [mine])  # an old tshark has no JA3

    def test_handshake_and_data_of_passes_are_decrypted(self) -> None:
        for (case, board), opened in self.opened.items():
            if (case, board) not in FAILURES:
                with self.subTest(case=case, board=board):
                    self.check_decrypted(opened)

    def check_decrypted(self, opened: Dissection) -> None:
        types = opened.numbers("tls.handshake.type")
        self.assertEqual((types.count(1), types.count(2), types.count(11)), (1, 1, 1))
        self.assertEqual(types.count(20), 2, "both Finished")
        self.assertEqual(opened.application_data(), ["shakedown", "shakedown"])
        self.assertEqual(opened.numbers("tls.alert_message.desc"), [0, 0], "both close_notify")

    def test_alerts_of_failures_are_shown(self) -> None:
        for (case, board), (failure, _) in FAILURES.items():
            with self.subTest(case=case, board=board):
                opened = self.opened[case, board]
                self.assertEqual(opened.numbers("tls.alert_message.desc"), [failure.alert])
                types = opened.numbers("tls.handshake.type")
                # The server's flight, in TLS 1.3 under keys that the capture brings along.
                self.assertEqual(types, [1, 2, 8, 11, 15, 20] if failure is NO_SPACE else [1])


if __name__ == "__main__":
    unittest.main()
