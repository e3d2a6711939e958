"""Captures of many kinds through `shakedown decode`, held against tshark where it reads the same."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[3]
SHAKEDOWN = ROOT / os.environ.get("SHAKEDOWN_BUILD", "build") / "shakedown"
FORUM = ROOT / "captures/st-forum-rsa-refused.pcap"
MAC = b"DDDDDDSSSSSS"
LLC = b"\xaa\xaa\x03\0\0\0"


def ip_packets() -> list[bytes]:
    """The IP packets of the forum's capture: raw IPv4, without their Ethernet headers."""
    data, at, packets = FORUM.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packets.append(data[at + 16 + 14:at + 16 + length])
        at += 16 + length
    return packets


def pcap(linktype: int, packets: list[bytes]) -> bytes:
    out = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype)
    for i, packet in enumerate(packets):
        out += struct.pack("<IIII", 1, i, len(packet), len(packet)) + packet
    return out


def pcapng_block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


# The forum's packets as a section of pcapng, with raw IP.
FORUM_PCAPNG = pcapng_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + \
    pcapng_block(1, struct.pack("<HHI", 101, 0, 0)) + \
    b"".join(pcapng_block(6, struct.pack("<IIIII", 0, 0, i, len(p), len(p)) + p) for i, p in enumerate(ip_packets()))


def checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol: int, payload: bytes, identification: int = 0, fragment: int = 0) -> bytes:
    header = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(payload), identification, fragment, 64, protocol, 0,
                         0xC0A80105, 0xC0A8010A)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def ipv6(protocol: int, payload: bytes, back: bool = False) -> bytes:
    ends = [bytes(15) + b"\1", bytes(15) + b"\2"]
    header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    return header + ends[back] + ends[not back] + payload


def as_ipv6(packet: bytes) -> bytes:
    """The TCP segment of an IPv4 packet in IPv6."""
    return ipv6(6, packet[20:], back=packet[20:22] == struct.pack(">H", 6000))


def udp(port: int, payload: bytes) -> bytes:
    return struct.pack(">HHHH", 50000, port, 8 + len(payload), 0) + payload


def fragments(packet: bytes, size: int) -> list[bytes]:
    payload, whole = packet[20:], []
    for at in range(0, len(payload), size):
        more = 0x2000 if at + size < len(payload) else 0
        whole.append(ipv4(6, payload[at:at + size], 99, more | at // 8))
    return whole


def ipv6_fragments(packet: bytes, size: int) -> list[bytes]:
    tcp = packet[20:]
    return [ipv6(44, struct.pack(">BBHI", 6, 0, at | (at + size < len(tcp)), 7) + tcp[at:at + size])
            for at in range(0, len(tcp), size)]


def run(*arguments: str | Path, status: int = 0, stdin: bytes = b"") -> tuple[str, str]:
    done = subprocess.run([SHAKEDOWN, "decode", *arguments], input=stdin, capture_output=True, timeout=60, check=False)
    if done.returncode != status:
        raise AssertionError(f"status {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def connections(*arguments: str | Path, status: int = 0, stdin: bytes = b"") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("--json", *arguments, status=status, stdin=stdin)[0].splitlines()]


def tshark(path: Path, *fields: str, only: str = "tls") -> list[list[str]]:
    command = ["tshark", "-r", str(path), "-d", "tcp.port==6000,tls", "-Y", only, "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


class Sources(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


class Framings(Sources):
    def check(self, linktype: int, packets: list[bytes]) -> None:
        path = self.file("in.pcap", pcap(linktype, packets))
        (connection,) = connections(path)
        self.assertEqual(connection["alerts"][0]["number"], 40)
        self.assertEqual(tshark(path, "tls.handshake.ja3", "tls.alert_message.desc"),
                         [[connection["client_hello"]["ja3"], ""], ["", "40"]])

    def test_link_layers_are_read_as_tshark_reads_them(self) -> None:
        for name, linktype, header in [
            ("ppp", 9, b"\xff\x03\0\x21"), ("ppp compressed", 9, b"\x21"), ("ppp serial", 50, b"\xff\x03\0\x21"),
            ("cisco", 104, b"\x0f\0\x08\0"), ("ppp with direction", 204, b"\1\xff\x03\0\x21"),
            ("mpls", 1, MAC + b"\x88\x47\0\0\x10\x40\0\0\x11\x40"),
            ("pseudowire", 1, MAC + b"\x88\x47\0\0\x11\x40\0\0\0\0" + MAC + b"\x08\0"),
            ("radiotap", 127, b"\0\0\x08\0\0\0\0\0\x08\1ttAAAAAABBBBBBCCCCCC\0\0" + LLC + b"\x08\0"),
            ("802.11", 105, b"\x88\1ttAAAAAABBBBBBCCCCCC\0\0\0\0" + LLC + b"\x08\0"),
            ("cooked", 276, b"\x08\0\0\0\0\0\0\2\0\1\0\6AAAAAAAA"),
        ]:
            with self.subTest(name):
                self.check(linktype, [header + packet for packet in ip_packets()])

    def test_llc_and_pppoe_are_read(self) -> None:
        packets = ip_packets()
        self.check(1, [MAC + struct.pack(">H", len(p) + 8) + LLC + b"\x08\0" + p for p in packets])
        self.check(1, [MAC + b"\x88\x64\x11\0\0\1" + struct.pack(">H", len(p) + 2) + b"\0\x21" + p for p in packets])

    def test_what_is_in_a_tunnel_is_told_as_without_it(self) -> None:
        tunnels: dict[str, Callable[[bytes], bytes]] = {
            "IPv4 in IPv4": lambda p: ipv4(4, p), "IPv4 in IPv6": lambda p: ipv6(4, p),
            "GRE": lambda p: ipv4(47, b"\0\0\x08\0" + p),
            "GRE with Ethernet": lambda p: ipv4(47, b"\x20\0\x65\x58kkkk" + MAC + b"\x08\0" + p),
            "VXLAN": lambda p: ipv4(17, udp(4789, b"\x08\0\0\0\0\0\1\0" + MAC + b"\x08\0" + p)),
            "Geneve": lambda p: ipv6(17, udp(6081, b"\0\0\x65\x58\0\0\1\0" + MAC + b"\x08\0" + p)),
            "6in4": lambda p: ipv4(41, as_ipv6(p)), "IPv6 in IPv6": lambda p: ipv6(41, as_ipv6(p)),
        }
        for name, tunnel in tunnels.items():
            with self.subTest(name):
                self.check(101, [tunnel(packet) for packet in ip_packets()])

    def test_fragments_are_told_as_whole_packets(self) -> None:
        for cut in (fragments, ipv6_fragments):
            with self.subTest(cut.__name__):
                hello, alert = ip_packets()
                if cut is ipv6_fragments:
                    alert = as_ipv6(alert)
                self.check(101, cut(hello, 64) + [alert])
                self.check(101, cut(hello, 64)[::-1] + [alert])
                lost = self.file("lost.pcap", pcap(101, cut(hello, 64)[:-1]))
                self.assertRegex(run(lost)[0], r"^\d packets, 0 connections; \d part of a fragmented IP packet\n$")


class Packed(Sources):
    def test_packed_files_and_pipes_are_told_as_plain_files(self) -> None:
        plain = FORUM.read_bytes()
        packed = gzip.compress(plain)
        expected = connections(FORUM)
        self.assertEqual(connections(self.file("x.pcap.gz", packed)), expected)
        self.assertEqual(connections("-", stdin=packed), expected)
        self.assertEqual(connections("-", stdin=plain), expected)

    def test_what_never_ends_and_is_no_capture_is_refused_at_its_first_bytes(self) -> None:
        self.assertIn("/dev/zero is not a capture: it begins with the bytes 00 00 00 00 00 00 00 00;",
                      run("/dev/zero", status=2)[1])
        for words in (["yes"], ["sh", "-c", "yes | gzip -1"]):
            with self.subTest(words), subprocess.Popen(words, stdout=subprocess.PIPE) as endless:
                done = subprocess.run([SHAKEDOWN, "decode", "-"], stdin=endless.stdout, capture_output=True, text=True,
                                      timeout=60, check=False)
                assert endless.stdout
                endless.stdout.close()
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, "is not a capture: it begins with the bytes 79 0a ")

    def test_packed_file_that_is_cut_is_told_up_to_the_cut(self) -> None:
        packed = gzip.compress(FORUM.read_bytes(), 0)
        path = self.file("cut.pcap.gz", packed[:310])
        out, err = run(path, status=2)
        self.assertIn("1 packet, 1 connection", out)
        self.assertEqual(err, f"shakedown: {path}: the file ends at byte 310, inside its gzip data; "
                              "what came before was read\n")


class Chosen(Sources):
    """A file of all golden captures together, and what is chosen from it."""

    def setUp(self) -> None:
        super().setUp()
        captures = sorted((ROOT / "captures/golden").glob("*/in.pcapng"))
        self.all = self.file("all.pcapng", b"".join(path.read_bytes() for path in captures) + FORUM_PCAPNG)
        self.told = connections(self.all)
        self.assertGreater(len(self.told), 8)

    def chosen(self, *arguments: str) -> list[dict[str, Any]]:
        return connections(self.all, *arguments)

    def test_connections_are_chosen_by_port_and_host(self) -> None:
        port = self.told[2]["server"]["port"]
        self.assertEqual(self.chosen("--port", str(port)), [c for c in self.told if port in (
            c["server"]["port"], c["client"]["port"])])
        self.assertEqual(self.chosen("--host", "192.168.1.5"), [
            c for c in self.told if c["client"]["address"] == "192.168.1.5"])
        self.assertEqual(self.chosen("--host", "192.168.1.5", "--host", "::1", "--host", "127.0.0.1"), self.told)
        self.assertEqual(self.chosen("--host", "192.168.1.5", "--port", "1"), [])

    def test_connections_are_chosen_by_alert(self) -> None:
        def with_alert(*numbers: int) -> list[dict[str, Any]]:
            return [c for c in self.told if {a["number"] for a in c["alerts"]} & set(numbers)]

        self.assertEqual(len(with_alert(40)), 2)
        self.assertEqual(self.chosen("--alert", "40"), with_alert(40))
        self.assertEqual(self.chosen("--alert", "handshake_failure"), with_alert(40))
        self.assertEqual(self.chosen("--alert", "40", "--alert", "48"), with_alert(40, 48))
        for words in (["--alert"], ["--alert", "--alert", "40"]):
            self.assertEqual(self.chosen(*words), [c for c in self.told if c["alerts"]])
        self.assertEqual(connections("--alert", self.all), [c for c in self.told if c["alerts"]])

    def test_connections_are_chosen_by_server_name(self) -> None:
        names = [run("--fields", "client_hello.extensions.server_name_list", self.all)[0].splitlines()][0]
        self.assertIn("server.shakedown.test", names)
        expected = [c for c, name in zip(self.told, names) if name == "server.shakedown.test"]
        self.assertEqual(self.chosen("--sni", "Server.shakedown.TEST"), expected)
        self.assertEqual(self.chosen("--sni", "*.test", "--sni", "x"), expected)
        self.assertEqual(self.chosen("--sni", "shakedown"), [])

    def test_fields_are_one_line_of_values(self) -> None:
        out = run("--fields", "client.address,client_hello.ja3,certificate_url.type,alerts.number,messages.0.type,tcp.bytes",
                  FORUM)[0]
        (connection,) = connections(FORUM)
        self.assertEqual(out.rstrip("\n").split("\t"), [
            "192.168.1.5", connection["client_hello"]["ja3"], "", "40", "client_hello",
            json.dumps(connection["tcp"]["bytes"], separators=(",", ":"))])

    def test_chosen_connections_are_written_and_read_again(self) -> None:
        out = self.folder / "out.pcapng"
        run(self.all, "--alert", "--write", out)
        self.assertEqual(connections(out), self.chosen("--alert"))
        secret = ROOT / "captures/golden/tls-1.3-rsa-with-secrets/in.pcapng"
        run(secret, "--write", out)
        self.assertEqual(connections(out), connections(secret))
        self.assertEqual(tshark(out, "tls.handshake.type"), tshark(secret, "tls.handshake.type"))
        self.assertEqual(out.stat().st_mode & 0o777, 0o600)
        run(self.all, "--port", "1", "--write", out)
        self.assertEqual((connections(out), tshark(out, "frame.number", only="frame")), ([], []))

    def test_wrong_words_are_refused_with_what_is_right(self) -> None:
        for words, sentence in [
            (["--port", "http"], "--port: http is no port; ports are 0 to 65535"),
            (["--port", "65536"], "--port: 65536 is no port; ports are 0 to 65535"),
            (["--port"], "--port needs a port"),
            (["--host", "example.org"], "--host: example.org is no IPv4 or IPv6 address; --sni takes names"),
            (["--alert", "nonsense"], f"decode takes one capture, not both {FORUM} and nonsense; an alert is a number or "
             "has IANA's name"),
            ([str(FORUM)], f"decode takes one capture, not both {FORUM} and {FORUM}"),
            (["--json", "--fields", "client"], "--fields and --json exclude each other"),
            (["--write", "/nowhere/x.pcapng"], "cannot create /nowhere/x.pcapng: No such file or directory"),
        ]:
            with self.subTest(words):
                status = 3 if words[0] == "--write" else 2
                self.assertEqual(run(FORUM, *words, status=status)[1], f"shakedown: {sentence}\n")


if __name__ == "__main__":
    unittest.main()
