#!/bin/sh
# What memory decoding takes where connections begin and never end. Captures come through a pipe. Usage:
# memory.sh BUILD
set -eu
build=$1

# measure KIND N
measure() {
	"$build/tests/bench/half_open" "$1" "$2" |
		"$build/tests/bench/measure" 1 "$build/shakedown" decode --json - |
		awk -v kind="$1" -v n="$2" '{ printf "  %9d %-8s %8.2f s %6d MB\n", n, kind, $1, $3 }'
}

echo "Connections that never end (CPU seconds, peak memory of shakedown decode --json):"
for kind in syn alike partial hello; do
	measure "$kind" 1000000
done
for kind in large hole; do
	measure "$kind" 32000
done
