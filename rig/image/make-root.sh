#!/bin/sh
# SPDX-License-Identifier: MIT
# make-root.sh TAR IMAGE SIZE: turn the root tar into an ext4 disk image.
# Runs under fakeroot, which remembers who owns what.
set -eu

tar=$1 image=$2 size=$3
tree=$(mktemp -d "$(dirname "$image")/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT

tar -x -f "$tar" -C "$tree" --numeric-owner --exclude='./dev/*' \
	--exclude='./var/cache/apt/*' --exclude='./usr/share/doc/*' \
	--exclude='./usr/share/locale/*' --exclude='./usr/share/man/*'

# The kernel runs /sbin/poweroff and /sbin/reboot on a toolstack's request;
# without systemd they are busybox's.
for name in init poweroff reboot halt; do
	ln -sf /bin/busybox "$tree/usr/sbin/$name"
done
mkdir -p "$tree/usr/lib/modules" "$tree/boot/kernel" "$tree/var/log/xen/console"
echo tenon >"$tree/etc/hostname"
: >"$tree/etc/fstab"
: >"$tree/etc/resolv.conf"
echo 'PS1="\h:\w# "' >>"$tree/etc/bash.bashrc"

rm -f "$image"
mke2fs -q -t ext4 -L tenon-root -O ^metadata_csum_seed -E lazy_itable_init=0 \
	-d "$tree" "$image" "$size"
