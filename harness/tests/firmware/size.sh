#!/bin/sh
# Prints the size of the agent in each object file (OBJECT is named after its core), and fails if one
# is above the limit. Usage: size.sh OBJECT...
set -eu
text_max=2560 # bytes of code and constants
ram_max=400   # bytes of struct agent, without the store for blobs

measure=$(mktemp -d)
trap 'rm -rf "$measure"' EXIT
echo '#include "agent.h"
char measured[sizeof(struct agent)];' >"$measure/ram.c"

verdict=0
for object in "$@"; do
	core=$(basename "$object" .o)
	# its columns are words
	# shellcheck disable=SC2046
	set -- $(arm-none-eabi-size "$object" | tail -n 1)
	text=$1 state=$(($2 + $3))
	arm-none-eabi-gcc -ffreestanding -mthumb -mcpu="$core" -Iharness/firmware -c "$measure/ram.c" -o "$measure/ram.o"
	ram=$(($(arm-none-eabi-nm -S --radix=d "$measure/ram.o" | awk '/ measured$/ { print $2 + 0 }') + state))
	echo "agent on $core: $text bytes of text (at most $text_max), $ram bytes of RAM (at most $ram_max) and the store for blobs"
	if [ "$text" -gt "$text_max" ] || [ "$ram" -gt "$ram_max" ]; then
		echo "The agent is too large for $core." >&2
		verdict=1
	fi
	foreign=$(arm-none-eabi-nm -u "$object" | awk '$2 != "memset" { print $2 }')
	if [ -n "$foreign" ]; then
		echo "The agent needs functions that a firmware project may not have:" $foreign >&2
		verdict=1
	fi
done
exit $verdict
