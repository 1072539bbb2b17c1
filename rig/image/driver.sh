#!/bin/bash
# SPDX-License-Identifier: MIT
# Makes a guest that runs a driver domain: loads the back ends, puts eth0 on a
# bridge with the interfaces of those it will serve, and starts the toolstack's
# daemon, which runs the hotplug scripts here.

fail() { echo "driver domain: $*"; exit 1; }

# shellcheck source=/dev/null
. /run/tenon/config

for module in $BACK_MODULES; do
	modprobe "$module" || fail "cannot load $module"
done
mkdir -p /var/log/xen /var/lib/xen /run/xen /run/lock

address=$(ip -o -4 addr show dev eth0 | awk '{ print $4 }')
gateway=$(ip route show default | awk '{ print $3 }')
ip addr flush dev eth0
if ! ip link add xenbr0 type bridge forward_delay 0 stp_state 0 ||
	! ip link set eth0 master xenbr0 ||
	! ip addr add "$address" dev xenbr0 || ! ip link set xenbr0 up ||
	! ip route add default via "$gateway"; then
	fail "no bridge"
fi
xl devd || fail "no xl devd"
