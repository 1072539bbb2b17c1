# SPDX-License-Identifier: MIT
"""Counts on real Xen, from its trace buffers.

Debian's Xen has no performance counters, but it can trace.  Tracing costs time, so
the figures of a traced run are thrown away and only the counts kept.  dom0 runs
on CPU 0 and the guest on CPU 1, so the CPU says whose record it is.
"""

import base64
import gzip
import struct

from qemu import RigError

# Entries to Xen: virtual machine exits and what was done about them, and
# hypercalls of paravirtual domains with those inside multicalls.
MASK = 0x0028f000
CPU_CHANGE, LOST = 0x1f003, 0x1f001
VMEXIT, VMEXIT64, VMMCALL = 0x81002, 0x81102, 0x82012
PV_HYPERCALL, PV_SUBCALL = 0x20100d, 0x20200e
PV_ENTRY = 0x201
TRACE = "/dev/shm/compare.trace"
START = (f"rm -f {TRACE}; xentrace -D -S 256 -e {MASK:#x} {TRACE} "
         "</dev/null >/dev/null 2>&1 & echo $! >/run/xentrace.pid; sleep 1; "
         f"[ -e {TRACE} ]")
STOP = ("p=$(cat /run/xentrace.pid); kill -INT $p; "
        "for i in $(seq 100); do [ -d /proc/$p ] || break; sleep 0.1; done; "
        f"gzip -1 -c {TRACE} | base64 -w 0; rm -f {TRACE}")

EXITS = {0x47: "fpu", 0x60: "interrupt", 0x64: "vintr", 0x72: "cpuid", 0x78: "hlt",
         0x7b: "io", 0x7c: "msr", 0x81: "vmmcall", 0x400: "nested-fault"}
HYPERCALLS = {
    0: "set_trap_table", 1: "mmu_update", 2: "set_gdt", 3: "stack_switch",
    5: "fpu_taskswitch", 7: "platform_op", 8: "set_debugreg",
    10: "update_descriptor", 12: "memory_op", 13: "multicall",
    14: "update_va_mapping", 15: "set_timer_op", 17: "xen_version",
    18: "console_io", 20: "grant_table_op", 21: "vm_assist",
    23: "iret", 24: "vcpu_op", 25: "set_segment_base", 26: "mmuext_op",
    29: "sched_op", 32: "event_channel_op", 33: "physdev_op", 34: "hvm_op",
    35: "sysctl", 36: "domctl", 39: "tmem_op", 40: "argo_op",
    41: "xenpmu_op", 42: "dm_op"}
# grant_table_op comes with its command and count, event_channel_op with nothing.
GRANT = {0: "grant_maps", 1: "grant_unmaps", 5: "grant_copies"}


def records(data):
    """(cpu, event, extra words) of every record in a trace."""
    cpu, at = 0, 0
    while at + 4 <= len(data):
        word, = struct.unpack_from("<I", data, at)
        at += 4 + (8 if word >> 31 else 0)
        extra = word >> 28 & 7
        if at + 4 * extra > len(data):
            return
        words = struct.unpack_from(f"<{extra}I", data, at)
        at += 4 * extra
        event = word & 0x0fffffff
        if event == CPU_CHANGE:
            cpu = words[0]
        yield cpu, event, words


def _arguments(words):
    """The hypercall's number and those of its arguments that were traced."""
    number, at, found = words[0] & 0xfffff, 1, {}
    for i in range(6):
        size = words[0] >> (20 + 2 * i) & 3
        if size and at < len(words):
            found[i] = words[at]
            at += size
    return number, found


def _hypercall(add, side, words):
    number, arguments = _arguments(words)
    add(f"{side}.hypercall.{HYPERCALLS.get(number, number)}")
    if number == 20 and arguments.get(0) in GRANT:
        add(f"{side}.{GRANT[arguments[0]]}", arguments.get(2, 1))


def count(text):
    """The counters of a trace, as snapshot() of compare_counts names them.

    RigError when the trace has holes: part of a count is none.
    """
    counts = {}

    def add(name, number=1):
        counts[name] = counts.get(name, 0) + number

    for cpu, event, words in records(
            gzip.decompress(base64.b64decode(text))):
        side = "back" if cpu == 0 else "front"
        if event == LOST:
            raise RigError("xentrace: records were lost")
        if event in (VMEXIT, VMEXIT64):
            add(f"{side}.exit.{EXITS.get(words[0], hex(words[0]))}")
        elif event == VMMCALL:
            add(f"{side}.hypercall.{HYPERCALLS.get(words[0], words[0])}")
        elif event in (PV_HYPERCALL, PV_SUBCALL):
            _hypercall(add, side, words)
        if event >> 12 == PV_ENTRY:
            add(f"{side}.pv_entries")
    return counts
