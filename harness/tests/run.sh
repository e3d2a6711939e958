#!/bin/sh
# Runs all tests against each build folder given, three at a time, as many of them mostly wait, and sums
# up. Usage: run.sh BUILD...
# A test is a cmocka program under BUILD/tests/, or a Python unittest file under harness/tests/ (which
# finds the build in $SHAKEDOWN_BUILD). The log of a test that failed is printed whole.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
python=${SHAKEDOWN_PYTHON:-/usr/bin/python3}
export PYTHONPATH="$root/harness" PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

one_test() { # BUILD TEST
	name=$(echo "$1 $2" | tr '/ ' '__')
	case "$2" in
	*.py) set -- "$1" env SHAKEDOWN_BUILD="$root/$1" "$python" -m unittest -v "$2" ;;
	*) set -- "$1" env SHAKEDOWN_BUILD="$root/$1" "$2" ;;
	esac
	shift
	if timeout 600 "$@" </dev/null >"$logs/$name" 2>&1; then
		echo "ok   $name"
		touch "$logs/$name.passed"
	else
		echo "FAIL $name"
		cat "$logs/$name"
		touch "$logs/$name.failed"
	fi
}

if [ "${1-}" = --one ]; then # this script calls itself for each test
	logs=$2
	one_test "$3" "$4"
	exit 0
fi

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

for build in "$@"; do
	find "$build/tests" -type f -name 'test_*' ! -name '*.d' | sort | sed "s|^|$build |"
	find harness/tests -name 'test_*.py' | sort | sed "s|^|$build |"
done | xargs -P 3 -L 1 harness/tests/run.sh --one "$logs"

count() { find "$logs" -name "*.$1" | wc -l; }
failed=$(count failed)
echo "$(count passed) passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$(count passed)" -gt 0 ]
