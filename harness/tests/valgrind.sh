#!/bin/sh
# Runs the C tests once under valgrind's memcheck, one at a time: what is read before it is written, and
# what is not freed at the end. Usage: valgrind.sh BUILD [TEST...]. Some minutes; not a part of CI, which
# has the sanitizers. Child processes are programs of their own, and are not looked into.
set -eu
cd "$(dirname "$0")/../.."
command -v valgrind >/dev/null || {
	echo "This needs valgrind: make check installs it." >&2
	exit 1
}
build=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
[ $# -gt 0 ] || set -- "$build"/tests/*/test_*

failed=0
for test; do
	case $test in *.*) continue ;; esac
	if timeout 900 valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=definite --child-silent-after-fork=yes \
		--suppressions=harness/tests/valgrind.supp "$test" >"$log" 2>&1; then
		echo "ok   $test"
	else
		echo "FAIL $test"
		grep -e '^==' -e FAILED "$log" | head -n 60
		failed=$((failed + 1))
	fi
done
echo "$failed failed"
[ "$failed" -eq 0 ]
