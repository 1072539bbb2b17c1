#!/bin/bash
# SPDX-License-Identifier: MIT
# net.sh MODE: dom0's side of the network for one of the modes of the stock
# hotplug scripts.  eth0 is the machine's virtio card, the world behind it is
# 10.0.2.0/24 with the host as 10.0.2.2.

ip link set eth0 up 2>/dev/null || ip link set eth0 up || exit 1
case $1 in
bridge)
	ip link add xenbr0 type bridge forward_delay 0 stp_state 0
	ip link set eth0 master xenbr0
	ip addr add 10.0.2.15/24 dev xenbr0
	ip link set xenbr0 up
	ip route add default via 10.0.2.2
	;;
route | nat)
	ip addr add 10.0.2.15/24 dev eth0
	ip route add default via 10.0.2.2
	echo 1 >/proc/sys/net/ipv4/ip_forward
	# The world outside knows no way back to the guests' own networks.
	iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
	;;
*)
	echo "unknown network mode $1" >&2
	exit 1
	;;
esac
