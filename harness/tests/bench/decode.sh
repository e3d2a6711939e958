#!/bin/sh
# What decoding a capture costs, beside counting its packets with libpcap, copying them with tcpdump, and
# what tshark and ssldump take (those that are installed), in one run. The cheapest of three runs; one run
# for the two slow ones, on a smaller capture of the same kind: their time is scaled by its size, their
# memory is not. That flatters versions of ssldump whose time grows faster than the number of connections.
# Nothing fails for being slow. Usage: decode.sh BUILD [HANDSHAKES [MEGABYTES]]
set -eu
build=$1
handshakes=${2:-200000}
megabytes=${3:-1000}
bench=$build/tests/bench
PATH=$PATH:/usr/sbin:/sbin # where some systems keep ssldump and tcpdump
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# measure NAME SCALE RUNS COMMAND...: one line; SCALE is how much smaller than the whole its capture is.
# The first one is the yardstick of those after it.
measure() {
	name=$1 scale=$2 runs=$3
	shift 3
	if ! command -v "$1" >/dev/null; then
		echo "  $name: not installed"
		return 0
	fi
	if ! cost=$("$bench/measure" "$runs" "$@"); then
		echo "  $name: did not run"
		return 0
	fi
	yardstick=${yardstick:-$cost}
	echo "$cost $yardstick" | awk -v name="$name" -v scale="$scale" '{
		cpu = $1 * scale
		wall = $2 * scale
		printf "  %-26s %8.2f s %7.1f times %8.2f s %7.1f times %5d MB", name, cpu, cpu / $4,
		       wall, wall / $5, $3
		print (scale > 1 ? "  (on 1/" scale " of it)" : "")
	}'
}

# compare FILE TENTH
compare() {
	yardstick=
	printf '  %-26s %10s %13s %10s %13s %8s\n' "" CPU "of counting" clock "of counting" memory
	measure "counting loop (libpcap)" 1 3 "$bench/count_packets" "$1"
	# As root, tcpdump would make a file that it opens by name its own.
	measure "tcpdump -w - >/dev/null" 1 3 sh -c 'exec tcpdump -r "$0" -w - >/dev/null' "$1"
	measure "shakedown decode --json" 1 3 "$build/shakedown" decode --json "$1"
	measure "shakedown decode" 1 1 "$build/shakedown" decode "$1"
	measure "tshark, handshake fields" 10 1 tshark -n -r "$2" -Y tls.handshake \
		-T fields -e tls.handshake.ciphersuite -e tls.handshake.extension.type \
		-e tls.handshake.ja3 -e x509af.serialNumber -e tls.alert_message.desc
	measure "ssldump" 10 1 ssldump -n -r "$2"
}

# both KIND SIZE: a capture of that size and one of a tenth of it, as whole.pcap and tenth.pcap.
both() {
	"$bench/make_capture" "$1" "$2" "$folder/whole.pcap"
	"$bench/make_capture" "$1" $(($2 / 10)) "$folder/tenth.pcap"
}

both handshakes "$handshakes"
echo "$handshakes handshakes, $(($(wc -c <"$folder/whole.pcap") / 1000000)) MB:"
compare "$folder/whole.pcap" "$folder/tenth.pcap"

both bulk "$megabytes"
echo "Bulk data in four connections, $(($(wc -c <"$folder/whole.pcap") / 1000000)) MB:"
compare "$folder/whole.pcap" "$folder/tenth.pcap"
