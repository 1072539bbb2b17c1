# SPDX-License-Identifier: MIT
"""The kernel example of ring.h, between a guest and dom0."""

EXAMPLE = "ring/examples/kernel"
# Nodes below a directory have its owner and its readers.
CREATE = """
D=$(xl domid guest)
F=/local/domain/$D/device/echo/0 B=/local/domain/0/backend/echo/$D/0
xenstore-write $F "" $B ""
xenstore-chmod $F n$D r0
xenstore-chmod $B n0 r$D
xenstore-write $F/backend $B $F/backend-id 0 $F/state 1 \
    $B/frontend $F $B/frontend-id $D $B/state 1
"""
REMOVE = """
D=$(xl domid guest)
for i in $(seq 120); do
    [ -n "$(ls /sys/bus/xen-backend/drivers/echoback | grep ^echo)" ] || break
    sleep 0.5
done
rmmod echoback && xenstore-rm /local/domain/0/backend/echo &&
    xenstore-rm /local/domain/$D/device/echo
"""
ANSWERED = """
for i in $(seq 240); do
    ! dmesg | grep -q 'echo-0: 100000 echoes' || exit 0
    sleep 0.5
done
exit 1
"""


def ring_example(m):
    """The smallest front and back end over ring.h: every echo is right"""
    m.run("insmod /run/tenon/files/echoback.ko")
    m.guest_run("insmod /run/tenon/files/echofront.ko")
    m.run(CREATE)
    m.guest_run(ANSWERED, 180, step="100,000 echoes")
    m.guest_run("echo echo-0 >/sys/bus/xen/drivers/echofront/unbind && "
                "rmmod echofront")
    m.run(REMOVE, 120, step="the back end lets go")
