"""A virtual board at the far end of a line that spoils bytes. Usage: noisy_board.py RATE SEED PROGRAM [ARGUMENT...]

It speaks as shakedown-board does: a line of JSON that names the device, until standard input ends. When the
program dies its line dies too.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runner"))

from boards import NoisyLine  # noqa: E402


def main() -> int:
    rate, seed, *command = sys.argv[1:]
    board = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert board.stdin and board.stdout
    words = board.stdout.readline()
    if words:
        line = NoisyLine(json.loads(words)["device"], float(rate), int(seed))
        print(json.dumps({"event": "ready", "device": line.device}), flush=True)
        select.select([sys.stdin, board.stdout], [], [])  # one of them ends; neither says anything more
    board.stdin.close()
    status = board.wait()
    if status < 0:
        print(f"the board was ended by signal {-status}", file=sys.stderr)
    return abs(status)


if __name__ == "__main__":
    sys.exit(main())
