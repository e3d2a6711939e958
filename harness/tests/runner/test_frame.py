from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from runner import frame
from runner.log import LOG_MAX, Log


def reply(body: bytes) -> bytes:
    return b"@T%s*%04X" % (body, frame.crc16(body))


class Frames(unittest.TestCase):
    def test_crc_has_the_published_check_value(self) -> None:
        self.assertEqual(frame.crc16(b"123456789"), 0x29B1)

    def test_request_is_spelt_as_the_protocol_says(self) -> None:
        crc = frame.crc16(b"0A RUN id=7 sni=a%20b%2Ac%25")
        self.assertEqual(
            frame.encode(10, "RUN", {"id": "7", "sni": "a b*c%"}),
            b"\n@H0A RUN id=7 sni=a%%20b%%2Ac%%25*%04X\n" % crc,
        )

    def test_every_text_comes_back_from_its_encoding(self) -> None:
        text = "".join(map(chr, range(0x180))) + "\u20ac%41"
        quoted = frame.quote(text)
        self.assertNotRegex(quoted, rb"[\x00-\x20*@\x7f-\xff]")
        self.assertEqual(frame.unquote(quoted), text)

    def test_value_that_is_not_utf8_is_shown(self) -> None:
        self.assertEqual(frame.unquote(b"a%FFb"), "a\\xffb")

    def test_reply_is_parsed_and_text_around_it_is_log(self) -> None:
        got, rest = frame.decode(b"tick " + reply(b"1f OK boot=77 busy a=b=c") + b" tock")
        self.assertEqual(got, frame.Reply(31, "OK", {"boot": "77", "busy": "", "a": "b=c"}))
        self.assertEqual(rest, b"tick  tock")

    def test_last_sentinel_in_a_line_wins(self) -> None:
        got, rest = frame.decode(b"@T05 OK bo" + reply(b"05 OK boot=1"))
        self.assertEqual(got, frame.Reply(5, "OK", {"boot": "1"}))
        self.assertEqual(rest, b"@T05 OK bo")

    def test_nak_needs_no_sequence_number(self) -> None:
        got, _ = frame.decode(reply(b"NAK crc"))
        self.assertEqual(got, frame.Reply(frame.NAK, "NAK", {"crc": ""}))

    def test_every_changed_byte_makes_a_reply_log(self) -> None:
        whole = reply(b"05 OK off=72")
        for at in range(len(whole)):
            spoilt = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            self.assertEqual(frame.decode(spoilt), (None, spoilt), spoilt)
            self.assertIsNone(frame.decode(whole[:at])[0])

    def test_good_crc_over_nonsense_is_log(self) -> None:
        for body in (b"", b"OK", b"5 OK", b"zz OK", b"05", b"05 ok", b"\xff\xff"):
            self.assertIsNone(frame.decode(reply(body))[0], body)


class Lines(unittest.TestCase):
    def test_lines_come_whole_however_they_are_cut(self) -> None:
        stream = b"\r\none\r\n\ntwo\x00\xff\nthree\r\n\r\nhalf"
        for step in range(1, len(stream) + 1):
            lines = frame.Lines()
            pieces = (stream[at : at + step] for at in range(0, len(stream), step))
            got = [line for piece in pieces for line in lines.feed(piece)]
            self.assertEqual(got, [b"one", b"two\x00\xff", b"three"])
            self.assertEqual(lines.take_half(), b"half")
            self.assertEqual(lines.take_half(), b"")

    def test_line_without_end_does_not_fill_the_memory(self) -> None:
        lines = frame.Lines()
        got = [line for _ in range(100) for line in lines.feed(b"x" * 1000)]
        self.assertEqual(sum(map(len, got)) + len(lines.take_half()), 100_000)
        self.assertTrue(all(len(line) <= frame.HALF_LINE_MAX + 1000 for line in got))


class Logs(unittest.TestCase):
    def test_lines_stand_after_their_time(self) -> None:
        log = Log()
        log.add(9.5, b"boot")
        log.add(10.25, b"\x1b[31mred\xff")
        self.assertEqual(log.text(10.0), "[  -0.500] boot\n[   0.250] red\\xff\n")
        log.clear()
        self.assertEqual(log.text(0), "")

    def test_long_log_keeps_its_end_and_says_what_was_cut(self) -> None:
        log = Log()
        for number in range(LOG_MAX // 10 + 100):
            log.add(0, b"%09d" % number)
        head, *lines, last = log.text(0).splitlines()
        self.assertEqual(head, f"[1000 earlier bytes of log were cut]")
        self.assertTrue(last.endswith(f"{LOG_MAX // 10 + 99:09d}"))
        self.assertLessEqual(10 * (len(lines) + 1), LOG_MAX)


if __name__ == "__main__":
    unittest.main()
