#!/bin/sh
# SPDX-License-Identifier: MIT
# build-modules.sh KVER [DIR...]: build the Linux modules (all, or those of the
# given directories) against installed headers; they land in out/modules/KVER.
#
# The build runs in a tree of symbolic links under out/, one per kernel, so that
# the sources stay clean and two kernels' objects never mix.  Further make
# arguments come in MODULE_FLAGS (C=1, W=1 ...).
set -eu

kver=$1
shift
top=$(cd "$(dirname "$0")/.." && pwd)
headers=$(python3 "$top/rig/kver.py" --headers "$kver")

build=$top/out/build/$kver
mkdir -p "$top/out/build" "$top/out/modules/$kver"
exec 9>"$build.lock"
flock 9
# Links and objects of another tree, if out/ was copied or moved.
[ "$(cat "$build/.top" 2>/dev/null)" = "$top" ] || rm -rf "$build"
mkdir -p "$build"
echo "$top" >"$build/.top"

cd "$top"
find ring evtchn dom0 domu Kbuild -type f \
	\( -name '*.[ch]' -o -name Kbuild \) >"$build/.sources"
while read -r file; do
	if [ ! -L "$build/$file" ]; then
		mkdir -p "$build/$(dirname "$file")"
		ln -s "$top/$file" "$build/$file"
	fi
done <"$build/.sources"
find "$build" -xtype l -delete

dirs=$*
if [ -z "$dirs" ]; then
	for dir in evtchn dom0/blkback dom0/netback domu/blkfront \
		domu/netfront; do
		[ ! -f "$dir/Kbuild" ] || dirs="$dirs $dir"
	done
fi
# shellcheck disable=SC2086
make -j"$(nproc)" -C "$headers" M="$build" TENON_DIRS="$dirs" ${MODULE_FLAGS:-} \
	--no-print-directory modules

# A module that did not change keeps its time stamp.
find "$build" -name '*.ko' | while read -r module; do
	to=$top/out/modules/$kver/$(basename "$module")
	cmp -s "$module" "$to" || cp "$module" "$to"
done
