#!/bin/sh
# SPDX-License-Identifier: MIT
# build-hostile.sh KVER OUT: build the hostile network front end in OUT, by
# links, as rig/build-modules.sh builds the modules.
set -eu

kver=$1
out=$2
top=$(cd "$(dirname "$0")/../.." && pwd)
headers=/lib/modules/$kver/build
[ -d "$headers" ] || headers=/usr/src/linux-headers-$kver

mkdir -p "$out/ring" "$out/selftests/net/hostile"
ln -sf "$top"/ring/*.h "$out/ring/"
ln -sf "$top"/selftests/net/hostile/* "$out/selftests/net/hostile/"
make -s -C "$headers" M="$out/selftests/net/hostile" modules >"$out/log" 2>&1 || {
	cat "$out/log" >&2
	exit 1
}
