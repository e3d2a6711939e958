#!/bin/sh
# Runs the C tests once under valgrind's memcheck, one at a time, and then whole runs: what is read
# before it is written, and what is not freed at the end. Usage: valgrind.sh BUILD [TEST...]; with
# tests that are named, those alone. Some minutes; not a part of CI, which has the sanitizers.
set -eu
cd "$(dirname "$0")/../.."
command -v valgrind >/dev/null || {
	echo "This needs valgrind: make check installs it." >&2
	exit 1
}
build=$1
shift
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
memcheck="valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
	--suppressions=$PWD/harness/tests/valgrind.supp"
failed=0

# What memcheck cannot run, and why that is no loss.
left_out() { # TEST
	case $1 in
	*/flow/test_rights | */flow/test_private_network) echo "memcheck does not know the system call seccomp" ;;
	esac
}

# Child processes are programs of their own, and are not looked into.
check() { # TEST
	# the command is words
	# shellcheck disable=SC2086
	if timeout 900 $memcheck --error-exitcode=99 --child-silent-after-fork=yes "$1" >"$logs/test" 2>&1; then
		echo "ok   $1"
	else
		echo "FAIL $1"
		grep -e '^==' -e FAILED "$logs/test" | head -n 60
		failed=$((failed + 1))
	fi
}

# All processes of whole runs, but for the sniffer, which does not read without its filter, and Python. What the sniffer does is in the C tests: test_sniffer, test_live, test_collector.
check_runs() {
	mkdir "$logs/runs"
	if SHAKEDOWN_BUILD=$PWD/$build PYTHONPATH=$PWD/harness SHAKEDOWN_MEMCHECK="$memcheck --vgdb=no \
		--trace-children=yes --trace-children-skip=*python*,*shakedown-sniffer --log-file=$logs/runs/%p" \
		"${SHAKEDOWN_PYTHON:-/usr/bin/python3}" harness/tests/soak/memory.py >"$logs/test" 2>&1 &&
		[ -z "$(cat "$logs"/runs/*)" ]; then
		echo "ok   $(find "$logs/runs" -type f | wc -l) processes of two runs"
	else
		echo "FAIL two runs"
		cat "$logs/test" "$logs"/runs/* | head -n 100
		failed=$((failed + 1))
	fi
}

runs=no
[ $# -gt 0 ] || {
	set -- "$build"/tests/*/test_*
	runs=yes
}
for test; do
	case $test in *.*) continue ;; esac
	why=$(left_out "$test")
	if [ -n "$why" ]; then
		echo "left out: $test: $why"
	else
		check "$test"
	fi
done
[ $runs = no ] || check_runs
echo "$failed failed"
[ "$failed" -eq 0 ]
