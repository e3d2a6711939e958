"""A cluster of Slurm on this machine: munged, slurmctld and two slurmd on loopback, from Debian's packages.

All that it writes is in one folder, and its ports are free ones; nothing needs systemd or /etc/slurm. Each node
is a lab: a daemon with virtual boards, whose socket the tasks of the node find as a lab's host would tell them.
What belongs to the cluster, and to which node, is told by the environment of processes, so that a node can lose
power, and that nothing is left at the end.
"""

from __future__ import annotations

import ctypes
import getpass
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional, TypeVar

DEADLINE_S = 90.0  # far more than anything takes, also with sanitizers on a busy machine
LOOK_S = 0.02
PR_SET_CHILD_SUBREAPER = 36
NODES = ("bench1", "bench2")
TYPE = "netx-fixed"
BOARDS = {"bench1": ("b1-left", "b1-right"), "bench2": ("b2-left", "b2-right")}

T = TypeVar("T")

SLURM_CONF = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CryptoType=crypto/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
TaskProlog={folder}/task-prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=board
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=3
MessageTimeout=2
TCPTimeout=1
SchedulerParameters=sched_interval=1,batch_sched_delay=0
{nodes}
PartitionName=lab Nodes=ALL Default=YES State=UP OverSubscribe=YES
"""

NODE_CONF = ("NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=1000 "
             "Gres=board:{type}:2 State=UNKNOWN")

GRES_CONF = "NodeName=bench[1-2] Name=board Type={type} Count=2 Flags=CountOnly\n"

# Both nodes are this machine, so that there is no one path for the sockets of both.
TASK_PROLOG = """\
#!/bin/sh
echo "export SHAKEDOWN_DAEMON={folder}/$SLURMD_NODENAME.sock"
"""


def until(what: str, look: Callable[[], Optional[T]]) -> T:
    """What `look` returns as soon as it is neither None nor False."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(LOOK_S)
    raise AssertionError(f"waited in vain until {what}")


def free_ports(n: int) -> list[int]:
    lines = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [line.getsockname()[1] for line in lines]
    for line in lines:
        line.close()
    return ports


class Cluster:
    def __init__(self, folder: Path, build: Path) -> None:
        self.folder = folder
        self.build = build
        self.env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "LC_ALL": "C.UTF-8"}
        for name in ("SHAKEDOWN_DAEMON", "XDG_RUNTIME_DIR"):
            self.env.pop(name, None)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a daemon leaves is ours to end

    # --- beginning

    def start(self) -> None:
        self._write_files()
        munge = self.folder / "munge"
        self._spawn("munged", "--foreground", "--force", f"--socket={munge}/socket", f"--key-file={munge}/key",
                    f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", f"--log-file={munge}/log")
        until("munged listens", (munge / "socket").exists)
        self._spawn("slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        until("both nodes are idle", lambda: self.ask("sinfo", "-h", "-t", "idle", "-N", "-o", "%N").split()
              == list(NODES))

    def start_node(self, node: str) -> None:
        lab = self.folder / f"{node}.json"
        lab.write_text(json.dumps({"boards": [{"name": name, "profile": TYPE} for name in BOARDS[node]]}))
        daemon = self.folder / f"{node}.sock"
        self._spawn(str(self.build / "shakedownd"), "--lab", str(lab), "--socket", str(daemon), node=node)
        until(f"the lab of {node} listens", lambda: self._listens(daemon))
        self._spawn("slurmd", "-D", "-N", node, node=node)

    def _write_files(self) -> None:
        munge = self.folder / "munge"
        munge.mkdir(mode=0o755)
        (self.folder / "state").mkdir()
        key = munge / "key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o400)
        port, *ports = free_ports(1 + len(NODES))
        nodes = "\n".join(NODE_CONF.format(node=node, port=own, type=TYPE) for node, own in zip(NODES, ports))
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(
            host=socket.gethostname().split(".")[0], port=port, folder=self.folder, user=getpass.getuser(), nodes=nodes))
        (self.folder / "gres.conf").write_text(GRES_CONF.format(type=TYPE))
        prolog = self.folder / "task-prolog"
        prolog.write_text(TASK_PROLOG.format(folder=self.folder))
        prolog.chmod(0o755)

    def _spawn(self, *command: str, node: str = "") -> None:
        with open(self.folder / f"{Path(command[0]).name}{node and '-'}{node}.out", "wb") as log:
            subprocess.Popen(command, env={**self.env, "SLURMD_NODENAME": node, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
                             cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    @staticmethod
    def _listens(path: Path) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            return line.connect_ex(str(path)) == 0

    # --- what runs

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints, if it can."""
        return subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False).stdout

    def processes(self, node: str = "") -> Iterator[int]:
        """All of the cluster, or of one node: daemons, tasks, and what they started."""
        marks = {f"SLURM_CONF={self.env['SLURM_CONF']}"} | ({f"SLURMD_NODENAME={node}"} if node else set())
        for name in os.listdir("/proc"):
            if not name.isdecimal() or int(name) == os.getpid():
                continue
            try:
                if marks <= set(Path(f"/proc/{name}/environ").read_text(errors="replace").split("\0")):
                    yield int(name)
            except OSError:
                pass

    def end(self, node: str = "") -> None:
        """A loss of power, of the whole cluster or of one node."""
        def nothing_left() -> bool:
            left = list(self.processes(node))
            for sign in (signal.SIGSTOP, signal.SIGKILL):
                for pid in left:
                    try:
                        os.kill(pid, sign)
                    except ProcessLookupError:
                        pass
            self._bury()
            return not left

        until(f"nothing of {node or 'the cluster'} runs", nothing_left)

    @staticmethod
    def _bury() -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def jobs(self) -> dict[str, Any]:
        """The states of all jobs that are not over, by their ids."""
        lines = self.ask("squeue", "-h", "-r", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def logs(self) -> str:
        """For a test that failed."""
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-6000:]}"
                         for path in sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log"),
                                             *self.folder.glob("*/log-*.txt")]))
