#!/bin/sh
# How much of the layers that find causes is run by the tests: runs all of them, and prints what gcovr
# makes of it, file by file. Usage: coverage.sh BUILD, one that counts (make coverage). Fails where a
# layer has less than LEAST percent of its lines. Processes that are confined, killed or end by _exit
# leave no counts: the sniffer at work and the servers' children are not in it.
set -eu
build=$1
LEAST=95
cd "$(dirname "$0")/../.."
command -v gcovr >/dev/null || {
	echo "The coverage needs gcovr: make check installs it." >&2
	exit 1
}

find "$build" -name '*.gcda' -delete
failed=0
harness/tests/run.sh "$build" || failed=1
for layer in decode flow verdict; do
	gcovr -r . --object-directory "$build/obj" -f "harness/$layer/" --fail-under-line "$LEAST" \
		"$build/obj" || failed=1
done
exit "$failed"
