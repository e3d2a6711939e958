from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench import Desk, Process, command
from boards import SmallAgent


class ProcessCase(unittest.TestCase):
    def board(self, n_busy: int = 2) -> SmallAgent:
        board = SmallAgent(n_busy=n_busy)
        self.addCleanup(board.close)
        return board

    def lost(self, device: str) -> str:
        """The sentence of a runner that cannot have `device`."""
        runner = Process(self, device)
        message = runner.next()
        self.assertEqual((message["event"], message["who"]), ("lost", "port"))
        self.assertEqual(runner.next(), {})
        self.assertEqual(runner.status(), 3)
        return str(message["text"])


class Sessions(ProcessCase):
    def test_session_is_ready_started_result(self) -> None:
        board = self.board()
        runner = Process(self, board.device)
        self.assertEqual(
            runner.next(),
            {
                "event": "ready", "stack": "small/1.0 test", "boot": "0001", "blob": 4096,
                "caps": ["tls12", "tls13"],
            },
        )
        for number in ("1", "2"):
            board.say(b"run %s \xff\r\n" % number.encode())
            runner.send(command(id=number))
            self.assertEqual(runner.next(), {"event": "started", "id": number})
            result = runner.next()
            self.assertEqual((result["event"], result["id"]), ("result", number))
            self.assertEqual(result["board"]["status"], "0")
            self.assertRegex(result["log"], rf"^\[ +-?\d+\.\d+\] run {number} \\xff\n$")

    def test_board_that_restarts_when_it_is_greeted_is_greeted_again(self) -> None:
        board = self.board()

        def restart(_fields: dict[str, str]) -> None:
            del board.on["STAT"]
            board.reboot()

        board.on["STAT"] = restart
        self.assertEqual(Process(self, board.device).next()["event"], "ready")

    def test_port_named_by_a_link_is_driven_by_that_name(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, "usb-board")
            os.symlink(self.board().device, link)
            self.assertEqual(Process(self, link).next()["event"], "ready")

    def test_failed_run_is_told_with_its_log_and_the_next_one_works(self) -> None:
        board = self.board(n_busy=10**9)
        runner = Process(self, board.device)
        runner.next()
        runner.send(command())
        self.assertEqual(runner.next()["event"], "started")
        board.say(b"panic!\r\n")
        board.reboot()
        failed = runner.next()
        self.assertEqual((failed["event"], failed["kind"]), ("failed", "reboot"))
        self.assertIn("] panic!\n", failed["log"])
        board.n_busy = 1
        runner.send(command(id="2"))
        self.assertEqual([runner.next()["event"] for _ in range(2)], ["started", "result"])

    def test_abort_brings_the_result_forward(self) -> None:
        runner = Process(self, self.board(n_busy=10**9).device)
        runner.next()
        runner.send(command())
        self.assertEqual(runner.next()["event"], "started")
        runner.send({"op": "abort"})
        self.assertEqual(runner.next()["event"], "result")


class Ends(ProcessCase):
    def test_closed_input_ends_it_in_the_middle_of_a_run_and_frees_the_port(self) -> None:
        board = self.board(n_busy=10**9)
        runner = Process(self, board.device)
        runner.next()
        runner.send(command())
        runner.next()
        assert runner.child.stdin
        runner.child.stdin.close()
        self.assertEqual(runner.status(), 0)
        Desk(self, board.device).link.exchange("STAT")
        self.assertIn("ABORT", board.seen)

    def test_signals_end_it_in_the_middle_of_a_run_and_free_the_port(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            board = self.board(n_busy=10**9)
            runner = Process(self, board.device)
            runner.next()
            runner.send(command())
            runner.next()
            runner.child.send_signal(number)
            self.assertEqual(runner.next(), {})
            self.assertEqual(runner.status(), 0)
            Desk(self, board.device)

    def test_vanished_device_is_lost_in_the_middle_of_a_run(self) -> None:
        board = SmallAgent(n_busy=10**9)
        runner = Process(self, board.device)
        runner.next()
        runner.send(command())
        runner.next()
        board.close()
        lost = runner.next()
        self.assertEqual((lost["event"], lost["who"]), ("lost", "port"))
        self.assertRegex(lost["text"], f"^bench: {board.device} is gone: ")
        self.assertEqual(runner.status(), 3)

    def test_vanished_device_is_lost_between_runs(self) -> None:
        board = SmallAgent()
        runner = Process(self, board.device)
        runner.next()
        board.close()
        self.assertEqual(runner.next()["event"], "lost")


class Ports(ProcessCase):
    def test_absent_port_is_named_with_reason_and_remedy(self) -> None:
        self.assertEqual(
            self.lost("/dev/serial/by-id/nothing"),
            "bench: cannot open /dev/serial/by-id/nothing: No such file or directory; plug the "
            "board in, or correct the name (`ls -l /dev/serial/by-id` lists what is there)",
        )

    def test_file_that_is_no_port_is_named(self) -> None:
        self.assertEqual(
            self.lost("/dev/null"),
            "bench: cannot open /dev/null: Inappropriate ioctl for device; name a serial port",
        )

    def test_url_of_an_unknown_kind_is_named(self) -> None:
        self.assertRegex(self.lost("pigeon://x"), "cannot open pigeon://x: invalid URL")

    def test_port_in_use_names_its_holder(self) -> None:
        board = self.board()
        holder = Process(self, board.device)
        holder.next()
        self.assertRegex(
            self.lost(board.device),
            f"cannot open {board.device}: another program uses it; "
            rf"close \S+ \(process {holder.child.pid}\), which has it open",
        )

    @unittest.skipIf(os.geteuid() == 0, "root may open every port")
    def test_port_without_permission_names_the_group(self) -> None:
        board = self.board()
        os.chmod(board.device, 0)
        self.assertRegex(self.lost(board.device), "Permission denied; join the group .* dialout")

    def test_wrong_usage_is_told_with_all_options(self) -> None:
        wrong: list[list[str]] = [
            [], ["--name", "a", "--driver", "psychic"], ["--name", "a", "--tast", "check"], ["lone"]
        ]
        for words in wrong:
            done = subprocess.run(
                [sys.executable, "-m", "runner", *words], capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, check=False,
            )
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("--port", done.stderr)


if __name__ == "__main__":
    unittest.main()
