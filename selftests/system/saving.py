# SPDX-License-Identifier: MIT
"""Saving, restoring and migrating a guest that does not stop working meanwhile.

fio writes and verifies, a TCP connection stands, and clocks go on; what a saved
guest had in dom0 and in the hypervisor is all given back.
"""

import re

import tests as t
from machine import Guest

CYCLES = 10
MIGRATIONS = 5
FILE = "/dev/disk/by-id/virtio-scratch"
GUEST = "10.0.2.21"
PORT = 5559


def _attach(m):
    """A disk for fio to write to."""
    m.run("modprobe brd rd_nr=1 rd_size=32768; [ -b /dev/ram0 ] && "
          "xl block-attach guest phy:/dev/ram0 xvdd w")
    t.guest_wait(m, "[ -b /dev/xvdd ]", "xvdd appears")


def _start(m):
    """Verified writing, until there is a file /tmp/stop; a connection."""
    m.guest_run(
        "(n=0; while [ ! -e /tmp/stop ]; do fio --name=s --filename=/dev/xvdd "
        "--rw=randwrite --bsrange=4k-128k --iodepth=32 --direct=1 --size=24M "
        "--ioengine=libaio --verify=crc32c --verify_fatal=1 "
        "--verify_state_save=0 >/tmp/fio.out 2>&1 || { touch /tmp/fio.bad; "
        "break; }; n=$((n + 1)); done; echo $n >/tmp/fio.end) "
        ">/dev/null 2>&1 & "
        f"busybox nc -l -p {PORT} -e cat >/dev/null 2>&1 & sleep 2")
    m.run("rm -f /tmp/nc /tmp/in; mkfifo /tmp/nc; (exec 9<>/tmp/nc; busybox nc "
          f"{GUEST} {PORT} <&9 >/tmp/in) >/dev/null 2>&1 &")
    _echo(m, "begin")


def _echo(m, word):
    """The connection carries a word there and back."""
    m.run(f"echo {word} >/tmp/nc")
    t.wait_for(m, f"grep -qx {word} /tmp/in", f"'{word}' comes back", 120)


def _uptime(m):
    """The guest's uptime, and its wall clock is dom0's."""
    before = int(m.run("date +%s"))
    clock, uptime = m.guest_run("date +%s; cut -d. -f1 /proc/uptime").split()
    after = int(m.run("date +%s"))
    t.expect(before - 2 <= int(clock) <= after + 2,
             f"the guest's clock says {clock}, dom0's {before} to {after}")
    return int(uptime)


def _domains(m):
    return m.run("xl list | tail -n +2 | wc -l").strip()


def _frames(m):
    """Frames free, or in the tables of dom0's map, which only grow."""
    if m.setup.hv == "xen":
        return t.free_memory(m)
    out = m.run("xl dmesg -c >/dev/null; xl debug-keys q; xl dmesg")
    return int(re.search(r"(\d+) free in the pool", out).group(1)) + \
        int(re.search(r"d0: .* (\d+) map tables", out).group(1))


def _frames_come_back(m, frames):
    """Wait until no more are in use than once before."""
    for _ in range(60):
        now = _frames(m)
        if now == frames:
            return
        m.run("sleep 1")
    t.expect(False, f"{now} frames are free, there were {frames}")


def working_guest(m):
    """A guest with two vCPUs at work."""
    m.create(Guest(vcpus=2, memory=224))
    _attach(m)
    _start(m)


def checkpoint(m):
    """A guest goes on after a copy of it was made."""
    domid = m.run("xl domid guest")
    for number in range(2):
        uptime = _uptime(m)
        m.run(f"xl save -c guest {FILE}", 600)
        t.expect(m.run("xl domid guest") == domid, "it is another domain")
        _echo(m, f"checkpoint{number}")
        t.expect(_uptime(m) >= uptime, "time went back")


def save_restore(m):
    """Ten times; no page and no domain is left behind."""
    frames = None
    domains = _domains(m)
    for number in range(CYCLES):
        uptime = _uptime(m)
        m.run(f"xl save guest {FILE}", 600)
        # The first time, dom0 still makes what it keeps for the next guests.
        if number == 1:
            frames = _frames(m)
        elif number:
            _frames_come_back(m, frames)
        m.run(f"xl restore {FILE}", 600)
        # Its agent runs on, only its number is new.
        m.run("touch /run/guest-agent.$(xl domid guest)")
        t.expect(_domains(m) == domains, "there are other domains")
        _echo(m, f"restore{number}")
        t.expect(_uptime(m) >= uptime, "time went back")


def migrate(m):
    """Live, to the machine it is on: it runs while it is copied."""
    m.run("printf '#!/bin/sh\\nshift\\nexec sh -c \"$*\"\\n' >/run/to-here; "
          "chmod +x /run/to-here")
    domains = _domains(m)
    for number in range(MIGRATIONS):
        uptime = _uptime(m)
        domid = m.run("xl domid guest")
        m.run("xl migrate -s /run/to-here guest localhost", 600)
        t.expect(m.run("xl domid guest") != domid, "it is the same domain")
        m.run("touch /run/guest-agent.$(xl domid guest)")
        t.expect(_domains(m) == domains, "there are other domains")
        _echo(m, f"migrate{number}")
        t.expect(_uptime(m) >= uptime, "time went back")


def work_is_right(m):
    """What was written all the time was read back."""
    m.guest_run("touch /tmp/stop")
    t.guest_wait(m, "[ -e /tmp/fio.end ]", "fio ends", timeout=300)
    status, out = m.guest_run("cat /tmp/fio.end; tail -n 20 /tmp/fio.out; "
                              "[ ! -e /tmp/fio.bad ]", check=False)
    t.expect(not status and re.match(r"[1-9]", out), f"fio:\n{out}")
    m.run("pkill -f '[n]c 10.0.2.21'; rm -f /tmp/nc; true")


TESTS = [working_guest, checkpoint, save_restore, migrate, work_is_right]
