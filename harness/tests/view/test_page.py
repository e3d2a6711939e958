"""Opens index.html of a real run in Chromium, from its file, as the people do who get it.

Run with unittest from the root of the repository; SHAKEDOWN_BUILD names the folder of the build.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).parent))

from browser import Browser, program  # noqa: E402

BUILD = Path(os.environ.get("SHAKEDOWN_BUILD", "build")).resolve()
AXE = BUILD / "axe/axe.min.js"
BOARDS = ["netx-unallocated", "netx-fixed", "wolfssl", "mbedtls"]
REFUSED = "story/rsa-certificate-in-tls-1.3/netx-fixed"
PASSED = "story/ecdsa-certificate-in-tls-1.3/netx-fixed"
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!--<script>\u202egnp.exe"
SQUARES = "[...document.querySelectorAll('.matrix td:not(.dim) a')].map((a) => a.dataset.cell).sort()"
COLOURS = {"runOnly": ["color-contrast"]}
READY = "document.querySelector('#cell[open] .cell-body:not([aria-busy])')"

Results = dict[str, Any]


def shakedown(*arguments: str) -> None:
    subprocess.run([str(BUILD / "shakedown"), *arguments], check=False, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=120)


@unittest.skipIf(BUILD.name.endswith("-san"), "the page is the same in every build, and its makers are tested elsewhere")
@unittest.skipUnless(program("chromedriver") and program("chromium", "chromium-browser", "google-chrome"),
                     "needs Chromium and chromedriver: make check installs them where the system has them")
class Page(unittest.TestCase):
    """The page of the story."""

    browser: ClassVar[Browser]
    folder: ClassVar[Path]
    results: ClassVar[Results]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="page-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        shakedown("run", "story", "--board", *BOARDS, "--out", str(cls.folder / "story"))
        cls.results = json.loads((cls.folder / "story/results.json").read_text())
        cls.browser = Browser()
        cls.browser.__enter__()
        cls.addClassCleanup(cls.browser.__exit__)

    def setUp(self) -> None:
        self.browser.emulate()
        self.browser.open("about:blank")
        self.browser.complaints()

    def tearDown(self) -> None:
        self.assertEqual(self.browser.complaints(), [])

    def open(self, choice: str = "", run: str = "story") -> None:
        self.browser.open(f"file://{self.folder}/{run}/index.html{choice}")
        if "cell=" in choice:
            self.browser.until(READY)

    def render(self, name: str, results: Results) -> None:
        """The reports of other results, in a folder of that name."""
        (self.folder / name).mkdir()
        (self.folder / name / "results.json").write_text(json.dumps(results))
        shakedown("report", str(self.folder / name))

    def ids(self, *outcomes: str) -> list[str]:
        return sorted(cell["id"] for cell in self.results["cells"] if cell["outcome"] in outcomes)

    def cell(self, name: str) -> dict[str, Any]:
        return next(cell for cell in self.results["cells"] if cell["id"] == name)

    def text(self, selector: str) -> str:
        return str(self.browser.script("return document.querySelector(arguments[0]).textContent", selector))

    def test_asks_for_nothing_but_its_file(self) -> None:
        self.browser.requests()
        self.open(f"#cell={PASSED}")
        self.assertEqual(self.browser.requests(), [f"file://{self.folder}/story/index.html"])

    def test_shows_each_cell_in_a_table_with_scoped_heads(self) -> None:
        self.open()
        table = self.browser.script("""
            const rows = [...document.querySelectorAll('.matrix tbody tr')];
            const heads = (scope, of = document) => [...of.querySelectorAll(`.matrix th[scope=${scope}]`)];
            return {columns: heads('col').map((th) => th.firstChild.textContent), groups: heads('rowgroup').length,
                cells: Object.fromEntries(rows.flatMap((tr) => [...tr.querySelectorAll('td a')].map((a) =>
                    [a.dataset.cell, a.parentNode.className])))}""")
        self.assertEqual(table["columns"], ["Case", *BOARDS])
        self.assertEqual(table["groups"], 1)
        self.assertEqual(table["cells"], {cell["id"]: f"s-{cell['outcome']}" for cell in self.results["cells"]})
        self.assertTrue(self.text("h1").startswith(f"{len(self.ids('pass'))} of 24 cells pass; {len(self.ids('fail'))} fail"))

    def test_groups_failures_by_cause_with_the_remedy(self) -> None:
        self.open()
        self.assertRegex(self.text(".causes summary"), r"^4 cells on 2 boards.*RSA-PSS.*confirmed.*netxduo.*ECDSA certificate")
        self.browser.click(".causes summary")
        self.browser.until("document.querySelector('.causes .body a[data-cell]')")
        self.assertIn("netx-fixed passes with certificate ecdsa-p256", self.text(".causes .body"))

    def test_filters_by_what_stands_in_the_address(self) -> None:
        failed = self.ids("fail")
        rsa_pss = [cell["id"] for cell in self.results["cells"] for one in cell["diagnosis"]
                   if one["id"] == "tls13-rsa-cert-no-pss"]
        for choice, expected in (
            ("#state=fail", failed),
            ("#state=fail&board=netx-fixed", [name for name in failed if name.endswith("/netx-fixed")]),
            ("#alert=80-client", [cell["id"] for cell in self.results["cells"] if cell.get("alert", {}).get("number") == 80]),
            ("#cause=tls13-rsa-cert-no-pss", rsa_pss),
            ("#q=ecdsa%201.2%20wolfssl", [name for name in self.ids("pass") if "ecdsa" in name and "1.2" in name
                                          and name.endswith("/wolfssl")]),
        ):
            with self.subTest(choice):
                self.browser.open("about:blank")
                self.open(choice)
                self.assertEqual(self.browser.script(f"return {SQUARES}"), sorted(expected))

    def test_filters_by_an_axis_and_names_rows_by_their_axes(self) -> None:
        results = json.loads(json.dumps(self.results))
        for cell in results["cells"]:
            version = "1.3" if cell["case"].endswith("1.3") else "1.2"
            cell["scenario"], cell["matrix"] = "certificates", {"server.versions": [version]}
            cell["case"] = f"certificates/{cell['case']}"
            cell["id"] = f"story/{cell['case']}/{cell['board']}"
        self.render("axes", results)
        self.open("#axis=versions:%201.3", "axes")
        self.assertEqual(self.browser.script(f"return {SQUARES}"), sorted(
            cell["id"] for cell in results["cells"] if cell["matrix"]["server.versions"] == ["1.3"]))
        self.assertEqual(self.text(".head-scenario th"), "certificates")
        self.assertEqual(self.text(".matrix th.inner"), "rsa-certificate-in-tls-1.3")

    def test_keeps_what_is_chosen_in_the_address(self) -> None:
        self.open()
        self.browser.click(".chip[data-state=fail]")
        self.browser.click("input[type=search]")
        self.browser.keys(*"rsa-cert")
        self.assertEqual(self.browser.script("return location.hash"), "#state=fail&q=rsa-cert")
        self.assertEqual(self.browser.script(f"return {SQUARES}"), [name for name in self.ids("fail") if "/rsa-cert" in name])
        self.browser.click("#clear button")
        self.assertEqual(self.browser.script(f"return {SQUARES}.length"), len(self.results["cells"]))

    def test_is_led_by_keys(self) -> None:
        self.open()
        self.browser.script("document.querySelector('.matrix a[tabindex=\"0\"]').focus()")
        self.browser.keys("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "Enter")
        self.browser.until(READY)
        self.assertEqual(self.browser.script("return location.hash"), f"#cell={PASSED}")
        self.browser.keys("Escape")
        self.browser.until("!document.querySelector('#cell[open]')")
        self.assertEqual(self.browser.script("return document.activeElement.dataset.cell"), PASSED)
        self.assertEqual(self.browser.script("return location.hash"), "")
        self.browser.back()
        self.browser.until(READY)

    def test_tells_the_handshake_of_a_cell_as_a_ladder(self) -> None:
        self.open(f"#cell={REFUSED}")
        lines = self.browser.script("return [...document.querySelectorAll('.ladder + ol li')].map((li) => li.textContent)")
        for message in ("wire: the board sends client_hello \u00b7 plain",
                        "wire: the server sends alert handshake_failure (40) \u00b7 plain",
                        "server: handshake fails: no suitable signature algorithm", "board: reports 0x114"):
            self.assertTrue(any(message in line for line in lines), (message, lines))
        self.assertEqual([line for line in lines if "(first to fail)" in line],
                         [line for line in lines if "alert handshake_failure" in line])
        self.assertEqual(self.text(".verdict #cell-verdict"), self.cell(REFUSED)["detail"])

    def test_lays_the_offer_beside_the_servers_configuration(self) -> None:
        self.open(f"#cell={REFUSED}")
        empty = self.browser.script("return [...document.querySelectorAll('.sets .nothing')].map((tr) => tr.textContent)")
        self.assertEqual(len(empty), 1)
        self.assertRegex(empty[0], "^Signature algorithms in TLS 1.3.*nothing in common.*rsa_pss_rsae_sha256")

    def test_shows_the_bytes_of_the_field_that_is_looked_at(self) -> None:
        self.open(f"#cell={REFUSED}")
        hello = self.cell(REFUSED)["witnesses"]["wire"]
        self.assertEqual(self.browser.script("return [...document.querySelectorAll('.hex span[data-at]')].map((s) => s.textContent).join('')"),
                         hello["client_hello_bytes"])
        self.browser.script("document.querySelector('.bytes').scrollIntoView({block: 'center'})")
        self.browser.move_to(".fields li[data-field='3']")
        self.assertEqual(self.text(".fields [aria-selected=true] .field"), "random")
        marked = "return [...document.querySelectorAll('.hex .on')].map((s) => s.textContent).join('')"
        self.assertEqual(self.browser.script(marked), hello["client_hello"]["random"])
        self.browser.script("document.querySelector('.fields').focus()")
        self.browser.keys("ArrowDown", "ArrowDown", "ArrowDown")
        self.assertEqual(self.browser.script(marked), "1301")

    def test_shows_what_a_board_says_as_text(self) -> None:
        results = json.loads(json.dumps(self.results).replace("netx-fixed", "netx-<b>fixed"))
        for cell in results["cells"]:
            cell["detail"] += HOSTILE
            (cell["witnesses"]["board"] or {})["log"] = HOSTILE
            for one in cell["diagnosis"]:
                one["cause"] += HOSTILE
                one["refs"] = ["javascript:document.title='owned'"]
        results["boards"][0]["stack_version"] = HOSTILE
        self.render("hostile", results)
        self.open("#cell=story/rsa-certificate-in-tls-1.3/netx-%3Cb%3Efixed", "hostile")
        shown = HOSTILE.replace("\u202e", "<202e>")
        self.assertEqual(self.text(".cell-body > section .log"), shown)
        self.assertTrue(self.text("#cell-verdict").endswith(shown))
        self.assertEqual(self.browser.script("return document.querySelectorAll('img, b, [href^=javascript]').length"), 0)
        self.assertEqual(self.browser.script("return document.title"), "Shakedown: story")

    def test_runs_no_script_but_its_own(self) -> None:
        self.open()
        self.assertFalse(self.browser.script("""
            const script = document.createElement('script');
            script.textContent = 'window.owned = true';
            document.body.append(script);
            return Boolean(window.owned)"""))
        self.assertRegex("\n".join(self.browser.complaints()), "Content Security Policy")

    def test_says_that_a_run_was_cut_short(self) -> None:
        results = json.loads(json.dumps(self.results))
        results["run"]["complete"] = False
        for cell in results["cells"][12:]:
            for key in ("witnesses", "alert", "missing", "attempts", "lint", "evidence"):
                cell.pop(key, None)
            cell.update(outcome="skip", reason="not-run", detail="The run ended before it came to this cell.", diagnosis=[])
        self.render("cut", results)
        self.open("#cell=" + results["cells"][20]["id"], "cut")
        self.assertIn("The run was cut short", self.text("#head"))
        self.assertIn("12 cells did not run", self.text("#head"))
        self.assertIn("ended before it came to this cell", self.text("#cell-verdict"))

    def test_suits_the_dark(self) -> None:
        grounds = []
        for scheme in ("light", "dark"):
            self.browser.emulate(prefers_color_scheme=scheme)
            self.open()
            grounds.append(self.browser.script("return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(grounds, ["rgb(251, 251, 250)", "rgb(22, 24, 27)"])

    @unittest.skipUnless(AXE.is_file(), f"needs axe-core in {AXE}: make check fetches it where the registry is in reach")
    def test_keeps_the_rules_of_accessibility(self) -> None:
        for scheme, choice, options in (("light", "", {}), ("light", f"#cell={REFUSED}", {}),
                                        ("dark", "", COLOURS), ("dark", f"#cell={REFUSED}", COLOURS)):
            with self.subTest(scheme=scheme, choice=choice):
                self.browser.emulate(prefers_color_scheme=scheme)
                self.browser.open("about:blank")
                self.open(choice)
                self.browser.script("for (const one of document.querySelectorAll('details')) one.open = true")
                self.browser.script(AXE.read_text())
                violations, n_passes = self.browser.script("""return axe.run(arguments[0]).then((found) => [
                    found.violations.map((one) => one.nodes.map((node) => `${one.id}: ${node.html} ${node.failureSummary}`)),
                    found.passes.flatMap((one) => one.nodes).length])""", options)
                self.assertEqual(violations, [])
                self.assertGreater(n_passes, 20)


if __name__ == "__main__":
    unittest.main()
