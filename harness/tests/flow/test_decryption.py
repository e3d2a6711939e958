"""Connections that OpenSSL makes, opened by `shakedown decode` with key logs and private keys, and by tshark."""

from __future__ import annotations

import json
import os
import ssl
import struct
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SHAKEDOWN = ROOT / os.environ.get("SHAKEDOWN_BUILD", "build") / "shakedown"
HANDSHAKE = {0: "hello_request", 1: "client_hello", 2: "server_hello", 4: "new_session_ticket",
             8: "encrypted_extensions",
             11: "certificate", 12: "server_key_exchange", 13: "certificate_request", 14: "server_hello_done",
             15: "certificate_verify", 16: "client_key_exchange", 20: "finished", 24: "key_update"}
Flight = tuple[int, bytes]  # which side (0: the client), what it sent

# A name, the version, ciphers of TLS 1.2 and before, whether the private key opens it.
CASES = [
    ("tls-1.3", ssl.TLSVersion.TLSv1_3, "ALL", False),
    ("ecdhe-gcm", ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384", False),
    ("ecdhe-chacha", ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305", False),
    ("rsa-gcm", ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256", True),
    ("rsa-ccm-8", ssl.TLSVersion.TLSv1_2, "AES128-CCM8", True),
    ("rsa-cbc-encrypt-then-mac", ssl.TLSVersion.TLSv1_2, "AES256-SHA256", True),
    ("rsa-cbc-1.0", ssl.TLSVersion.TLSv1, "AES128-SHA", True),
]


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def side(folder: Path, server: bool, version: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    if server:
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        context.keylog_filename = str(folder / "keys.log")
    return context


def connect(contexts: list[ssl.SSLContext], session: ssl.SSLSession | None = None) -> tuple[list[Flight], Any]:
    """A connection with data both ways and an orderly end: what went over the wire, and its session."""
    bios = [ssl.MemoryBIO(), ssl.MemoryBIO()]  # read by the client, by the server
    ends = [contexts[0].wrap_bio(bios[0], bios[1], session=session),
            contexts[1].wrap_bio(bios[1], bios[0], server_side=True)]
    flights: list[Flight] = []

    def step(who: int, what: str, *arguments: Any) -> None:
        """Lets one end work, and notes what it has written for the other."""
        out = bios[1 - who]
        before = out.read()
        try:
            getattr(ends[who], what)(*arguments)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        wrote = out.read()
        out.write(before + wrote)
        if wrote:
            flights.append((who, wrote))

    for _ in range(4):
        step(0, "do_handshake")
        step(1, "do_handshake")
    step(0, "write", b"ping")
    step(1, "read")
    step(1, "write", b"pong")
    step(0, "read")
    found = ends[0].session
    step(0, "unwrap")
    step(1, "unwrap")
    return flights, found


def frame(who: int, sequence: list[int], payload: bytes, flags: int) -> bytes:
    ports = (40000, 443) if who == 0 else (443, 40000)
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence[who], sequence[1 - who], 0x50, flags, 65535, 0, 0)
    ends = [b"\x0a\0\0\1", b"\x0a\0\0\2"]
    size = 40 + len(payload)
    return struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, 6, 0) + ends[who] + ends[1 - who] + tcp + payload


def frames(flights: list[Flight]) -> list[Flight]:
    """The same as IP packets: a TCP handshake, then a packet for each 1,400 bytes."""
    sequence = [1, 1]
    out = [(0, frame(0, [0, 0], b"", 2)), (1, frame(1, [1, 0], b"", 0x12)), (0, frame(0, [1, 1], b"", 0x10))]
    for who, sent in flights:
        for at in range(0, len(sent), 1400):
            part = sent[at:at + 1400]
            out.append((who, frame(who, sequence, part, 0x18)))
            sequence[who] += len(part)
    return out


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def pcapng(packets: list[Flight], secrets: bytes = b"") -> bytes:
    """The packets, all of one time, and behind them the secrets."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 101, 0, 0))
    for _, packet in packets:
        out += block(6, struct.pack("<IIIII", 0, 0, 1, len(packet), len(packet)) + packet)
    if secrets:
        out += block(10, struct.pack("<II", 0x544C534B, len(secrets)) + secrets)
    return out


def decode_all(path: Path, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run([SHAKEDOWN, "decode", str(path), "--json", *words], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def decode(path: Path, *words: str) -> dict[str, Any]:
    return decode_all(path, *words)[0]


def told(decoded: dict[str, Any]) -> list[list[str]]:
    """What each side said: handshake messages, and alerts by their numbers."""
    alerts = iter(decoded["alerts"])
    out: list[list[str]] = [[], []]
    for message in decoded["messages"]:
        name = str(next(alerts)["number"]) if message["type"] == "alert" else message["type"]
        if name not in ("change_cipher_spec", "application_data"):
            out[message["from"] == "server"].append(name)
    return out


def tshark(path: Path, *options: str) -> list[list[str]]:
    done = subprocess.run(["tshark", "-n", "-r", str(path), "-Y", "tls", "-T", "fields", "-e", "tcp.srcport", "-e",
                           "tls.handshake.type", "-e", "tls.alert_message.desc", *options],
                          capture_output=True, check=True, text=True)
    out: list[list[str]] = [[], []]
    for line in done.stdout.splitlines():
        port, handshakes, alerts = (line.split("\t") + ["", ""])[:3]
        names = [HANDSHAKE[int(number)] for number in handshakes.split(",") if number]
        out[port == "443"] += names + [number for number in alerts.split(",") if number]
    return out


class Decryption(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server.shakedown.test", "-keyout",
                str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem"))

    def file(self, content: bytes) -> Path:
        path = self.folder / "capture.pcapng"
        path.write_bytes(content)
        return path

    def check(self, flights: list[Flight], secret: list[str], for_tshark: list[str]) -> None:
        packets = frames(flights)
        path = self.file(pcapng(packets))
        decoded = decode(path, *secret)
        said = told(decoded)
        self.assertNotIn("encrypted", said[0] + said[1])
        self.assertEqual((said[0][-1], said[1][-1]), ("0", "0"))
        self.assertEqual(decoded["faults"], [])
        self.assertEqual(said, tshark(path, *for_tshark))
        for first in (0, 1):  # the other side's packets stand behind
            order = packets[:3] + [p for p in packets[3:] if p[0] == first] + [p for p in packets[3:] if p[0] != first]
            self.assertEqual(told(decode(self.file(pcapng(order)), *secret)), said)

    def test_opens_what_tshark_opens_with_a_key_log(self) -> None:
        for name, version, ciphers, _ in CASES:
            with self.subTest(name):
                contexts = [side(self.folder, server, version, ciphers) for server in (False, True)]
                flights, session = connect(contexts)
                log = str(self.folder / "keys.log")
                self.check(flights, ["--keylog", log], ["-o", f"tls.keylog_file:{log}"])
                resumed, _ = connect(contexts, session)
                self.assertLess(len(b"".join(sent for _, sent in resumed)), len(b"".join(sent for _, sent in flights)))
                self.check(resumed, ["--keylog", log], ["-o", f"tls.keylog_file:{log}"])

    def test_a_session_that_a_key_log_opened_opens_where_it_is_resumed(self) -> None:
        """Some stacks log the secrets of full handshakes only."""
        contexts = [side(self.folder, server, ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256") for server in (False, True)]
        flights, session = connect(contexts)
        log, first_alone = self.folder / "keys.log", self.folder / "first.log"
        first_alone.write_bytes(log.read_bytes())
        full = frames(flights)
        resumed = [(who, packet.replace(b"\x9c\x40", b"\x9c\x41", 1))
                   for who, packet in frames(connect(contexts, session)[0])]
        said = told(decode(self.file(pcapng(resumed)), "--keylog", str(log)))
        self.assertNotIn("encrypted", said[0] + said[1])
        both, written = self.file(pcapng(full + resumed)), self.folder / "written.pcapng"
        self.assertEqual(
            [told(each) for each in decode_all(both, "--keylog", str(first_alone), "--write", str(written))][1], said)
        self.assertEqual([told(each) for each in decode_all(written)][1], said)
        self.assertIn("encrypted", told(decode(self.file(pcapng(resumed)), "--keylog", str(first_alone)))[0])

    def test_opens_what_tshark_opens_with_a_private_key(self) -> None:
        key = self.folder / "key.pem"
        for name, version, ciphers, opens in CASES:
            if not opens:
                continue
            with self.subTest(name):
                contexts = [side(self.folder, server, version, ciphers) for server in (False, True)]
                flights, _ = connect(contexts)
                self.check(flights, ["--key", str(key)], ["-o", f'uat:rsa_keys:"{key}",""'])

    def test_secrets_behind_the_packets_open_them(self) -> None:
        contexts = [side(self.folder, server, ssl.TLSVersion.TLSv1_3, "ALL") for server in (False, True)]
        packets = frames(connect(contexts)[0])
        said = told(decode(self.file(pcapng(packets, (self.folder / "keys.log").read_bytes()))))
        self.assertNotIn("encrypted", said[0] + said[1])

    def test_a_capture_that_a_private_key_opened_is_written_with_its_secret(self) -> None:
        contexts = [side(self.folder, server, ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256") for server in (False, True)]
        path = self.file(pcapng(frames(connect(contexts)[0])))
        written = self.folder / "written.pcapng"
        said = told(decode(path, "--key", str(self.folder / "key.pem"), "--write", str(written)))
        self.assertEqual(told(decode(written)), said)
        self.assertEqual(tshark(written), said)
        self.assertNotIn(b"PRIVATE", written.read_bytes())

    def test_what_is_no_rsa_key_is_refused_in_a_sentence(self) -> None:
        path = self.file(pcapng([]))
        ec, locked, key = self.folder / "ec.pem", self.folder / "locked.pem", self.folder / "key.pem"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(ec))
        openssl("pkey", "-in", str(key), "-aes128", "-passout", "pass:x", "-out", str(locked))
        for name, sentence in ((ec, "is a key of the kind EC, which opens no records"),
                               (locked, "takes a pass phrase; write it without one"),
                               (self.folder / "cert.pem", "holds no private key in PEM or DER"),
                               (self.folder / "nowhere", "No such file or directory")):
            with self.subTest(name.name):
                done = subprocess.run([SHAKEDOWN, "decode", str(path), "--key", str(name)],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertIn(sentence, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
