"""A virtual board whose firmware is set up wrongly on purpose: the agent protocol on a pty.

Usage: board.py STACK. The server name that the host asks for chooses the mistake: the scripts of
client.py. STACK says whose status codes it reports.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import select
import subprocess
import sys
import threading
import tty
from typing import Dict, Optional

from runner.frame import Lines, crc16, quote, unquote

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.py")
Fields = Dict[str, str]


class Board:
    """What the agent knows between two commands."""

    def __init__(self, stack: str, master: int) -> None:
        self.stack = stack
        self.master = master
        self.boot = self.nonce()
        self.stuck = False  # it came to no good once, and connects no more
        self.blobs: Dict[str, bytes] = {}
        self.upload = ("", b"")
        self.run: Optional[Fields] = None
        self.result: Optional[Fields] = None
        self.child: Optional["subprocess.Popen[bytes]"] = None

    @staticmethod
    def nonce() -> str:
        return os.urandom(4).hex().upper()

    def answer(self, verb: str, fields: Fields) -> str:
        return getattr(self, "on_" + verb.lower())(fields) or "OK"

    def on_hello(self, fields: Fields) -> str:
        caps = "ca,cert,key,sni,min,max,alpn"
        return f"OK v=1 line=128 blob=65535 boot={self.boot} stack={self.stack} caps={caps}"

    def on_time(self, fields: Fields) -> None:
        pass

    def on_blob(self, fields: Fields) -> str:
        self.upload = (fields["name"], b"")
        self.blobs.pop(fields["name"], None)
        return "OK off=0"

    def on_data(self, fields: Fields) -> str:
        name, data = self.upload
        if int(fields["off"]) == len(data):
            data += base64.b64decode(fields["b"])
        self.upload = (name, data)
        return f"OK off={len(data)}"

    def on_end(self, fields: Fields) -> str:
        name, data = self.upload
        self.blobs[name] = data
        return f"OK off={len(data)}"

    def on_run(self, fields: Fields) -> str:
        blobs = {name: self.blobs.get(name, b"").hex() for name in ("ca", "cert", "key")}
        script = fields.get("sni", "good")
        request = {"script": script, "stack": self.stack, "run": fields, **blobs}
        self.run, self.result = fields, None
        if script == "restart":
            self.boot, self.run = self.nonce(), None
            return "ACK"
        if self.stuck:
            self.result = {"ph": "tcp", "rc": "-0x7F00"}
            return "ACK"
        self.child = subprocess.Popen(
            [sys.executable, CLIENT, json.dumps(request)], stdout=subprocess.PIPE
        )
        threading.Thread(target=self.wait, args=(self.child, script), daemon=True).start()
        return "ACK"

    def wait(self, child: "subprocess.Popen[bytes]", script: str) -> None:
        output = child.communicate()[0]
        result = json.loads(output) if output else {"ph": "hs", "rc": "aborted"}
        if "log" in result:
            os.write(self.master, result.pop("log").encode() + b"\r\n")
        self.stuck = script == "stuck" and result["rc"] != "0"
        self.result = result

    def on_stat(self, fields: Fields) -> str:
        if self.run is None:
            return f"OK boot={self.boot} idle"
        if self.result is None:
            return f"OK boot={self.boot} busy"
        words = " ".join(f"{key}={quote(value).decode()}" for key, value in self.result.items())
        return f"OK boot={self.boot} run={self.run['id']} {words}"

    def on_abort(self, fields: Fields) -> None:
        if self.child is not None and self.result is None:
            self.child.kill()

    def on_reset(self, fields: Fields) -> None:
        pass


def fields_of(words: list[bytes]) -> Fields:
    pairs = (word.partition(b"=") for word in words)
    return {key.decode(): unquote(value) for key, _, value in pairs}


def serve(board: Board) -> None:
    """Until the host closes our input."""
    lines, last, reply, master = Lines(), b"", b"", board.master
    while True:
        ready, _, _ = select.select([master, sys.stdin], [], [])
        if sys.stdin in ready and not os.read(sys.stdin.fileno(), 1024):
            return
        if master not in ready:
            continue
        for line in lines.feed(os.read(master, 4096)):
            body = line[line.rfind(b"@H") + 2 :].rpartition(b"*")[0]
            if not body:
                continue
            if body != last:
                seq, verb, *words = body.split(b" ")
                text = b"%s %s" % (seq, board.answer(verb.decode(), fields_of(words)).encode())
                last, reply = body, b"\r\n@T%s*%04X\r\n" % (text, crc16(text))
            os.write(master, reply)


def main() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    print(json.dumps({"event": "ready", "device": os.ttyname(slave)}), flush=True)
    board = Board(sys.argv[1], master)
    serve(board)
    board.on_abort({})


if __name__ == "__main__":
    main()
