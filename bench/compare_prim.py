# SPDX-License-Identifier: MIT
"""Costs of the primitives, measured by a kernel module in guest and dom0."""

import re
import statistics

from jobs import JobError

SOURCES = "bench/prim"
MODULE = "/run/tenon/files/tenon-prim.ko"
FLOOR_MODULE = "/run/tenon/files/tenon-vmrun.ko"
SAID = "dmesg | sed -n 's/.*tenon-prim: //p'"
# What the guest's module measures, then dom0's, then plain Linux's.
NAMES = ("hypercall", "event.self", "timer.late", "dom0.hypercall",
         "event.round_trip", "event.round_trip_busy",
         "event.round_trip_same_cpu", "grant.copy.1",
         "grant.copy.32", "grant.map_unmap.1", "grant.map_unmap.32", "vmrun")
FLOOR = ("vmrun",)


def names(env):
    """What is measured in an environment."""
    if env.name == "bare":
        return FLOOR
    return tuple(set(NAMES) - set(FLOOR)) if env.split else ()


def _values(text):
    """Median of the batches, in us, by name; failures are left out."""
    return {name: round(statistics.median(map(int, numbers.split())) / 1e3, 3)
            for name, numbers in re.findall(r"^([\w.]+):((?: \d+)+)$", text,
                                            re.M)}


def measure(env):
    """({name: us}, everything the modules said)."""
    m = env.box.machine
    if env.name == "bare":
        # Not on QEMU's first CPU, whose guests other CPUs disturb.
        text = m.run(f"dmesg -C; taskset -c 1 insmod {FLOOR_MODULE}; {SAID}; "
                     "rmmod tenon_vmrun", 120, step="the floor")
        return _values(text), text
    guest = m.guest_run(f"dmesg -C; insmod {MODULE}; {SAID}", 300,
                        step="primitives, guest")
    found = re.search(r"port=(\d+) grefs=([\d,]+)", guest)
    if not found:
        raise JobError(f"prim: the guest's module said: {guest.strip()[-300:]}")
    command = (f"dmesg -C; insmod {MODULE} domid=$(xl domid guest) "
               f"port={found.group(1)} grefs={found.group(2)}%s; {SAID}; "
               "rmmod tenon_prim")
    try:
        dom0 = m.run(command % "", 300, step="primitives, dom0")
        # And one with dom0 on the guest's CPU, where it sleeps.
        dom0 += m.run("xl vcpu-pin 0 0 1; " + command % " shared=1"
                      + "; xl vcpu-pin 0 0 0", 300,
                      step="primitives, one CPU")
        # One event more, with a guest that does not sleep.
        m.guest_run("timeout 120 bash -c 'while :; do :; done' >/dev/null 2>&1"
                    " & echo $! >/run/busy", 60)
        busy = m.run(command % "", 300, step="primitives, busy guest")
    finally:
        m.guest_run("kill $(cat /run/busy); rmmod tenon_prim; true", 60)
    values = {**_values(guest), **_values(dom0)}
    if "event.round_trip" in _values(busy):
        values["event.round_trip_busy"] = _values(busy)["event.round_trip"]
    return values, guest + dom0 + busy
