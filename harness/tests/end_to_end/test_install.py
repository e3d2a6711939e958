"""What `make install` puts where, and that it works from there, far from the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import BUILD, DEADLINE_S, ROOT, Lab, tree  # noqa: E402

PREFIX = "/usr/local"
MANUALS = ("man1/shakedown.1", "man8/shakedownd.8", "man5/shakedown-suite.5")


class Manual(Lab):
    def test_every_command_has_its_entry(self) -> None:
        commands = set(re.findall(r"(?m)^  shakedown ([a-z]+)", self.shakedown("help").out))
        page = (ROOT / "man/shakedown.1").read_text(encoding="utf-8")
        listed = page.partition(".SH COMMANDS\n")[2].partition(".SH ")[0]
        self.assertEqual(set(re.findall(r"(?m)^\.TP\n\.B ([a-z]+)$", listed)), commands)


    def test_every_option_of_run_has_its_entry(self) -> None:
        options = set(re.findall(r"--[a-z]+", self.shakedown("run", "--help").out))
        page = (ROOT / "man/shakedown.1").read_text(encoding="utf-8")
        listed = page.partition(".SH OPTIONS OF RUN\n")[2].partition(".SH ")[0].replace("\\-", "-")
        self.assertEqual(options - set(re.findall(r"--[a-z]+", listed)), set())


class Installed(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "root"
        self.prefix = Path(f"{self.root}{PREFIX}")
        self.make("install")
        state = self.folder / "state"
        shutil.copytree(ROOT / "certs/out", state / "certs")
        self.env["SHAKEDOWN_STATE"] = str(state)

    def make(self, target: str) -> None:
        # Nothing is built here: -o keeps make from looking at what the programs are made of.
        done = subprocess.run(
            ["make", "-s", "-o", "all", f"B={BUILD}", f"DESTDIR={self.root}", f"PREFIX={PREFIX}", target],
            cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def installed(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in self.env.items() if name != "SHAKEDOWN_ROOT"}
        return subprocess.run([str(self.prefix / "bin" / program), *arguments], env=environment, cwd=self.folder,
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    def test_the_story_runs_from_there(self) -> None:
        done = self.installed("shakedown", "run", "story", "--board", "netx-fixed", "openssl", "--out", str(self.out))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("tls13-rsa-cert-no-pss", (self.out / "results.json").read_text())
        self.assertTrue(self.results()["run"]["complete"])
        self.assertFalse((self.prefix / "share/shakedown/certs/out").exists())

    def test_what_sentences_name_can_be_read_there(self) -> None:
        there = set(tree(self.prefix / "share/shakedown"))
        named = {"README.md", "LICENSE", "docs/lab.md", "docs/porting.md", "docs/report.png", "certs/README.md",
                 "harness/firmware/agent.c", "harness/firmware/agent.h", "harness/firmware/glue/port.h"}
        self.assertEqual(named - there, set())

    def test_manuals_and_service_are_in_order(self) -> None:
        for page in MANUALS if shutil.which("man") else ():
            path = self.prefix / "share/man" / page
            done = subprocess.run(["man", "--warnings", "-l", "-Tutf8", str(path)], capture_output=True, text=True,
                                  env={**self.env, "MANPAGER": "cat"}, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
            self.assertIn("shakedown", done.stdout)
        if shutil.which("systemd-analyze"):
            self.check_unit()
        rules = (self.prefix / "lib/udev/rules.d/60-shakedown.rules").read_text()
        self.assertIn('ENV{ID_MM_DEVICE_IGNORE}="1"', rules)

    def check_unit(self) -> None:
        unit = self.prefix / "lib/systemd/system/shakedownd.service"
        text = unit.read_text()
        self.assertIn(f"ExecStart={PREFIX}/bin/shakedownd --lab /etc/shakedown/lab.json", text)
        here = self.folder / "shakedownd.service"
        here.write_text(text.replace(f"ExecStart={PREFIX}", f"ExecStart={self.prefix}"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        about = [line for line in done.stderr.splitlines() if "shakedownd" in line]
        self.assertEqual(about, [])

    def test_uninstall_takes_all_of_it_away(self) -> None:
        self.assertIn("libexec/shakedown/shakedownd", tree(self.prefix))
        self.make("uninstall")
        self.assertEqual([name for name in tree(self.root) if not (self.root / name).is_dir()], [])

    def test_one_without_a_checkout_has_certificates_of_its_own(self) -> None:
        home = self.folder / "home"
        shutil.copytree(Path(self.env.pop("SHAKEDOWN_STATE")) / "certs", home / ".local/state/shakedown/certs")
        self.env["HOME"] = str(home)
        self.env.pop("XDG_STATE_HOME", None)
        done = self.installed("shakedown", "certs")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("certificates: 0 made", done.stdout)
        self.assertEqual(os.stat(home / ".local/state/shakedown/certs/rsa-2048/key.pem").st_mode & 0o077, 0)


if __name__ == "__main__":
    unittest.main()
