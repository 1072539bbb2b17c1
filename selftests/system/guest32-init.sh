#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: MIT
# All there is in a 32-bit guest: uses the devices and says what came of it, then
# waits for its end.  Lines "GUEST32 ..." on the console are for guest32.py.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# What the kernel runs when the toolstack asks for an end.
printf '#!/bin/sh\nexec /bin/busybox poweroff -f\n' >/sbin/poweroff
chmod +x /sbin/poweroff

say() { echo "GUEST32 $*"; }
sum() { sha256sum | cut -d' ' -f1; }

address='' gateway=''
read -r line </proc/cmdline
for word in $line; do
	case $word in
	tenon.address=*) address=${word#*=} ;;
	tenon.gateway=*) gateway=${word#*=} ;;
	esac
done

# What others need was copied along: repeat until all are in.
for module in /modules/* /modules/* /modules/*; do
	insmod "$module" 2>/dev/null
done
for disk in xvda xvdb; do
	tries=0
	until [ -b /dev/$disk ] || [ $tries = 600 ]; do
		tries=$((tries + 1))
		usleep 100000
	done
done
say "machine $(uname -m) with $(nproc) CPUs"
say "$(dmesg | grep 'xen:events: Using' | sed 's/.*Using/Using/')"
say "read $(dd if=/dev/xvda bs=64k count=512 2>/dev/null | sum)"
dd if=/dev/urandom of=/tmp/data bs=64k count=128 2>/dev/null
dd if=/tmp/data of=/dev/xvdb bs=64k conv=fsync 2>/dev/null
say "wrote $(sum </tmp/data)"

ip link set lo up
ip link set eth0 up
ip addr add "$address" dev eth0
for size in 0 56 1400 8000; do
	ping -q -c 5 -w 60 -s $size "$gateway" | grep -q ' 0% packet loss' &&
		say "ping $size"
done
# Timers of every CPU, and a sleep of a known length.
before=$(cut -d' ' -f1 /proc/uptime)
for cpu in $(seq 0 $(($(nproc) - 1))); do
	taskset $((1 << cpu)) sleep 1 && say "slept on $cpu"
done
say "time $before $(cut -d' ' -f1 /proc/uptime) clock $(date +%s)"
say "end"
beat=0
while :; do
	beat=$((beat + 1))
	say "beat $beat $(dd \
		if=/dev/xvda bs=64k count=512 2>/dev/null | sum)"
	sleep 2
done
