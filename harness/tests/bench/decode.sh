#!/bin/sh
# What decoding a capture costs, beside counting its packets with libpcap, copying them with tcpdump, and
# what tshark and ssldump take (those that are installed), in one run. CPU seconds of the cheapest of
# three runs; of one run for the two slow ones, on a part of the capture. Nothing fails for being slow.
# Usage: decode.sh BUILD [HANDSHAKES [MEGABYTES]]
set -eu
build=$1
handshakes=${2:-200000}
megabytes=${3:-1000}
bench=$build/tests/bench
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# measure NAME SCALE RUNS COMMAND...: one line; SCALE is how much smaller than the whole its capture is.
measure() {
	name=$1 scale=$2 runs=$3
	shift 3
	command -v "$1" >/dev/null || return 0
	if ! cost=$("$bench/measure" "$runs" "$@"); then
		echo "  $name: did not run"
		return 0
	fi
	echo "$cost" | awk -v name="$name" -v scale="$scale" -v yardstick="$yardstick" '{
		seconds = $1 * scale
		if (yardstick == 0)
			yardstick = seconds
		printf "  %-34s %8.2f s %7.1f times %6d MB", name, seconds, seconds / yardstick, $2
		print (scale > 1 ? "  (measured on 1/" scale ", time scaled)" : "")
	}'
}

# compare FILE TENTH HUNDREDTH
compare() {
	yardstick=0
	measure "counting loop (libpcap)" 1 3 "$bench/count_packets" "$1"
	yardstick=$("$bench/measure" 3 "$bench/count_packets" "$1" | cut -d' ' -f1)
	measure "tcpdump -w /dev/null" 1 3 tcpdump -r "$1" -w /dev/null
	measure "shakedown decode --json" 1 3 "$build/shakedown" decode --json "$1"
	measure "shakedown decode" 1 1 "$build/shakedown" decode "$1"
	measure "tshark, handshake fields" 10 1 tshark -n -r "$2" -Y tls.handshake \
		-T fields -e tls.handshake.ciphersuite -e tls.handshake.extension.type \
		-e tls.handshake.ja3 -e x509af.serialNumber -e tls.alert_message.desc
	measure "ssldump" 100 1 ssldump -n -r "$3"
}

make_capture() { "$bench/make_capture" "$@"; }

make_capture handshakes "$handshakes" "$folder/handshakes.pcap"
make_capture handshakes $((handshakes / 10)) "$folder/tenth.pcap"
make_capture handshakes $((handshakes / 100)) "$folder/hundredth.pcap"
echo "$handshakes handshakes, $(($(wc -c <"$folder/handshakes.pcap") / 1000000)) MB:"
compare "$folder/handshakes.pcap" "$folder/tenth.pcap" "$folder/hundredth.pcap"
rm "$folder/handshakes.pcap"

make_capture bulk "$megabytes" "$folder/bulk.pcap"
make_capture bulk $((megabytes / 10)) "$folder/tenth.pcap"
make_capture bulk $((megabytes / 100)) "$folder/hundredth.pcap"
echo "Bulk data in four connections, $(($(wc -c <"$folder/bulk.pcap") / 1000000)) MB:"
compare "$folder/bulk.pcap" "$folder/tenth.pcap" "$folder/hundredth.pcap"
