#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh KVER OUT: build tenon-prim.ko in OUT, by links.
set -eu

kver=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
headers=$(python3 "$here/../../rig/kver.py" --headers "$kver")

mkdir -p "$out"
ln -sf "$here/Kbuild" "$here/tenon-prim.c" "$out/"
make -s -C "$headers" M="$out" modules >"$out/log" 2>&1 || {
	cat "$out/log" >&2
	exit 1
}
