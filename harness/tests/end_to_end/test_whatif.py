"""What-if: what a server would answer to a captured ClientHello is what that server did answer to it in a run."""

from __future__ import annotations

import json
import struct
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lab import ROOT, Cell, Lab  # noqa: E402

FORUM = ROOT / "captures/st-forum-rsa-refused.pcap"
HELLO_AT, HELLO_LENGTH = 94, 196  # the client's record in it, in its first packet
BOARDS = ("openssl", "mbedtls", "netx-fixed")
SUITES = ("story", "basics")
CHOSEN = ("version", "ciphersuite", "group", "signature_algorithm")
FRESH = ("random", "legacy_session_id", "client_shares", "data", "ticket")  # in each hello of one client


def offer(hello: Any) -> Any:
    """A ClientHello without what differs from one connection to the next."""
    if isinstance(hello, dict):
        return {key: offer(value) for key, value in hello.items() if key not in FRESH}
    return [offer(value) for value in hello] if isinstance(hello, list) else hello


def answered(cell: Cell) -> dict[str, Any]:
    """What the cell's server said first, by what it testifies and what the wire shows, as what-if tells it."""
    server, wire = cell["witnesses"]["server"], cell["witnesses"]["wire"]
    if "hello_retry_request" in wire:
        shares = [e for e in wire["hello_retry_request"]["extensions"] if e["name"] == "key_share"]
        return {"answer": "hello_retry_request", "version": server["version"], "group": shares[0]["selected_group"]}
    if "server_hello" in wire:
        return {"answer": "server_hello"} | {key: server[key] for key in CHOSEN if server[key] is not None}
    alert = next(alert for alert in server["alerts"] if alert["from"] == "server")
    return {"answer": "alert", "version": server["version"], "alert": alert,
            "error": {key: server["errors"][0][key] for key in ("code", "reason")}}


def packet(protocol: int, payload: bytes, port: int = 50000) -> bytes:
    """An IPv4 packet of TCP (6), whose stream begins with `payload`, or of UDP (17)."""
    tcp = struct.pack(">HHIIBBHHH", port, 443, 1, 1, 5 << 4, 0x18, 65535, 0, 0)
    udp = struct.pack(">HHHH", port, 443, 8 + len(payload), 0)
    body = (tcp if protocol == 6 else udp) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, bytes(4), b"\1\1\1\1") + body


def pcap(*packets: bytes) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    return head + b"".join(struct.pack("<IIII", i, 0, len(p), len(p)) + p for i, p in enumerate(packets))


class Answers(Lab):
    def told(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.shakedown("whatif", *arguments, "--json")
        self.assertEqual((done.status, done.err), (0, ""))
        return [json.loads(line) for line in done.out.splitlines()]

    def test_what_servers_would_answer_is_what_they_answered(self) -> None:
        out = self.folder / "run"
        self.shakedown("run", *SUITES, "--board", *BOARDS, "--out", str(out))
        cells = [cell for cell in json.loads((out / "results.json").read_text())["cells"]
                 if "client_hello" in (cell["witnesses"]["wire"] or {})]
        self.assertGreater(len(cells), 100)
        kinds: dict[str, list[Cell]] = {}
        for cell in cells:
            kinds.setdefault(json.dumps(offer(cell["witnesses"]["wire"]["client_hello"])), []).append(cell)
        seen = set()
        for alike in kinds.values():
            hello, = self.told(str(out / alike[0]["evidence"]["capture"]), "--suite", *SUITES)
            answers = {f"{a['suite']}/{a['case']}": a for a in hello["answers"]}
            for cell in alike:
                expected = answered(cell)
                answer = answers[f"{cell['suite']}/{cell['case']}"]
                seen.add(answer["answer"])
                self.assertEqual({key: answer.get(key) for key in expected}, expected, cell["id"])
                self.assertEqual(answer["server"], cell["server"])
        self.assertEqual(seen, {"server_hello", "hello_retry_request", "alert"})

    def test_bare_hello_is_answered_as_the_captured_one(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        captured, = self.told(str(FORUM), "--suite", "story")
        for content in (record, record[5:]):
            path = self.folder / "hello.bin"
            path.write_bytes(content)
            bare, = self.told(str(path), "--suite", "story")
            self.assertEqual((bare["connections"], bare["answers"]), ([], captured["answers"]))

    def test_hellos_of_one_kind_are_told_once(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        fresh = record[:11] + bytes(range(32)) + record[43:]
        other = record.replace(b"\x13\x01", b"\x13\x02", 1)
        path = self.folder / "three.pcap"
        path.write_bytes(pcap(*(packet(6, r, 50000 + i) for i, r in enumerate((record, other, fresh)))))
        first, second = self.told(str(path), "--suite", "story")
        self.assertEqual((first["count"], first["connections"]), (2, [1, 3]))
        self.assertEqual((second["count"], second["connections"]), (1, [2]))
        self.assertEqual([hello["answers"][3]["ciphersuite"] for hello in (first, second)],
                         ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])

    def test_table_says_what_it_is_not(self) -> None:
        done = self.shakedown("whatif", str(FORUM), "--suite", "story")
        self.assertEqual(done.status, 0)
        self.assertRegex(done.out, r"rsa-certificate-in-tls-1.3 +[✗x] handshake_failure \(40\): no suitable signature")
        self.assertRegex(done.out, r"6 servers: +[✓+] 4 would go on +[✗x] 2 would refuse")
        self.assertIn("whether the client then accepts the answer, only a run", " ".join(done.out.split()))


class WrongInput(Lab):
    def refused(self, complaint: str, *arguments: str) -> None:
        done = self.shakedown("whatif", *arguments)
        self.assertEqual((done.status, done.out, done.err), (2, "", f"shakedown: {complaint}\n"))

    def refused_file(self, content: bytes, complaint: str) -> None:
        path = self.folder / "given"
        path.write_bytes(content)
        self.refused(f"{path}{complaint}", str(path), "--suite", "story")

    def test_words_that_are_missing(self) -> None:
        self.refused("whatif takes one capture, or one file with a ClientHello, before its options", "--suite", "story")
        self.refused("whatif needs --suite and at least one suite: a file, or a name such as story", str(FORUM))

    def test_unknown_suite(self) -> None:
        done = self.shakedown("whatif", str(FORUM), "--suite", "storry")
        self.assertEqual((done.status, done.out), (2, ""))
        self.assertIn('"storry"', done.err)

    def test_no_capture(self) -> None:
        self.refused_file(b"Once upon a time", " is not a capture: it begins with the bytes 4f 6e 63 65 20 75 70 6f; "
                                               "pcap and pcapng files are read")

    def test_capture_without_a_client_hello(self) -> None:
        self.refused_file(pcap(packet(6, b"\x15\3\3\0\2\2\x28")),
                          ": no ClientHello is in its 1 TCP connection; the capture has to begin before the client connects")

    def test_capture_of_udp_alone(self) -> None:
        self.refused_file(pcap(packet(17, b"hello"), packet(17, b"again")),
                          ": none of its 2 packets is TCP; TLS over UDP (DTLS, QUIC) is not read")

    def test_captured_hello_that_is_cut_short(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        self.refused_file(pcap(packet(6, record[:100])),
                          ": the ClientHello of connection 1 is cut short, and no other is there; capture whole packets "
                          "(tcpdump -s 0), from the connection's beginning")

    def test_bare_hello_that_is_cut_short(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        for content, there in ((record[:100], 95), (record[5:105], 100)):
            self.refused_file(content, f": its ClientHello is cut short: {there} bytes of 191 are there")
        self.refused_file(record[:5], ": its record is cut short before the ClientHello")

    def test_bare_message_that_is_no_hello(self) -> None:
        self.refused_file(b"\x16\3\3\0\4\2\0\0\0", ": the handshake message at byte 0 is no ClientHello but server_hello")


if __name__ == "__main__":
    unittest.main()
