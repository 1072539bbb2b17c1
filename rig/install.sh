#!/bin/sh
# SPDX-License-Identifier: MIT
# install.sh [--remove] KVER: put our modules where modprobe finds them, and a
# modprobe.d file that prefers them to the stock ones.  DESTDIR is honoured.
#
# Should ours be missing for some kernel, the stock module is loaded after all:
# a machine must not lose its root disk over a kernel update.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
remove=
if [ "$1" = --remove ]; then
	remove=1
	shift
fi
kver=$1
modules=${DESTDIR:-}/lib/modules/$kver/updates/tenon
conf=${DESTDIR:-}/etc/modprobe.d/tenon.conf

if [ -n "$remove" ]; then
	rm -rf "$modules"
	rm -f "$conf"
else
	mkdir -p "$modules" "$(dirname "$conf")"
	install -m 0644 "$top/out/modules/$kver"/*.ko "$modules"
	{
		echo "# Tenon's drivers come before the stock ones."
		for name in blkback netback blkfront netfront; do
			echo "install xen-$name /sbin/modprobe tenon-$name ||" \
				"/sbin/modprobe --ignore-install xen-$name"
		done
	} >"$conf"
fi
if [ -z "${DESTDIR:-}" ]; then
	depmod "$kver"
	echo "if a front end serves the root disk: update-initramfs -u -k $kver"
fi
