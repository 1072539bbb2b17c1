#!/bin/bash
# SPDX-License-Identifier: MIT
# kvm-guest.sh NAME MEMORY MAC ADDRESS DISK...: start a guest with QEMU and KVM:
# virtio-blk with a thread of its own, virtio-net with vhost.  Its vCPU runs on
# CPU 1; isolcpus=1 keeps all else on CPU 0, where dom0 would be.
set -eu

name=$1 memory=$2 mac=$3 address=$4
shift 4
run=/run/kvm.$name
log=/var/log/xen/console/guest-$name.log

ip tuntap add dev "tap-$name" mode tap
ip link set "tap-$name" master xenbr0 up
disks=()
for disk; do
	node=disk${#disks[@]}
	disks+=(-blockdev "driver=host_device,node-name=$node,filename=$disk,cache.direct=on,aio=native"
		-device "virtio-blk-pci,drive=$node,iothread=disks")
done
rm -f "$run".*
mkfifo "$run.monitor"
exec 4<>"$run.monitor"
setsid qemu-system-x86_64 -name "$name,debug-threads=on" -machine q35 \
	-accel kvm -cpu host -smp 1 -m "$memory" -display none -nodefaults \
	-no-reboot -S -monitor stdio \
	-kernel /boot/kernel/vmlinux -initrd /run/guest-initrd.cpio \
	-append "console=ttyS0 root=/dev/vda tenon.role=virtio panic=5 net.ifnames=0 tenon.address=$address" \
	-serial "file:$log" -chardev pty,id=rig -device virtio-serial-pci \
	-device virtserialport,chardev=rig,name=rig \
	-object iothread,id=disks "${disks[@]}" \
	-netdev "tap,id=net,ifname=tap-$name,script=no,downscript=no,vhost=on" \
	-device "virtio-net-pci,netdev=net,mac=$mac,romfile=" \
	<"$run.monitor" >"$run.out" 2>&1 &
pid=$!

# Wait for its terminal, then for the thread of its vCPU.
vcpu='' tty=''
for _ in $(seq 600); do
	kill -0 "$pid" 2>/dev/null || break
	tty=$(grep -o '/dev/pts/[0-9]*' "$run.out") &&
		vcpu=$(grep -l '^CPU 0/KVM' "/proc/$pid"/task/*/comm) && break
	sleep 0.1
done
if [ -z "$vcpu" ]; then
	cat "$run.out"
	exit 1
fi
echo "$pid" >"$run.pid"
echo "$tty" >"$run.tty"
vcpu=${vcpu%/comm}
taskset -pc 1 "${vcpu##*/}"
echo cont >&4
