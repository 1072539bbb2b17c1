# SPDX-License-Identifier: MIT
"""Which whole-system tests run in which machine.  One list; nothing else."""

import dataclasses
import os
import sys

import driver_domain
import guest32
import isolation
import moving
import saving
import tests as t
from machine import Setup

sys.path[:0] = [os.path.join(t.TOP, "selftests", area)
                for area in ("blk", "debug", "net", "ring")]
# pylint: disable=wrong-import-position
import blk_cut  # noqa: E402
import blk_hostile  # noqa: E402
import blk_poll  # noqa: E402
import blk_store  # noqa: E402
import blk_system  # noqa: E402
import compiled  # noqa: E402
import debug_system  # noqa: E402
import net_tests  # noqa: E402
import ring_system  # noqa: E402
import xdp_tests  # noqa: E402

DOM0 = [t.dom0_cpus, t.dom0_disk, t.dom0_network, t.dom0_interrupts,
        t.toolstack, t.hypervisor_memory]
PATHS = [t.guest_boots, t.block_verify, t.block_flush, t.network_ping,
         t.network_tcp, t.network_upload]
DEVICES = [t.event_abi, t.block_stall, t.block_hotplug, t.network_hotplug]
LIFE = [t.pause, t.vcpu_affinity, t.reboot, t.shutdown]
STOCK = {"back": "stock", "front": "stock"}


@dataclasses.dataclass
class Boot:
    """One machine and the tests it runs, in order.

    files: called with the kernel's version, returns paths of what the tests
    need inside; it may build them.
    planted: (log file, pattern) of the trouble that the logs must show.
    """
    name: str
    tests: list
    setup: dict = dataclasses.field(default_factory=dict)
    files: object = None
    planted: list = ()


# The most telling first: a host that is too slow for all ends the list early.
BOOTS = [
    Boot("devices", [*DOM0, t.console_input, *PATHS, t.toolstack_guest,
                     t.cpu_cap, *DEVICES, ring_system.ring_example, *LIFE],
         files=lambda kver: compiled.modules(ring_system.EXAMPLE, kver)),
    Boot("stock-back", PATHS, {"back": "stock"}),
    Boot("stock-front", PATHS, {"front": "stock"}),
    Boot("stock", PATHS, STOCK),
    Boot("isolation", isolation.TESTS, {**STOCK, "xsave": True},
         lambda kver: (isolation.build(),)),
    Boot("smp2", [*DOM0, t.guest_smp, t.two_guests, *PATHS,
                  net_tests.net_queues],
         {"dom0_vcpus": 2, "guest_disks": 2, "xsave": True}),
    Boot("teardown", [t.life_cycle, t.full_life_cycle, t.destroy_under_load,
                      t.reload_modules]),
    Boot("block", [blk_system.block_guest, *blk_system.TESTS,
                   *blk_hostile.TESTS, *blk_poll.TESTS, *blk_store.TESTS,
                   *blk_cut.TESTS],
         {"back": "ours,stock", "front": "ours,stock", "limit": 3600},
         lambda kver: (*compiled.modules("selftests/blk/hostile", kver),
                       compiled.program(blk_cut.SOURCE))),
    Boot("block-mixes", [blk_system.block_guest, blk_system.mixes],
         {"back": "ours,stock", "front": "ours,stock", "limit": 2400}),
    Boot("net", [t.plain_guest, *net_tests.TESTS],
         {"back": "stock,ours", "front": "stock,ours", "limit": 3600,
          "dom0_args": "tenon_netback.max_queues=2"},
         lambda kver: (*compiled.modules("selftests/net/hostile", kver),
                       compiled.program(xdp_tests.SOURCE))),
    Boot("xdp", [xdp_tests.two_queues, *xdp_tests.TESTS],
         {"back": "stock,ours", "front": "stock,ours", "dom0_vcpus": 2,
          "limit": 2400},
         lambda kver: (compiled.program(xdp_tests.SOURCE),)),
    Boot("xdp-stock-back", [t.plain_guest, *xdp_tests.TESTS],
         {"back": "stock", "front": "stock,ours", "limit": 2400},
         lambda kver: (compiled.program(xdp_tests.SOURCE),)),
    Boot("xdp-stock-front", [t.plain_guest, *xdp_tests.STOCK_FRONT],
         {"back": "stock,ours", "front": "stock", "limit": 2400},
         lambda kver: (compiled.program(xdp_tests.SOURCE),)),
    # Each has a stock half here and ours there, block the other way than net.
    Boot("mixed", [blk_system.block_guest, *blk_system.MIXED,
                   *net_tests.MIXED],
         {"back": "ours,stock", "front": "stock,ours", "limit": 2400}),
    Boot("mixed-too", [blk_system.block_guest, *blk_system.MIXED,
                       blk_system.detach_under_load, *net_tests.MIXED],
         {"back": "stock,ours", "front": "ours,stock", "limit": 2400}),
    Boot("driver-domain", [*driver_domain.SERVICE, net_tests.net_ping_sizes,
                           net_tests.net_stream, *driver_domain.DEATHS],
         {"guest_disks": 3, "limit": 3600}),
    Boot("saving", saving.TESTS, {"limit": 3600}),
    Boot("saving-stock", saving.TESTS, {**STOCK, "limit": 3600}),
    Boot("smp4", [*DOM0, t.dom0_pinned, *PATHS[:1]],
         {"dom0_vcpus": 4, "cpus": 4, "hv_args": "dom0_vcpus_pin"}),
    Boot("q35", DOM0 + PATHS[:1], {"machine": "q35"}),
    # No RAM is left where Linux maps what is not its own: it goes where dom0's
    # map shows devices.
    Boot("big-dom0", PATHS, {"memory": 6144, "dom0_memory": 4096}),
    Boot("big-dom0-stock", PATHS, {**STOCK, "memory": 6144,
                                   "dom0_memory": 4096}),
    # One vCPU more than there are CPUs, which dom0 does not get.
    Boot("level", DOM0 + PATHS[:2],
         {"dom0_args": "pci=nomsi", "dom0_vcpus": 3}),
    Boot("two-level", [*DOM0, t.guest_two_level, t.event_abi, *PATHS[1:]],
         {"dom0_args": t.TWO_LEVEL}),
    Boot("route", [t.guest_boots, t.network_ping], {"net": "route"}),
    Boot("nat", [t.guest_boots, t.network_ping, t.network_upload],
         {"net": "nat"}),
]
ONLY = {
    # Without the bounce buffer that the rig gives stock back ends on Tenon.
    "tenon": [Boot("stock-no-bounce", [t.wrong_dma_is_noticed],
                   {**STOCK, "swiotlb": False}),
              # On Xen under TCG this kernel says nothing at all.
              Boot("guest32", guest32.TESTS, files=guest32.files),
              Boot("guest32-stock", guest32.TESTS, STOCK, guest32.files),
              Boot("moving", moving.TESTS,
                   {"joined": ".", "memory": 2048, "dom0_memory": 1024,
                    "limit": 3600})],
    # Our drivers on what others run.
    "xen": [Boot("ours", [*PATHS, ring_system.ring_example, t.guest_destroy,
                          t.destroy_under_load],
                 files=lambda kver: compiled.modules(ring_system.EXAMPLE, kver))],
}
# With a kernel that looks for its own mistakes; these boots and no others, but
# with all their tests, are what "make check-debug" does.
DEBUG_BOOTS = [Boot("planted", debug_system.TESTS, {},
                    lambda kver: compiled.modules("selftests/debug", kver),
                    debug_system.PLANTED)]
DEBUG_DEFAULT = ("planted", "devices", "block", "net", "teardown", "smp2",
                 "stock-back", "stock-front", "block-mixes", "mixed",
                 "mixed-too", "saving")
# What its kernel, smaller than Debian's, is without.
DEBUG_LACKS = {net_tests.net_xdp: "the debug kernel has no BPF"}
# What "make check" boots.  "make soak" boots everything, on Tenon and on Xen:
# it takes hours.
DEFAULT = {"tenon": ("devices", "stock-back", "stock-front", "stock",
                     "isolation", "smp2", "teardown", "block", "net", "smp4",
                     "q35", "level", "two-level", "route", "nat",
                     "stock-no-bounce"),
           "xen": ("ours",)}
# What takes minutes, or what other tests come close to: "make check" does
# without.
LONG = (blk_system.resize, blk_system.rebind, blk_hostile.hostile_back_end,
        blk_store.network_block_device, blk_cut.deaths_amid_flushes,
        blk_system.save_restore,
        net_tests.net_save_restore,
        net_tests.net_stream_ipv6, net_tests.net_stream_offloads,
        net_tests.net_stream_mtu, net_tests.net_rx_stall,
        net_tests.net_detach_under_load, net_tests.net_rate,
        net_tests.net_hostile_back, net_tests.net_reload_front,
        net_tests.net_back_late, net_tests.net_stock_beside)


def plan(hv, kver):
    """(boot, its machine.Setup) for a hypervisor, 'tenon' or 'xen'."""
    boots = [(boot, Setup(hv=hv, kver=kver, **boot.setup))
             for boot in DEBUG_BOOTS + BOOTS + ONLY[hv]]
    return [(boot, setup) for boot, setup in boots
            if setup.debug() or boot not in DEBUG_BOOTS]
