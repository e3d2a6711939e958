"""A board that Shakedown knows by a serial port and an address: a pty, which to the host is as good."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "runner"))

from boards import HostileLine  # noqa: E402
from lab import Lab, outcomes  # noqa: E402
from serial_port import BoardAtPort  # noqa: E402

EXPECTED = {
    "story/rsa-certificate-in-tls-1.3/own": ("fail", "not-offered"),
    "story/rsa-certificate-in-tls-1.2/own": ("pass", "connected"),
    "story/rsa-certificate-in-tls-1.2-and-1.3/own": ("fail", "not-offered"),
    "story/ecdsa-certificate-in-tls-1.3/own": ("pass", "connected"),
    "story/ecdsa-certificate-in-tls-1.2/own": ("pass", "connected"),
    "story/ecdsa-certificate-in-tls-1.2-and-1.3/own": ("pass", "connected"),
}
PASSES = {
    "suite": "passes",
    "why": "Servers that the board connects to.",
    "scenarios": [{
        "name": "some-servers",
        "why": "Whatever the version.",
        "server": {"certificate": "ecdsa-p256"},
        "matrix": {"server.versions": [["1.2"], ["1.3"], ["1.2", "1.3"]], "server.tickets": [True, False]},
    }],
}


class RealPort(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.board = BoardAtPort("shakedown-board", "--stack", "netx", "--state", "fixed")
        self.addCleanup(self.board.close)
        self.profile = self.profile_of(self.board.device)

    def profile_of(self, device: str, name: str = "own", **members: str) -> str:
        return self.write(f"{name}.json", {
            "name": name, "why": "A board with a port.", "stack": "netxduo", "stack_version": "6.2.0",
            "port": device, "address": "127.0.0.1", **members,
        })

    def locks(self) -> list[str]:
        folder = self.runtime / "shakedown"
        return [path.name for path in folder.iterdir()] if folder.is_dir() else []

    def test_board_at_a_port_does_as_the_virtual_one(self) -> None:
        done = self.run_suite("story", self.profile)
        self.assertEqual(outcomes(self.cells()), EXPECTED)
        self.assertEqual(done.status, 1)
        for cell in self.cells().values():
            self.assertIn(cell["witnesses"]["wire"]["capture"], ("sniffer", "server-tap"))
        self.assertEqual(self.locks(), [])

    def test_board_is_the_same_after_a_run(self) -> None:
        for name in ("first", "second"):
            self.run_suite("story", self.profile, out=self.folder / name)
            self.assertEqual(outcomes(self.cells(self.folder / name)), EXPECTED)

    def test_port_named_by_a_link_and_reached_over_ipv6(self) -> None:
        link = self.folder / "usb-own-board"
        link.symlink_to(self.board.device)
        path = self.profile_of(str(link), address="::1")
        self.run_suite("story", path)
        cells = self.cells()
        self.assertEqual(outcomes(cells), EXPECTED)
        self.assertEqual({cell["witnesses"]["wire"]["server"]["address"] for cell in cells.values()}, {"::1"})

    def test_second_run_on_the_same_board_is_refused_and_the_first_one_ends_well(self) -> None:
        first = self.start("basics", self.profile)
        first.wait_for_cells(1)
        self.assertEqual(len(self.locks()), 1)
        link = self.folder / "usb-own-board"
        link.symlink_to(self.board.device)
        second = self.start("story", self.profile_of(str(link), "other"), out=self.folder / "other")
        refused = second.finish()
        self.assertIsNone(first.child.poll(), "the second run came too late")
        self.assertEqual(
            refused.complaint,
            f"{link} is in use by another Shakedown (process {first.daemon}): wait for its end, or stop it",
        )
        self.assertEqual(refused.status, 3)
        self.assertFalse((self.folder / "other").exists())
        self.assertEqual(first.finish().status, 1)
        self.check_nothing_left(first)
        self.assertTrue(self.results()["run"]["complete"])
        self.assertEqual(self.locks(), [])

    def test_hostile_line_costs_no_verdict_and_a_restart_is_inconclusive(self) -> None:
        line = HostileLine(self.board.device, 0.0005, seed=3, reboots=(3,))
        self.addCleanup(line.close)
        self.run_suite(self.write("passes.json", PASSES), self.profile_of(line.device))
        cells = list(self.cells().values())
        restarted = cells.pop(2)
        self.assertEqual((restarted["outcome"], restarted["reason"]), ("inconclusive", "reboot"))
        self.assertRegex(restarted["detail"], "the board restarted: it was in boot [0-9A-F]{8}, now it is in ")
        self.assertEqual([(cell["outcome"], cell["reason"]) for cell in cells], [("pass", "connected")] * 5)
        self.assertEqual(line.n_runs, 6)
        self.assertGreater(line.spoilt, 0)

    def test_cable_pulled_in_the_middle_is_no_failure_of_the_harness(self) -> None:
        run = self.start("basics", self.profile, "openssl")
        run.wait_for_cells(3, "own")
        self.board.close()
        done = run.finish()
        self.check_nothing_left(run)
        cells = self.cells()
        own = [cell for name, cell in cells.items() if name.endswith("/own")]
        lost = [cell for cell in own if cell["reason"] in ("port-lost", "silent")]
        skipped = [cell for cell in own if cell["reason"] == "skipped"]
        self.assertLessEqual(len(lost), 4)
        self.assertGreater(len(skipped), 0)
        self.assertEqual([cell["detail"] for cell in skipped if "is gone" not in cell["detail"]], [])
        self.assertNotIn("error", [outcome for outcome, _ in outcomes(cells).values()])
        self.assertEqual({outcome for name, (outcome, _) in outcomes(cells).items()
                          if name.endswith("/openssl")} - {"pass"}, set())
        self.assertEqual(done.status, 1)
        self.assertEqual(self.locks(), [])


if __name__ == "__main__":
    unittest.main()
