#!/bin/sh
# Fails if a file includes a header of a layer above its own. The layers stand in harness/LAYERS, lowest first.
# Usage: layers.sh HARNESS_FOLDER
set -eu
cd "$1"
# names of layers and files are words
# shellcheck disable=SC2046
awk '
FILENAME == "LAYERS" { for (i = 1; i <= NF; i++) rank[$i] = ++n; next }
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
	split(FILENAME, own, "/"); split($0, parts, "[\"<>]"); split(parts[2], used, "/")
	if (!(own[1] in rank)) next
	# Angle brackets: of the system, unless a layer has that name.
	if (index($0, "<") && !(used[1] in rank)) next
	if (!(used[1] in rank) || rank[used[1]] > rank[own[1]]) {
		printf "harness/%s:%d: layer %s must not include \"%s\" (harness/LAYERS)\n", \
			FILENAME, FNR, own[1], parts[2] > "/dev/stderr"
		bad = 1
	}
}
END { exit bad }
' LAYERS $(find $(cat LAYERS) -name '*.[ch]' -o -name '*.def')
