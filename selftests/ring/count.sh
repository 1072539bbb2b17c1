#!/bin/sh
# SPDX-License-Identifier: MIT
#
# count.sh PROGRAM: instructions a request takes, both ends, ours and Xen's macros',
# by callgrind.  Exact, so a change of the ring that costs any is seen.  The limit:
# a fifth more than those macros where their copies are real ones, for checks that
# they leave to the caller and for fetching lines ahead.
set -u

program=$1

if ! command -v valgrind >/dev/null; then
	echo "1..1"
	echo "ok 1 - instructions # SKIP no valgrind"
	exit 0
fi

collected() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		"$program" count "$1" "$2" "$3" notify "$4" 2>&1 |
		sed -n 's/.*Collected : //p'
}

# count RING SLOT BATCH: for a hundred requests
count() {
	few=$(collected "$1" "$2" "$3" 64)
	many=$(collected "$1" "$2" "$3" 3264)
	echo $(((${many:-0} - ${few:-0}) / 32))
}

n=0
failed=0
echo "1..9"
for slot in 16 64 112; do
	for batch in 1 8 32; do
		n=$((n + 1))
		ours=$(count tenon $slot $batch)
		xens=$(count xen-private $slot $batch)
		name="$slot bytes, batch $batch: $ours instructions a hundred"
		echo "# $name; Xen's macros with private copies $xens"
		if [ "$ours" -gt 0 ] && [ "$((ours * 5))" -le "$((xens * 6))" ]; then
			echo "ok $n - $name"
		else
			echo "not ok $n - $name"
			failed=1
		fi
	done
done
exit $failed
