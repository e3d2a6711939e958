#!/bin/sh
# Installs the packages of packages.txt that are missing. Usage: packages.sh build|check
# On a system without apt it prints what is needed and stops.
set -eu
cd "$(dirname "$0")"
case "${1-}" in
build) wanted='$2 == "build"' ;;
check) wanted='$2 == "build" || $2 == "check"' ;;
*) echo "usage: packages.sh build|check" >&2; exit 2 ;;
esac
packages=$(awk "!/^#/ && ($wanted) { print \$1 }" packages.txt)

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	missing_tools=
	command -v pkg-config >/dev/null && pkg-config --exists openssl libpcap jansson libuv libseccomp zlib libzstd ||
		missing_tools=yes
	[ -z "$missing_tools" ] && exit 0
	echo "This system has no apt. Install what these Debian packages hold, then run make again:" >&2
	echo $packages >&2
	exit 1
fi

# True if what this package holds is there without it; or if apt has its lists, and the package is not in them.
is_elsewhere() {
	grep -q "^$1 .* command\$" packages.txt && command -v "$1" >/dev/null && return
	grep -q "^$1 .* split\$" packages.txt && apt-cache show gcc >/dev/null 2>&1 &&
		! apt-cache show "$1" >/dev/null 2>&1
}

find_missing() {
	missing=
	for package in $packages; do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$status" = installed ] || is_elsewhere "$package" || missing="$missing $package"
	done
}

find_missing
[ -z "$missing" ] && exit 0

sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null || {
		echo "As root, run: apt-get install --no-install-recommends$missing" >&2
		exit 1
	}
fi
echo "Installing:$missing"
$sudo apt-get update -qq
find_missing
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
