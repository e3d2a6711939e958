#!/usr/bin/env python3
"""Firmware with a shell of its own, as far as a host can play it: the dialogue of several shells on a real
pty, and a TLS client behind it that makes real connections.

As a program (shells.py DIALECT [FAULT...]) it is a virtual board: it names its device on standard output, and
ends with its standard input. Faults: "mute-after=N" (commands), "crash", "reboot", "lose" (every 40th byte).
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import ssl
import sys
import tty

CONNECT_S = 5.0
PEM = "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n"


class Client:
    """The TLS client within the firmware."""

    def __init__(self) -> None:
        self.roots = ""
        self.tls: ssl.SSLSocket | None = None

    def connect(self, host: str, port: str, name: str) -> int:
        """0, or OpenSSL's verify code, or -1 for what the server refuses, -2 without a connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = bool(name)
        if self.roots:
            context.load_verify_locations(cadata=self.roots)
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            plain = socket.create_connection((host, int(port)), CONNECT_S)
        except OSError:
            return -2
        try:
            self.tls = context.wrap_socket(plain, server_hostname=name or None)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            return error.verify_code
        except OSError:
            plain.close()
            return -1
        return 0

    def get(self) -> str:
        """The first line of the page."""
        assert self.tls
        try:
            self.tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = self.tls.recv(4096)
            while self.tls.recv(4096):
                pass
        except OSError:
            answer = b""
        self.close()
        return answer.decode(errors="replace").partition("\r\n")[0]

    def close(self) -> None:
        if self.tls:
            try:
                self.tls.unwrap()
            except (OSError, ValueError):
                pass
            self.tls.close()
            self.tls = None


class Shell:
    """What all dialects share: lines in, echo and answers out."""

    prompt = "> "
    banner = "\r\nBooting\r\n"
    crash = "HardFault at 0x08001234\r\n"
    end = "\r"

    def __init__(self, fd: int, faults: list[str]) -> None:
        self.fd = fd
        self.faults = faults
        self.client = Client()
        self.line = ""
        self.n_commands = 0
        self.n_bytes = 0
        self.raw = 0  # bytes that are no commands
        self.data = ""
        mute = [fault for fault in faults if fault.startswith("mute-after=")]
        self.mute_after = int(mute[0].partition("=")[2]) if mute else 10**9
        self.say(self.banner + self.prompt)

    def say(self, text: str) -> None:
        if self.n_commands <= self.mute_after:
            os.write(self.fd, text.encode())

    def feed(self, data: bytes) -> None:
        for byte in data.decode("latin-1"):
            self.n_bytes += 1
            if "lose" in self.faults and self.n_bytes % 40 == 0:
                continue
            self.take(byte)

    def take(self, byte: str) -> None:
        if self.raw > 0:
            self.raw -= 1
            self.data += byte
            if self.raw == 0:
                self.loaded()
        elif byte == self.end:
            line, self.line = self.line, ""
            self.echo_end()
            self.n_commands += bool(line.strip())
            self.obey(line.strip())
        elif byte == "\x03":
            self.line = ""
            self.say("\r\n" + self.prompt)
        elif byte not in "\r\n":
            self.line += byte
            self.echo(byte)

    def echo(self, byte: str) -> None:
        self.say(byte)

    def echo_end(self) -> None:
        self.say("\r\n")

    def loaded(self) -> None:
        """The bytes that were announced are there."""

    def obey(self, line: str) -> None:
        if line:
            self.answer(line)
        self.say(self.prompt)

    def answer(self, line: str) -> None:
        raise NotImplementedError

    def disturb(self) -> bool:
        """What a fault makes of the command that connects."""
        if "crash" in self.faults:
            self.say(self.crash)
        if "reboot" in self.faults:
            self.say(self.banner)
        return "crash" in self.faults or "reboot" in self.faults


class Zephyr(Shell):
    """Zephyr's shell with colours, logs that push the prompt aside, and lines that wrap at 80 columns."""

    prompt = "\x1b[1;32muart:~$ \x1b[m"
    banner = "*** Booting Zephyr OS build v3.7.0 ***\r\n"
    crash = "[00:00:04.000,000] <err> os: >>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0\r\n"

    def __init__(self, fd: int, faults: list[str]) -> None:
        self.column = 0
        self.buffer = ""
        super().__init__(fd, faults)

    def echo(self, byte: str) -> None:
        self.column += 1
        self.say(byte + ("\r\n" if (self.column + 8) % 80 == 0 else ""))

    def echo_end(self) -> None:
        self.column = 0
        super().echo_end()

    def log(self, text: str) -> None:
        self.say(f"\x1b[8D\x1b[J\x1b[1;31m[00:00:03.210,000] <err> {text}\x1b[0m\r\n{self.prompt}")

    def answer(self, line: str) -> None:
        words = line.split()
        if words[:2] == ["cred", "buf"]:
            self.buffer = "" if words[2] == "clear" else self.buffer + words[2]
        elif words[:2] == ["cred", "add"]:
            base64.b64decode(self.buffer, validate=True)
            self.client.roots += PEM.format("\n".join(re.findall(".{1,64}", self.buffer)) + "\n")
            self.say("Added TLS credential, tag 4711\r\n")
        elif words[:2] == ["cred", "del"]:
            self.client.roots = ""
            self.say("There is no TLS credential with this tag\r\n")
        elif words[:2] == ["sock", "connect"]:
            self.connect(dict(zip(words[2::1], words[3::1])))
        elif words[:2] == ["sock", "close"]:
            self.client.close()
            self.say("Socket data receive stopped, closed socket_id=0\r\n")
        else:
            self.say(f"\x1b[1;31m{words[0]}: command not found\x1b[m\r\n")

    def connect(self, options: dict[str, str]) -> None:
        self.say(f"Socket open and connect family=1, type=1, port={options['-p']}, address={options['-a']}\r\n")
        if self.disturb():
            return
        rc = self.client.connect(options["-a"], options["-p"], options.get("-H", ""))
        if rc:
            self.log("net_sock_tls: TLS handshake error: -0x2700" if rc > 0 else "net_sock_tls: TLS handshake error: -0x7780")
            self.say(f"\x1b[1;31mUnable to connect, errno {103 if rc > 0 else 113}\x1b[m\r\n")
        else:
            self.say("Socket created socket_id=0, fd=9\r\n")


class EspIdf(Shell):
    """linenoise: each key redraws the whole line."""

    prompt = "esp32> "
    banner = "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
    crash = "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\r\n"

    def echo(self, byte: str) -> None:
        self.say(f"\r{self.prompt}{self.line}\x1b[0K\r\x1b[{len(self.prompt) + len(self.line)}C")

    def answer(self, line: str) -> None:
        words = [*line.split(), ""]
        if words[0] != "https":
            self.say("Unrecognized command\r\n")
            return
        if self.disturb():
            return
        rc = self.client.connect(words[1], words[2], words[3])
        if rc == 0:
            self.say("\x1b[0;32mI (3120) https: Connection established...\x1b[0m\r\n")
            self.say(f"{self.client.get()}\r\n")
        else:
            code = "-0x2700" if rc > 0 else "-0x7780"
            self.say(f"\x1b[0;31mE (3123) esp-tls-mbedtls: mbedtls_ssl_handshake returned {code}\x1b[0m\r\n")
            self.say("\x1b[0;31mE (3133) esp-tls: Failed to open new connection\x1b[0m\r\n")


class SClient(Shell):
    """A command like openssl s_client."""

    prompt = "target# "
    end = "\n"

    def answer(self, line: str) -> None:
        words = line.split()
        options = dict(zip(words[1:], words[2:]))
        if words[0] != "s_client":
            self.say(f"unknown command: {words[0]}\r\n")
            return
        if self.disturb():
            return
        host, _, port = options["-connect"].rpartition(":")
        rc = self.client.connect(host, port, options.get("-servername", ""))
        self.client.close()
        if rc >= 0:
            self.say(f"    Verify return code: {rc} ({'ok' if rc == 0 else 'not ok'})\r\n")
        else:
            self.say("40C7:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:\r\n")


class AtModem(Shell):
    """A modem: no prompt, OK and ERROR, and a result that comes later by itself."""

    prompt = ""
    banner = "\r\nRDY\r\n"

    def loaded(self) -> None:
        self.client.roots = self.data
        self.say(f"\r\n+QFUPL: {len(self.data)},0\r\n\r\nOK\r\n")

    def answer(self, line: str) -> None:
        if line.startswith("AT+QFUPL="):
            self.data, self.raw = "", int(line.split(",")[1])
            self.say("CONNECT\r\n")
        elif line.startswith("AT+QFDEL="):
            self.say("+CME ERROR: 405\r\n")
        elif line.startswith("AT+QSSLOPEN="):
            self.open(line.partition("=")[2].split(","))
        elif line.startswith("AT+QSSLCLOSE"):
            self.client.close()
            self.say("OK\r\n")
        else:
            self.say("OK\r\n" if line.startswith("AT") else "ERROR\r\n")

    def open(self, words: list[str]) -> None:
        self.say("OK\r\n")
        if not self.disturb():
            rc = self.client.connect(words[3].strip('"'), words[4], "")
            self.say(f"\r\n+QSSLOPEN: 0,{0 if rc == 0 else 579 if rc == -1 else 552}\r\n")


DIALECTS: dict[str, type[Shell]] = {"zephyr": Zephyr, "esp-idf": EspIdf, "s-client": SClient, "at": AtModem}


def main() -> int:
    """A virtual board until standard input ends."""
    master, slave = os.openpty()
    tty.setraw(slave)
    print(json.dumps({"event": "ready", "device": os.ttyname(slave)}), flush=True)
    shell = DIALECTS[sys.argv[1]](master, sys.argv[2:])
    while True:
        ready = select.select([0, master], [], [])[0]
        if 0 in ready and not os.read(0, 4096):
            return 0
        if master in ready:
            shell.feed(os.read(master, 4096))


if __name__ == "__main__":
    sys.exit(main())
