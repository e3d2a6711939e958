"""One TLS connection of a client that is set up wrongly on purpose. A child of board.py.

Its argument is {"script", "stack", "run", "ca", "cert", "key"}; standard output gets the fields of
STAT, and perhaps a line for the log. Some scripts are real TLS (Python's, which is OpenSSL, with a
configuration of its own); some send a ClientHello made by hand and do something with the answer.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Tuple

Settings = Dict[str, Any]

# What each stack reports of a fatal alert that it received.
ALERT_STATUS = {
    "mbedtls": "-0x7780",
    "esp-idf": "0x801A",
    "zephyr": "-0x7780",
    "wolfssl": "-313",
    "netxduo": "0x114",
    "openssl": "alert",
}

# --- the ClientHello made by hand -------------------------------------------------------------

ECDHE_12 = [0xC02B, 0xC02F]
SUITES_13 = [0x1301]
SCSV = 0x00FF
# The generator of P-256, uncompressed: a point that is on the curve.
P256_POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
SERVER_NAME, MAX_FRAGMENT, GROUPS, SCHEMES = 0, 1, 10, 13
VERSIONS, CERTIFICATE_SCHEMES, KEY_SHARE = 43, 50, 51


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u16s(values: List[int]) -> bytes:
    return b"".join(u16(value) for value in values)


def vec16(data: bytes) -> bytes:
    return u16(len(data)) + data


def share(group: int, key: bytes) -> bytes:
    return u16(group) + vec16(key)


class Hello:
    """RFC 8446 section 4.1.2. Extensions go out in the order of the dictionary."""

    def __init__(self, highest: str = "1.3") -> None:
        self.legacy_version = 0x0303
        self.suites = [*SUITES_13, *ECDHE_12, SCSV] if highest == "1.3" else [*ECDHE_12, SCSV]
        self.compression = b"\0"
        self.session_id = os.urandom(32) if highest == "1.3" else b""
        self.extensions: Dict[int, bytes] = {
            SERVER_NAME: vec16(b"\0" + vec16(b"server.shakedown.test")),
            GROUPS: vec16(u16s([0x0017, 0x001D])),
            SCHEMES: vec16(u16s([0x0403, 0x0804, 0x0401])),
            11: b"\1\0",
            23: b"",
        }
        if highest == "1.3":
            self.extensions[VERSIONS] = b"\4" + u16s([0x0304, 0x0303])
            self.extensions[KEY_SHARE] = vec16(share(0x0017, P256_POINT))

    def message(self) -> bytes:
        extensions = b"".join(u16(t) + vec16(body) for t, body in self.extensions.items())
        body = (
            u16(self.legacy_version)
            + os.urandom(32)
            + bytes([len(self.session_id)])
            + self.session_id
            + vec16(u16s(self.suites))
            + bytes([len(self.compression)])
            + self.compression
            + (vec16(extensions) if self.extensions else b"")
        )
        return b"\1" + len(body).to_bytes(3, "big") + body


def record(content_type: int, data: bytes) -> bytes:
    return bytes([content_type, 3, 3]) + vec16(data)


def records(content_type: int, data: bytes) -> bytes:
    """As many as it takes."""
    parts = (data[at : at + 16384] for at in range(0, len(data), 16384))
    return b"".join(record(content_type, part) for part in parts)


Change = Callable[[Hello], None]


def without(*extensions: int) -> Change:
    def change(hello: Hello) -> None:
        for extension in extensions:
            hello.extensions.pop(extension, None)

    return change


def with_suites(*suites: int) -> Change:
    return lambda hello: setattr(hello, "suites", list(suites))


def with_extension(extension: int, body: bytes) -> Change:
    return lambda hello: hello.extensions.__setitem__(extension, body)


def with_field(name: str, value: Any) -> Change:
    return lambda hello: setattr(hello, name, value)


# --- what is done with the answer --------------------------------------------------------------


class Ended(Exception):
    """The connection is over: the fields of STAT."""


class Conversation:
    """A TCP connection on which records are read and written in the plain."""

    def __init__(self, link: socket.socket, stack: str, status: str) -> None:
        self.link = link
        self.stack = stack
        self.status = status
        self.held = b""

    def next_record(self) -> Tuple[int, bytes]:
        """The next record; Ended if the server closed or sent an alert."""
        while len(self.held) < 5 or len(self.held) < 5 + int.from_bytes(self.held[3:5], "big"):
            data = self.link.recv(65536)
            if not data:
                raise Ended({"ph": "hs", "rc": self.status or "closed"})
            self.held += data
        end = 5 + int.from_bytes(self.held[3:5], "big")
        content_type, body = self.held[0], self.held[5:end]
        self.held = self.held[end:]
        if content_type == 21:
            raise Ended({"ph": "hs", "rc": ALERT_STATUS[self.stack], "al": "r%d" % body[1]})
        return content_type, body

    def skip_flight(self) -> None:
        """All that the server says before it waits."""
        self.next_record()
        self.link.settimeout(0.3)
        try:
            while True:
                self.next_record()
        except socket.timeout:
            self.link.settimeout(None)

    def leave(self, **more: str) -> None:
        raise Ended({"ph": "hs", "rc": self.status, **more})


def wait(talk: Conversation) -> None:
    """Reads until the server has had enough."""
    while True:
        talk.next_record()


def close(talk: Conversation) -> None:
    talk.skip_flight()
    talk.leave()


def leave_soon(talk: Conversation) -> None:
    talk.link.settimeout(0.05)
    try:
        wait(talk)
    except socket.timeout:
        talk.leave()


def hang(talk: Conversation) -> None:
    talk.skip_flight()
    time.sleep(60)


def repeat_hello(hello: bytes) -> Callable[[Conversation], None]:
    def act(talk: Conversation) -> None:
        talk.next_record()
        talk.link.sendall(record(22, hello))
        wait(talk)

    return act


def alert(number: int) -> Callable[[Conversation], None]:
    def act(talk: Conversation) -> None:
        talk.skip_flight()
        talk.link.sendall(record(21, bytes([2, number])))
        talk.leave(al="s%d" % number)

    return act


def say(content_type: int, data: bytes) -> Callable[[Conversation], None]:
    def act(talk: Conversation) -> None:
        talk.skip_flight()
        talk.link.sendall(record(content_type, data))
        wait(talk)

    return act


def read_nothing(talk: Conversation) -> None:
    time.sleep(60)


# --- scripts -----------------------------------------------------------------------------------

NO_PKCS1 = "RSA-PSS+SHA256:ECDSA+SHA256"
NO_PSS = "ECDSA+SHA256:ECDSA+SHA384:RSA+SHA256:RSA+SHA384"
EMPTY_CERTIFICATE = b"\x0b\0\0\5\0\0\x07\0\0"  # its lengths contradict each other

TLS: Dict[str, Settings] = {
    "good": {},
    "stuck": {},
    "no-pss": {"sigalgs": NO_PSS},
    "only-pss": {"sigalgs": NO_PKCS1, "max": "1.2"},
    "tls-1.2": {"max": "1.2"},
    "tls-1.3": {"min": "1.3"},
    "ecdsa-suites": {"max": "1.2", "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"},
    "rsa-suites": {"max": "1.2", "ciphers": "ECDHE-RSA-AES128-GCM-SHA256"},
    "static-rsa": {"max": "1.2", "ciphers": "kRSA+AES"},
    "ccm-suites": {"max": "1.2", "ciphers": "ECDHE-ECDSA-AES128-CCM"},
    "cbc-suites": {"max": "1.2", "ciphers": "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"},
    "p256": {"groups": "P-256"},
    "p256-1.2": {"groups": "P-256", "max": "1.2"},
    "x25519": {"groups": "X25519"},
    "x25519-1.2": {"groups": "X25519", "max": "1.2"},
    "no-p521-signature": {"sigalgs": "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256"},
    "no-name": {"sni": None, "check": False},
    "other-name": {"sni": "other.shakedown.test", "check": False},
    "no-verification": {"verify": False, "check": False},
    "no-name-check": {"check": False},
    "other-root": {"root": "ca-ed25519"},
    "strange-client": {"client": "self-signed"},
    "wrong-client-key": {"damage_key": True},
    "no-client": {"client": None},
    "no-close-notify": {"end": "fin"},
    "ticket-is-an-error": {"end": "after-handshake", "status": "-0x7B00"},
    "key-update-is-an-error": {"end": "after-handshake", "status": "-0x7700"},
    "record-too-large-app": {"end": "after-data", "status": "-0x7100"},
    "alpn-other": {"alpn": "x-other"},
}

RAW: Dict[str, Settings] = {
    "tls-1.1": {"highest": "1.2", "change": [with_field("legacy_version", 0x0302)]},
    "tls-1.0": {"highest": "1.2", "change": [with_field("legacy_version", 0x0301)]},
    "signature-refused": {"highest": "1.2", "then": alert(51), "status": "-0x4380"},
    "no-schemes-1.2": {"highest": "1.2", "change": [without(SCHEMES)]},
    "sha1-1.2": {
        "highest": "1.2",
        "change": [with_extension(SCHEMES, vec16(u16s([0x0201, 0x0203])))],
    },
    "no-groups-1.2": {"highest": "1.2", "change": [without(GROUPS)]},
    "legacy-suites": {"highest": "1.2", "change": [with_suites(0x000A, 0x0005, SCSV)]},
    "12-suites-in-1.3": {"change": [with_suites(*ECDHE_12, SCSV)]},
    "13-suites-in-1.2": {"highest": "1.2", "change": [with_suites(*SUITES_13, SCSV)]},
    "fallback": {"highest": "1.2", "change": [with_suites(*ECDHE_12, SCSV, 0x5600)]},
    "no-key-share": {"change": [without(KEY_SHARE)]},
    "no-groups-1.3": {"change": [without(GROUPS)]},
    "no-schemes-1.3": {"change": [without(SCHEMES)]},
    "share-of-no-group": {
        "change": [with_extension(KEY_SHARE, vec16(share(0x001E, bytes(55) + b"\x05")))]
    },
    "share-too-short": {
        "change": [with_extension(KEY_SHARE, vec16(share(0x0017, P256_POINT[:-1])))]
    },
    "empty-key-share": {"change": [with_extension(KEY_SHARE, b"\0\0")]},
    "no-compression": {"highest": "1.2", "change": [with_field("compression", b"\1")]},
    "compression-in-1.3": {"change": [with_field("compression", b"\0\1")]},
    "bad-name": {"change": [with_extension(SERVER_NAME, vec16(b"\0" + vec16(b"server\0test")))]},
    "duplicate-share": {
        "change": [
            with_extension(KEY_SHARE, vec16(share(0x0017, P256_POINT) + share(0x0017, P256_POINT)))
        ]
    },
    "hello-again": {"then": "repeat"},
    "leaves-at-retry": {"then": close},
    "http": {"bytes": b"GET / HTTP/1.1\r\nHost: server\r\n\r\n", "status": "closed"},
    "mqtt": {"bytes": b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "status": "closed"},
    "never-hello": {"bytes": b"", "status": "-0x7F00"},
    "no-entropy": {"bytes": b"", "status": "-0x34"},
    "no-psa": {"bytes": b"", "status": "-0x6C00"},
    "alert-for-hello": {"bytes": record(21, b"\2\x50"), "status": "-0x6C00"},
    "netx-no-fallback": {
        "change": [with_suites(0x1301, 0x003C), without(23, 11)],
        "then": alert(80),
        "status": "0x107",
    },
    "stray-change-cipher-spec": {"then": alert(10), "status": "0x14F"},
    "padding": {"then": alert(10), "status": "0x102"},
    "netx-rsa-client": {"then": alert(43), "status": "0x12B"},
    "netx-cert-space": {"then": alert(80), "status": "0x12D"},
    "netx-packet-buffer": {"then": alert(80), "status": "0x135"},
    "netx-no-space": {"then": alert(80), "status": "0x129"},
    "record-too-large": {"then": close, "status": "-0x7100"},
    "record-too-large-1.2": {"highest": "1.2", "then": close, "status": "-0x7100"},
    "fragments": {"highest": "1.2", "then": close, "status": "-0x7080"},
    "max-fragment": {
        "highest": "1.2",
        "change": [with_extension(MAX_FRAGMENT, b"\1")],
        "then": close,
        "status": "-0x7080",
    },
    "max-fragment-1.3": {
        "change": [with_extension(MAX_FRAGMENT, b"\1")],
        "then": alert(110),
        "status": "-0x7500",
    },
    "encrypted-extensions": {"then": alert(110), "status": "-0x7500"},
    "no-hostname": {"then": close, "status": "-0x5D80"},
    "no-hostname-1.2": {"highest": "1.2", "then": close, "status": "-0x5D80"},
    "clock-1.2": {"highest": "1.2", "then": alert(45), "status": "-150"},
    "clock-mbedtls-1.2": {
        "highest": "1.2",
        "then": alert(46),
        "status": "-0x2700",
        "log": "mbedtls: verify flags 0x200",
    },
    "clock-without-flags-1.2": {"highest": "1.2", "then": alert(46), "status": "-0x2700"},
    "long-hello": {"bytes": records(22, b"\1\3\x0d\x40" + bytes(200_000)), "status": "-1"},
    "mute": {"highest": "1.2", "then": alert(42), "status": "1"},
    "pin-in-words": {
        "highest": "1.2",
        "then": alert(42),
        "status": "1",
        "log": "tls: pin of the server's key does not match",
    },
    "limit-in-words": {
        "then": alert(10),
        "status": "1",
        "log": "The size of the handshake message (1058) exceeds the maximum allowed size (900)",
    },
    "no-clock": {"bytes": b"", "status": "-150"},
    "no-random": {"highest": "1.2", "then": close, "status": "-199"},
    "short-numbers-1.2": {"highest": "1.2", "then": alert(42), "status": "-0x3B00"},
    "short-numbers": {"then": alert(51), "status": "-112"},
    "pss-in-1.2": {"highest": "1.2", "then": alert(47), "status": "-0x6600"},
    "no-sha384-1.2": {
        "highest": "1.2",
        "change": [with_extension(GROUPS, vec16(u16s([0x0017, 0x0018])))],
        "then": alert(42),
        "status": "-188",
    },
    "short-chains": {"highest": "1.2", "then": alert(49), "status": "-0x3000"},
    "short-chains-silent": {"highest": "1.2", "then": close, "status": "-368"},
    "unknown-algorithm": {"highest": "1.2", "then": alert(42), "status": "-0x262E"},
    "no-pss-for-client": {"then": close, "status": "-0x3F00"},
    "no-memory": {"then": close, "status": "-0x7F00"},
    "no-memory-1.2": {"highest": "1.2", "then": close, "status": "-125"},
    "want-read": {"highest": "1.2", "then": close, "status": "-0x6900"},
    "impatient": {"highest": "1.2", "then": leave_soon, "status": "-0x6800"},
    "checks-other-name": {"highest": "1.2", "then": alert(42), "status": "-0x2700"},
    "suite-b": {"highest": "1.2", "then": alert(43), "status": "-0x2700"},
    "pin": {"highest": "1.2", "then": alert(49), "status": "-0x2700"},
    "longer-keys": {"highest": "1.2", "then": alert(42), "status": "-188"},
    "longer-primes": {
        "highest": "1.2",
        "change": [with_suites(0x009E, SCSV)],
        "then": alert(47),
        "status": "-0x7B00",
    },
    "psk-suites": {"highest": "1.2", "change": [with_suites(0x00A8, SCSV)]},
    "p384-chains": {"change": [with_extension(CERTIFICATE_SCHEMES, vec16(u16s([0x0503])))]},
    "unexplained-close": {"highest": "1.2", "then": close, "status": "-0x7300"},
    "internal-error": {"highest": "1.2", "then": alert(80), "status": "-0x6C00"},
    "slow": {"highest": "1.2", "then": hang, "status": "-0x6800"},
    "reads-nothing": {"highest": "1.2", "then": read_nothing, "window": 1, "status": "-0x6800"},
    "wrong-keys": {"then": say(23, os.urandom(53)), "status": "closed"},
    "malformed-certificate-1.2": {"highest": "1.2", "then": say(22, EMPTY_CERTIFICATE)},
    "early-change-cipher-spec": {"bytes": record(20, b"\1") + record(22, Hello().message())},
    "nobody-there": {"nowhere": True, "status": "-0x0044"},
    "lies-success": {"then": close, "status": "0", "phase": "close"},
}


# --- running them ------------------------------------------------------------------------------


def raw(settings: Settings, request: Settings) -> None:
    run = request["run"]
    link = socket.socket()
    if settings.get("nowhere"):
        raise Ended({"ph": "tcp", "rc": settings["status"]})
    if "window" in settings:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings["window"])
    link.connect((run["host"], int(run["port"])))
    talk = Conversation(link, request["stack"], settings.get("status", "closed"))
    try:
        if "bytes" in settings:
            link.sendall(settings["bytes"])
            if not settings["bytes"]:
                talk.leave()
            wait(talk)
        hello = Hello(settings.get("highest", "1.3"))
        for change in settings.get("change", []):
            change(hello)
        message = hello.message()
        link.sendall(record(22, message))
        then = settings.get("then", wait)
        (repeat_hello(message) if then == "repeat" else then)(talk)
    except ConnectionResetError:
        raise Ended({"ph": "hs", "rc": settings.get("status", "reset")}) from None
    finally:
        link.close()


def damaged(key: bytes) -> bytes:
    """An EC key whose public half is right and whose private half is not."""
    at = key.index(b"\x04\x20") + 2
    return key[:at] + bytes(31) + b"\1" + key[at + 32 :]


def pem(kind: str, der: str) -> str:
    return ssl.DER_cert_to_PEM_cert(bytes.fromhex(der)).replace("CERTIFICATE", kind)


def load_client(context: ssl.SSLContext, settings: Settings, request: Settings) -> None:
    name = settings.get("client", "")
    if name is None or (not name and not request["cert"]):
        return
    if name:
        folder = os.path.join("certs/out", name)
        context.load_cert_chain(f"{folder}/chain.pem", f"{folder}/key.pem")
        return
    key = bytes.fromhex(request["key"])
    key = damaged(key) if settings.get("damage_key") else key
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem("CERTIFICATE", request["cert"]) + pem("EC PRIVATE KEY", key.hex()))
        file.flush()
        context.load_cert_chain(file.name)


def context_for(settings: Settings, request: Settings) -> ssl.SSLContext:
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = versions[settings.get("min", request["run"].get("min", "1.2"))]
    context.maximum_version = versions[settings.get("max", request["run"].get("max", "1.3"))]
    context.check_hostname = settings.get("check", True)
    context.verify_mode = ssl.CERT_REQUIRED if settings.get("verify", True) else ssl.CERT_NONE
    if "ciphers" in settings:
        context.set_ciphers(settings["ciphers"] + ":@SECLEVEL=0")
    if "root" in settings:
        context.load_verify_locations(f"certs/out/{settings['root']}/ca.pem")
    elif request["ca"]:
        context.load_verify_locations(cadata=bytes.fromhex(request["ca"]))
    if "alpn" in settings:
        context.set_alpn_protocols([settings["alpn"]])
    load_client(context, settings, request)
    return context


ALERTS = {
    "SSLV3_ALERT_UNEXPECTED_MESSAGE": 10,
    "SSLV3_ALERT_BAD_RECORD_MAC": 20,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": 40,
    "TLSV1_ALERT_UNKNOWN_CA": 48,
    "TLSV1_ALERT_DECRYPT_ERROR": 51,
    "TLSV1_ALERT_PROTOCOL_VERSION": 70,
    "TLSV13_ALERT_MISSING_EXTENSION": 109,
    "TLSV1_UNRECOGNIZED_NAME": 112,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": 116,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": 120,
}


def status_of(error: ssl.SSLError) -> Settings:
    """OpenSSL's code of an error; its name where it is not an alert."""
    number = ALERTS.get(error.reason or "")
    if number is not None:
        return {"rc": "0x%08X" % (0x0A000000 + 1000 + number), "al": f"r{number}"}
    if isinstance(error, ssl.SSLCertVerificationError):
        return {"rc": "0x0A000086"}
    return {"rc": error.reason or "ssl"}


def tls(settings: Settings, request: Settings) -> None:
    run = request["run"]
    phase = "hs"
    link = socket.create_connection((run["host"], int(run["port"])))
    try:
        name = settings.get("sni", "server.shakedown.test")
        client = context_for(settings, request).wrap_socket(
            link, server_hostname=name, do_handshake_on_connect=False
        )
        client.do_handshake()
        end = settings.get("end", "")
        told = {"ver": (client.version() or "")[-3:]}
        if end == "after-handshake":
            client.close()
            raise Ended({"ph": "app", "rc": settings["status"], **told})
        phase = "app"
        client.sendall(run.get("send", "hello").encode())
        if client.recv(4096) == b"":
            raise Ended({"ph": "app", "rc": "echo", **told})
        if end == "after-data":
            client.close()
            raise Ended({"ph": "app", "rc": settings["status"], **told})
        if end == "fin":
            client.close()
            raise Ended({"ph": "close", "rc": "0", **told})
        phase = "close"
        client.unwrap().close()
        raise Ended({"ph": "close", "rc": "0", **told})
    except ssl.SSLError as error:
        raise Ended({"ph": phase, **status_of(error)}) from None
    except OSError:
        raise Ended({"ph": phase, "rc": "0x80000068"}) from None
    finally:
        link.close()


def openssl_configuration(settings: Settings) -> str:
    lines = ["openssl_conf = main", "[main]", "ssl_conf = ssl"]
    lines += ["[ssl]", "system_default = defaults", "[defaults]", "Options = UnsafeLegacyRenegotiation"]
    if "sigalgs" in settings:
        lines.append("SignatureAlgorithms = " + settings["sigalgs"])
    if "groups" in settings:
        lines.append("Groups = " + settings["groups"])
    return "\n".join(lines) + "\n"


def main() -> None:
    text = sys.argv[1]
    request = json.loads(text)
    script = request["script"]
    if script in TLS and "OPENSSL_CONF" not in os.environ:
        with tempfile.NamedTemporaryFile("w", suffix=".cnf", delete=False) as file:
            file.write(openssl_configuration(TLS[script]))
        os.environ["OPENSSL_CONF"] = file.name  # libcrypto reads it when it starts
        os.execv(sys.executable, [sys.executable, *sys.argv])
    try:
        if script in TLS:
            tls(TLS[script], request)
        else:
            raw(RAW[script], request)
    except Ended as ended:
        fields = ended.args[0]
        settings = RAW.get(script, {})
        fields["ph"] = settings.get("phase", fields["ph"])
        if "log" in settings:
            fields["log"] = settings["log"]
        print(json.dumps(fields))
    finally:
        if script in TLS:
            os.unlink(os.environ["OPENSSL_CONF"])


if __name__ == "__main__":
    main()
