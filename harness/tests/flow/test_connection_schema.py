"""Every line of `shakedown decode --json` fits the schema that is shipped for it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore

ROOT = Path(__file__).resolve().parents[3]
SHAKEDOWN = ROOT / os.environ.get("SHAKEDOWN_BUILD", "build") / "shakedown"
SCHEMA = json.loads((ROOT / "scenarios/schema/connection.schema.json").read_text())
CAPTURES = sorted((ROOT / "captures/golden").glob("*/in.pcap*")) + [ROOT / "captures/st-forum-rsa-refused.pcap"]


def decode(content: bytes) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        done = subprocess.run([SHAKEDOWN, "decode", "--json", file.name], capture_output=True, timeout=60, check=False)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


class Schema(unittest.TestCase):
    def check(self, content: bytes) -> int:
        lines = decode(content)
        for line in lines:
            for error in Draft202012Validator(SCHEMA).iter_errors(line):
                self.fail(f"{error.json_path}: {error.message}")
        return len(lines)

    def test_it_is_a_schema(self) -> None:
        Draft202012Validator.check_schema(SCHEMA)

    def test_whole_captures_are_told_by_the_schema(self) -> None:
        for path in CAPTURES:
            with self.subTest(path.parent.name):
                self.assertGreater(self.check(path.read_bytes()), 0)

    def test_cut_captures_are_told_by_the_schema(self) -> None:
        for path in CAPTURES:
            content = path.read_bytes()
            for cut in range(7, len(content), len(content) // 12):
                with self.subTest(path.parent.name, cut=cut):
                    self.check(content[:cut])

    def test_damaged_captures_are_told_by_the_schema(self) -> None:
        for path in CAPTURES:
            content = path.read_bytes()
            for at in range(300, len(content), len(content) // 25):
                with self.subTest(path.parent.name, at=at):
                    self.check(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1:])

    def test_it_refuses_what_is_not_told(self) -> None:
        connection = decode(CAPTURES[0].read_bytes())[0]
        changes: tuple[dict[str, Any], ...] = (
            {"tcp": {}}, {"close": None}, {"alerts": [{"from": "nobody"}]}, {"client": "10.0.0.1"})
        for change in changes:
            self.assertTrue(list(Draft202012Validator(SCHEMA).iter_errors({**connection, **change})), change)


if __name__ == "__main__":
    unittest.main()
