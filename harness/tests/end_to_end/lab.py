"""What the end-to-end tests work with: the command as a process, and a watch on all that it starts.

Every test has a folder of its own, also for what Shakedown leaves outside of its report ($XDG_RUNTIME_DIR).
Nothing waits for a time: lines, processes and files are watched, with a deadline that only failing tests reach.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional, TypeVar

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SHAKEDOWN_BUILD", ROOT / "build")).resolve()
SHAKEDOWN = str(BUILD / "shakedown")
MEMCHECK = os.environ.get("SHAKEDOWN_MEMCHECK", "").split()  # valgrind with its options, to run the command by
DEADLINE_S = 600.0 if MEMCHECK else 60.0  # far more than anything takes, also with sanitizers on a busy machine
SETTLED_S = 0.4  # longer than a cell lingers when nobody holds it up
SETTLED_LOOKS = 10
HELD_S = 3.0  # a board that stands still for longer is soon taken for a silent one
NOBODY = -1  # as a process id

T = TypeVar("T")
Cell = dict[str, Any]


def until(what: str, look: Callable[[], Optional[T]]) -> T:
    """What `look` returns as soon as it is neither None nor False."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.002)
    raise AssertionError(f"waited in vain until {what}")


class Process(NamedTuple):
    """A process as /proc shows it."""

    pid: int
    parent: int
    session: int
    state: str
    words: list[str]

    @property
    def name(self) -> str:
        """The program, or the Python module, that it runs."""
        if "-m" in self.words:
            return self.words[self.words.index("-m") + 1]
        return os.path.basename(self.words[0]) if self.words else ""


def process(pid: int) -> Process | None:
    """None if it is gone, or waits for its parent to look at its exit status."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return None
    if words and os.path.basename(words[0]) == "valgrind.bin":
        words = list(itertools.dropwhile(lambda word: word.startswith("-"), words[1:]))
    state, parent, _group, session = text.rpartition(")")[2].split()[:4]
    if state in "ZX":
        return None
    return Process(pid, int(parent), int(session), state, words)


def processes() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        found = process(int(name)) if name.isdecimal() else None
        if found:
            yield found


def tree(folder: Path) -> list[str]:
    """The files in `folder` and below it; of folders only those that are empty."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")
                  if not path.is_dir() or not any(path.iterdir()))


class Done(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line on standard error, without the program's name."""
        lines = self.err.splitlines()
        return lines[-1].removeprefix("shakedown: ") if lines else ""


class Run:
    """`shakedown run` at work."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: Path, private: bool = True) -> None:
        """Without a daemon of its own (`private`) it is one that another daemon does."""
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._output = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.child = subprocess.Popen(
            [*MEMCHECK, *command], stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.PIPE,
            env=env, cwd=cwd, text=True,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        # The daemon's process id is also the number of the session that all its children share.
        self.daemon = until("the daemon is there, or it was not wanted",
                            self._find_daemon if private else lambda: NOBODY)

    def _find_daemon(self) -> int | None:
        found = (one.pid for one in processes()
                 if one.parent == self.child.pid and one.name == "shakedownd")
        return next(found, None if self.child.poll() is None else NOBODY)

    def _listen(self) -> None:
        assert self.child.stderr
        for line in self.child.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def wait_for_cells(self, n: int, board: str = "") -> list[str]:
        """The ids of the cells that are done, as soon as there are `n` (of one board)."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.cells(board)) >= n, DEADLINE_S):
                raise AssertionError(f"no {n} cells came:\n" + "\n".join(self.lines))
        return self.cells(board)

    def wait_for_line(self, pattern: str) -> None:
        """Until a line that begins with the regular expression is there."""
        with self._news:
            if not self._news.wait_for(
                lambda: any(re.match(pattern, line) for line in self.lines), DEADLINE_S
            ):
                raise AssertionError(f"no line {pattern!r} came:\n" + "\n".join(self.lines))

    def cells(self, board: str = "") -> list[str]:
        done = [line.split(" ")[2] for line in self.lines if line[:1].isdecimal()]
        return [cell for cell in done if cell.endswith(board)]

    def members(self, name: str = "") -> list[Process]:
        """The processes of the run but for the command: all, or those of one program."""
        return [one for one in processes() if one.session == self.daemon and name in ("", one.name)]

    def server(self) -> Process:
        """The parent of the servers."""
        return until("the server program is there", lambda: next(
            (one for one in self.members("shakedown-server") if one.parent == self.daemon), None))

    def cases(self) -> list[Process]:
        """The servers: one for each cell at work."""
        parent = self.server().pid
        return [one for one in self.members("shakedown-server") if one.parent == parent]

    def board(self, *words: str) -> Process:
        """The virtual board whose command has all of `words`."""
        return until(f"the board {words} is there", lambda: next(
            (one for one in self.members() if one.name.startswith("shakedown-board")
             and set(words) <= set(one.words)), None))

    def hold(self, board: Process, name: str) -> None:
        """
        Stops the virtual board of this name and waits until the cell that it is at stands still: all others are done,
        and its server has waited for longer than any does for a board that works.
        """
        seen: list[tuple[list[int], int]] = []
        held_since = time.monotonic()

        def do_another_cell() -> None:
            nonlocal held_since
            seen.clear()
            os.kill(board.pid, signal.SIGCONT)
            self.wait_for_cells(len(self.cells(name)) + 1, name)
            os.kill(board.pid, signal.SIGSTOP)
            held_since = time.monotonic()

        def stands_still() -> bool:
            time.sleep(SETTLED_S / SETTLED_LOOKS)
            seen.append(([one.pid for one in self.cases()], len(self.lines)))
            if seen[-SETTLED_LOOKS:] == [seen[-1]] * SETTLED_LOOKS:
                if seen[-1][0]:
                    return True
                do_another_cell()  # the server was done with the board, which only had to say so
            elif time.monotonic() - held_since > HELD_S:
                do_another_cell()  # the others take long
            return False

        os.kill(board.pid, signal.SIGSTOP)
        until("one cell stands still", stands_still)

    def finish(self) -> Done:
        status = self.child.wait(DEADLINE_S)
        self._thread.join(DEADLINE_S)
        self._output.seek(0)
        return Done(status, self._output.read(), "\n".join(self.lines))

    def give_up(self) -> None:
        """Ends whatever a failed test left."""
        self.child.kill()
        self.child.wait()
        for one in self.members():
            try:
                os.kill(one.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._thread.join()
        assert self.child.stderr
        self.child.stderr.close()
        self._output.close()


class Lab(unittest.TestCase):
    """A test case with folders of its own, that wants to find nothing left behind."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lab-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.out = self.folder / "report"
        self.options: list[str] = []
        self.runtime = self.folder / "runtime"
        self.runtime.mkdir(mode=0o700)
        self.faults = self.folder / "faults"
        self.faults.mkdir()
        self.addCleanup(self.check_faults)
        self.env = {
            **os.environ, "XDG_RUNTIME_DIR": str(self.runtime), "LC_ALL": "C.UTF-8",
            "ASAN_OPTIONS": f"log_path={self.faults}/address",
            "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={self.faults}/undefined",
        }

    def check_faults(self) -> None:
        """No process of the test ran into a sanitizer."""
        reports = [path.read_text(errors="replace") for path in sorted(self.faults.iterdir())]
        self.assertEqual(reports, [], "\n".join(reports))

    def write(self, name: str, content: Any) -> str:
        """The path of a new file: text as it is, anything else as JSON."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    def shakedown(self, *arguments: str, stdin: bytes = b"") -> Done:
        """Any command but run, to its end."""
        done = subprocess.run([*MEMCHECK, SHAKEDOWN, *arguments], input=stdin, capture_output=True,
                              env=self.env, cwd=self.folder, timeout=DEADLINE_S, check=False)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, suite: str, *boards: str, out: Path | None = None, wrap: tuple[str, ...] = ()) -> Run:
        run = Run([*wrap, SHAKEDOWN, "run", suite, "--board", *boards, "--out", str(out or self.out), *self.options],
                  self.env, self.folder)
        self.addCleanup(run.give_up)
        return run

    def resume(self, out: Path | None = None) -> Done:
        """The rest of a run that was cut short."""
        run = Run([SHAKEDOWN, "run", "--resume", str(out or self.out)], self.env, self.folder)
        self.addCleanup(run.give_up)
        done = run.finish()
        self.check_nothing_left(run)
        return done

    def run_suite(self, suite: str, *boards: str, out: Path | None = None,
                  wrap: tuple[str, ...] = ()) -> Done:
        run = self.start(suite, *boards, out=out, wrap=wrap)
        done = run.finish()
        self.check_nothing_left(run)
        return done

    def check_nothing_left(self, run: Run) -> None:
        """No process of the run, no lock, no socket, no temporary file."""
        until("no process of the run is left", lambda: not run.members())
        left = [name for name in tree(self.runtime) if name != "shakedown"]
        self.assertEqual(left, [])
        if self.out.is_dir():
            allowed = {"results.json", "junit.xml", "summary.md", "index.html", "cells"}
            if "results.json" in tree(self.out) and not self.results()["run"]["complete"]:
                allowed.add("journal.jsonl")  # the run can go on
            files = {name for name in tree(self.out)
                     if not (name.startswith("cells/") and name.endswith((".pcapng", ".keys")))}
            self.assertLessEqual(files, allowed)

    def results(self, out: Path | None = None) -> dict[str, Any]:
        path = (out or self.out) / "results.json"
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return results

    def cells(self, out: Path | None = None) -> dict[str, Cell]:
        return {cell["id"]: cell for cell in self.results(out)["cells"]}


def outcomes(cells: dict[str, Cell]) -> dict[str, tuple[str, str]]:
    return {name: (cell["outcome"], cell["reason"]) for name, cell in cells.items()}

