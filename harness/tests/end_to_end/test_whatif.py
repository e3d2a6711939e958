"""Captured ClientHellos: what servers would answer to them is what the same servers did answer, and it explains failures."""

from __future__ import annotations

import json
import re
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


def packet(protocol: int, payload: bytes, port: int = 50000, back: bool = False) -> bytes:
    """An IPv4 packet of TCP (6), whose stream begins with `payload`, or of UDP (17); `back`: from the server."""
    ends = [(bytes(4), port), (b"\1\1\1\1", 443)]
    (source, from_port), (destination, to_port) = reversed(ends) if back else ends
    tcp = struct.pack(">HHIIBBHHH", from_port, to_port, 1, 1, 5 << 4, 0x18, 65535, 0, 0)
    udp = struct.pack(">HHHH", from_port, to_port, 8 + len(payload), 0)
    body = (tcp if protocol == 6 else udp) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, source, destination) + body


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


class Explanations(Lab):
    def explained(self, *arguments: str) -> str:
        """The explanation, a paragraph a line."""
        done = self.shakedown("explain", *arguments)
        self.assertEqual((done.status, done.err), (0, ""))
        return re.sub(r"\n {10}(?!with )", " ", done.out)

    def test_refusal_of_the_forum_is_explained(self) -> None:
        out = self.explained(str(FORUM))
        for line in (r"Happened  The server sends handshake_failure \(40\), 0.4 ms .* without a ServerHello",
                     r"Likely    RSA certificate in TLS 1.3, and the board offers no RSA-PSS signature",
                     r"Lint      .* none of rsa_pss_rsae_\*.*\(RFC 8446 section 4.2.3\)",
                     r"Inferred  A capture does not show how the server is set up. .*/1.2\+1.3,rsa-2048",
                     r"Or else   .* with field/one-group-alone/1.3,x25519"):
            self.assertRegex(out, re.compile(f"^{line}", re.MULTILINE))
        accepted, refused = re.split("^Refused", out, flags=re.MULTILINE)
        self.assertIn("with certificate ecdsa-p256: TLS 1.3,", accepted)
        self.assertIn("with versions 1.2: TLS 1.2,", accepted)
        self.assertIn("with versions 1.2 1.3: refuses with handshake_failure (40)", refused)

    def test_refusals_of_a_run_have_the_same_causes_by_their_captures_alone(self) -> None:
        out = self.folder / "run"
        self.shakedown("run", "story", "--board", "netx-fixed", "mbedtls", "--out", str(out))
        failed = [cell for cell in json.loads((out / "results.json").read_text())["cells"]
                  if cell["reason"] == "not-offered"]
        self.assertGreater(len(failed), 3)
        for cell in failed:
            told = self.explained(str(out / cell["evidence"]["capture"]))
            title = re.escape(cell["diagnosis"][0]["title"])
            self.assertRegex(told, re.compile(f"^(Cause   |Likely  |Possible)  {title}", re.MULTILINE), cell["id"])

    def test_connection_that_went_well_has_no_cause(self) -> None:
        out = self.explained(str(ROOT / "captures/golden/tls-1.2-ecdsa/in.pcapng"))
        self.assertIn("Application data follow.", out)
        self.assertNotIn("Cause", out)
        self.assertNotIn("Nobody sent an alert", out)

    def test_certificate_that_the_client_lacks_shows_on_the_wire(self) -> None:
        out = self.explained(str(ROOT / "captures/golden/mutual-tls-1.2-without-certificate/in.pcapng"))
        self.assertIn("The server demands a client certificate, and the board has none", out)
        self.assertNotIn("OpenSSL says", out)

    def test_json_has_what_the_text_tells(self) -> None:
        lines = self.explained(str(FORUM), "--json").splitlines()
        self.assertEqual(len(lines), 1)
        told = json.loads(lines[0])
        self.assertEqual([told["connections"], told["causes"][0]["diagnosis"]["id"]], [[1], "tls13-rsa-cert-no-pss"])
        self.assertTrue(told["happened"].startswith("The server sends handshake_failure (40)"))
        changes = {json.dumps(one["change"]): one["answer"]["answer"] for one in told["causes"][0]["changes"]}
        self.assertEqual([changes[key] for key in ('{"certificate": ["ecdsa-p256"]}', '{"versions": ["1.2"]}')],
                         ["server_hello", "server_hello"])
        self.assertIn("sigalgs-no-pss", [one["id"] for one in told["lint"]])

    def test_server_without_tls_is_told(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        path = self.folder / "web.pcap"
        path.write_bytes(pcap(packet(6, record), packet(6, b"HTTP/1.1 400 Bad Request\r\n", back=True)))
        out = self.explained(str(path))
        self.assertIn("Happened  What the server answers is no TLS.", out)
        self.assertIn("\nCause     What answers the board speaks no TLS", out)
        self.assertIn("(HTTP/1.1 400 Bad)", out)
        self.assertNotIn("Inferred", out)

    def test_cause_that_few_servers_would_give_is_possible_only(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        path = self.folder / "few.pcap"
        path.write_bytes(pcap(packet(6, record), packet(6, b"\x15\3\3\0\2\2\x46", back=True)))
        out = self.explained(str(path))
        self.assertRegex(out, re.compile(r"^Possible  .*\n.*\n?Inferred .* So few answer like that", re.MULTILINE))

    def test_alert_of_the_client_is_told(self) -> None:
        out = self.explained(str(ROOT / "captures/golden/unknown-ca-in-tls-1.3/in.pcapng"))
        self.assertIn("The client sends unknown_ca (48)", out)

    def test_hello_alone_is_met_by_the_usual_servers(self) -> None:
        path = self.folder / "hello.bin"
        path.write_bytes(FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH])
        out = self.explained(str(path))
        self.assertTrue(out.startswith("A ClientHello alone\n"), out)
        self.assertRegex(out, r"\nfield\n")
        self.assertNotIn("Happened", out)

    def test_what_went_otherwise_is_explained_apart(self) -> None:
        record = FORUM.read_bytes()[HELLO_AT:HELLO_AT + HELLO_LENGTH]
        path = self.folder / "two.pcap"
        path.write_bytes(pcap(packet(6, record), packet(6, record, 50001),
                              packet(6, record, 50002), packet(6, b"\x15\3\3\0\2\2\x28", 50002, back=True)))
        out = self.explained(str(path), "--suite", "story")
        self.assertEqual(re.findall(r"^Connection .*", out, re.MULTILINE),
                         ["Connection 1: 0.0.0.0 port 50000 to 1.1.1.1 port 443; alike: 2",
                          "Connection 3: 0.0.0.0 port 50002 to 1.1.1.1 port 443"])
        self.assertIn("No answer of the server is in the capture.", out)


class WrongInput(Lab):
    def refused(self, complaint: str, *arguments: str) -> None:
        done = self.shakedown("whatif", *arguments)
        self.assertEqual((done.status, done.out, done.err), (2, "", f"shakedown: {complaint}\n"))

    def refused_file(self, content: bytes, complaint: str) -> None:
        path = self.folder / "given"
        path.write_bytes(content)
        self.refused(f"{path}{complaint}", str(path), "--suite", "story")
        done = self.shakedown("explain", str(path))
        self.assertEqual((done.status, done.out, done.err), (2, "", f"shakedown: {path}{complaint}\n"))

    def test_words_that_are_missing(self) -> None:
        self.refused("whatif takes one capture, or one file with a ClientHello, before its options", "--suite", "story")
        self.assertEqual(self.shakedown("explain").complaint, "explain takes one capture, before its options")
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
