"""A lab: one daemon, its boards, and several who want them. Clients and the daemon die as they please."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).parent))

from lab import BUILD, DEADLINE_S, ROOT, SHAKEDOWN, Lab, Run, outcomes, process, processes, until  # noqa: E402



def suite(**matrix: list[Any]) -> dict[str, Any]:
    """One scenario with these axes of the server."""
    axes = {f"server.{axis}": values for axis, values in matrix.items()}
    return {"suite": "some", "why": "w", "scenarios": [
        {"name": "servers", "why": "w", "server": {"certificate": "ecdsa-p256"}, "matrix": axes}]}


# Long enough that others come in the middle: what boards pass, and what they do not.
SUITE = suite(certificate=["ecdsa-p256", "rsa-2048"], versions=[["1.2"], ["1.3"]],
              alpn=[[f"protocol-{i}"] for i in range(10)])
N_CASES = 40
N_BOARDS = 32
N_CLIENTS = 4
N_LONG = 600
N_LOOKS = 30  # at something that stays


class Daemon(Lab):
    """A test with a daemon that keeps virtual boards."""

    turn_s = 300

    def setUp(self) -> None:
        super().setUp()
        self.suite = self.write("some.json", SUITE)
        self.socket = str(self.folder / "lab.sock")
        self.outs: list[Path] = []

    def keep(self, *boards: dict[str, Any]) -> None:
        """Starts the daemon with these boards and waits until it listens."""
        lab = self.write("lab.json", {"boards": list(boards)})
        self.daemon = subprocess.Popen(
            [str(BUILD / "shakedownd"), "--lab", lab, "--socket", self.socket, "--turn", str(self.turn_s)],
            env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end_daemon)
        until("the daemon listens", lambda: self.listens() or self.daemon.poll() is not None)

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            return line.connect_ex(self.socket) == 0

    def end_daemon(self) -> None:
        if self.daemon.poll() is None:
            self.daemon.terminate()
        self.daemon.wait(DEADLINE_S)
        if self.daemon.stderr:
            self.daemon.stderr.close()

    def client(self, *boards: str, of: Optional[str] = None) -> Run:
        self.outs.append(self.folder / f"report-{len(self.outs)}")
        run = Run([SHAKEDOWN, "run", of or self.suite, "--board", *boards, "--daemon", self.socket,
                   "--out", str(self.outs[-1])], self.env, self.folder, private=False)
        self.addCleanup(run.give_up)
        return run

    def long_run(self, *boards: str) -> Run:
        """A client at work, with more to do than any test waits for."""
        long = self.write("long.json", suite(alpn=[[f"protocol-{i}"] for i in range(N_LONG)]))
        run = self.client(*boards, of=long)
        run.wait_for_cells(2)
        return run

    def start_again(self, out: Path) -> Run:
        run = Run([SHAKEDOWN, "run", "--resume", str(out)], self.env, self.folder, private=False)
        self.addCleanup(run.give_up)
        return run

    def ask(self, *words: str) -> tuple[int, str, str]:
        return self.shakedown(*words, "--daemon", self.socket)

    def status(self) -> dict[str, Any]:
        """What the daemon says of itself."""
        with self.say({"op": "status"}) as line:
            answer: dict[str, Any] = json.loads(line.makefile().readline())
            return answer

    def say(self, message: Any) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(DEADLINE_S)
        line.connect(self.socket)
        line.sendall(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        return line

    def run_of(self, number: int) -> Optional[dict[str, Any]]:
        return next((run for run in self.status()["runs"] if run["run"] == number), None)

    def wait_until_free(self) -> None:
        until("all boards are free", lambda: all("run" not in board for board in self.status()["boards"]))
        until("nothing is left of the runs", lambda: not self.children())

    def children(self) -> list[str]:
        return [one.name for one in processes() if one.parent == self.daemon.pid]

    def offspring(self) -> list[str]:
        """The daemon's children, and those that nobody has waited for."""
        pid = self.daemon.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()

    def worker(self) -> int:
        """The process of the run that is at work."""
        return until("the run has a process", lambda: next(
            (one.pid for one in processes() if one.parent == self.daemon.pid and "--run-for-lab" in one.words), None))

    def check_whole(self, out: Path, n: int) -> None:
        self.assertTrue(self.results(out)["run"]["complete"])
        found = [cell["outcome"] for cell in self.results(out)["cells"]]
        self.assertEqual(len(found), n)
        self.assertLessEqual(set(found), {"pass", "fail"})
        self.assertFalse((out / "journal.jsonl").exists())


def virtual(name: str, profile: str = "netx-fixed", *tags: str) -> dict[str, Any]:
    return {"name": name, "profile": profile, "tags": list(tags)}


class Shared(Daemon):
    def test_runs_share_the_boards_and_have_the_same_results_as_alone(self) -> None:
        self.keep(virtual("a", "netx-fixed", "quick"), virtual("b", "openssl", "quick"))
        runs = [self.client("a", "b"), self.client("type:netx-fixed"), self.client("tag:quick")]
        statuses = [run.finish().status for run in runs]
        self.assertEqual(statuses[:2], [1, 1])
        self.assertIn(statuses[2], (0, 1))  # b passes all
        for out, n in zip(self.outs, (2 * N_CASES, N_CASES, N_CASES)):
            self.check_whole(out, n)
        both, of_type = (outcomes(self.cells(out)) for out in self.outs[:2])
        self.assertEqual({f"{name[:-1]}netx-fixed": both[name] for name in both if name.endswith("/a")}, of_type)
        self.assertEqual({cell.get("unit") for cell in self.cells(self.outs[1]).values()}, {"a"})
        self.assertEqual({cell.get("unit") for cell in self.cells(self.outs[0]).values()}, {None})
        self.assertTrue((self.outs[0] / self.results(self.outs[0])["cells"][0]["evidence"]["capture"]).is_file())
        self.wait_until_free()

    def test_status_shows_who_has_what_and_cancel_ends_it(self) -> None:
        self.keep(virtual("a"), virtual("b"))
        first = self.long_run("a")
        second = self.client("a")
        second.wait_for_line("Waiting for boards as run 2")
        shown = self.ask("status")[1]
        self.assertRegex(shown, r"a +netx-fixed +run 1, \w+")
        self.assertRegex(shown, r"b +netx-fixed +free")
        self.assertRegex(shown, rf"1 +\w+ +running +\d+/{N_LONG}, \d+ failed +a\n")
        self.assertRegex(shown, r"2 +\w+ +waiting +- +a\n")
        self.assertEqual(self.ask("cancel", "7")[2],
                         "shakedown: there is no run 7: `shakedown status` shows all\n")
        self.assertIn("you have several runs here", self.ask("cancel")[2])
        self.assertEqual(self.ask("cancel", "2"), (0, "Run 2 is cancelled.\n", ""))
        self.assertRegex(second.finish().complaint, r"^the run was cancelled by \w+$")
        self.assertEqual(self.ask("cancel")[:2], (0, "Run 1 is cancelled.\n"))
        done = first.finish()
        self.assertEqual(done.status, 3)
        self.assertRegex(done.complaint, r"^the run was cancelled by \w+; the report of what was done is in ")
        self.wait_until_free()
        self.assertEqual(self.start_again(self.outs[0]).finish().status, 0)
        self.check_whole(self.outs[0], N_LONG)

    def test_many_boards_at_once(self) -> None:
        self.keep(*(virtual(f"board-{i}") for i in range(N_BOARDS)))
        per_client = N_BOARDS // N_CLIENTS
        small = self.write("small.json", suite(versions=[["1.2"], ["1.3"]]))
        runs = [self.client(*(f"board-{n * per_client + i}" for i in range(per_client)), of=small)
                for n in range(N_CLIENTS)]
        self.assertEqual([run.finish().status for run in runs], [0] * N_CLIENTS)
        for out in self.outs:
            self.check_whole(out, 2 * per_client)
        self.wait_until_free()


def go_on(pid: int) -> None:
    if process(pid):
        os.kill(pid, signal.SIGCONT)


class Turns(Daemon):
    turn_s = 1

    def test_long_run_makes_way_and_goes_on(self) -> None:
        self.keep(virtual("a"))
        first = self.long_run("a")
        second = self.client("a")
        self.assertEqual(second.finish().status, 1)
        first.wait_for_line("The run makes way for others")
        done = first.finish()
        self.assertEqual(done.status, 0, done.err)
        self.check_whole(self.outs[0], N_LONG)
        ran = first.cells()
        self.assertEqual(len(ran), len(set(ran)))

    def test_process_that_is_killed_in_a_later_part_ends_the_run(self) -> None:
        self.keep(virtual("a"))
        first = self.long_run("a")
        self.assertEqual(self.client("a").finish().status, 1)
        first.wait_for_line("The run makes way for others")
        first.wait_for_cells(len(first.cells()) + 2)
        os.kill(self.worker(), signal.SIGKILL)
        done = first.finish()
        self.assertEqual(done.status, 3)
        self.assertIn("the run was cut short: the run's process was ended by signal 9", done.complaint)
        resumed = self.start_again(self.outs[0])
        self.assertEqual(resumed.finish().status, 0)
        self.check_whole(self.outs[0], N_LONG)
        ran = first.cells() + resumed.cells()
        self.assertEqual(len(ran), len(set(ran)))

    def test_client_whose_run_made_way_is_heard_while_it_waits_again(self) -> None:
        self.keep(virtual("a"))
        first = self.long_run("a")
        second = self.client("a")
        second.wait_for_cells(1)
        worker = self.worker()
        os.kill(worker, signal.SIGSTOP)  # it has the board until we say otherwise
        self.addCleanup(go_on, worker)
        os.kill(first.child.pid, signal.SIGINT)
        until("the queue is empty", lambda: self.run_of(1) is None)
        self.assertFalse(first.finish().status == 0)
        os.kill(worker, signal.SIGCONT)
        self.assertEqual(second.finish().status, 1)


class Worker(Lab):
    """The process of a run, with the test as its keeper and its client."""

    def work(self) -> socket.socket:
        """Starts the process, whose request is to come; the client's end."""
        own, client = socket.socketpair()
        with client:
            self.worker = subprocess.Popen(
                ["sh", "-c", f"exec {BUILD}/shakedownd --run-for-lab 3<&{client.fileno()}"], env=self.env, cwd=self.folder,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[client.fileno()])
        self.addCleanup(self.worker.communicate)
        self.addCleanup(self.worker.kill)
        own.settimeout(DEADLINE_S)
        self.addCleanup(own.close)
        return own

    def order(self, **message: Any) -> None:
        """What the keeper says."""
        assert self.worker.stdin
        self.worker.stdin.write(json.dumps(message).encode() + b"\n")
        self.worker.stdin.flush()

    def request(self) -> dict[str, Any]:
        file = ROOT / "scenarios/boards/netx-fixed.json"
        profile = {"driver": "agent", "address": "127.0.0.1", "timeout_ms": 5000, **json.loads(file.read_text())}
        suites = [{"file": "some.json", "json": SUITE}]
        profiles = [{"file": str(file), "json": profile, "local": True}]
        version = self.shakedown("--version").out.split()[1].rstrip(",")
        return {"version": version, "suites": suites, "profiles": profiles, "control": "never", "tries": 0, "attempts": 1}

    def children(self, name: str) -> list[int]:
        return [one.pid for one in processes() if one.parent == self.worker.pid and one.name == name]

    def hear(self, client: socket.socket, event: str) -> str:
        """What the client is told, until this event comes."""
        told = b""
        while f'"event":"{event}"'.encode() not in told:
            news = client.recv(1 << 16)
            self.assertNotEqual(news, b"", told[-1000:])
            told += news
        return told.decode(errors="replace")

    def test_process_whose_client_is_gone_before_it_begins_holds_no_board(self) -> None:
        self.work().close()
        self.assertEqual(self.worker.wait(DEADLINE_S), 0)

    def test_run_that_is_stopped_while_it_makes_way_does_not_wait_again(self) -> None:
        client = self.work()
        self.order(op="run", **self.request())
        self.hear(client, "cell")
        [server] = self.children("shakedown-server")
        os.kill(server, signal.SIGSTOP)  # so that it takes its time to end
        self.order(op="yield")
        until("the board is released", lambda: not self.children("runner"))
        until("the apparatus goes too", lambda: not self.children("shakedown-sniffer"))
        client.sendall(b'{"op":"cancel"}\n')
        self.assertIn("the run was stopped", self.hear(client, "finished"))
        assert self.worker.stdout
        self.assertNotIn(b"yielded", self.worker.stdout.read())


class Deaths(Daemon):
    def setUp(self) -> None:
        super().setUp()
        self.seen: dict[int, int] = {}
        self.keep(virtual("a"), virtual("b", "openssl"))

    def test_client_that_is_killed_frees_its_boards(self) -> None:
        first = self.long_run("a", "b")
        second = self.client("a")
        second.wait_for_line("Waiting for boards")
        os.kill(first.child.pid, signal.SIGKILL)
        self.assertEqual(second.finish().status, 1)
        self.check_whole(self.outs[1], N_CASES)
        self.wait_until_free()

    def test_client_that_is_killed_while_it_waits_leaves_the_queue(self) -> None:
        first = self.long_run("a")
        second = self.client("a")
        second.wait_for_line("Waiting for boards")
        os.kill(second.child.pid, signal.SIGKILL)
        until("the queue is empty", lambda: self.run_of(2) is None)
        self.assertEqual(first.finish().status, 0)

    def test_process_of_a_run_that_is_killed_ends_that_run_alone(self) -> None:
        first = self.long_run("a", "b")
        os.kill(self.worker(), signal.SIGKILL)
        done = first.finish()
        self.assertEqual(done.status, 3)
        self.assertIn("the run was cut short: the run's process was ended by signal 9", done.complaint)
        self.wait_until_free()
        self.assertEqual(self.client("a").finish().status, 1)

    def test_stopped_board_of_a_killed_client_is_not_left_behind(self) -> None:
        first = self.long_run("a")
        board = until("the board is there", lambda: next(
            (one for one in processes() if one.name == "shakedown-board" and one.session == self.worker()), None))
        os.kill(board.pid, signal.SIGSTOP)
        os.kill(first.child.pid, signal.SIGKILL)
        self.wait_until_free()
        self.assertIsNone(process(board.pid))

    def waiting_case(self, server: int) -> Optional[int]:
        """The process of a case that has begun: the one before may still be about to end."""
        cases = [one.pid for one in processes() if one.parent == server]
        self.seen = {pid: self.seen.get(pid, 0) + 1 for pid in cases}
        return next((pid for pid, n in self.seen.items() if n > N_LOOKS), None)

    def test_orphans_of_a_run_are_buried_while_it_goes_on(self) -> None:
        first = self.client("a")
        first.wait_for_cells(1)
        worker = self.worker()
        members = [one for one in processes() if one.session == worker]
        board = next(one for one in members if one.name == "shakedown-board")
        server = next(one for one in members if one.name == "shakedown-server" and one.parent == worker)
        os.kill(board.pid, signal.SIGSTOP)
        case = until("a server waits for the board", lambda: self.waiting_case(server.pid))
        os.kill(server.pid, signal.SIGSTOP)  # it does not look after its children any more
        os.kill(case, signal.SIGKILL)
        os.kill(server.pid, signal.SIGKILL)
        until("the orphan is buried", lambda: not Path(f"/proc/{case}").exists())
        self.assertIsNotNone(process(worker))
        os.kill(board.pid, signal.SIGCONT)
        self.assertEqual(first.finish().status, 3)

    def test_runner_that_is_killed_leaves_no_zombie(self) -> None:
        self.end_daemon()
        self.keep({"name": "a", "profile": "openssl-s-client"})  # its programs are in sessions of their own
        first = self.long_run("a")
        runner = until("the runner is there", lambda: next(
            (one for one in processes() if one.name == "runner" and one.session == self.worker()), None))
        os.kill(runner.pid, signal.SIGKILL)
        until("all that it left is buried", lambda: self.offspring() == [str(self.worker())])
        os.kill(first.child.pid, signal.SIGINT)
        first.finish()
        until("nothing is left of the run", lambda: not self.offspring())

    def test_daemon_that_is_killed_leaves_a_run_that_goes_on(self) -> None:
        first = self.client("a", "b")
        first.wait_for_cells(1)
        worker = self.worker()
        self.daemon.kill()
        done = first.finish()
        self.assertEqual(done.status, 3)
        self.assertIn("the lab's daemon ended in the middle of the run; the report of what was done", done.complaint)
        until("the run's process is gone", lambda: process(worker) is None)
        self.end_daemon()
        self.keep(virtual("a"), virtual("b", "openssl"))
        resumed = self.start_again(self.outs[0])
        self.assertEqual(resumed.finish().status, 1)
        self.check_whole(self.outs[0], 2 * N_CASES)

    def test_daemon_that_is_asked_to_end_ends_its_runs(self) -> None:
        first = self.client("a")
        first.wait_for_cells(1)
        self.daemon.terminate()
        self.assertIn("cancelled by the end of the lab's daemon", first.finish().complaint)
        self.assertEqual(self.daemon.wait(DEADLINE_S), 0)
        self.assertFalse(Path(self.socket).exists())


class Strange(Daemon):
    """Visitors who do not behave."""

    def setUp(self) -> None:
        super().setUp()
        self.keep(virtual("a"))

    def answer(self, message: Any) -> str:
        """What is said against it; a run may have to wait for its boards before."""
        with self.say(message) as line:
            said = map(json.loads, line.makefile())
            return str(next(one["error"] for one in said if "error" in one))

    def test_malformed_messages_are_answered_and_harm_nobody(self) -> None:
        run = self.client("a")
        run.wait_for_cells(1)
        for message, complaint in (
            (b"GET / HTTP/1.1\n", "not a message: GET / HTTP/1.1"),
            (b"[]\n", "not a message: []"),
            ({}, "knows no such request"),
            ({"op": "dance"}, "knows no such request"),
            ({"op": "run"}, "a run takes from 1 to 256 boards"),
            ({"op": "run", "boards": "a"}, "a run takes from 1 to 256 boards"),
            ({"op": "run", "boards": [1]}, "a board of a lab is named by a word"),
            ({"op": "run", "boards": ["nobody"]}, 'unknown board of this lab "nobody"; known are a;'),
            ({"op": "cancel", "run": "x"}, "there is no run 0"),
        ):
            with self.subTest(message=message):
                self.assertIn(complaint, self.answer(message))
        self.assertEqual(run.finish().status, 1)
        self.check_whole(self.outs[0], N_CASES)
        # What the daemon itself cannot tell, the run's process refuses.
        self.assertIn("the command is Shakedown , the daemon", self.answer({"op": "run", "boards": ["a"]}))

    def test_half_a_message_and_silence_keep_nobody_waiting(self) -> None:
        lines = [self.say(b'{"op": "st') for _ in range(20)]
        self.assertEqual(self.client("a").finish().status, 1)
        for line in lines:
            line.close()

    def test_client_that_reads_nothing_holds_up_itself_alone(self) -> None:
        self.daemon.terminate()
        self.daemon.wait(DEADLINE_S)
        self.end_daemon()
        self.keep(virtual("a"), virtual("b"))
        stuck = self.client("a")
        stuck.wait_for_cells(1)
        os.kill(stuck.child.pid, signal.SIGSTOP)
        self.assertEqual(self.client("b").finish().status, 1)
        os.kill(stuck.child.pid, signal.SIGCONT)
        self.assertEqual(stuck.finish().status, 1)
        self.check_whole(self.outs[0], N_CASES)

    def refused(self, path: str, *options: str) -> subprocess.CompletedProcess[str]:
        """A second daemon, which comes to nothing."""
        return subprocess.run(
            [str(BUILD / "shakedownd"), "--lab", str(self.folder / "lab.json"), "--socket", path, *options],
            env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    def test_second_daemon_at_the_same_socket_is_refused(self) -> None:
        done = self.refused(self.socket)
        self.assertEqual(done.returncode, 3)
        self.assertIn("is in use by another Shakedown", done.stderr)

    def test_socket_that_a_program_listens_at_is_not_removed(self) -> None:
        """Of another program, and of a daemon whose user had another place for locks."""
        theirs = str(self.folder / "theirs.sock")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(theirs)
            other.listen()
            self.env["XDG_RUNTIME_DIR"] = str(self.folder / "elsewhere")
            (self.folder / "elsewhere").mkdir()
            for path in (theirs, self.socket):
                done = self.refused(path)
                self.assertEqual(done.returncode, 3)
                self.assertIn(f"cannot listen on {path}: a program listens there already", done.stderr)
                with socket.socket(socket.AF_UNIX) as visitor:
                    visitor.connect(path)
        self.assertEqual(self.shakedown("status", "--daemon", self.socket).status, 0)

    def test_file_that_is_no_socket_is_not_removed(self) -> None:
        lab = self.folder / "lab.json"
        done = self.refused(str(lab))
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"cannot listen on {lab}: it is there already, and no socket", done.stderr)
        self.assertTrue(lab.is_file())

    def test_path_that_no_socket_can_have_is_not_cut(self) -> None:
        done = self.refused(str(self.folder / ("s" * 108)))
        self.assertEqual(done.returncode, 3)
        self.assertIn("is too long for a Unix socket", done.stderr)
        self.assertEqual([path for path in self.folder.iterdir() if path.name.startswith("ss")], [])

    def test_folder_that_is_absent_is_named(self) -> None:
        path = self.folder / "absent/sock"
        done = self.refused(str(path))
        self.assertEqual((done.returncode, done.stderr), (
            3, f"shakedownd: cannot listen on {path}: nothing can be made in the folder {path.parent}: No such file or "
            "directory; name another path by --socket\n"))

    def test_wrong_words_are_named(self) -> None:
        for words, complaint in (
            (("--colour", "red"), "there is no option --colour (shakedownd --help)"),
            (("--turn", "soon"), "--turn takes seconds, from 0 to 86400, not soon"),
            (("--turn",), "--turn takes seconds, from 0 to 86400, not nothing"),
            (("--group",), "--group needs the name of a group"),
            (("--group", "no-such-group"), "--group no-such-group: there is no such group"),
        ):
            with self.subTest(words):
                done = self.refused(str(self.folder / "other"), *words)
                self.assertEqual((done.returncode, done.stderr), (2, f"shakedownd: {complaint}\n"))
        for words, status, out, err in (
            ((), 2, "", "shakedownd: name the boards by --lab and the file of a lab (docs/lab.md)\n"),
            (("--help",), 0, "usage: shakedownd --lab FILE", ""),
        ):
            bare = subprocess.run([str(BUILD / "shakedownd"), *words], capture_output=True, text=True, check=False)
            self.assertEqual((bare.returncode, bare.stdout[:len(out)], bare.stderr), (status, out, err))

    def test_socket_of_a_group_that_is_none_is_not_left(self) -> None:
        path = self.folder / "of-group"
        done = self.refused(str(path), "--group", "no-such-group")
        self.assertEqual(done.returncode, 2)
        self.assertFalse(path.exists())

    def test_socket_is_for_its_user_alone(self) -> None:
        self.assertEqual(os.stat(self.socket).st_mode & 0o777, 0o600)

    def test_no_daemon_is_said(self) -> None:
        done = self.shakedown("status", "--daemon", str(self.folder / "nowhere"))
        self.assertEqual(done.status, 3)
        self.assertIn("cannot reach a lab's daemon at", done.err)
        self.assertIn("start one by `shakedownd --lab FILE`", done.err)


if __name__ == "__main__":
    unittest.main()
