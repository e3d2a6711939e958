#!/bin/sh
# Fetches axe-core, which checks pages against the rules of accessibility, by npm into FOLDER. Where it cannot be
# had, says so, and that check is skipped: nothing else needs it. Usage: fetch_axe.sh FOLDER
set -eu
version=4.14.1
[ -f "$1/axe.min.js" ] && exit 0
mkdir -p "$1"
cd "$1"
if ! npm pack --silent "axe-core@$version" >npm.log 2>&1; then
	echo "axe-core cannot be fetched ($(tail -n 1 npm.log 2>/dev/null)):" \
		"the page is not checked against the rules of accessibility." >&2
	exit 0
fi
tar -xzf "axe-core-$version.tgz" --strip-components=1 package/axe.min.js
rm -f "axe-core-$version.tgz" npm.log
