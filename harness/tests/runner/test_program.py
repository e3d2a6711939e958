"""The driver exec, with real programs as clients."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Callable
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

from bench import Process, command

WAITS = 1000  # of 10 ms


class Programs(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def runner(self, settings: dict[str, Any]) -> Process:
        return Process(self, "", "--driver", "exec", "--profile", json.dumps({"exec": settings}))

    def result(self, settings: dict[str, Any], **members: Any) -> dict[str, Any]:
        """The last word on one run."""
        runner = self.runner(settings)
        self.assertEqual(runner.next()["event"], "ready")
        runner.send(command(**members))
        message = runner.next()
        while message["event"] == "started":
            message = runner.next()
        return message

    def board(self, settings: dict[str, Any], **members: Any) -> dict[str, Any]:
        board: dict[str, Any] = self.result(settings, **members)["board"]
        return board

    def script(self, *words: str, **settings: Any) -> dict[str, Any]:
        return {"command": ["sh", "-c", *words], **settings}

    def refused(self, settings: dict[str, Any]) -> str:
        lost = self.runner(settings).next()
        self.assertEqual((lost["event"], lost["who"]), ("lost", "profile"))
        return str(lost["text"])

    def test_exit_status_is_the_result_where_no_pattern_says_more(self) -> None:
        self.assertEqual(self.board(self.script("exit 0")), {"exit_status": 0, "phase": "close", "status": "0"})
        self.assertEqual(self.board(self.script("exit 35")), {"exit_status": 35, "status": "35"})

    def test_values_fill_the_places_and_lists_without_a_value_are_left_out(self) -> None:
        words = ["{host}:{port}", ["--name", "{sni}"], ["--alpn", "{alpn}"], ["--min", "TLS{min}"]]
        settings = {"command": ["echo", *words], "values": {"min": {"1.2": "v12"}}}
        result = self.result(settings, sni="a.test", min="1.2", host="::1", port=4433)
        self.assertIn("] ::1:4433 --name a.test --min TLSv12\n", result["log"])

    def test_standard_input_has_its_text_and_then_ends(self) -> None:
        self.assertIn("] GET 127.0.0.1\n", self.result({"command": ["cat"], "stdin": "GET {host}\n"}, host="127.0.0.1")["log"])

    def test_roots_come_in_one_file(self) -> None:
        for name in ("a", "b"):
            (self.folder / name).write_text(f"root {name}\n", encoding="ascii")
        roots = [str(self.folder / name) for name in ("a", "b")]
        log = self.result({"command": ["cat", "{ca}"]}, ca_pem=roots)["log"]
        self.assertRegex(log, r"\] root a\n.*\] root b\n")

    def leaves_nothing(self, end: Callable[[Process], None], place: str) -> list[str]:
        """What lies in TMPDIR while the runner is there; when it has ended, nothing may."""
        with mock.patch.dict(os.environ, TMPDIR=str(self.folder)):
            runner = self.runner({"command": ["echo", place]})
        runner.next()
        runner.send(command())
        while runner.next()["event"] == "started":
            pass
        there = os.listdir(self.folder)
        end(runner)
        runner.status()
        for _ in range(WAITS):
            if not os.listdir(self.folder):
                return there
            time.sleep(0.01)
        self.fail(f"left: {os.listdir(self.folder)}")

    def test_runner_leaves_no_file_even_where_it_is_killed(self) -> None:
        def in_order(runner: Process) -> None:
            assert runner.child.stdin
            runner.child.stdin.close()

        for end in (in_order, lambda runner: runner.child.kill()):
            self.assertEqual(len(self.leaves_nothing(end, "{session}")), 1)
            self.assertEqual(self.leaves_nothing(end, "{host}"), [])

    def test_case_that_asks_for_more_than_the_command_has_is_unable(self) -> None:
        failed = self.result(self.script("exit 0"), alpn="mqtt")
        self.assertEqual((failed["event"], failed["kind"]), ("failed", "unable"))
        self.assertIn("asks for alpn", failed["text"])

    def test_server_that_says_something_else_than_the_client_is_for_is_not_met(self) -> None:
        profile = {"application": "http", "exec": self.script("exit 0")}
        for members, text in (({"application": "mqtt"}, "has a server for mqtt, and the client is for http"),
                              ({"application": "http", "close": "reset"}, "with http the server closes first")):
            runner = Process(self, "", "--driver", "exec", "--profile", json.dumps(profile))
            runner.next()
            runner.send(command(**members))
            failed = runner.next()
            self.assertEqual(failed["kind"], "unable")
            self.assertIn(text, failed["text"])

    def test_patterns_name_the_status_and_fail_beats_ok(self) -> None:
        settings = self.script(
            "printf 'connected\\n\\033[31merror:0A000410:x\\033[0m\\n'",
            ok=["connected"], fail=[r"error:(?P<status_hex>[0-9A-F]+):"],
        )
        self.assertEqual(self.board(settings), {"exit_status": 0, "status": "0x0A000410"})

    def test_text_stands_for_a_status_where_the_profile_says_so(self) -> None:
        settings = self.script("echo no trust; exit 1", fail=[{"match": "no trust", "status": "-43", "phase": "hs"}])
        self.assertEqual(self.board(settings), {"exit_status": 1, "status": "-43", "phase": "hs"})

    def test_silence_where_a_word_is_awaited_is_no_match(self) -> None:
        failed = self.result(self.script("echo hello", ok=["connected"]))
        self.assertEqual((failed["event"], failed["kind"]), ("failed", "no-match"))
        self.assertEqual(self.result(self.script("exit 127"))["kind"], "no-match")
        self.assertEqual(self.result(self.script("exit 255", no_result=[255]))["kind"], "no-match")

    def test_program_that_crashes_is_no_failure_of_tls(self) -> None:
        failed = self.result(self.script("kill -SEGV $$"))
        self.assertEqual((failed["kind"], failed["text"]), ("reboot", "bench was ended by signal 11"))
        self.assertEqual(self.result(self.script("echo panic: x", fatal=["panic"], fail=["panic"]))["kind"], "reboot")

    def test_time_ends_the_program_and_all_that_it_started(self) -> None:
        pids = self.folder / "pids"
        began = time.monotonic()
        board = self.board(self.script(f"sleep 600 & echo $! $$ > {pids}; trap '' TERM; sleep 600; sleep 600"), timeout_ms=100)
        self.assertEqual(board, {"exit_status": None})
        self.assertLess(time.monotonic() - began, 5)
        for pid in pids.read_text(encoding="ascii").split():
            self.assertFalse(self.lives(int(pid)))

    def lives(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def test_what_a_program_leaves_behind_does_not_hold_it_up(self) -> None:
        board = self.board(self.script("sleep 600 & exit 0"), timeout_ms=20000)
        self.assertEqual(board["status"], "0")

    def test_closed_input_ends_the_program(self) -> None:
        pid = self.folder / "pid"
        os.mkfifo(pid)
        runner = self.runner(self.script(f"echo $$ > {pid}; sleep 600"))
        runner.next()
        runner.send(command())
        started = int(pid.read_text(encoding="ascii"))
        assert runner.child.stdin
        runner.child.stdin.close()
        self.assertEqual(runner.status(), 0)
        self.assertFalse(self.lives(started))

    def test_program_does_not_outlive_a_runner_that_is_killed(self) -> None:
        pid = self.folder / "pid"
        os.mkfifo(pid)
        runner = self.runner({"command": ["sh", "-c", f"echo $$ > {pid}; exec sleep 600"]})
        runner.next()
        runner.send(command())
        started = int(pid.read_text(encoding="ascii"))
        runner.child.kill()
        runner.status()
        end = time.monotonic() + 5
        while self.lives(started) and time.monotonic() < end:
            time.sleep(0.002)
        self.assertFalse(self.lives(started))

    def test_program_gets_the_users_own_environment(self) -> None:
        log = self.result(self.script("echo path=$PYTHONPATH= safe=$PYTHONSAFEPATH= lang=$LC_ALL="))["log"]
        self.assertIn("path== safe== lang=C.UTF-8=", log)

    def test_absent_program_is_named(self) -> None:
        lost = self.runner({"command": ["no-such-program"]}).next()
        self.assertEqual(lost["who"], "board")
        self.assertEqual(
            lost["text"], "bench: there is no program no-such-program: install it, or correct $.exec.command[0] of the profile"
        )

    def test_wrong_patterns_are_refused_with_place_and_reason(self) -> None:
        self.assertRegex(
            self.refused(self.script("exit 0", ok=["fine", "(unclosed"])),
            r"^bench: \$\.exec\.ok\[1\]: '\(unclosed' is no regular expression: missing \), unterminated subpattern",
        )
        self.assertRegex(
            self.refused(self.script("exit 0", fail=["(?P<code>.)"])),
            r"\$\.exec\.fail\[0\]: a group is called 'code'; names that mean something are status, ",
        )
        self.assertRegex(self.refused({"command": ["echo", "{hots}"]}), r"there is no value \{hots\}; known are host, port")

    def test_pattern_that_takes_for_ever_is_stopped(self) -> None:
        failed = self.result(self.script("echo " + "a" * 60 + "b", ok=["^(a+)+$"]))
        self.assertEqual(failed["kind"], "no-match")
        self.assertRegex(failed["text"], r"^\$\.exec\.ok\[0\]: .* took longer than 1 s on the line")


if __name__ == "__main__":
    unittest.main()
