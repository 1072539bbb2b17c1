#!/bin/bash
# SPDX-License-Identifier: MIT
# start.sh ROLE: last step before the root disk's init takes over: what both
# dom0 and guests need, then busybox init with a shell on the console.

role=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root

mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -o remount,rw,noatime /
hostname "$role"
ip link set lo up

# Symbols of our own modules come first: depmod ran when they were injected.
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --type=subsystems
udevadm trigger --action=add --type=devices

console=$(sed 's/.* //' /sys/class/tty/console/active)
{
	echo "::sysinit:/bin/bash /run/tenon/$role.sh"
	echo "$console::respawn:-/bin/bash"
	echo "::ctrlaltdel:/sbin/reboot"
	echo "::shutdown:/bin/sync"
} >/etc/inittab
exec /sbin/init
