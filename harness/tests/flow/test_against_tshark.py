"""What `shakedown decode` sees in captures, stream by stream, is what tshark sees: also in what the shipped suites
record, with and without secrets, and in captures as other networks would show them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conversations import WAYS, conversation, rewritten  # noqa: E402
from tshark import ROOT, SHAKEDOWN, differences, dissected, told  # noqa: E402

CAPTURES = sorted((ROOT / "captures/golden").glob("*/in.pcap*")) + sorted((ROOT / "captures").glob("*.pcap*"))
SECRETS_BLOCK = b"\x0a\0\0\0"
BOARDS = ("netx-fixed", "mbedtls", "openssl")


class AgainstTshark(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def check(self, content: bytes) -> int:
        """Returns how many ClientHellos both saw."""
        capture = self.folder / "all.pcapng"
        capture.write_bytes(content)
        ours, theirs = told(capture), dissected(capture)
        self.assertEqual(list(differences(ours, theirs)), [])
        return sum(len(connection.client_hellos) for connection in theirs)

    def test_captures_written_again_in_many_ways(self) -> None:
        conversations = [conversation(path) for path in CAPTURES]
        for with_secrets in (True, False):
            with self.subTest(with_secrets=with_secrets):
                # One connection answers a HelloRetryRequest: it says hello twice.
                self.assertEqual(self.check(rewritten(conversations, with_secrets)),
                                 len(WAYS) * (len(conversations) + 1))

    def test_captures_as_they_are(self) -> None:
        for path in CAPTURES:
            with self.subTest(path):
                self.assertGreater(self.check(path.read_bytes()), 0)

    def test_what_the_suites_record(self) -> None:
        run = subprocess.run(
            [SHAKEDOWN, "run", "story", "basics", "--board", *BOARDS, "--out", self.folder / "run"], cwd=self.folder,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}, capture_output=True, timeout=300, check=False)
        self.assertIn(run.returncode, (0, 1), run.stderr.decode())
        cells = sorted((self.folder / "run/cells").rglob("*.pcapng"))
        self.assertGreater(len(cells), 50)
        self.assertGreater(self.check(b"".join(path.read_bytes() for path in cells)), 50)


if __name__ == "__main__":
    unittest.main()
