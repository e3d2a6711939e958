from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))

from bench import Desk
from boards import NoisyLine, SmallAgent
from runner import agent, link
from runner.agent import to_board
from runner.driver import Failed
from runner.messages import Closed
from runner.port import Lost


class AgentCase(unittest.TestCase):
    def board(self, **settings: object) -> SmallAgent:
        board = SmallAgent(**settings)  # type: ignore[arg-type]
        self.addCleanup(board.close)
        return board

    def file(self, content: bytes) -> str:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(content)
        self.addCleanup(os.unlink, file.name)
        return file.name


class Runs(AgentCase):
    def test_board_is_greeted_and_given_the_time(self) -> None:
        board = self.board()
        info = Desk(self, board.device).agent.greet(2)
        self.assertEqual(info, ("0001", "small/1.0 test", 4096, ["tls12", "tls13"]))
        self.assertGreater(board.time, 1_700_000_000)

    def test_run_goes_from_upload_to_result(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        ca = os.urandom(1000)
        result = desk.run(ca=self.file(ca), sni="a b", min="1.2", send="hi", port=40000)
        self.assertEqual(
            result,
            {
                "phase": "close", "status": "0", "version": "1.3", "group": "x25519",
                "ciphersuite": "TLS_AES_128_GCM_SHA256", "alert": None, "ms": 7, "heap": 1234,
            },
        )
        self.assertEqual(board.blobs["ca"], ca)
        self.assertEqual(
            board.runs,
            [
                {
                    "id": "1", "host": "127.0.0.1", "port": "40000",
                    "sni": "a b", "min": "1.2", "send": "hi",
                }
            ],
        )
        self.assertEqual(desk.n_started, 1)

    def test_blob_is_brought_again_only_when_it_changed(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        first, second = self.file(b"one"), self.file(b"two")
        for ca in (first, first, second):
            desk.run(ca=ca, cert=first)
        desk.run(ca=second)
        # All three are cleared, then come ca and cert; ca; no cert any more.
        self.assertEqual(board.seen.count("END"), 3 + 2 + 1 + 1)
        self.assertEqual(board.blobs, {"ca": b"two", "cert": b"", "key": b""})

    def test_several_files_make_one_blob(self) -> None:
        board = self.board()
        Desk(self, board.device).run(ca=[self.file(b"one"), self.file(b"two")])
        self.assertEqual(board.blobs["ca"], b"onetwo")

    def test_blobs_that_fit_together_always_find_room(self) -> None:
        board = self.board(blob=100)
        desk = Desk(self, board.device)
        for lengths in ((90, 5, 5), (5, 90, 5), (5, 5, 90), (0, 0, 100), (100, 0, 0), (50, 50, 0)):
            files = [self.file(os.urandom(length)) for length in lengths]
            desk.run(**dict(zip(agent.BLOBS, files)))
            self.assertEqual([len(board.blobs[name]) for name in agent.BLOBS], list(lengths))

    def test_upload_resumes_where_the_board_says(self) -> None:
        board = self.board()
        to_lose = [True]

        def lose_half(fields: dict[str, str]) -> None:
            if fields["off"] != "0" and to_lose:
                to_lose.pop()
                board._part = board._part[:10]

        board.on["DATA"] = lose_half
        content = os.urandom(500)
        Desk(self, board.device).run(ca=self.file(content))
        self.assertEqual(board.blobs["ca"], content)

    def test_upload_that_arrives_changed_is_repeated(self) -> None:
        board = self.board()
        to_spoil = [True]

        def change_a_byte(_fields: dict[str, str]) -> None:
            if to_spoil:
                to_spoil.pop()
                board._part = b"?" + board._part[1:]

        board.on["END"] = change_a_byte
        Desk(self, board.device).run(ca=self.file(b"content"))
        self.assertEqual(board.blobs["ca"], b"content")

    def test_blob_that_is_too_long_is_refused_before_it_is_sent(self) -> None:
        board = self.board(blob=100)
        path = self.file(b"x" * 101)
        with self.assertRaises(Failed) as failed:
            Desk(self, board.device).run(ca=path)
        self.assertEqual(failed.exception.kind, "upload")
        self.assertRegex(str(failed.exception), "have 101 bytes, and the board takes 100")
        self.assertNotIn("BLOB", board.seen)

    def test_blob_that_cannot_be_read_is_an_upload_failure(self) -> None:
        with self.assertRaisesRegex(Failed, "cannot read /nowhere/ca.der: No such file") as failed:
            Desk(self, self.board().device).run(ca="/nowhere/ca.der")
        self.assertEqual(failed.exception.kind, "upload")

    def test_request_that_does_not_fit_in_a_line_is_refused(self) -> None:
        with self.assertRaisesRegex(Failed, "RUN takes 2.. bytes, and the board 128") as failed:
            Desk(self, self.board().device).run(sni="x" * 200)
        self.assertEqual(failed.exception.kind, "refused")

    def test_board_that_says_when_it_is_done_is_asked_then_and_not_before(self) -> None:
        board = self.board(n_busy=0)
        board.on["RUN"] = lambda _: board.say(b"[    0.007] run: phase close, status 0\r\n")
        desk = Desk(self, board.device)
        desk.agent.greet()
        with mock.patch.object(agent, "POLL_MAX_S", 600):
            for _ in range(2):
                board.seen.clear()
                desk.run()
                self.assertEqual(board.seen.count("STAT"), 2)  # the report has two parts

    def test_board_that_says_no_more_when_it_is_done_is_asked_again_and_again(self) -> None:
        board = self.board(n_busy=0)
        board.on["RUN"] = lambda _: board.say(b"[    0.007] run: phase close, status 0\r\n")
        desk = Desk(self, board.device)
        desk.run()
        del board.on["RUN"]
        board.n_busy = 3
        self.assertEqual(desk.run()["status"], "0")

    def test_end_of_a_run_in_the_log_ends_the_waiting_once(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        board.say(b"[    0.007] run: phase hs, status 0x20007\r\n")
        self.assertTrue(desk.link.idle(600))
        self.assertFalse(desk.link.idle(0))

    def test_run_is_aborted_when_its_time_is_over(self) -> None:
        board = self.board(n_busy=10**9, result="ph=hs rc=0x42")
        result = Desk(self, board.device).run(timeout_ms=20)
        self.assertEqual(board.seen.count("ABORT"), 1)
        self.assertEqual(result["status"], "0x42")

    def test_run_is_aborted_when_the_daemon_asks(self) -> None:
        board = self.board(n_busy=10**9, result="ph=hs rc=0x42")
        desk = Desk(self, board.device)
        with mock.patch.object(desk, "started", lambda: desk.send("abort")):
            self.assertEqual(desk.run()["phase"], "hs")

    def test_board_that_cannot_abort_is_restarted_and_fails_busy(self) -> None:
        board = self.board(n_busy=10**9)
        board.on["ABORT"] = lambda _fields: None
        with mock.patch.object(agent, "ABORT_S", 0.05), mock.patch.object(
            board, "do_abort", lambda _fields: "OK"
        ), self.assertRaises(Failed) as failed:
            Desk(self, board.device).run(timeout_ms=5)
        self.assertEqual(failed.exception.kind, "busy")
        self.assertEqual(board.seen[-1], "RESET")

    def test_run_of_an_earlier_runner_is_ended_first(self) -> None:
        board = self.board()
        board._busy = 10**9
        self.assertEqual(Desk(self, board.device).run()["status"], "0")
        self.assertIn("ABORT", board.seen)

    def test_closed_input_ends_a_run_at_once_and_frees_the_board(self) -> None:
        board = self.board(n_busy=10**9)
        desk = Desk(self, board.device)

        def close() -> None:
            raise Closed

        with self.assertRaises(Closed):
            desk.agent.run({"id": "1", "host": "h", "port": 1, "timeout_ms": 1000}, close)
        desk.link.exchange("STAT")
        self.assertIn("ABORT", board.seen)


class Trouble(AgentCase):
    def test_restart_in_the_middle_fails_the_run_and_keeps_the_boot_log(self) -> None:
        board = self.board(n_busy=10**9)
        desk = Desk(self, board.device)
        desk.agent.greet(2)

        def crash(_fields: dict[str, str]) -> bytes:
            board.reboot()
            del board.on["STAT"]
            return b"@T05 OK bo*** HardFault ***\r\nBooting \xfe...\r\n"

        board.on["STAT"] = crash
        with self.assertRaises(Failed) as failed:
            desk.run()
        self.assertEqual(failed.exception.kind, "reboot")
        self.assertRegex(str(failed.exception), "was in boot 0001, now it is in 0002")
        self.assertRegex(desk.log.text(0), r"HardFault \*\*\*\n.* Booting \\xfe\.\.\.")
        board.n_busy = 2
        self.assertEqual(desk.run(id="2")["status"], "0", "the next run greets the board anew")

    def test_restart_between_runs_is_told_as_such(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        desk.run()
        board.reboot()
        with self.assertRaises(Failed) as failed:
            desk.run(id="2")
        self.assertEqual(failed.exception.kind, "reboot")
        self.assertEqual(len(board.runs), 1)

    def test_restart_during_an_upload_is_told_as_such(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        desk.agent.greet(2)
        board.on["DATA"] = lambda _fields: board.reboot()
        with self.assertRaises(Failed) as failed:
            desk.run(ca=self.file(b"x" * 100))
        self.assertEqual(failed.exception.kind, "reboot")

    def test_log_inside_a_reply_costs_a_retry_only(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        desk.agent.greet(2)
        torn = [True, True]

        def tear(fields: dict[str, str]) -> bytes | None:
            if not torn:
                return None
            torn.pop()
            return b"\r\n@T05 OK boot=00[wifi] link \x1b[32mup\x1b[0m\n01 busy*12"

        board.on["RUN"] = board.on["STAT"] = tear
        self.assertEqual(desk.run()["status"], "0")
        self.assertEqual(len(board.runs), 1)
        self.assertIn("[wifi] link up", desk.log.text(0))

    def test_board_whose_answers_are_spoilt_is_not_asked_slower(self) -> None:
        """Were the waits to grow, the fifth request would come after 2 seconds."""
        board = self.board()
        spoilt = [b"\r\n@T00 OK boot=0001*0000\r\n"] * 4
        board.on["HELLO"] = lambda _fields: spoilt.pop() if spoilt else None
        reply = Desk(self, board.device).link.exchange("HELLO", patience=1.9)
        self.assertEqual(reply.word, "OK")
        self.assertEqual(board.seen, ["HELLO"] * 5)

    def test_echo_is_neither_a_reply_nor_log(self) -> None:
        board = self.board()
        obey = board.came

        def echo(fd: int, data: bytes) -> None:
            board.say(data)
            obey(fd, data)

        desk = Desk(self, board.device)
        with mock.patch.object(board, "came", echo):
            self.assertEqual(desk.run()["status"], "0")
        self.assertEqual(desk.log.text(0), "")

    def test_ten_runs_survive_half_a_percent_of_spoilt_bytes(self) -> None:
        board = self.board(n_busy=1)
        line = NoisyLine(board.device, 0.005, seed=7)
        self.addCleanup(line.close)
        desk = Desk(self, line.device)
        content = os.urandom(300)
        for number in range(10):
            result = desk.run(id=str(number), ca=self.file(content))
            self.assertEqual(result["status"], "0")
        self.assertEqual([run["id"] for run in board.runs], [str(n) for n in range(10)])
        self.assertEqual(board.blobs["ca"], content)
        self.assertGreater(line.spoilt, 10)

    def test_board_without_an_answer_is_silent(self) -> None:
        board = self.board()
        desk = Desk(self, board.device, patience=0.1)
        desk.agent.greet(2)
        board.on["RUN"] = lambda _fields: b"half a l"
        with self.assertRaises(Failed) as failed:
            desk.run()
        self.assertEqual(failed.exception.kind, "silent")
        desk.link.end_half_line()
        self.assertIn("half a l", desk.log.text(0))

    def test_greeting_with_a_number_that_cannot_be_is_refused(self) -> None:
        board = SmallAgent(blob=10**30)
        self.addCleanup(board.close)
        with self.assertRaisesRegex(Failed, "blob='10{30}', which is no number"):
            Desk(self, board.device).agent.greet(2)

    def test_silence_is_told_from_bytes_that_are_no_answer(self) -> None:
        board = self.board()
        desk = Desk(self, board.device, patience=0.1)
        board.on["HELLO"] = lambda _fields: b""
        with self.assertRaisesRegex(link.Silent, "no answer to HELLO in 0.1 s, not one byte"):
            desk.link.exchange("HELLO")
        board.on["HELLO"] = lambda _fields: b"login: "
        with self.assertRaisesRegex(link.Silent, r"s; [0-9]+ bytes came, and no answer among"):
            desk.link.exchange("HELLO")

    def test_naks_are_not_answered_for_ever(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        board.on["HELLO"] = lambda _fields: board.answer(b"NAK", "crc")
        with self.assertRaises(link.Silent):
            desk.link.exchange("HELLO", patience=0.2)
        self.assertLess(board.seen.count("HELLO"), 20)

    def test_vanished_device_is_lost(self) -> None:
        board = SmallAgent()
        desk = Desk(self, board.device)
        desk.agent.greet(2)
        board.close()
        with self.assertRaisesRegex(Lost, f"{board.device} is gone: .*; plug it in again"):
            desk.run()

    def test_reply_of_an_earlier_request_is_ignored(self) -> None:
        board = self.board()
        desk = Desk(self, board.device)
        board.on["HELLO"] = lambda _fields: board.say(board.answer(b"7F", "OK v=1"))
        self.assertEqual(desk.agent.greet(2).boot, "0001")


class Words(unittest.TestCase):
    def test_every_spelling_of_success_becomes_zero(self) -> None:
        for rc in ("0", "0x0", "0x00", "00"):
            self.assertEqual(to_board({"rc": rc})["status"], "0")
        for rc in ("0x20007", "-0x7780", "1", "0x10", ""):
            self.assertEqual(to_board({"rc": rc})["status"], rc)

    def test_numbers_too_long_for_any_board_are_left_out(self) -> None:
        digits = "9" * 5000  # more than Python, and far more than the daemon, reads as a number
        board = to_board({"rc": "0", "ms": digits, "heap": "4294967295", "al": "r" + digits})
        self.assertEqual((board["alert"], board["heap"], "ms" in board), (None, 4294967295, False))

    def test_alert_names_who_sent_it(self) -> None:
        self.assertEqual(to_board({"al": "r40"})["alert"], {"from": "server", "number": 40})
        self.assertEqual(to_board({"al": "s80"})["alert"], {"from": "client", "number": 80})
        for al in ("", "x1", "r", "40"):
            self.assertIsNone(to_board({"al": al})["alert"])


if __name__ == "__main__":
    unittest.main()
