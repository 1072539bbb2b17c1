# SPDX-License-Identifier: MIT
"""Exact counts of a job: exits, hypercalls, notifications, grant operations.

Everything is a counter that only grows, read before and after.  What a run costs
without any work (the program's start, the console, ticks) is measured once and
taken away; the rest is divided by the I/Os.
"""

import re

DOM0 = r"""
echo '== interrupts'; cat /proc/interrupts
echo '== driver'; cat /sys/kernel/debug/tenon/blkback/*/queues 2>/dev/null
for i in /sys/class/net/vif*; do ethtool -S "${i##*/}" 2>/dev/null; done
"""
TENON = DOM0 + r"""
echo '== hypervisor'; xl debug-keys q; xl dmesg -c
"""
GUEST = r"""
echo '== interrupts'; cat /proc/interrupts
echo '== driver'; cat /sys/kernel/debug/tenon/blkfront/*/queues 2>/dev/null
ethtool -S eth0 2>/dev/null
true
"""
# Lines of /proc/interrupts that belong to the devices.
PATTERN = {
    "fio": r"blkif|vbd|tenon-blk",
    "iperf3": r"vif\d|eth0|tenon-net",
    "ping": r"vif\d|eth0|tenon-net",
}


def _sections(text):
    parts = re.split(r"^== (\w+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def _interrupts(text):
    """Count by name, over all CPUs."""
    counts = {}
    for line in text.splitlines()[1:]:
        fields = line.split()
        number = [int(f) for f in fields[1:] if f.isdigit()]
        name = " ".join(f for f in fields[1:] if not f.isdigit()) or fields[0]
        if fields and fields[0].rstrip(":").isalpha():
            name = fields[0].rstrip(":")
        counts[name] = counts.get(name, 0) + sum(number)
    return counts


def _driver(text):
    """The drivers' own counters, summed over devices and queues."""
    counts = {}
    for line in text.splitlines():
        head, colon, rest = line.strip().partition(":")
        if not colon:
            continue
        head = re.sub(r"^q\d+_|^queue \d+$", "", head)
        pairs = re.findall(r"(\w+) (-?\d+)\b", rest)
        if re.fullmatch(r"\s*-?\d+", rest):
            pairs = [("", rest)]
        for key, number in pairs:
            name = f"{head}.{key}".strip(".")
            counts[name] = counts.get(name, 0) + int(number)
    return counts


def _hypervisor(text):
    """What Tenon prints on its debug key q."""
    counts = {}

    def add(name, number):
        counts[name] = counts.get(name, 0) + int(number)

    for line in text.splitlines():
        line = line.partition("(Tenon) ")[2]
        match = re.match(r"(d\d+): (exit|hypercall) (\S+) (\d+)$", line)
        if match:
            add(".".join(match.group(1, 2, 3)), match.group(4))
            continue
        match = re.match(r"(d\d+): events sent (\d+), upcalls (\d+), grant "
                         r"maps (\d+) unmaps (\d+) copies (\d+), pool "
                         r"faults (\d+)", line)
        if match:
            for name, number in zip(
                    ("events_sent", "upcalls", "grant_maps", "grant_unmaps",
                     "grant_copies", "pool_faults"), match.groups()[1:]):
                add(f"{match.group(1)}.{name}", number)
            continue
        match = re.match(r"cpu \d+: .*halts (\d+), polls hit (\d+), kicks "
                         r"sent (\d+) saved (\d+), interrupts (\d+)", line)
        if match:
            for name, number in zip(
                    ("halts", "polls_hit", "kicks_sent", "kicks_saved",
                     "interrupts"), match.groups()):
                add(f"cpu.{name}", number)
    return counts


def _flat(prefix, counts):
    return {f"{prefix}.{name}": number for name, number in counts.items()}


def snapshot(env):
    """All counters now, by name; the guest's domain is called 'front'."""
    m = env.box.machine
    guest = _sections(m.guest_run(GUEST, 120, step="count, guest"))
    dom0 = _sections(m.run(TENON if env.hv == "tenon" else DOM0, 120,
                           step="count, dom0"))
    counts = {}
    counts.update(_flat("front.interrupt", _interrupts(guest["interrupts"])))
    counts.update(_flat("front.driver", _driver(guest["driver"])))
    counts.update(_flat("back.interrupt", _interrupts(dom0["interrupts"])))
    counts.update(_flat("back.driver", _driver(dom0["driver"])))
    for name, number in _hypervisor(dom0.get("hypervisor", "")).items():
        domain, _, rest = name.partition(".")
        if domain == "cpu":
            counts[name] = number
        else:
            side = "back" if domain == "d0" else "front"
            counts[f"{side}.{rest}"] = number
    return counts


def delta(before, after):
    """What happened between two snapshots."""
    return {name: number - before.get(name, 0)
            for name, number in after.items()}


def _sum(counts, pattern):
    return sum(n for name, n in counts.items() if re.search(pattern, name))


def per_op(job, counts, idle, ops, hv):
    """The counts in the terms of the report, per unit of work."""
    net = {name: number - idle.get(name, 0)
           for name, number in counts.items()}
    per = {}

    def put(name, number):
        per[f"{name}_per_{job.per}"] = round(number / ops, 4)

    lines = PATTERN[job.group]
    for side in ("front", "back"):
        put(f"interrupts_{side}", _sum(net, rf"^{side}\.interrupt\..*({lines})"))
    kind = r"events\.{}" if job.group == "fio" else r"(tx|rx)_{}"
    words = ("sent", "spurious") if job.group == "fio" else \
        ("notify", "spurious")
    for side in ("front", "back"):
        for label, word in zip(("driver_notify", "spurious"), words):
            found = rf"^{side}\.driver\.{kind.format(word)}$"
            # Linux's own drivers do not count these.
            if any(re.search(found, name) for name in counts):
                put(f"{label}_{side}", _sum(net, found))
    if hv == "tenon" or any(".exit." in name for name in counts):
        for side in ("front", "back"):
            put(f"exits_{side}", _sum(net, rf"^{side}\.exit\."))
            put(f"hypercalls_{side}", _sum(net, rf"^{side}\.hypercall\."))
        put("exits", _sum(net, r"\.exit\."))
        put("grant_hypercalls", _sum(net, r"\.hypercall\.grant_table_op$"))
        by_name = {}
        for name, number in sorted(net.items()):
            match = re.match(r"(front|back)\.(exit|hypercall)\.(.+)", name)
            if match and abs(number / ops) >= 0.0005:
                side, what, which = match.groups()
                by_name.setdefault(f"{what}s_{side}_by_name_per_{job.per}",
                                   {})[which] = round(number / ops, 4)
        per.update(by_name)
    if hv == "tenon":
        put("notify_front", net.get("front.events_sent", 0))
        put("notify_back", net.get("back.events_sent", 0))
        for name in ("grant_maps", "grant_unmaps", "grant_copies"):
            put(name, net.get(f"back.{name}", 0))
        for name in ("halts", "kicks_sent", "kicks_saved"):
            put(name, net.get(f"cpu.{name}", 0))
    return per


NOT_ON_XEN = "Debian's Xen is built without performance counters"


def absent(job, per, split):
    """The counts that could not be had are null, each with the reason."""
    why = {}
    for name in ("exits", "exits_front", "exits_back", "notify_front",
                 "notify_back", "grant_hypercalls", "grant_maps",
                 "grant_unmaps", "grant_copies", "halts", "kicks_sent"):
        key = f"{name}_per_{job.per}"
        if key not in per:
            per[key] = None
            why[key] = NOT_ON_XEN if split else "there is no hypervisor's part"
    return why
