#!/bin/sh
# SPDX-License-Identifier: MIT
#
# stress.sh DIRECTORY FLAG SLEEP TSAN: run the two-thread test in its three ways,
# with so many requests each.
set -u

dir=$1
n=0
failed=0

run() {
	n=$((n + 1))
	what=$1
	shift
	if timeout 3600 "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		failed=1
	fi
}

echo "1..3"
run "no wake-up lost, $2 requests, sleeps of nanoseconds" \
	"$dir/stress" flag "$2" 1
run "no wake-up lost, $3 requests, sleeps in the kernel" \
	"$dir/stress" eventfd "$3" 2
run "no unordered access (TSan), $4 requests" \
	env TSAN_OPTIONS="halt_on_error=1 exitcode=66" \
	"$dir/stress.tsan" flag "$4" 3
exit $failed
