#!/bin/sh
# What Shakedown costs, beside what the machine can do at all, measured in the same run. Nothing fails for
# being slow. Usage: bench.sh BUILD
set -eu
cd "$(dirname "$0")/../.."
PYTHONDONTWRITEBYTECODE=1 "${SHAKEDOWN_PYTHON:-/usr/bin/python3}" harness/tests/bench/cells.py "$1"
"$1/tests/bench/answers" certs/out captures/st-forum-rsa-refused.pcap 4
