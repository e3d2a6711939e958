"""The verbs of the agent protocol, and one run from upload to result."""

from __future__ import annotations

import base64
import re
import time
from typing import Callable, NamedTuple

from .driver import Board, Failed
from .frame import NO_FIELDS, Fields, Reply, crc16
from .link import Link, Silent, TooLong
from .messages import Closed, Inbox, Message

GREET_S = 10.0  # a board may be booting when it is greeted for the first time
POLL_FIRST_S = 0.0005  # STAT is asked after this time, then ever more rarely,
POLL_GROWTH = 1.5
POLL_MAX_S = 0.02  # but never more rarely than this
POLL_HINTED_S = 0.1  # a board whose log tells when a run is over need not be disturbed before
ABORT_S = 2.0  # a run that goes on for longer after ABORT is stuck
UPLOADS = 3  # attempts to bring one blob over whole
STAT_PARTS_MAX = 8
DATA_OVERHEAD = len("@H00 DATA off=65535 b=*0000\n")

BLOBS = ("ca", "cert", "key")
OPTIONS = ("sni", "min", "max", "alpn", "psk", "resume", "early", "send")  # keys of "run" that RUN knows by the same name
TEXTS = (
    ("ver", "version"),
    ("cs", "ciphersuite"),
    ("grp", "group"),
    ("sig", "signature_algorithm"),
)
NUMBERS = ("ms", "heap")
DIGITS_MAX = 10  # boards count in 32 bits


class Info(NamedTuple):
    """What a board told of itself in HELLO."""

    boot: str
    stack: str
    blob: int
    caps: list[str]


def _read(paths: str | list[str] | None) -> bytes:
    """The content of a file, or of several one after the other."""
    if not paths:
        return b""
    content = b""
    for path in [paths] if isinstance(paths, str) else paths:
        try:
            with open(path, "rb") as file:
                content += file.read()
        except OSError as error:
            raise Failed("upload", f"cannot read {path}: {error.strerror}") from None
    return content


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= DIGITS_MAX


def _number(fields: dict[str, str], key: str) -> int:
    text = fields.get(key, "")
    if not _is_number(text):
        raise Failed("refused", f"the board answered {key}={text[:40]!r}, which is no number")
    return int(text)


def _status(rc: str) -> str:
    """The stack's own spelling, but one spelling of success."""
    return "0" if re.fullmatch(r"(0x)?0+", rc) else rc


def _alert(al: str) -> Board | None:
    """r40: the board received alert 40, so the server sent it; s80: the board sent alert 80."""
    shape = re.fullmatch(r"([rs])(\d{1,3})", al)
    if not shape:
        return None
    return {"from": "server" if shape[1] == "r" else "client", "number": int(shape[2])}


def to_board(fields: dict[str, str]) -> Board:
    """The fields of STAT in the words of Shakedown's reports."""
    board: Board = {"phase": fields.get("ph"), "status": _status(fields.get("rc", ""))}
    board.update((name, fields[key]) for key, name in TEXTS if fields.get(key))
    board["alert"] = _alert(fields.get("al", ""))
    board.update((key, int(fields[key])) for key in NUMBERS if _is_number(fields.get(key, "")))
    return board


class Agent:
    """One board. Failed from greet() and run(); Lost and Closed pass through them."""

    def __init__(self, link: Link, inbox: Inbox) -> None:
        self._link = link
        self._inbox = inbox
        self._info: Info | None = None  # None: the board has to be greeted first
        self._held: dict[str, bytes] = {}  # blobs that this boot of the board holds, by name
        self._hints = False  # the board's log told when its last run was over

    def greet(self, patience: float | None = None) -> Info:
        """HELLO until it is answered, then the time of day. Ends a run of an earlier runner's."""
        fields = self._ask("HELLO", patience=patience).fields
        self._link.line_max = _number(fields, "line")
        info = Info(
            boot=fields.get("boot", ""),
            stack=fields.get("stack", ""),
            blob=_number(fields, "blob"),
            caps=[cap for cap in fields.get("caps", "").split(",") if cap],
        )
        self._held = {}
        self._info = info
        if "busy" in self._stat(info):
            self._end_run(info)
        self._ask("TIME", {"t": str(int(time.time()))})
        return info

    def run(self, command: Message, started: Callable[[], None]) -> Board:
        """One run: uploads what changed, starts it, calls `started`, waits for its end."""
        try:
            info = self._info or self.greet()
            self._bring_all(info, {name: _read(command.get(name)) for name in BLOBS})
            self._start(info, command)
            started()
            return self._watch(info, command)
        except Failed:
            self._info = None
            raise
        except Closed:
            self._link.post("ABORT")  # nobody waits for this run any more
            raise

    def _ask(
        self, verb: str, fields: Fields = NO_FIELDS, patience: float | None = None
    ) -> Reply:
        """One exchange. Failed if it came to nothing, or shows that the board restarted."""
        try:
            reply = self._link.exchange(verb, fields, patience)
        except Silent as silence:
            raise Failed("silent", f"the board is silent: {silence}") from None
        except TooLong as long:
            raise Failed("refused", str(long)) from None
        if reply.word == "NAK" and self._info:
            self._check_boot(self._info, self._ask("HELLO").fields.get("boot", ""))
        return reply

    def _check_boot(self, info: Info, boot: str) -> None:
        if boot != info.boot:
            raise Failed(
                "reboot", f"the board restarted: it was in boot {info.boot}, now it is in {boot}"
            )

    def _refused(self, info: Info, kind: str, what: str, reply: Reply) -> Failed:
        """The failure that an ERR stands for, unless a restart of the board explains it."""
        self._check_boot(info, self._ask("HELLO").fields.get("boot", ""))
        why = " ".join(f"{key}={value}" if value else key for key, value in reply.fields.items())
        return Failed(kind, f"the board refused {what}: {reply.word} {why}".rstrip())

    def _bring_all(self, info: Info, wanted: dict[str, bytes]) -> None:
        """Sees to it that the board holds these blobs. They share one store on the board."""
        total = sum(map(len, wanted.values()))
        if total > info.blob:
            raise Failed(
                "upload",
                f"certificates and key have {total} bytes, and the board takes {info.blob}",
            )
        if not self._held:  # an earlier runner may have left anything
            for name in BLOBS:
                self._bring(info, name, b"")
        # Those that shrink make room for those that grow.
        for name in sorted(BLOBS, key=lambda name: len(wanted[name]) - len(self._held[name])):
            if self._held[name] != wanted[name]:
                self._bring(info, name, wanted[name])

    def _bring(self, info: Info, name: str, content: bytes) -> None:
        for _ in range(UPLOADS):
            reply = self._upload(name, content)
            if reply.word == "OK":
                self._held[name] = content
                return
        raise self._refused(info, "upload", f"{name} ({len(content)} bytes)", reply)

    def _upload(self, name: str, content: bytes) -> Reply:
        """One upload from BLOB to END; the last reply, which is an ERR if it came to nothing."""
        step = max((self._link.line_max - DATA_OVERHEAD) // 4 * 3, 3)
        reply = self._ask("BLOB", {"name": name, "len": str(len(content))})
        for _ in range(2 * (len(content) // step) + 8):
            if "off" not in reply.fields:
                return reply
            at = _number(reply.fields, "off")
            if at >= len(content):
                return self._ask("END", {"crc": f"{crc16(content):04X}"})
            piece = base64.b64encode(content[at : at + step]).decode()
            reply = self._ask("DATA", {"off": str(at), "b": piece})
        return reply._replace(word="ERR")

    def _start(self, info: Info, command: Message) -> None:
        fields = {"id": command["id"], "host": command["host"], "port": str(command["port"])}
        fields.update((key, command[key]) for key in OPTIONS if command.get(key))
        reply = self._ask("RUN", fields)
        if reply.word != "ACK":
            unable = reply.fields.get("why") == "unsupported"
            raise self._refused(info, "unable" if unable else "refused", "RUN", reply)

    def _stat(self, info: Info) -> dict[str, str]:
        """How the board's last run stands; a report longer than a line comes in parts."""
        fields: dict[str, str] = {}
        more = NO_FIELDS
        for _ in range(STAT_PARTS_MAX):
            fields.update(self._ask("STAT", more).fields)
            self._check_boot(info, fields.get("boot", ""))
            if "more" not in fields:
                break
            more = {"from": fields.pop("more")}
        return fields

    def _watch(self, info: Info, command: Message) -> Board:
        end = time.monotonic() + command["timeout_ms"] / 1000
        pause = POLL_HINTED_S if self._hints else POLL_FIRST_S
        self._hints = False
        while True:
            hinted = self._link.idle(pause)
            self._hints = self._hints or hinted
            fields = self._stat(info)
            if "busy" not in fields:
                break
            if self._inbox.abort or time.monotonic() > end:
                self._inbox.abort = False
                fields = self._end_run(info)
                break
            pause = POLL_FIRST_S if hinted else min(pause * POLL_GROWTH, POLL_MAX_S)
        if fields.get("run") != command["id"]:
            told = fields.get("run", "nothing")
            raise Failed("refused", f"the board tells of run {told}, not {command['id']}")
        return to_board(fields)

    def _end_run(self, info: Info) -> dict[str, str]:
        """Aborts the run in progress; what STAT says then. A board that cannot is restarted."""
        self._ask("ABORT")
        end = time.monotonic() + ABORT_S
        while time.monotonic() < end:
            fields = self._stat(info)
            if "busy" not in fields:
                return fields
            self._link.idle(POLL_MAX_S)
        self._link.expect_return()
        self._ask("RESET")
        raise Failed(
            "busy", f"the run went on for {ABORT_S:g} s after ABORT, and the board was restarted"
        )
