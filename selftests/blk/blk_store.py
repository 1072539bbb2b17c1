# SPDX-License-Identifier: MIT
"""Disks that stand on more than one machine's own: a network block device."""

import blk_system as b
import tests as t

IMAGE = "/tmp/nbd.img"
SERVE = f"""
modprobe nbd nbds_max=1
truncate -s 64M {IMAGE}
nbd-server 127.0.0.1:10809 {IMAGE} -C /dev/null -p /run/nbd.pid
for i in $(seq 60); do [ -s /run/nbd.pid ] && break; sleep 0.5; done
nbd-client 127.0.0.1 10809 /dev/nbd0 -timeout 30
"""
CLEAN = f"nbd-client -d /dev/nbd0; rm -f {IMAGE} /run/nbd.pid"


def network_block_device(m):
    """A disk behind nbd-server: data survives, and the loss of the server is
    an error to the guest, not a hang"""
    # Whose server is taken away.
    m.forgiven.append("dev nbd0,")
    m.run(SERVE, 120)
    b.attach(m, "phy:/dev/nbd0 xvdd w")
    # Which does not know how to discard.
    m.guest_run(b.VERIFY.format(**b.WORK[0]), 300, step="nbd: verify")
    flushed = "dd if=/dev/urandom of=/dev/xvdd bs=4k count=64 oflag=direct,dsync"
    m.guest_run(f"{flushed} 2>/dev/null", 120)
    wanted = m.guest_run("dd if=/dev/xvdd bs=4k count=64 iflag=direct "
                         "2>/dev/null | md5sum")
    stored = m.run(f"dd if={IMAGE} bs=4k count=64 2>/dev/null | md5sum")
    t.expect(wanted == stored, f"stored {stored}, written {wanted}")
    m.run("pkill -9 nbd-server")
    # The kernel says so too, on the console that the answer comes by.
    m.guest_run(f"dmesg -n 1; ! {flushed} 2>/dev/null; status=$?; "
                "dmesg -n 7; exit $status", 180, step="writing fails")
    b.detach(m)
    m.run(CLEAN, check=False)


TESTS = (network_block_device,)
