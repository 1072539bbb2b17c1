#!/bin/bash
# SPDX-License-Identifier: MIT
# Plain Linux on the machine, to measure the devices themselves: a disk without
# storage, and a network whose far end lives in a namespace as a guest would.

say() { echo "TENON-RIG bare $*"; }
fail() { say "failed: $*"; exit 1; }

udevadm settle --timeout=120
modprobe null_blk nr_devices=1 gb=4 bs=512 || fail "null_blk"
if ! ip netns add guest ||
	! ip link add veth0 type veth peer name veth1 netns guest ||
	! ip addr add 10.9.0.1/24 dev veth0 || ! ip link set veth0 up ||
	! ip -n guest addr add 10.9.0.2/24 dev veth1 ||
	! ip -n guest link set veth1 up || ! ip -n guest link set lo up; then
	fail "network setup"
fi
/bin/bash /run/tenon/port-agent.sh
say "ready"
