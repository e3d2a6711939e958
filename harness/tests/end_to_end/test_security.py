"""What docs/security.md promises, of real runs: who may talk to them, where they listen, what they let others read."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lab import BUILD, DEADLINE_S, ROOT, SHAKEDOWN, Lab, Run, until  # noqa: E402

NOBODY = 65534
LISTENING = "0A"  # a TCP socket's state, in /proc/net/tcp
ACCEPTING = 0x10000  # a Unix socket's flag, in /proc/net/unix
ONE = {"suite": "one", "why": "w", "scenarios": [{"name": "good", "why": "w", "server": {"certificate": "ecdsa-p256"}}]}
SANITIZED = "-san" in os.environ.get("SHAKEDOWN_BUILD", "")
CAPTURE = ROOT / "captures/st-forum-rsa-refused.pcap"
TAKEN_OVER = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int fflush(FILE *file)
{
	(void)file;
	return (%s), 0;
}
"""
CLIENT = """#!/usr/bin/env python3
import os, socket, ssl, sys
host, port, ca, folder = sys.argv[1:]
open(folder + "/held", "w").close()
open(folder + "/go").close()  # until the test opens its end of the pipe
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False
with context.wrap_socket(socket.create_connection((host, int(port)))) as tls:
    tls.unwrap()
print("connected")
"""


def own_addresses() -> list[str]:
    """127.0.0.1, and another one that a server can be at, if there is any."""
    others = []
    for shown in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM) + [
            (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", 0))]:
        family, kind, _, _, where = shown
        try:
            with socket.socket(family, kind) as one:
                one.bind(where)
        except OSError:
            continue
        others.append(str(where[0]))
    return ["127.0.0.1"] + [other for other in others if not other.startswith("127.")][:1]


def address(shown: str) -> str:
    """The address of "0100007F:1F90" and the like: numbers of the host's byte order."""
    raw = bytes.fromhex(shown.partition(":")[0])
    words = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, words)


def rows(pid: int, table: str) -> list[list[str]]:
    """The sockets of the network that the process is in."""
    return [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="utf-8").splitlines()[1:]]


def sockets(pid: int) -> set[str]:
    """The inodes of those that the process has open."""
    found = set()
    for name in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(name)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1])
    return found


def listens(pid: int) -> list[str]:
    """Where the process waits for others to connect or to send."""
    own = sockets(pid)
    found = [address(row[1]) for table in ("tcp", "tcp6") for row in rows(pid, table)
             if row[3] == LISTENING and row[9] in own]
    found += [f"{table} {row[1]}" for table in ("udp", "udp6", "udplite", "udplite6") for row in rows(pid, table)
              if row[9] in own]
    return found + [f"unix {row[7:]}" for row in rows(pid, "unix") if int(row[3], 16) & ACCEPTING and row[6] in own]


class Listening(Lab):
    def setUp(self) -> None:
        super().setUp()
        script = Path(self.write("client.py", CLIENT))
        script.chmod(0o755)
        os.mkfifo(self.folder / "go")

    def found(self, **place: str) -> list[str]:
        """Where all processes of a run listen while its board is about to connect."""
        run = self.start(self.write("one.json", ONE), self.write("own.json", {
            "name": "own", "why": "w", "stack": "openssl", "driver": "exec", **place,
            "exec": {"command": ["./client.py", "{host}", "{port}", "{ca}", str(self.folder)], "ok": ["^connected$"]}}))
        until("the board is about to connect", (self.folder / "held").exists)
        found = sorted(where for pid in [run.child.pid, *(one.pid for one in run.members())] for where in listens(pid))
        (self.folder / "go").write_text("")
        done = run.finish()
        self.assertEqual(done.status, 0, done.out + done.err)
        self.check_nothing_left(run)
        return found

    def test_where_no_address_is_named_one_server_listens_on_loopback_and_nothing_else(self) -> None:
        self.assertEqual(self.found(), ["127.0.0.1"])

    def test_one_server_listens_on_the_address_that_was_named_and_nothing_else(self) -> None:
        for named in own_addresses():
            with self.subTest(address=named):
                (self.folder / "held").unlink(missing_ok=True)
                self.assertEqual(self.found(address=named), [named])
                shutil.rmtree(self.out)


@unittest.skipIf(SANITIZED, "a sanitizer looks for leaks in ways that are forbidden then")
@unittest.skipUnless(shutil.which("cc"), "there is no cc")
class Captures(Lab):
    """`decode`, taken over by what it reads: a library does, in its place, what such code would try."""

    def decode(self, attempt: str, *options: str) -> int:
        """The status of a decoder that makes this attempt when it has read the capture."""
        library = str(self.folder / "taken.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, self.write("taken.c", TAKEN_OVER % attempt)], check=True)
        done = subprocess.run([SHAKEDOWN, "decode", str(CAPTURE), *options], env={**self.env, "LD_PRELOAD": library},
                              capture_output=True, cwd=self.folder, check=False)
        return done.returncode

    def test_decoder_that_is_taken_over_can_open_run_and_reach_nothing(self) -> None:
        for attempt in ('open("/etc/passwd", O_RDONLY)', 'open("new", O_WRONLY | O_CREAT, 0600)', 'unlink("taken.c")',
                        'execl("/bin/true", "true", (char *)0)', "fork()", "socket(AF_INET, SOCK_STREAM, 0)"):
            with self.subTest(attempt):
                self.assertEqual(self.decode(attempt), -signal.SIGSYS)
        self.assertEqual(self.decode("getpid()"), 0)
        self.assertEqual(self.decode("getpid()", "--json"), 0)


class Secrets(Lab):
    def test_secrets_of_connections_are_for_their_user_alone(self) -> None:
        before = os.umask(0)  # the most generous user
        self.addCleanup(os.umask, before)
        self.options = ["--shard", "1/1"]
        self.run_suite("story", "netx-fixed")
        secrets = [*self.out.rglob("*.keys"), *self.out.rglob("*.pcapng")]
        self.assertGreaterEqual(len(secrets), 6)
        self.assertEqual({oct(path.stat().st_mode & 0o777) for path in secrets}, {"0o600"})
        merged = self.folder / "merged"
        self.assertEqual(self.shakedown("merge", str(self.out), "--out", str(merged)).status, 1)
        copied = [*merged.rglob("*.keys"), *merged.rglob("*.pcapng")]
        self.assertEqual({oct(path.stat().st_mode & 0o777) for path in copied}, {"0o600"})


class OtherUsers(Lab):
    """They are tried by root, who can be anybody."""

    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root, with setpriv (package util-linux), can be another user")
        self.socket = self.folder / "lab.sock"
        lab = self.write("lab.json", {"boards": [{"name": "a", "profile": "netx-fixed"}]})
        daemon = subprocess.Popen([str(BUILD / "shakedownd"), "--lab", lab, "--socket", str(self.socket)],
                                  env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(daemon.wait, DEADLINE_S)
        self.addCleanup(daemon.terminate)
        until("the daemon listens", self.status_of_its_own_user)
        self.folder.chmod(0o711)  # all may reach the socket's name

    def status_of_its_own_user(self) -> bool:
        return self.socket.exists() and self.shakedown("status", "--daemon", str(self.socket)).status == 0

    def as_nobody(self, request: str) -> str:
        """What a user without any right gets from the socket."""
        script = ("import socket, sys\nline = socket.socket(socket.AF_UNIX)\nline.settimeout(60)\n"
                  "try:\n    line.connect(sys.argv[1])\nexcept OSError as error:\n    sys.exit(print(error.strerror))\n"
                  "try:\n    line.sendall(sys.argv[2].encode() + b'\\n')\nexcept BrokenPipeError:\n    pass\n"
                  "print(line.makefile().readline())")
        return subprocess.run(
            ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-I", "-c", script,
             str(self.socket), request], cwd="/", capture_output=True, text=True, timeout=DEADLINE_S, check=True,
        ).stdout.strip()

    def test_other_users_cannot_reach_the_daemon(self) -> None:
        self.assertEqual(self.as_nobody('{"op": "status"}'), "Permission denied")

    def test_other_users_are_refused_whatever_the_mode_of_the_socket(self) -> None:
        self.socket.chmod(0o666)
        for request in ('{"op": "status"}', '{"op": "cancel", "run": 1}', '{"op": "run", "boards": ["a"]}'):
            answer = self.as_nobody(request)
            self.assertIn("this daemon serves another user", answer)
        self.assertTrue(self.status_of_its_own_user())


if __name__ == "__main__":
    unittest.main()
