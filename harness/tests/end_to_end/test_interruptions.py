"""What remains of a run when somebody stops it, or kills a part of it in the middle of a cell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import Cell, Done, Lab, Run, outcomes, until  # noqa: E402

HELD = ("--state", "fixed")  # of the virtual board whose cell is held in the middle
BOARDS = ("netx-fixed", "openssl")
N_BEFORE = 2  # cells that the held board does before
SUITE = {
    "suite": "long",
    "why": "Long enough to be interrupted.",
    "scenarios": [{
        "name": "some-servers",
        "why": "Passes and then failures: where one fails, other servers are tried, and a kill hits those.",
        "server": {},
        "matrix": {
            "server.certificate": ["ecdsa-p256", "ecdsa-p384", "rsa-2048"],
            "server.versions": [["1.2"], ["1.3"], ["1.2", "1.3"]],
            "server.tickets": [True, False],
            "server.groups": ["P-256", "P-256:P-384", "P-384"],
        },
    }],
}
N_CASES = 3 * 3 * 2 * 3
PASSES = {
    "suite": "passes",
    "why": "So long that a board which was stopped after some cells has most of them before it.",
    "scenarios": [{
        "name": "some-servers",
        "why": "What every board passes.",
        "server": {"certificate": "ecdsa-p256"},
        "matrix": {
            "server.versions": [["1.2"], ["1.3"], ["1.2", "1.3"]],
            "server.alpn": [[f"protocol-{i}"] for i in range(30)],
        },
    }],
}
N_TRIES = 5  # runs, of which one is to be caught in the middle
N_SILENCES = 3  # in a row, after which a board is given up


class Interruption(Lab):
    undisturbed: dict[str, tuple[str, str]]

    def setUp(self) -> None:
        super().setUp()
        self.suite = self.write("long.json", SUITE)

    def begin(self) -> Run:
        """A run whose board netx-fixed has done some cells and stands still in the middle of the next."""
        for _ in range(N_TRIES):
            run = self.start(self.suite, *BOARDS)
            if self.hold(run):
                return run
            self.release()
            run.finish()
            shutil.rmtree(self.out)
        raise AssertionError(f"no board could be stopped in time in {N_TRIES} runs")

    def hold(self, run: Run) -> bool:
        """On a busy machine the board may be past the cells that pass before it can be stopped."""
        self.held = run.board(*HELD)
        run.wait_for_cells(N_BEFORE, BOARDS[0])
        try:
            run.hold(self.held, BOARDS[0])
        except ProcessLookupError:
            return False
        self.cell = [name for name in self.undisturbed if name.endswith(BOARDS[0])][len(run.cells(BOARDS[0]))]
        return self.undisturbed[self.cell][0] == "pass"

    def release(self) -> None:
        try:
            os.kill(self.held.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def learn(self) -> None:
        """How the suite ends when nobody disturbs it."""
        self.run_suite(self.suite, *BOARDS)
        Interruption.undisturbed = outcomes(self.cells())
        self.assertEqual(len(self.undisturbed), N_CASES * len(BOARDS))

    def check_whole(self, affected: dict[str, tuple[str, str]]) -> dict[str, Cell]:
        """The run went on to its end, and but for `affected` all cells came as if nothing had been."""
        cells = self.cells()
        self.assertTrue(self.results()["run"]["complete"])
        found = outcomes(cells)
        self.assertEqual(found.keys(), self.undisturbed.keys())
        self.assertEqual({name: one for name, one in found.items() if one != self.undisturbed[name]},
                         affected)
        return cells

    def cut(self, why: str) -> str:
        """What is said of a run that was cut short."""
        return (f"{why}; the report of what was done is in {self.out}, "
                f"and `shakedown run --resume {self.out}` goes on")

    def check_cut(self, n_min: int) -> None:
        """The run was cut short: what was done is as it should be, and the rest was not run."""
        self.assertFalse(self.results()["run"]["complete"])
        found = outcomes(self.cells())
        done = {name: outcome for name, outcome in found.items() if outcome != ("skip", "not-run")}
        self.assertEqual(found.keys(), self.undisturbed.keys())
        self.assertEqual(done, {name: self.undisturbed[name] for name in done})
        self.assertGreaterEqual(len(done), n_min)
        self.assertNotIn(self.cell, done)


def setUpModule() -> None:
    lab = Interruption("learn")
    lab.setUp()
    try:
        lab.learn()
    finally:
        lab.doCleanups()


class StoppedByTheUser(Interruption):
    def stop(self, number: signal.Signals) -> Done:
        run = self.begin()
        os.kill(run.child.pid, number)
        done = run.finish()
        self.check_nothing_left(run)
        self.check_cut(N_BEFORE + N_CASES)
        self.assertEqual((done.status, done.complaint), (3, self.cut("the run was stopped")))
        return done

    def test_ctrl_c_leaves_the_report_of_what_was_done(self) -> None:
        done = self.stop(signal.SIGINT)
        self.assertIn("Stopping: the boards are released", done.err)
        self.assertIn(f"Report: {self.out}", done.out)

    def test_what_is_done_is_read_while_the_run_goes_on(self) -> None:
        run = self.begin()
        report = self.shakedown("report", str(self.out))
        done = self.shakedown("show", str(self.out), run.cells(BOARDS[0])[0])
        held = self.shakedown("show", str(self.out), self.cell)
        self.assertFalse((self.out / "results.json").exists())
        os.kill(run.child.pid, signal.SIGINT)
        run.finish()
        self.check_cut(N_BEFORE + N_CASES)
        self.assertEqual((report.status, done.status, held.status), (0, 0, 0), report.err + done.err + held.err)
        for each in (report, done, held):
            self.assertRegex(each.err, rf"This run goes on: \d+ of its {N_CASES * len(BOARDS)} cells are done by now\.")
        self.assertIn("The run goes on: what is here is what was done by now", " ".join(report.out.split()))
        self.assertIn("· skip", report.out)
        self.assertIn("pass", done.out)
        self.assertIn("The run goes on, and has not come to this cell yet.", held.out)

    def test_sigterm_does_the_same(self) -> None:
        self.stop(signal.SIGTERM)

    def test_sighup_does_the_same(self) -> None:
        self.stop(signal.SIGHUP)

    def test_run_of_another_version_does_not_go_on(self) -> None:
        self.stop(signal.SIGINT)
        journal = self.out / "journal.jsonl"
        header, rest = journal.read_text().split("\n", 1)
        entry = json.loads(header)
        entry["header"]["request"]["version"], now = "0.0.1", entry["header"]["request"]["version"]
        journal.write_text(json.dumps(entry) + "\n" + rest)
        done = self.shakedown("run", "--resume", str(self.out))
        self.assertEqual((done.status, done.complaint), (2, self.cut(
            f"the run in {self.out} was begun by Shakedown 0.0.1, and this is {now}: go on with it by the former")))

    def test_ctrl_c_before_the_first_cell_leaves_a_report_too(self) -> None:
        run = self.start(self.suite, *BOARDS)
        os.kill(run.child.pid, signal.SIGINT)
        done = run.finish()
        self.check_nothing_left(run)
        self.assertEqual((done.status, done.complaint), (3, self.cut("the run was stopped")))
        self.assertFalse(self.results()["run"]["complete"])

    def test_second_ctrl_c_stops_at_once_and_leaves_the_report(self) -> None:
        run = self.begin()
        os.kill(run.server().pid, signal.SIGSTOP)  # it would have to be waited for
        os.kill(run.child.pid, signal.SIGINT)
        run.wait_for_line("Stopping: ")
        os.kill(run.child.pid, signal.SIGINT)
        done = run.finish()
        self.assertEqual(done.status, 3, done.err)
        self.assertEqual(done.complaint,
                         self.cut("the run was stopped"))
        self.check_nothing_left(run)
        self.check_cut(N_BEFORE + N_CASES)


class Killed(Interruption):
    """SIGKILL, which nothing can prepare for."""

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def check_resumed(self) -> None:
        """The run goes on and has each cell once, as if nothing had been."""
        done = self.resume()
        self.assertEqual(done.status, 1, done.err)
        self.check_whole({})
        ran = [line.split(" ")[2] for line in done.err.splitlines() if line[:1].isdecimal()]
        self.assertEqual(len(ran), len(set(ran)))
        self.assertLess(len(ran), N_CASES * len(BOARDS))

    def go_on(self, run: Run) -> Done:
        self.release()
        done = run.finish()
        self.check_nothing_left(run)
        return done

    def test_run_whose_command_is_gone_can_go_on(self) -> None:
        run = self.begin()
        self.kill(run.child.pid)
        until("no process of the run is left", lambda: not run.members())
        self.assertEqual(self.shakedown("report", str(self.out)).status, 0)
        self.check_nothing_left(run)
        self.check_cut(N_BEFORE + N_CASES - 1)  # a cell may have been on its way
        self.check_resumed()

    def test_run_whose_daemon_is_gone_can_go_on(self) -> None:
        run = self.begin()
        self.kill(run.daemon)
        done = run.finish()
        self.assertEqual(done.status, 3, done.err)
        self.assertEqual(
            done.complaint,
            self.cut("the daemon was ended by signal 9 (Killed) in the middle of the run"),
        )
        self.check_nothing_left(run)
        self.check_cut(N_BEFORE + N_CASES)
        self.check_resumed()

    def test_server_program_costs_the_cell_at_work(self) -> None:
        run = self.begin()
        self.kill(run.server().pid)
        done = self.go_on(run)
        cell = self.check_whole({self.cell: ("error", "server-failed")})[self.cell]
        self.assertIn("was ended by signal 9", cell["detail"])
        self.assertEqual(done.status, 3, done.err)

    def test_server_of_one_cell_costs_that_cell(self) -> None:
        run = self.begin()
        [case] = run.cases()
        self.kill(case.pid)
        done = self.go_on(run)
        self.check_whole({self.cell: ("error", "server-failed")})
        self.assertEqual(done.status, 3, done.err)

    def test_in_the_place_of_the_sniffer_the_server_tells(self) -> None:
        run = self.begin()
        sniffers = run.members("shakedown-sniffer")
        if not sniffers and any(line.startswith("No capture: ") for line in run.lines):
            self.skipTest("captures are not allowed here")
        self.kill(sniffers[0].pid)
        done = self.go_on(run)
        # The server's own socket is the wire's witness in its place; the cell says so.
        cell = self.check_whole({})[self.cell]
        self.assertEqual(cell["witnesses"]["wire"]["capture"], "server-tap")
        [trouble] = cell["trouble"]
        self.assertEqual(trouble["who"], "sniffer")
        self.assertIn("was ended by signal 9", trouble["text"])
        self.assertEqual(done.status, 1, done.err)

    def test_runner_costs_the_cell_at_work(self) -> None:
        run = self.begin()
        [runner] = [one for one in run.members("runner") if BOARDS[0] in one.words]
        self.kill(runner.pid)
        done = self.go_on(run)
        cell = self.check_whole({self.cell: ("error", "runner-failed")})[self.cell]
        self.assertIn("was ended by signal 9", cell["detail"])
        self.assertEqual(done.status, 3, done.err)

    def test_virtual_board_costs_the_cell_at_work(self) -> None:
        run = self.begin()
        self.kill(self.held.pid)
        done = run.finish()
        self.check_nothing_left(run)
        cell = self.check_whole({self.cell: ("inconclusive", "port-lost")})[self.cell]
        self.assertIn("was ended by signal 9", cell["detail"])
        self.assertEqual(done.status, 1, done.err)


class Silent(Lab):
    def test_silent_board_is_inconclusive_and_given_up_in_the_end(self) -> None:
        run = self.start(self.write("passes.json", PASSES), *BOARDS)
        forever, for_a_while = run.board(*HELD), run.board("--stack", "openssl")
        run.wait_for_cells(N_BEFORE)
        for board in (forever, for_a_while):
            os.kill(board.pid, signal.SIGSTOP)
        run.wait_for_line(r"\d+/\d+ inconclusive .*/openssl$")
        os.kill(for_a_while.pid, signal.SIGCONT)
        done = run.finish()
        self.check_nothing_left(run)
        self.assertEqual(done.status, 1, done.err)
        self.assertTrue(self.results()["run"]["complete"])
        self.check_came_back(self.changed("openssl"))
        self.check_given_up(self.changed("netx-fixed"))

    def changed(self, board: str) -> list[Cell]:
        """The cells of the board that did not pass."""
        return [cell for name, cell in self.cells().items()
                if name.endswith(board) and cell["outcome"] != "pass"]

    def check_came_back(self, changed: list[Cell]) -> None:
        self.assertEqual([cell["reason"] for cell in changed], ["silent"])
        self.assertIn("no answer to", changed[0]["detail"])

    def check_given_up(self, changed: list[Cell]) -> None:
        silent, skipped = changed[:N_SILENCES], changed[N_SILENCES:]
        self.assertEqual({(cell["outcome"], cell["reason"]) for cell in silent},
                         {("inconclusive", "silent")})
        self.assertEqual({(cell["outcome"], cell["detail"]) for cell in skipped},
                         {("skip", "netx-fixed was silent in 3 cells in a row and is given up: restart it")})


if __name__ == "__main__":
    unittest.main()
