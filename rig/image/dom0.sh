#!/bin/bash
# SPDX-License-Identifier: MIT
# Brings dom0 up by hand, without systemd: toolstack, network, disks to serve,
# then the agent that takes the rig's commands.

export PATH=/usr/lib/xen-4.17/bin:$PATH
say() { echo "TENON-RIG dom0 $*"; }
fail() { say "failed: $*"; exit 1; }

# shellcheck source=/dev/null
. /run/tenon/config

say "starting"
for module in $BACK_MODULES; do
	modprobe "$module" || say "cannot load $module"
done
for module in xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs null_blk; do
	case $module in
	null_blk) modprobe null_blk nr_devices=1 gb=4 bs=512 ;;
	*) modprobe "$module" ;;
	esac || say "cannot load $module"
done
/bin/bash /run/tenon/port-agent.sh

mount -t ext2 -o ro /dev/disk/by-id/virtio-kernel /boot/kernel 2>/dev/null ||
	mount -t ext2 -o ro /dev/vdb /boot/kernel || fail "no kernel disk"
cat /boot/kernel/base.cpio /run/tenon/guest.cpio >/run/guest-initrd.cpio

mount -t xenfs xenfs /proc/xen || fail "no xenfs"
mkdir -p /run/xen /run/xenstored /var/lib/xenstored /var/lib/xen \
	/var/log/xen/console /run/lock
rm -f /var/lib/xenstored/*
xenstored --pid-file /run/xenstored.pid || fail "xenstored"
for _ in $(seq 600); do
	xenstore-read /local >/dev/null 2>&1 && break
	sleep 0.1
done
xenstore-read /local >/dev/null 2>&1 || fail "xenstored does not answer"
xen-init-dom0 || fail "xen-init-dom0"
xenconsoled --log=guest --log-dir=/var/log/xen/console \
	--pid-file=/run/xenconsoled.pid || fail "xenconsoled"

/bin/bash /run/tenon/net.sh "$NET" || say "network setup failed"

for port in /sys/class/virtio-ports/*; do
	if [ "$(cat "$port/name")" = guestlog ]; then
		touch /var/log/xen/console/guest-guest.log
		# Without the answers to the rig's own commands.
		(
			exec <"/dev/null" >"/dev/${port##*/}" 2>/dev/null
			tail -q -n +1 -F /var/log/xen/console/guest-guest.log |
				sed -u '/^@@g.* BEGIN/,/^@@g.* END/d'
		) &
	fi
done
say "ready"
