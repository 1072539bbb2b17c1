#!/bin/sh
# SPDX-License-Identifier: MIT
# build-hostile.sh AREA KVER OUT: build the hostile halves of selftests/AREA in
# OUT, by links, as rig/build-modules.sh builds the modules.
set -eu

kver=$2
out=$3
dir=selftests/$1/hostile
top=$(cd "$(dirname "$0")/../.." && pwd)
headers=$(python3 "$top/rig/kver.py" --headers "$kver")

mkdir -p "$out/ring" "$out/selftests/lib" "$out/$dir"
ln -sf "$top"/ring/*.h "$out/ring/"
ln -sf "$top"/selftests/lib/*.[ch] "$out/selftests/lib/"
ln -sf "$top/$dir"/* "$out/$dir/"
make -s -C "$headers" M="$out/$dir" modules >"$out/log" 2>&1 || {
	cat "$out/log" >&2
	exit 1
}
