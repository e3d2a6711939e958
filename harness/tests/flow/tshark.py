"""What tshark and Shakedown see in a capture, in one form, and where the two differ.

Connections are joined by their ends and start. Of each, the hellos with all that a fingerprint is made of, the
certificates' serial numbers and the alerts are compared. By hand: `python3 harness/tests/flow/tshark.py FILE...`.

In captures that are damaged the two differ, and tshark is no measure:
- A JA3 has five fields. Of a hello whose vectors run past its end (RFC 8446 section 3.4), tshark 4.0 prints fewer;
  Shakedown gives none.
- Of messages of which the capture holds only the beginning, and of streams with holes, tshark 4.0 shows less.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[3]
SHAKEDOWN = ROOT / os.environ.get("SHAKEDOWN_BUILD", "build") / "shakedown"
TSHARK = ["tshark", "-n", "-T", "json", "-J", "frame ip ipv6 tcp tls", "-o", "tcp.reassemble_out_of_order:TRUE",
          "-d", "tcp.port==1024-65535,tls",
          "-Y", "tcp and (tls.handshake or tls.alert_message)"]
LIMIT_S = 600

Hello = dict[str, Any]


class Alert(NamedTuple):
    sender: str
    level: Optional[int]  # None: no key opened it
    description: Optional[int]


class Chain(NamedTuple):
    sender: str
    serials: list[str]


class Connection:
    """One TCP connection and what was seen of TLS in it."""

    def __init__(self, client: str, server: str, start: float) -> None:
        self.client, self.server, self.start = client, server, start
        self.client_hellos: list[Hello] = []
        self.server_hellos: list[Hello] = []
        self.chains: list[Chain] = []
        self.alerts: list[Alert] = []

    @property
    def name(self) -> str:
        return f"{self.client} -> {self.server}"

    def has_tls(self) -> bool:
        return bool(self.client_hellos or self.server_hellos or self.chains or self.alerts)


class Registry:
    """Numbers of the names that Shakedown writes."""

    def __init__(self, name: str) -> None:
        rows = re.findall(r"^ROW\((\w+), (.+?), \"", (ROOT / f"harness/decode/registry/{name}.def").read_text(), re.M)
        self.numbers = {text.strip('"'): int(number, 0) for number, text in rows}
        if len(self.numbers) < len(rows):
            raise ValueError(f"{name}.def has two values of one name")

    def number(self, name: str) -> int:
        grease = re.fullmatch(r"GREASE \((0x\w+)\)", name)
        if grease:
            return int(grease[1], 16)
        return int(name, 16) if name.startswith("0x") else self.numbers[name]

    def all(self, names: Iterable[str]) -> list[int]:
        return [self.number(name) for name in names]


SUITES, GROUPS, SCHEMES = Registry("cipher_suite"), Registry("named_group"), Registry("signature_scheme")
VERSIONS, LEVELS = Registry("protocol_version"), Registry("alert_level")
COMPRESSION, FORMATS = Registry("compression_method"), Registry("ec_point_format")


def serial(text: str) -> str:
    """Without the zeros that DER and writers put before a number."""
    return text.replace(":", "").removeprefix("0x").lstrip("0")


# --- Shakedown ---------------------------------------------------------------------------------------------------

def told_extensions(hello: Hello, told: dict[str, Any]) -> None:
    for extension in told.get("extensions", []):
        hello["extensions"].append(extension["number"])
        if "server_name_list" in extension:
            hello["sni"] = extension["server_name_list"]
        if "named_group_list" in extension and extension["number"] == 10:
            hello["groups"] = GROUPS.all(extension["named_group_list"])
        if extension["number"] == 13:
            hello["schemes"] = SCHEMES.all(extension.get("supported_signature_algorithms", []))
        if extension["number"] == 11:
            hello["formats"] = FORMATS.all(extension.get("ec_point_format_list", []))
        if extension["number"] == 16:
            hello["alpn"] = extension.get("protocol_name_list", [])
        if extension["number"] == 43:
            hello["versions"] = VERSIONS.all(extension.get("versions") or [
                extension[key] for key in ("selected_version",) if key in extension])
        if extension["number"] in (51, 40):
            shares = extension.get("client_shares") or [extension.get("server_share") or extension]
            hello["shares"] = [(GROUPS.number(share["group"]), share.get("key_exchange", ""))
                               for share in shares if "group" in share]
            if "selected_group" in extension:
                hello["shares"] = [(GROUPS.number(extension["selected_group"]), "")]


def told_hello(told: dict[str, Any]) -> Hello:
    hello: Hello = {"extensions": [], "version": VERSIONS.number(told.get("legacy_version", "0x0")),
                    "random": told.get("random", "")}
    if "cipher_suites" in told:
        hello |= {"suites": SUITES.all(told["cipher_suites"]), "session_id": told.get("legacy_session_id"),
                  "compression": COMPRESSION.all(told.get("compression_methods", []))}
    else:
        hello |= {"suites": SUITES.all(told[key] for key in ("cipher_suite",) if key in told),
                  "session_id": told.get("legacy_session_id_echo"),
                  "compression": COMPRESSION.all(told[key] for key in ("compression_method",) if key in told)}
    hello["ja3"] = told.get("ja3_string") or told.get("ja3s_string")
    hello["ja3_hash"] = told.get("ja3") or told.get("ja3s")
    told_extensions(hello, told)
    return hello


def told_hellos(told: dict[str, Any], first: str, second: str) -> list[Hello]:
    """Those with members of their own, then the later ones of the kind of the one that is always there."""
    kind = first if first == "client_hello" else second
    later = [hello for hello in told.get("later_hellos", []) if hello["type"] == kind]
    return [told_hello(hello) for hello in [told[key] for key in (first, second) if key in told] + later]


def told_connection(told: dict[str, Any]) -> Connection:
    ends = [f"{told[side]['address']}:{told[side]['port']}" for side in ("client", "server")]
    connection = Connection(ends[0], ends[1], datetime.fromisoformat(told["start"].replace("Z", "+00:00")).timestamp())
    connection.client_hellos = told_hellos(told, "client_hello", "client_hello_2")
    connection.server_hellos = told_hellos(told, "hello_retry_request", "server_hello")
    for message in told.get("certificates", []):
        connection.chains.append(Chain(message["from"], [serial(c.get("serial", "")) for c in message["chain"]]))
    for alert in told["alerts"]:
        connection.alerts.append(Alert(alert["from"], alert["level"] and LEVELS.number(alert["level"]),
                                       alert["number"]))
    return connection


def told(capture: Path, *arguments: str) -> list[Connection]:
    done = subprocess.run([SHAKEDOWN, "decode", "--json", *arguments, capture], capture_output=True, timeout=LIMIT_S,
                          check=False)
    return [told_connection(json.loads(line)) for line in done.stdout.decode().splitlines()]


# --- tshark ------------------------------------------------------------------------------------------------------

class Node(list[tuple[str, Any]]):
    """A JSON object of tshark's: keys come in the order of the wire, and many times."""

    def find(self, key: str) -> Iterator[Any]:
        """All values of a key, at any depth."""
        for name, value in self:
            if name == key:
                yield value
            if isinstance(value, Node):
                yield from value.find(key)
            elif isinstance(value, list):
                yield from Node((name, v) for v in value if isinstance(v, Node)).find(key)

    def first(self, key: str, default: str = "") -> str:
        return str(next(self.find(key), default))

    def numbers(self, key: str) -> list[int]:
        return [int(value, 0) for value in self.find(key)]

    def hex(self, key: str) -> str:
        return self.first(key).replace(":", "")


# Per extension, what the comparison looks at: the key in a Hello, and tshark's field.
FIELDS = {
    0: ("sni", "tls.handshake.extensions_server_name"),
    10: ("groups", "tls.handshake.extensions_supported_group"),
    11: ("formats", "tls.handshake.extensions_ec_point_format"),
    13: ("schemes", "tls.handshake.sig_hash_alg"),
    16: ("alpn", "tls.handshake.extensions_alpn_str"),
    40: ("shares", ""),
    43: ("versions", "tls.handshake.extensions.supported_version"),
    51: ("shares", ""),
}


def dissected_shares(extension: Node) -> list[tuple[int, str]]:
    groups = extension.numbers("tls.handshake.extensions_key_share_group")
    keys = [value.replace(":", "") for value in extension.find("tls.handshake.extensions_key_share_key_exchange")]
    retry = extension.numbers("tls.handshake.extensions_key_share_selected_group")
    return [*zip(groups, keys), *((group, "") for group in retry)]


def dissected_extensions(hello: Hello, node: Node) -> None:
    for extension in (value for _, value in node if isinstance(value, Node)):
        number = next((int(value) for name, value in extension if name == "tls.handshake.extension.type"), None)
        if number is None:
            continue
        hello["extensions"].append(number)
        key, field = FIELDS.get(number, ("", ""))
        if key == "shares":
            hello[key] = dissected_shares(extension)
        elif key in ("sni", "alpn"):
            hello[key] = list(extension.find(field))
        elif key:
            hello[key] = extension.numbers(field)


def dissected_hello(node: Node, server: bool) -> Hello:
    end = "s" if server else ""
    hello: Hello = {
        "extensions": [], "version": int(node.first("tls.handshake.version"), 0),
        "random": node.hex("tls.handshake.random"), "session_id": node.hex("tls.handshake.session_id"),
        "suites": node.numbers("tls.handshake.ciphersuite"), "compression": node.numbers("tls.handshake.comp_method"),
        "ja3": node.first(f"tls.handshake.ja3{end}_full"), "ja3_hash": node.first(f"tls.handshake.ja3{end}"),
    }
    dissected_extensions(hello, node)
    return hello


def dissected_handshake(connection: Connection, sender: str, handshake: Node) -> None:
    kind = handshake.first("tls.handshake.type")
    if kind == "1":
        connection.client_hellos.append(dissected_hello(handshake, False))
    elif kind == "2":
        connection.server_hellos.append(dissected_hello(handshake, True))
    elif kind == "11":
        connection.chains.append(Chain(sender, [
            serial(value) for value in handshake.find("x509af.serialNumber")]))


def dissected_record(connection: Connection, sender: str, record: Node) -> None:
    for name, value in record:
        if name == "tls.handshake" and isinstance(value, Node):
            dissected_handshake(connection, sender, value)
        elif name == "tls.alert_message":
            level, description = [
                next(iter(value.numbers(f"tls.alert_message.{part}")), None) if isinstance(value, Node) else None
                for part in ("level", "desc")]
            connection.alerts.append(Alert(sender, level, description))


def tls_records(layers: Node) -> Iterator[Node]:
    for layer in (value for name, value in layers if name == "tls"):
        for each in layer if isinstance(layer, list) and not isinstance(layer, Node) else [layer]:
            if isinstance(each, Node):
                yield from (record for name, record in each if name == "tls.record" and isinstance(record, Node))


def last(layers: Node, *names: str) -> Node:
    """The innermost of these layers."""
    found = [value for name, value in layers if name in names][-1]
    node = found if isinstance(found, Node) else found[-1]
    assert isinstance(node, Node)
    return node


def ends_of(layers: Node) -> list[str]:
    """The sender and the receiver of a frame."""
    address, tcp = last(layers, "ip", "ipv6"), last(layers, "tcp")
    return [f"{address.first(f'ip.{side}') or address.first(f'ipv6.{side}')}:{tcp.first(f'tcp.{side}port')}"
            for side in ("src", "dst")]


def dissected(capture: Path, *arguments: str) -> list[Connection]:
    done = subprocess.run([*TSHARK, "-r", str(capture), *arguments], capture_output=True, timeout=LIMIT_S, check=False)
    connections: dict[str, Connection] = {}
    frames = json.loads(done.stdout.decode(errors="replace") or "[]", object_pairs_hook=Node)
    for frame in frames:
        layers = next(frame.find("layers"))
        if not any(name == "tcp" for name, _ in layers):  # quoted by an ICMP error
            continue
        ends, tcp = ends_of(layers), last(layers, "tcp")
        start = float(layers.first("frame.time_epoch")) - float(tcp.first("tcp.time_relative", "0"))
        connection = connections.setdefault(tcp.first("tcp.stream"), Connection(ends[0], ends[1], start))
        for record in tls_records(layers):
            dissected_record(connection, ends[0], record)
    return list(connections.values())


# --- Both --------------------------------------------------------------------------------------------------------

def settle_sides(ours: Connection, theirs: Connection) -> None:
    """Gives tshark's connection, which knows senders only, Shakedown's sides."""
    side = {ours.client: "client", ours.server: "server"}
    theirs.client, theirs.server = ours.client, ours.server
    theirs.alerts = [alert._replace(sender=side[alert.sender]) for alert in theirs.alerts]
    theirs.chains = [chain._replace(sender=side[chain.sender]) for chain in theirs.chains]


def differences_of_lists(what: str, ours: list[Any], theirs: list[Any]) -> Iterator[str]:
    if len(ours) != len(theirs):
        yield f"{what}: {len(ours)}, tshark {len(theirs)}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if isinstance(a, dict):
            for key in sorted(a.keys() | b.keys()):
                if (a.get(key) or None) != (b.get(key) or None):
                    yield f"{what} {i} {key}: {a.get(key)}, tshark {b.get(key)}"
        elif a != b:
            yield f"{what} {i}: {a}, tshark {b}"


def differences(ours: list[Connection], theirs: list[Connection]) -> Iterator[str]:
    left = list(ours)
    for seen in theirs:
        same = [c for c in left if {c.client, c.server} == {seen.client, seen.server}]
        if not same:
            yield f"{seen.name}: tshark alone, {len(seen.client_hellos)} hellos"
            continue
        connection = min(same, key=lambda c: abs(c.start - seen.start))
        left.remove(connection)
        settle_sides(connection, seen)
        for what in ("client_hellos", "server_hellos", "chains", "alerts"):
            for text in differences_of_lists(what, getattr(connection, what), getattr(seen, what)):
                yield f"{connection.name}: {text}"
    for connection in left:
        if connection.has_tls():
            yield f"{connection.name}: Shakedown alone, {len(connection.client_hellos)} hellos"


def main(captures: list[str]) -> None:
    for name in captures:
        ours, theirs = told(Path(name)), dissected(Path(name))
        hellos = [sum(len(c.client_hellos) for c in side) for side in (ours, theirs)]
        texts = list(differences(ours, theirs))
        print(f"{name}: {hellos[0]} ClientHellos, tshark {hellos[1]}; {len(texts)} differences")
        for text in texts:
            print(f"    {text}")


if __name__ == "__main__":
    main(sys.argv[1:])
