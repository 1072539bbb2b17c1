#!/bin/bash
# SPDX-License-Identifier: MIT
# Brings a guest up: its network, then the mark the rig waits for.

export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
say() { echo "TENON-RIG guest $*"; }

# shellcheck source=/dev/null
. /run/tenon/config

udevadm settle --timeout=120
mount -t xenfs xenfs /proc/xen
for module in $FRONT_MODULES; do
	[ -d "/sys/module/${module//-/_}" ] || say "udev did not load $module"
done

# The toolstack's configuration names the address: it differs by network mode.
name=$(xenstore-read name)
address=$(xenstore-read vm-data/address 2>/dev/null)
gateway=$(xenstore-read vm-data/gateway 2>/dev/null)
[ -z "$name" ] || hostname "$name"
if [ -n "$address" ]; then
	ip link set eth0 up &&
		ip addr add "$address" dev eth0 &&
		ip route add default via "$gateway" dev eth0 onlink ||
		say "network setup failed"
fi
say "ready"
