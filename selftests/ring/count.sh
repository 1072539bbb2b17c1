#!/bin/sh
# SPDX-License-Identifier: MIT
#
# count.sh PROGRAM: instructions a request takes, both ends, ours and Xen's, by
# callgrind.  Exact, so a change of the ring that costs any is seen.  Ours pay for
# private copies and for checks that Xen's leave to the caller: two fifths more
# is the limit.
set -u

program=$1
rounds=1000
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

if ! command -v valgrind >/dev/null; then
	echo "1..1"
	echo "ok 1 - instructions # SKIP no valgrind"
	exit 0
fi

count() {
	valgrind --tool=callgrind --callgrind-out-file="$tmp/out" \
		--toggle-collect="measured_$1$2" "$program" "$1" "$2" "$3" \
		>/dev/null 2>&1 || return
	sed -n 's/^\(totals\|summary\): //p' "$tmp/out" | head -n 1
}

n=0
failed=0
echo "1..9"
for slot in 16 64 112; do
	for batch in 1 8 32; do
		n=$((n + 1))
		ours=$(count tenon $slot $batch)
		xens=$(count xen $slot $batch)
		ours=$((${ours:-0} / rounds / batch))
		xens=$((${xens:-0} / rounds / batch))
		echo "# $slot-byte slots, batch $batch: $ours instructions a request, Xen's macros $xens"
		if [ "$ours" -gt 0 ] && [ "$((ours * 5))" -le "$((xens * 7))" ]; then
			echo "ok $n - $slot bytes, batch $batch: $ours instructions"
		else
			echo "not ok $n - $slot bytes, batch $batch: $ours instructions"
			failed=1
		fi
	done
done
exit $failed
