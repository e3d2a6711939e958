"""What must be refused: the grades of refusals, the good twin before and after, and known failures."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, outcomes  # noqa: E402


def scenario(name: str, versions: list[str], expect: Any) -> dict[str, Any]:
    return {"name": name, "why": "A test.", "expect": expect,
            "server": {"versions": versions, "certificate": "ecdsa-p256"}}


OLD = {"result": "refuse", "by": "either", "alerts": ["protocol_version"], "why": "TLS 1.1 is not to be used",
       "rfc": "RFC 8996 section 5", "instead": {"versions": ["1.2"]}}


class Refusals(Lab):
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        self.suite = self.write("refusals.json", {"suite": "refusals", "why": "A test.", "scenarios": [
            scenario("old-version", ["1.1"], OLD),
            scenario("old-version-again", ["1.1"], [{"result": "connect"}, OLD]),
            scenario("other-alert", ["1.1"], {**OLD, "alerts": ["handshake_failure"]}),
            scenario("other-version", ["1.2"], {"result": "connect", "version": "1.3"}),
        ]})

    def test_grades(self) -> None:
        done = self.run_suite(self.suite, "openssl", "mbedtls")
        cells = self.cells()
        self.assertEqual(outcomes(cells), {
            "refusals/old-version/openssl": ("fail", "unsafe"),
            "refusals/old-version-again/openssl": ("pass", "connected"),
            "refusals/other-alert/openssl": ("fail", "unsafe"),
            "refusals/other-version/openssl": ("error", "control-failed"),
            "refusals/old-version/mbedtls": ("pass", "refused"),
            "refusals/old-version-again/mbedtls": ("pass", "refused"),
            "refusals/other-alert/mbedtls": ("pass", "refused-other-alert"),
            "refusals/other-version/mbedtls": ("error", "control-failed"),
        })
        twin = cells["refusals/old-version/mbedtls"]["twin"]
        self.assertEqual(twin["server"]["versions"], ["1.2"])
        self.assertEqual([twin[when]["outcome"] for when in ("before", "after")], ["pass", "pass"])
        self.assertIn("TLS 1.1 is not to be used (RFC 8996 section 5)", cells["refusals/old-version/openssl"]["detail"])
        self.assertNotIn("twin", cells["refusals/other-version/openssl"])
        self.assertEqual(done.status, 3)
        self.assertIn("UNSAFE", done.out)

    def test_known_failures(self) -> None:
        known = [{"cells": "refusals/old-*/openssl", "reason": "Set so.", "link": "https://example.org/1", "from": "3",
                  "fails_as": "unsafe"},
                 {"cells": "refusals/other-alert/openssl", "reason": "Set so.", "link": "https://example.org/4",
                  "fails_as": ["hung", "timeout"]},
                 {"cells": "refusals/other-*/openssl", "reason": "Set so.", "link": "https://example.org/2", "to": "1.1"},
                 {"cells": "refusals/*/mbedtls", "reason": "Not here.", "link": "https://example.org/3"}]
        self.write("known.json", {"known": known})
        profile = self.write("own.json", {"name": "openssl", "why": "A test.", "stack": "openssl",
                                          "virtual": ["shakedown-board", "--stack", "openssl"]})
        done = self.run_suite(self.suite, profile)
        cells = self.cells()
        self.assertEqual(outcomes(cells)["refusals/old-version/openssl"], ("xfail", "unsafe"))
        self.assertEqual(outcomes(cells)["refusals/old-version-again/openssl"], ("xpass", "connected"))
        self.assertEqual(outcomes(cells)["refusals/other-alert/openssl"], ("fail", "unsafe"))
        self.assertEqual(cells["refusals/old-version/openssl"]["known"],
                         {"reason": "Set so.", "link": "https://example.org/1"})
        self.assertTrue(cells["refusals/other-alert/openssl"]["known"]["changed"])
        self.assertIn("The known failure has changed: known.json tells of hung or timeout here.",
                      cells["refusals/other-alert/openssl"]["detail"])
        notices = self.results()["run"]["notices"]
        stale = [text for text in notices if "stale" in text]
        self.assertEqual(len(stale), 1, notices)
        self.assertIn("$.known[2]", stale[0])
        self.assertEqual(done.status, 3)

    def test_known_failures_that_are_not_written_right(self) -> None:
        path = self.write("known.json", {"known": [{"cells": "all", "reason": "x", "link": "x"}]})
        profile = self.write("own.json", {"name": "own", "why": "A test.", "stack": "openssl",
                                          "virtual": ["shakedown-board", "--stack", "openssl"]})
        done = self.run_suite(self.suite, profile)
        self.assertEqual(done.status, 2)
        self.assertIn(f"{path}: $.known[0].cells", done.complaint)


if __name__ == "__main__":
    unittest.main()
