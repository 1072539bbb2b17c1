#!/bin/bash
# SPDX-License-Identifier: MIT
# Plain Linux with KVM, what a user would otherwise pick: the same disks and the
# same bridge as dom0 has, for guests that QEMU runs (kvm-guest.sh).

say() { echo "TENON-RIG kvm $*"; }
fail() { say "failed: $*"; exit 1; }

udevadm settle --timeout=120
modprobe null_blk nr_devices=1 gb=4 bs=512 || fail "null_blk"
for module in kvm-amd tun vhost-net; do
	modprobe "$module" || fail "$module"
done
[ -c /dev/kvm ] || fail "no /dev/kvm"
mount -t ext2 -o ro /dev/disk/by-id/virtio-kernel /boot/kernel ||
	fail "no kernel disk"
cat /boot/kernel/base.cpio /run/tenon/guest.cpio >/run/guest-initrd.cpio
/bin/bash /run/tenon/net.sh bridge || fail "network setup"
/bin/bash /run/tenon/port-agent.sh
say "ready"
