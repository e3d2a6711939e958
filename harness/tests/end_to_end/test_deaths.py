"""A run is killed at states of a cell's life, and each cell comes once and is judged rightly.

The line of a virtual board is stopped at the frame with which a state begins (held_board.py), so that nothing depends
on how fast anything is. `make soak` kills every process at every state.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import BUILD, SHAKEDOWN, Cell, Lab, Process, Run, until  # noqa: E402

FRAMES = {  # of the agent protocol, with which a state begins
    "hello": rb"@H.. HELLO",
    "upload": rb"@H.. DATA",
    "run": rb"@H.. RUN",
    "acknowledged": rb"@T.. ACK",
    "result": rb"@T.. OK boot=\w+ run=",
}
CERTIFICATES = ("ecdsa-p256", "rsa-2048")  # in turn, so that each cell begins with an upload
N_BETWEEN = 2  # cells that nothing happens to, after one that was hit
PASS = ("pass", "connected")
STATES = ("between", "upload", "sent", "handshake", "result")
OUTCOMES = {
    "board": ("inconclusive", "port-lost"),
    "runner": ("error", "runner-failed"),
    "server": ("error", "server-failed"),
    "case": ("error", "server-failed"),
    "sniffer": PASS,
}
DEATHS = [(who, state) for who in OUTCOMES for state in STATES
          if (who, state) not in (("case", "between"), ("case", "result"))]  # there is none then
N_CELLS = (N_BETWEEN + 2) * len(DEATHS)
CUTS = [("daemon", "handshake"), ("command", "sent")]  # make soak has them all
N_RESUMED = 12
SOME_CELLS = 20000  # bytes in the journal; more than a capture has
HELD_BOARD = Path(__file__).parent / "held_board.py"
LISTENING = re.compile(r": \w+:\w+ \w+:\w+ 0A ")
TESTIFIED = ("server", "result")  # it is not missed any more


def cell_name(number: int) -> str:
    return f"cell-{number:03}"


def is_there(pid: int) -> bool:
    """Also if its parent has not looked at its end yet."""
    return Path(f"/proc/{pid}").exists()


def dead_children(session: int) -> int:
    """Processes of the session that nobody has looked after."""
    n_dead = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        state, _parent, _group, of, *_ = text.rpartition(")")[2].split()
        n_dead += state == "Z" and int(of) == session
    return n_dead


class Deaths(Lab):
    cuts = CUTS
    n_resumed = N_RESUMED
    run_at_work: Run
    stopped: Process | None = None
    held_by = 0  # the number of the file that says so

    def setUp(self) -> None:
        super().setUp()
        self.line = self.folder / "line"
        self.line.mkdir()
        self.options = ["--control", "never", "--tries", "0"]

    def begin(self, n_cells: int) -> Run:
        suite = self.write("deaths.json", {
            "suite": "deaths", "why": "What every board passes.",
            "scenarios": [{
                "name": cell_name(number), "why": "The name of the protocol tells which one it is.",
                "server": {"certificate": CERTIFICATES[number % len(CERTIFICATES)]},
                "client": {"alpn": f"c{number}"},
            } for number in range(n_cells)],
        })
        board = self.write("held.json", {
            "name": "held", "why": "Held.", "stack": "openssl",
            "virtual": [sys.executable, str(HELD_BOARD), str(self.line),
                        str(BUILD / "shakedown-board"), "--stack", "openssl"],
        })
        self.hold(FRAMES["hello"])
        self.run_at_work = self.start(suite, board)
        return self.run_at_work

    # --- the states ---------------------------------------------------------------------------------------------------

    def hold(self, frame: bytes) -> None:
        """Has the line stop at the next such frame."""
        new = self.folder / "new"
        new.write_bytes(frame)
        new.rename(self.line / "hold")

    def hold_run_of(self, number: int) -> None:
        self.hold(FRAMES["run"] + rb".* alpn=c%d[ *]" % number)

    def wait_until_held(self) -> int:
        """The number of the last cell whose RUN has come; -1 before the first."""
        until("the line is held", (self.line / "held").exists)
        self.held_by = (self.line / "held").stat().st_ino
        name = re.search(rb"alpn=c(\d+)", (self.line / "held").read_bytes())
        return int(name[1]) if name else -1

    def let_go(self) -> None:
        (self.line / "held").unlink()

    def _only_case(self) -> Process | None:
        cases = self.run_at_work.cases()
        return cases[0] if len(cases) == 1 else None

    def case(self) -> Process:
        """The server of the cell; that of the one before may still be on its way out."""
        return until("there is one server", self._only_case)

    # Each begins where RUN of a cell is held, and gives the number of the cell that is in its state then.

    def reach_upload(self) -> int:
        self.wait_until_held()
        self.hold(FRAMES["upload"])
        self.let_go()
        return self.wait_until_held() + 1

    def reach_run(self) -> int:
        """The server listens and stands still, and RUN has not come to the board."""
        number = self.wait_until_held()
        self.stop(self.case())
        return number

    def stop(self, process: Process) -> None:
        self.stopped = process
        os.kill(process.pid, signal.SIGSTOP)

    def reach_sent(self) -> int:
        """The board has begun, and nobody knows."""
        number = self.reach_run()
        self.hold(FRAMES["acknowledged"])
        self.let_go()
        self.wait_until_held()
        return number

    def reach_handshake(self) -> int:
        """The ClientHello waits for the server."""
        number = self.reach_run()
        port = re.search(rb"port=(\d+)", (self.line / "held").read_bytes())
        assert port
        assert self.stopped
        self.let_go()
        unread = re.compile(rf": \w+:{int(port[1]):04X} \w+:\w+ 01 \w+:0*[1-9A-F]")
        connections = Path(f"/proc/{self.stopped.pid}/net/tcp")
        until("the ClientHello is there", lambda: unread.search(connections.read_text(encoding="ascii")))
        return number

    def reach_result(self) -> int:
        """The server has testified, and the board would."""
        number = self.wait_until_held()
        case = self.case()
        self.hold(FRAMES["result"])
        self.let_go()
        self.wait_until_held()
        until("the server has testified", lambda: not is_there(case.pid))
        return number

    def reach_between(self) -> int:
        """A cell is over; the server program stands still and does not open the port of the next one."""
        number = self.reach_result()
        sniffers = self.run_at_work.members("shakedown-sniffer")
        if not sniffers:
            self.skipTest("captures are not allowed here")
        os.kill(sniffers[0].pid, signal.SIGSTOP)
        self.let_go()
        self.stop(self.run_at_work.server())
        os.kill(sniffers[0].pid, signal.SIGCONT)
        self.run_at_work.wait_for_line(rf"\d+/\d+ pass deaths/{cell_name(number)}/")
        return number + 1

    def go_on(self) -> None:
        """From any of the states."""
        if self.stopped is not None and is_there(self.stopped.pid):
            os.kill(self.stopped.pid, signal.SIGCONT)
        held = self.line / "held"
        if held.exists() and held.stat().st_ino == self.held_by:  # a new board may be at the next frame already
            held.unlink()

    # --- the deaths ---------------------------------------------------------------------------------------------------

    def victim(self, who: str) -> Process:
        if who == "case":
            return self.case()
        if who == "server":
            return self.run_at_work.server()
        words = {"board": str(HELD_BOARD), "runner": "runner", "sniffer": str(BUILD / "shakedown-sniffer")}
        return until(f"the {who} is there", lambda: next(
            (one for one in self.run_at_work.members() if one.parent == self.run_at_work.daemon and words[who] in one.words), None))

    def kill(self, who: str) -> None:
        victim = self.victim(who)
        os.kill(victim.pid, signal.SIGKILL)
        until("it is gone", lambda: not is_there(victim.pid))

    def kill_before_ready(self, *who: str) -> None:
        """While the board is greeted; a new one, or a new runner, comes to be greeted too."""
        for one in who:
            self.wait_until_held()
            self.hold(FRAMES["hello"])
            self.kill(one)
            if one in ("board", "runner"):
                self.let_go()

    def let_next_come(self, number: int, victim: str = "") -> None:
        """From a cell in any state to the one of this number, whose RUN is held; a death may set the run going."""
        self.hold_run_of(number)
        if victim:
            self.kill(victim)
        self.go_on()
        self.wait_until_held()

    def kill_at(self, state: str, who: str) -> int:
        """The number of the cell; it and some after it are over."""
        number = int(getattr(self, f"reach_{state}")())
        self.let_next_come(number + N_BETWEEN + 1, who)
        return number

    def holdings(self) -> tuple[int, int, int]:
        """What is there while a result waits: the daemon's descriptors, dead children, and ports of servers."""
        number = self.reach_result()
        daemon = self.run_at_work.daemon
        n_open = len(os.listdir(f"/proc/{daemon}/fd"))
        n_ports = len(LISTENING.findall(Path(f"/proc/{daemon}/net/tcp").read_text(encoding="ascii")))
        n_dead = dead_children(daemon)
        self.let_next_come(number + 1)
        return n_open, n_dead, n_ports

    def check(self, number: int, cell: Cell, hit: tuple[str, str] | None) -> None:
        who = hit[0] if hit and hit != TESTIFIED else ""
        self.assertEqual((cell["outcome"], cell["reason"]), OUTCOMES.get(who, PASS), (number, hit))
        if who == "sniffer":
            self.assertEqual(cell["witnesses"]["wire"]["capture"], "server-tap")
            self.assertEqual({trouble["who"] for trouble in cell["trouble"]}, {"sniffer"})
        elif not who:
            self.assertEqual(cell["witnesses"]["wire"]["capture"], "sniffer")
            self.assertEqual(cell["trouble"], [])
        elif who != "case":
            self.assertIn("was ended by signal 9 (Killed)", cell["detail"])

    def check_all(self, n_cells: int, hit: dict[int, tuple[str, str]]) -> None:
        results = self.results()
        self.assertTrue(results["run"]["complete"])
        self.assertEqual([cell["scenario"] for cell in results["cells"]], [cell_name(i) for i in range(n_cells)])
        for number, cell in enumerate(results["cells"]):
            self.check(number, cell, hit.get(number))

    def check_survivals(self) -> None:
        """One run takes all the deaths that it survives, each in a cell of its own."""
        run = self.begin(N_CELLS)
        self.kill_before_ready("runner", "server", "sniffer")
        self.let_next_come(0)
        before = self.holdings()
        hit = {self.kill_at(state, who): (who, state) for who, state in DEATHS}
        self.assertEqual(self.holdings(), before)
        self.go_on()
        done = run.finish()
        self.check_nothing_left(run)
        self.assertEqual(done.status, 3, done.err)
        self.assertEqual(len(run.cells()), N_CELLS)
        self.check_all(N_CELLS, hit)

    # --- deaths that end a run ----------------------------------------------------------------------------------------

    def cut(self, run: Run, who: str) -> None:
        """Kills the daemon or the command; the other one ends by itself."""
        os.kill(run.daemon if who == "daemon" else run.child.pid, signal.SIGKILL)
        done = run.finish()
        self.check_cut(run)
        if who == "daemon":
            self.assertEqual((done.status, done.complaint), (3, (
                "the daemon was ended by signal 9 (Killed) in the middle of the run; the report of what was done is in "
                f"{self.out}, and `shakedown run --resume {self.out}` goes on")))

    def check_cut(self, run: Run) -> None:
        """Nothing is left of a run that did not come to its end, and what it has done can be read."""
        until("no process of the run is left", lambda: not run.members())
        for name in ("hold", "held"):
            (self.line / name).unlink(missing_ok=True)
        self.ran += run.cells()
        self.assertEqual(self.shakedown("report", str(self.out)).status, 0)
        self.check_nothing_left(run)
        self.assertFalse(self.results()["run"]["complete"])
        self.assertEqual([cell["detail"] for cell in self.results()["cells"]
                          if cell["reason"] not in ("connected", "not-run")], [])

    def resume_by(self, *wrap: str) -> Run:
        run = Run([*wrap, SHAKEDOWN, "run", "--resume", str(self.out)], self.env, self.folder)
        self.addCleanup(run.give_up)
        self.run_at_work = run
        return run

    def size_of(self, name: str) -> int:
        return (self.out / name).stat().st_size

    def cut_in_writing(self, size: int) -> None:
        """No process of the run may write a file that is larger than this: that is as a disk that is full."""
        run = self.resume_by("prlimit", f"--fsize={size}")
        done = run.finish()
        self.check_cut(run)
        self.assertEqual(done.status, 3)
        self.assertRegex(done.complaint, (
            rf"^cannot write {self.out}/\S+: File too large \(this process may not write files as large: `ulimit -f`\); "
            f"the report could not be written: see to that, then `shakedown report {self.out}` does it$"))

    def test_what_a_run_does_not_survive(self) -> None:
        self.ran: list[str] = []
        run = self.begin(self.n_resumed)
        self.kill_before_ready("board")
        self.wait_until_held()
        self.cut(run, "daemon")
        for who, state in self.cuts:
            self.hold(FRAMES["run"])
            run = self.resume_by()
            getattr(self, f"reach_{state}")()
            self.cut(run, who)
        self.cut_in_writing(self.size_of("journal.jsonl") + SOME_CELLS)
        self.cut_in_writing(self.size_of("index.html") - 1)  # it is the largest, and grows with the cells
        run = self.resume_by()
        done = run.finish()
        self.check_nothing_left(run)
        self.assertEqual(done.status, 0, done.err)
        self.ran += run.cells()
        self.assertEqual(len(set(self.ran)), len(self.ran))
        self.check_all(self.n_resumed, {})


if __name__ == "__main__":
    unittest.main()
