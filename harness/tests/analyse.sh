#!/bin/sh
# What compilers and checkers say of the sources without running them: clang's warnings, its static
# analyser, clang-tidy (.clang-tidy), cppcheck, and shellcheck. Usage: analyse.sh FLAG..., with the
# flags of the compiler. What one of them finds without cause is excused where it stands, with the
# reason.
set -eu
cd "$(dirname "$0")/../.."
for tool in clang clang-tidy cppcheck shellcheck; do
	command -v "$tool" >/dev/null || {
		echo "The analysis needs $tool: make check installs it." >&2
		exit 1
	}
done

# The glue for NetX Duo needs declarations that only its own test has.
git ls-files '*.c' | grep -v '_netxduo\.c$' |
	xargs -P 2 -n 20 clang -fsyntax-only -DSTACK_LIST= "$@"

programs() { git ls-files 'harness/*.c' | grep -v -e '^harness/tests/' -e '_netxduo\.c$'; }
# The analyser in its shallow mode: the deep one takes five minutes of CPU time, and reports much that
# cannot be, as it does not know what a function of another file returns.
programs | xargs -P 2 -n 8 clang --analyze --analyzer-output text -Xclang -analyzer-werror \
	-Xclang -analyzer-config -Xclang mode=shallow -DSTACK_LIST= "$@"
# What it says on standard error is how much it did not say.
export FLAGS="-DSTACK_LIST= $*"
# flags are words
# shellcheck disable=SC2016
programs | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$@" -- $FLAGS 2>/dev/null' clang-tidy
cppcheck -q -j 2 --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	--library=harness/tests/cppcheck.cfg --inline-suppr --suppress=missingIncludeSystem \
	-D_GNU_SOURCE -Iharness harness
git ls-files | xargs awk '/^#!\/(bin\/sh|usr\/bin\/env bash)/ { print FILENAME } { nextfile }' |
	xargs shellcheck --severity=warning
echo "clang, clang-tidy, cppcheck and shellcheck have nothing to say"
