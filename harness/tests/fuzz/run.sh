#!/bin/sh
# Runs the fuzz targets, two at a time. Usage: run.sh BUILD SECONDS [TARGET...]
# Each begins with the same inputs and the same seed. What it finds beyond them stays in
# BUILD/found; an input that fails stays there too, and the target's log is printed.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$root"
export SHAKEDOWN_ROOT="$root"
export UBSAN_OPTIONS=print_stacktrace=1

# Bytes of an input at most; those not named here take 4096.
max_len() {
	case "$1" in
	packets | transcript | capture | hellos | decryption | results | journal | request) echo 16384 ;;
	unpack) echo 1024 ;; # what it unpacks to is up to 100,000 times as much
	stream | protection | agent | keylog | keeper) echo 2048 ;;
	*) echo 4096 ;;
	esac
}

# libjq does not free what it has read of a program that it refuses.
leaks() {
	case "$1" in
	rules) echo detect_leaks=0 ;;
	*) echo detect_leaks=1 ;;
	esac
}

# What boards print is read by the runner, which is Python: a target of its own kind.
run_target() { # BUILD SECONDS TARGET
	if [ "$3" = lines ]; then
		"${SHAKEDOWN_PYTHON:-/usr/bin/python3}" harness/tests/fuzz/fuzz_lines.py "$2"
		return
	fi
	"$1/fuzz/fuzz_$3" -seed=1 -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 \
		-"$(leaks "$3")" -max_len="$(max_len "$3")" -print_final_stats=1 \
		-artifact_prefix="$1/found/$3/" "$1/found/$3" "$1/seeds/$3"
}

if [ "${1-}" = --one ]; then # this script calls itself for each target
	build=$2 seconds=$3 target=$4
	found=$build/found/$target
	mkdir -p "$found" "$build/seeds/$target"
	TMPDIR=$(mktemp -d -p /dev/shm || mktemp -d) # some targets write much, and make it safe
	export TMPDIR
	trap 'rm -rf "$TMPDIR"' EXIT
	ASAN_OPTIONS=$(leaks "$target")
	export ASAN_OPTIONS
	if run_target "$build" "$seconds" "$target" >"$found.log" 2>&1; then
		echo "ok   fuzz_$target: $(sed -n 's/^stat::number_of_executed_units: *\([0-9]*\)$/\1 inputs/
			/^[0-9]* inputs$/p' "$found.log")"
	else
		echo "FAIL fuzz_$target"
		tail -n 60 "$found.log"
		exit 1
	fi
	exit 0
fi

build=$1 seconds=$2
shift 2
seeds=$build/seeds

# Copies files to the seeds of a target, with names made of their paths.
plant() { # TARGET FILE...
	target=$1
	shift
	mkdir -p "$seeds/$target"
	for file; do
		cp "$file" "$seeds/$target/$(echo "$file" | tr / _)"
	done
}

rm -rf "$seeds"
"$build/fuzz/seeds" "$seeds" captures/*.pcap captures/golden/*/in.pcap*
plant capture captures/*.pcap captures/golden/*/in.pcap*
plant hellos captures/*.pcap captures/golden/*/in.pcap*
plant suite scenarios/*.json scenarios/invalid/*/*.json
plant profile scenarios/boards/*.json scenarios/invalid/board-*/*.json
plant recipes certs/recipes.json
plant rules harness/verdict/rules/*.json
plant results harness/tests/view/run/results.json
plant known scenarios/boards/known.json
for folder in harness/tests/fuzz/corpus/*/; do
	plant "$(basename "$folder")" "$folder"*
done

# names of targets are words
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- lines $(ls "$build"/fuzz | sed -n 's/^fuzz_//p')
printf '%s\n' "$@" | xargs -P 2 -I '{}' harness/tests/fuzz/run.sh --one "$build" "$seconds" '{}'
