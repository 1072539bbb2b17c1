# SPDX-License-Identifier: MIT
"""A guest that moves between two machines, live, over their network.

Two QEMUs have a cable between them, bridged to what their guests are on, and
the same two disks.  Each takes in whoever comes by TCP.
"""

import dataclasses
import os

import logscan
import machine
import saving
import tests as t

ADDRESSES = ("10.0.2.15", "10.0.2.16")
DISK = "phy:/dev/disk/by-id/virtio-joined-{}"
TRIPS = max(saving.TIMES // 2, 1)
JOIN = "ip link set eth1 up && ip link set eth1 master xenbr0"
READDRESS = (f"ip addr del {ADDRESSES[0]}/24 dev xenbr0 && "
             f"ip addr add {ADDRESSES[1]}/24 dev xenbr0 && "
             "ip link set eth0 nomaster")
TAKE_IN = """
printf '#!/bin/sh\\nexec busybox nc "$1" 8002\\n' >/run/to-there
printf '#!/bin/sh\\nexec xl migrate-receive 2>>/run/taken-in.log\\n' >/run/take-in
chmod +x /run/to-there /run/take-in
(while :; do busybox nc -l -p 8002 -e /run/take-in; done) >/dev/null 2>&1 &
"""


def second_machine(m):
    """Another machine like this one, at the other end of the cable."""
    setup = dataclasses.replace(m.setup, joined=m.log_dir)
    peer = machine.Machine(setup, f"{os.path.basename(m.log_dir)}-peer", m.say)
    m.peer = peer.__enter__()  # pylint: disable=unnecessary-dunder-call
    m.run(JOIN)
    m.peer.run(f"{READDRESS} && {JOIN}")
    m.run(f"ping -q -c 3 -w 60 {ADDRESSES[1]}", 90)
    for one in (m, m.peer):
        one.run(TAKE_IN)


def _move(m, there):
    """From this machine to the other, or from there to here."""
    source, target = (m, m.peer) if there else (m.peer, m)
    before = saving.uptime(source)
    domid = source.run("xl domid guest").strip()
    out = source.run("xl migrate -s /run/to-there guest "
                     f"{ADDRESSES[there]}; status=$?; [ $status = 0 ] || "
                     "tail /var/log/xen/xl-guest*; exit $status", 900)
    t.expect("Migration successful" in out, out)
    t.expect(source.run("xl domid guest", check=False)[0],
             "the guest is here and there")
    saving.rounds(source, domid)
    # Its agent runs on.
    target.run("touch /run/guest-agent.$(xl domid guest)")
    target.guests.update(source.guests)
    source.guests.clear()
    t.expect(saving.uptime(target) >= before, "time went back")


def idle_guest(m):
    """A guest with nothing to do goes there and comes back."""
    m.create(machine.Guest(vcpus=2, memory=saving.MEMORY,
                           disks=(DISK.format("root") + ",xvda,w",)))
    m.guest_run("head -c 4M /dev/urandom >/tmp/kept; "
                "sha256sum /tmp/kept >/tmp/kept.sum")
    for there in (True, False):
        _move(m, there)
        (m.peer if there else m).guest_run("sha256sum -c /tmp/kept.sum; sync")


def working_guest(m):
    """With verified writes to a disk of both and a connection, too."""
    m.run(f"xl block-attach guest {DISK.format('data')} xvdd w")
    t.guest_wait(m, "[ -b /dev/xvdd ]", "xvdd appears")
    saving.start_work(m)
    for number in range(TRIPS):
        for there in (True, False):
            _move(m, there)
            # The other end of the connection stays here.
            saving.echo(m, f"{'there' if there else 'back'}{number}")


def peer_goes_off(m):
    """The other machine lost nothing, and switches itself off."""
    m.peer.collect()
    m.peer.power_off()
    trouble = logscan.scan(m.peer.log_dir, m.peer.forgiven)
    t.expect(not trouble, trouble[:10])


TESTS = [second_machine, idle_guest, working_guest, saving.work_is_right,
         peer_goes_off]
