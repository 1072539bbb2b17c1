# SPDX-License-Identifier: MIT
"""Which whole-system tests run in which machine.  One list; nothing else.

A boot: name, what to boot (machine.Setup), the tests in order.
"""

import isolation
import tests as t
from machine import Setup

DOM0 = [t.dom0_cpus, t.dom0_disk, t.dom0_network, t.dom0_interrupts,
        t.toolstack]
PATHS = [t.guest_boots, t.block_verify, t.block_flush, t.network_ping,
         t.network_tcp, t.network_upload]
DEVICES = [t.block_stall, t.block_hotplug, t.network_hotplug]
LIFE = [t.pause, t.vcpu_affinity, t.reboot, t.shutdown]


def plan(hv):
    """The boots for a hypervisor, 'tenon' or 'xen'."""
    boots = [
        ("devices", {}, DOM0 + [t.console_input] + PATHS + DEVICES + LIFE),
        ("teardown", {}, [t.life_cycle, t.full_life_cycle,
                          t.destroy_under_load, t.reload_modules]),
        ("smp2", {"dom0_vcpus": 2, "guest_disks": 2},
         DOM0 + [t.guest_smp, t.two_guests] + PATHS),
        ("smp4", {"dom0_vcpus": 4, "cpus": 4}, DOM0 + PATHS[:1]),
        ("q35", {"machine": "q35"}, DOM0 + PATHS[:1]),
        ("level", {"dom0_args": "pci=nomsi"}, DOM0 + PATHS[:2]),
        ("stock-back", {"back": "stock"}, PATHS),
        ("stock-front", {"front": "stock"}, PATHS),
        ("stock", {"back": "stock", "front": "stock"}, PATHS),
        ("isolation", {"back": "stock", "front": "stock",
                       "extra_files": (isolation.build(),)},
         isolation.TESTS),
        ("route", {"net": "route"}, [t.guest_boots, t.network_ping]),
        ("nat", {"net": "nat"}, [t.guest_boots, t.network_ping,
                                 t.network_upload]),
    ]
    if hv == "tenon":
        boots.append(("stock-no-bounce", {"back": "stock", "front": "stock",
                                          "swiotlb": False},
                      [t.wrong_dma_is_noticed]))
    return [(name, Setup(hv=hv, **values), tests)
            for name, values, tests in boots]


# What "make check" boots: everything on Tenon, and on real Xen what shows
# that our drivers keep to the same contract there.
DEFAULT = {"tenon": None,
           "xen": ("devices", "stock-back", "stock-front")}
