#!/bin/sh
# SPDX-License-Identifier: MIT
#
# example.sh RING-DIRECTORY DIRECTORY: the examples build and do what they say.
set -u

ring=$(realpath "$1")
dir=$2
mkdir -p "$dir"
dir=$(realpath "$dir")
n=0
failed=0

result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$dir/log" | tail -n 10
		echo "not ok $n - $2"
		failed=1
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

make -C "$ring" OUT="$dir" echo >"$dir/log" 2>&1 &&
	timeout 60 "$dir/echo" 100000 >"$dir/log" 2>&1
result $? "echo between two processes"

if ! pkg-config --exists liburing; then
	skip "a file served through io_uring" "no liburing-dev"
elif ! make -C "$ring" OUT="$dir" blk_uring >"$dir/log" 2>&1; then
	result 1 "a file served through io_uring"
else
	for mode in poll event; do
		truncate -s 0 "$dir/disk" && truncate -s 4M "$dir/disk" &&
			timeout 120 "$dir/blk_uring" "$dir/disk" 50000 $mode \
				>"$dir/log" 2>&1
		result $? "a file served through io_uring, $mode"
	done
	rm -f "$dir/disk"
fi

# The oldest and the newest there is.
oldest=
newest=
for build in /usr/src/linux-headers-*-amd64; do
	[ -e "$build/Module.symvers" ] || continue
	oldest=${oldest:-$build}
	newest=$build
done
[ "$newest" != "$oldest" ] || newest=
for build in $oldest $newest; do
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree"
	cp -r "$ring" "$dir/tree/ring"
	make -C "$build" M="$dir/tree/ring/examples/kernel" KCFLAGS=-Werror \
		modules >"$dir/log" 2>&1 &&
		[ -e "$dir/tree/ring/examples/kernel/echofront.ko" ] &&
		[ -e "$dir/tree/ring/examples/kernel/echoback.ko" ]
	result $? "kernel front and back end build against $(basename "$build")"
done
[ -n "$oldest" ] || skip "kernel front and back end" "no linux-headers package"
for file in "$ring"/examples/kernel/*.c; do
	[ "$(wc -l <"$file")" -lt 200 ]
	result $? "$(basename "$file"): under 200 lines"
done
echo "1..$n"
exit $failed
