#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: MIT
# First process of dom0 and of guests: load what the root disk needs, mount it,
# hand the injected files over and start the real init.

bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs devtmpfs /dev
$bb mount -t tmpfs tmpfs /run

role='' root=''
read -r line </proc/cmdline
for word in $line; do
	case $word in
	tenon.role=*) role=${word#*=} ;;
	root=*) root=${word#*=} ;;
	esac
done

die() {
	echo "TENON-RIG $role failed: $*"
	$bb sleep 2
	$bb poweroff -f
}

echo "TENON-RIG $role initramfs"
$bb modprobe crc32c_generic
$bb modprobe ext4
while read -r module; do
	$bb modprobe "$module" || echo "TENON-RIG $role: cannot load $module"
done <"/rig/early.$role"

tries=0
until [ -b "$root" ]; do
	tries=$((tries + 1))
	[ $tries -le 600 ] || die "no root device $root"
	$bb sleep 0.1
done
$bb mount -t ext4 "$root" /sysroot || die "cannot mount $root"

$bb mount -t tmpfs tmpfs /sysroot/usr/lib/modules
$bb cp -a /lib/modules/* /sysroot/usr/lib/modules/
$bb cp -a /rig /run/tenon
$bb mkdir -p /run/modprobe.d
[ ! -d /rig/modprobe.d ] || $bb cp /rig/modprobe.d/* /run/modprobe.d/
for dir in proc sys dev run; do
	$bb mount -o move "/$dir" "/sysroot/$dir"
done
exec $bb switch_root /sysroot /bin/bash /run/tenon/start.sh "$role"
