#!/bin/bash
# SPDX-License-Identifier: MIT
# Brings a guest with virtio devices up: its network, the agent, the mark.

export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
address=''
say() { echo "TENON-RIG guest $*"; }

udevadm settle --timeout=120
read -r line </proc/cmdline
for word in $line; do
	case $word in
	tenon.address=*) address=${word#*=} ;;
	esac
done
hostname guest
if ! ip link set eth0 up || ! ip addr add "$address" dev eth0; then
	say "network setup failed"
fi
/bin/bash /run/tenon/port-agent.sh
say "ready"
