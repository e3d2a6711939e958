"""Boards that send too much, of anything: memory stays bounded, the cell tells of it, and the run goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "runner"))

from boards import NoisyLine  # noqa: E402
from lab import DEADLINE_S, ROOT, SHAKEDOWN, Cell, Done, Lab, outcomes, processes, until  # noqa: E402
from serial_port import BoardAtPort  # noqa: E402

FLOOD = 100 << 20  # bytes over the UART
WAVE = 4 << 20  # of them, before each of the board's answers
LOG_MAX = 128 << 10  # bytes of a cell's log: what is kept, and a time before each line
N_CONNECTIONS = 10_000
HELLO = 65_535  # bytes
TOO_LONG = 300_000  # more than a server of OpenSSL's and our decoder take
GROWTH_MAX = 64 << 10  # KB of memory that a process may have taken at its peak
SANITIZED = "-san" in os.environ.get("SHAKEDOWN_BUILD", "")
ONE = {"suite": "one", "why": "w", "scenarios": [{"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}]}
TWO = {"suite": "two", "why": "w", "scenarios": [
    {"name": name, "why": "w", "server": {"certificate": name}} for name in ("ecdsa-p256", "rsa-2048")]}
HEAD = """#!/usr/bin/env python3
import os, socket, ssl, sys
where = sys.argv[1], int(sys.argv[2])
"""
AGAIN = HEAD + """
context = ssl.create_default_context(cafile=sys.argv[3])
context.check_hostname = False
with context.wrap_socket(socket.create_connection(where)) as tls:
    tls.unwrap()
for _ in range(int(sys.argv[4])):
    try:
        socket.create_connection(where).close()
    except OSError:
        pass
print("connected")
open(sys.argv[5] + "/held", "w").close()
open(sys.argv[5] + "/go").close()  # until the test opens its end of the pipe
"""
HELLO_OF = HEAD + """
size = int(sys.argv[4])
extensions = bytes.fromhex("002b0003020304000d000400020403000a00040002001d003300260024001d0020") + os.urandom(32)
filling = min(size, 65535) - 4 - 43 - len(extensions) - 4
extensions += b"\\0\\x15" + filling.to_bytes(2, "big") + bytes(filling)  # padding: RFC 7685
body = b"\\3\\3" + os.urandom(32) + bytes.fromhex("0000021301" "0100") + len(extensions).to_bytes(2, "big") + extensions
body += bytes(size - len(body) if size > 65535 else 0)
hello = b"\\1" + len(body).to_bytes(3, "big") + body
line = socket.create_connection(where)
try:
    for at in range(0, len(hello), 16384):
        part = hello[at : at + 16384]
        line.sendall(b"\\x16\\3\\1" + len(part).to_bytes(2, "big") + part)
    line.shutdown(socket.SHUT_WR)
    while line.recv(65536):
        pass
except OSError:
    pass
sys.exit("it was a hello, and no more")
"""

CLOCK = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic long n_looks;

int clock_gettime(clockid_t id, struct timespec *now)
{
	long rc = syscall(SYS_clock_gettime, id, now);

	n_looks++;
	if (rc == 0 && id == CLOCK_REALTIME)
		now->tv_sec += AHEAD;
	return (int)rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &precise);
	*now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (seconds != NULL)
		*seconds = now.tv_sec;
	return now.tv_sec;
}
"""
JUMPS = "n_looks % 2 == 0 ? 36000 : 0"
SET_BACK = 'access(getenv("CLOCK_SET_WITH"), F_OK) == 0 ? -316000000 : 0'
HOURS_MS = 3_600_000


def peak_kb(pid: int) -> int:
    """The most memory that the process has had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0])


class FloodingLine(NoisyLine):
    """A line on which the board prints 100 MB beside its answers: half in lines, half in one that never ends."""

    LINES = b"[I] sensor: nothing new, nothing at all to tell of\r\n"

    def __init__(self, device: str) -> None:
        self.n_sent = 0
        self.peaks: dict[str, int] = {}  # of the runner and the daemon, once all was sent
        super().__init__(device, 0, 1)

    def came(self, fd: int, data: bytes) -> None:
        if fd != self.master and self.n_sent < FLOOD:
            wave = self.LINES if self.n_sent < FLOOD // 2 else b"x"
            for _ in range(WAVE >> 16):
                os.write(self.master, (wave * (65536 // len(wave)))[:65536])
            self.n_sent += WAVE
            os.write(self.master, b"\r\n")
            if self.n_sent >= FLOOD:
                self.measure()
        super().came(fd, data)

    def measure(self) -> None:
        runner = next(one for one in processes() if one.name == "runner" and self.device in one.words)
        self.peaks = {"runner": peak_kb(runner.pid), "daemon": peak_kb(runner.parent)}


class Uart(Lab):
    def test_board_that_prints_100_mb_is_tested_as_any_other(self) -> None:
        board = BoardAtPort("shakedown-board", "--stack", "netx", "--state", "fixed")
        self.addCleanup(board.close)
        line = FloodingLine(board.device)
        self.addCleanup(line.close)
        self.run_suite("story", self.write("own.json", {
            "name": "own", "why": "w", "stack": "netxduo", "stack_version": "6.2.0", "port": line.device,
            "address": "127.0.0.1"}))
        self.assertGreaterEqual(line.n_sent, FLOOD)
        cells = self.cells()
        self.assertEqual([outcome for outcome, _ in outcomes(cells).values()],
                         ["fail", "pass", "fail", "pass", "pass", "pass"])
        logs = [cell["witnesses"]["board"]["log"] for cell in cells.values()]
        self.assertTrue(any("earlier bytes of log were cut]" in log for log in logs))
        self.assertLess(max(len(log) for log in logs), LOG_MAX)
        self.assertLess(line.peaks["runner"], GROWTH_MAX)
        if not SANITIZED:
            self.assertLess(line.peaks["daemon"], GROWTH_MAX)


class Wire(Lab):
    def setUp(self) -> None:
        super().setUp()
        self.options = ["--control", "never", "--tries", "0"]
        os.mkfifo(self.folder / "go")

    def program(self, name: str, text: str, *arguments: str) -> str:
        script = Path(self.write(f"{name}.py", text))
        script.chmod(0o755)
        return self.write(f"{name}.json", {
            "name": name, "why": "w", "stack": "openssl", "driver": "exec",
            "exec": {"command": [f"./{name}.py", "{host}", "{port}", "{ca}", *arguments], "ok": ["^connected$"]}})

    def test_boards_that_say_too_much_or_come_too_often_cost_no_more_than_their_cell(self) -> None:
        run = self.start(
            self.write("one.json", ONE), self.program("again", AGAIN, str(N_CONNECTIONS), str(self.folder)),
            self.program("long", HELLO_OF, str(HELLO)), self.program("too-long", HELLO_OF, str(TOO_LONG)))
        until("all have connected", (self.folder / "held").exists)
        peaks = {one.name: peak_kb(one.pid) for one in run.members()}
        (self.folder / "go").write_text("")
        run.finish()
        self.check_nothing_left(run)
        cells = self.cells()
        self.check_again(cells["one/good/again"])
        self.check_long(cells["one/good/long"])
        self.check_too_long(cells["one/good/too-long"])
        self.assertIn("shakedown-sniffer", peaks)
        if not SANITIZED:
            self.assertLess(max(peaks.values()), GROWTH_MAX, peaks)

    def check_again(self, cell: Cell) -> None:
        self.assertEqual(cell["outcome"], "pass")
        self.assertIn("It connected more than once; the server took the first connection", cell["detail"])
        self.assertGreater(cell["witnesses"]["wire"]["connections"], N_CONNECTIONS // 2)

    def check_long(self, cell: Cell) -> None:
        """It is read whole, and answered."""
        wire = cell["witnesses"]["wire"]
        self.assertEqual((cell["outcome"], wire["faults"]), ("fail", []))
        self.assertEqual(wire["messages"][0]["length"], HELLO - 4)  # its header
        self.assertEqual(wire["client_hello"]["extensions"][-1]["name"], "padding")
        self.assertIn("server_hello", wire)

    def check_too_long(self, cell: Cell) -> None:
        wire = cell["witnesses"]["wire"]
        self.assertEqual((cell["outcome"], cell["reason"]), ("fail", "alert-from-server"))
        self.assertIn("excessive message size", cell["detail"])
        self.assertIn("more than 262144 bytes of messages; the rest is not decoded",
                      [fault["text"] for fault in wire["faults"]])


class Descriptors(Lab):
    def run_with(self, descriptors: int) -> Done:
        return self.run_suite(self.write("one.json", ONE), "openssl",
                              wrap=("sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"))

    def test_few_descriptors_are_enough_or_it_is_said_that_they_are_not(self) -> None:
        done = self.run_with(24)
        self.assertEqual(done.status, 3)
        self.assertRegex(done.err, "shakedown: cannot start .*: too many open files")
        self.assertEqual(self.run_with(48).status, 0)
        self.assertEqual([outcome for outcome, _ in outcomes(self.cells()).values()], ["pass"])


    def test_streams_that_are_closed_are_no_place_for_others(self) -> None:
        """What is said there must not reach the report or the daemon, whose descriptors would have these numbers."""
        suite = self.write("two.json", TWO)
        for closed, status in (("0<&-", 0), ("2>&-", 0), ("0<&- 2>&-", 0), ("0<&- 1>&- 2>&-", 3)):
            with self.subTest(closed):
                command = [SHAKEDOWN, "run", suite, "--board", "openssl", "--out", str(self.out)]
                done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], env=self.env, cwd=self.folder,
                                      stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S, check=False)
                self.assertEqual(done.returncode, status)
                self.assertTrue(self.results()["run"]["complete"])
                self.assertEqual({outcome for outcome, _ in outcomes(self.cells()).values()}, {"pass"})
                shutil.rmtree(self.out)

    def test_journal_of_a_run_that_may_say_nothing_holds_the_journal_alone(self) -> None:
        suite = self.write("two.json", TWO)
        keep = self.write("keep.sh", f"#!/bin/sh\ncat {self.out}/journal.jsonl >{self.folder}/kept\n")
        Path(keep).chmod(0o755)
        board = self.write("keeps.json", {"name": "keeps", "why": "w", "stack": "none", "driver": "exec",
                                          "exec": {"command": ["./keep.sh"], "ok": ["^never$"]}})
        command = [SHAKEDOWN, "run", suite, "--board", board, "--control", "never", "--out", str(self.out)]
        subprocess.run(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command], env=self.env, cwd=self.folder,
                       timeout=DEADLINE_S, check=False)
        lines = (self.folder / "kept").read_text(encoding="utf-8").splitlines()
        self.assertEqual([next(iter(json.loads(line))) for line in lines], ["header", "index"])


class Late(Lab):
    def test_clock_that_is_behind_the_installation_is_said(self) -> None:
        root = self.folder / "root"
        (root / "certs").mkdir(parents=True)
        for name in ("harness", "scenarios", "certs/out"):
            (root / name).symlink_to(ROOT / name)
        shutil.copy(ROOT / "certs/recipes.json", root / "certs")
        os.utime(root / "certs/recipes.json", (time.time() + 86400,) * 2)
        self.env["SHAKEDOWN_ROOT"] = str(root)
        self.run_suite(self.write("one.json", ONE), "openssl")
        self.assertEqual({name: outcome for name, (outcome, _) in outcomes(self.cells()).items()},
                         {"one/good/openssl": "pass"})
        self.assertRegex(self.results()["run"]["notices"][0], (
            r"^This machine's clock says 20\S+Z, and Shakedown was installed later than that: set it, "
            r"as certificates are made for its date\.$"))


@unittest.skipIf(SANITIZED, "a sanitizer's program takes no other library before its own")
@unittest.skipUnless(shutil.which("cc") and shutil.which("setpriv"), "there is no cc or no setpriv")
class Clock(Lab):
    def clock(self, ahead: str) -> str:
        """A library for programs to whom the time is that many seconds later."""
        library = str(self.folder / "clock.so")
        subprocess.run(["cc", "-shared", "-fPIC", f"-DAHEAD=({ahead})", "-o", library, self.write("clock.c", CLOCK)], check=True)
        return library

    def test_clock_that_jumps_ten_hours_at_each_look_changes_no_outcome_and_no_duration(self) -> None:
        """Without a capture, so that the times of the wire are told by the servers' own sockets, too."""
        script = ('echo 0 >/proc/sys/user/max_user_namespaces && '
                  f'LD_PRELOAD={self.clock(JUMPS)} exec setpriv --bounding-set -all --inh-caps -all "$@"')
        if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("unprivileged namespaces are not allowed here")
        self.run_suite("story", "netx-fixed", wrap=("unshare", "-Ur", "sh", "-c", script, "sh"))
        self.assertEqual([outcome for outcome, _ in outcomes(self.cells()).values()],
                         ["fail", "pass", "fail", "pass", "pass", "pass"])
        for cell in self.cells().values():
            wire = cell["witnesses"]["wire"]
            self.assertEqual(wire["capture"], "server-tap")
            spans = [wire["tcp"]["longest_pause"]["ms"], wire["close"]["t_ms"],
                     *(message["t_ms"] for message in wire["messages"]),
                     *cell["witnesses"]["server"]["timings_ms"].values(), *cell["timings_ms"].values()]
            self.assertLess(max(span for span in spans if isinstance(span, (int, float))), HOURS_MS, spans)

    def test_clock_that_is_set_back_ten_years_ends_the_run_before_it_judges_wrongly(self) -> None:
        """To the board and the control no certificate is valid any more."""
        first = self.out / "cells/basics/every-kind-of-certificate/1.2,rsa-2048/openssl.pcapng"
        done = self.run_suite("basics", "openssl", wrap=(
            "env", f"LD_PRELOAD={self.clock(SET_BACK)}", f"CLOCK_SET_WITH={first}"))
        self.assertEqual(done.status, 3)
        self.assertRegex(done.complaint, (
            r"^this machine's clock was set from 20\S+Z to 20\S+Z in the middle of the run, and its certificates were made for "
            rf"the former: see that the clock is right now; the report of what was done is in {self.out}, and "
            rf"`shakedown run --resume {self.out}` goes on$"))
        self.assertLessEqual({cell["reason"] for cell in self.cells().values()}, {"connected", "not-run"})
        self.assertEqual(self.resume().status, 0)
        self.assertEqual({cell["outcome"] for cell in self.cells().values()}, {"pass"})


if __name__ == "__main__":
    unittest.main()
