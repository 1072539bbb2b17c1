#!/bin/bash
# SPDX-License-Identifier: MIT
# Brings a guest up: its network, then the mark the rig waits for.

export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
address='' gateway=''
say() { echo "TENON-RIG guest $*"; }

# shellcheck source=/dev/null
. /run/tenon/config

udevadm settle --timeout=120
mount -t xenfs xenfs /proc/xen
for module in $FRONT_MODULES; do
	[ -d "/sys/module/${module//-/_}" ] || say "udev did not load $module"
done

# The network mode decides about the address.
read -r line </proc/cmdline
for word in $line; do
	case $word in
	tenon.address=*) address=${word#*=} ;;
	tenon.gateway=*) gateway=${word#*=} ;;
	esac
done
name=$(xenstore-read name) && hostname "$name"
if [ -n "$address" ]; then
	if ! ip link set eth0 up || ! ip addr add "$address" dev eth0 ||
		! ip route add default via "$gateway" dev eth0 onlink; then
		say "network setup failed"
	fi
fi
say "ready"
