# SPDX-License-Identifier: MIT
"""Exact counts of a job: exits, hypercalls, notifications, grant operations.

Everything is a counter that only grows, read before and after.  What a run that
ends at once costs (the program's start, the console) is measured once and taken
away; the rest, ticks included, is divided by the I/Os.
"""

import re

import compare_instructions
import compare_xentrace

DOM0 = r"""
echo '== interrupts'; cat /proc/interrupts
echo '== driver'; cat /sys/kernel/debug/tenon/blkback/*/queues 2>/dev/null
for i in /sys/class/net/vif*; do ethtool -S "${i##*/}" 2>/dev/null; done
"""
TENON = DOM0 + r"""
echo '== hypervisor'; xl debug-keys q; xl dmesg -c
"""
KVM = DOM0 + r"""
echo '== kvm'; cd /sys/kernel/debug/kvm && grep . *exits
"""
GUEST = r"""
echo '== interrupts'; cat /proc/interrupts
echo '== driver'; cat /sys/kernel/debug/tenon/blkfront/*/queues 2>/dev/null
ethtool -S eth0 2>/dev/null
true
"""
# Lines of /proc/interrupts that belong to the devices.
PATTERN = {
    "fio": r"blkif|\bvbd",
    "iperf3": r"\bvif|eth0",
    "ping": r"\bvif|eth0",
    "connect": r"\bvif|eth0",
}
# In a guest with virtio.
VIRTIO = r"virtio\d+-(req|input|output)"


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
                    ("events", "upcalls", "grant_maps", "grant_unmaps",
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


def _kvm(text):
    """KVM's own statistics: exits by name, the rest as "other"."""
    counts = {name: int(number) for name, number
              in re.findall(r"^(\w*exits):(\d+)$", text, re.M)}
    if counts:
        total = counts.pop("exits")
        counts["other"] = total - sum(counts.values())
    return {f"exit.{name.removesuffix('_exits')}": number
            for name, number in counts.items()}


def _flat(prefix, counts):
    return {f"{prefix}.{name}": number for name, number in counts.items()}


def snapshot(env):
    """All counters now, by name; the guest's domain is called 'front'."""
    m = env.box.machine
    guest = _sections(m.guest_run(GUEST, 120, step="count, guest"))
    dom0 = _sections(m.run({"tenon": TENON, "kvm": KVM}.get(env.hv, DOM0),
                           120, step="count, dom0"))
    counts = {}
    counts.update(_flat("front.interrupt", _interrupts(guest["interrupts"])))
    counts.update(_flat("front.driver", _driver(guest["driver"])))
    counts.update(_flat("back.interrupt", _interrupts(dom0["interrupts"])))
    counts.update(_flat("back.driver", _driver(dom0["driver"])))
    counts.update(_flat("front", _kvm(dom0.get("kvm", ""))))
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


def counted(env, call):
    """Do something; its result, and the counters of all that happened."""
    traced = env.hv == "xen"
    before = snapshot(env)
    if traced:
        env.box.machine.run(compare_xentrace.START, 60, step="start xentrace")
    try:
        result = call()
    finally:
        if traced:
            trace = env.box.machine.run(compare_xentrace.STOP, 300,
                                        step="stop xentrace")
    counts = delta(before, snapshot(env))
    if traced:
        counts.update(compare_xentrace.count(trace))
    return result, counts


def per_op(job, counts, idle, ops, hv):
    """The counts in the terms of the report, per unit of work."""
    net = {name: number - idle.get(name, 0)
           for name, number in counts.items()}
    per = {}

    def put(name, pattern, sure=False):
        """The sum of what matches; nothing if there is no such counter,
        unless it is sure that none means 0."""
        found = [n for n in counts if re.search(pattern, n)]
        if found or sure:
            per[f"{name}_per_{job.per}"] = round(
                sum(net[n] for n in found) / ops, 4)

    # A trace has no record of what did not happen.
    traced = hv == "xen"
    lines = {"front": VIRTIO if hv == "kvm" else PATTERN[job.group],
             "back": PATTERN[job.group]}
    events, words = (r"events\.", ("sent", "spurious")) \
        if job.group == "fio" else ("(tx|rx)_", ("notify", "spurious"))
    if hv == "kvm" and job.group != "fio":
        events, words = r"(tx|rx)_queue_\d+_", ("kicks", "spurious")
    for side in ("front", "back"):
        put(f"interrupts_{side}", rf"^{side}\.interrupt\..*({lines[side]})")
        for label, word in zip(("notify", "spurious"), words):
            put(f"{label}_{side}", rf"^{side}\.driver\.{events}{word}$")
        put(f"exits_{side}", rf"^{side}\.exit\.")
        put(f"hypercalls_{side}", rf"^{side}\.hypercall\.")
        put(f"events_{side}", rf"^{side}\.events$")
    if not traced:
        put("exits", r"^(front|back)\.exit\.")
    put("pv_entries_back", r"^back\.pv_entries$")
    put("grant_hypercalls", r"\.hypercall\.grant_table_op$", traced)
    for name in ("grant_maps", "grant_unmaps", "grant_copies"):
        put(name, rf"^back\.{name}$", traced)
    for name in ("halts", "kicks_sent", "kicks_saved"):
        put(name, rf"^cpu\.{name}$")
    for name, number in sorted(net.items()):
        match = re.match(r"(front|back)\.(exit|hypercall)\.(.+)", name)
        if match and abs(number / ops) >= 0.0005:
            side, what, which = match.groups()
            per.setdefault(f"{what}s_{side}_by_name_per_{job.per}",
                           {})[which] = round(number / ops, 4)
    return per


_SAME = "the host's kernel and the guest's have the same addresses"
# Why a count is missing, by the first that matches of (hypervisor, count).
ABSENT = (
    (r"kvm", r"\w+_instructions", _SAME),
    (r"kvm", r"exits_back", "the host itself is not virtualized"),
    (r"kvm", r"grant", "virtio has no grants"),
    (r"kvm", r"", "neither KVM nor the virtio drivers count this"),
    (r"tenon|xen", r"\w+_instructions", "not counted"),
    (r"tenon|xen", r"notify|spurious",
     "Linux's own drivers do not count this: see event_channel_op in "
     "hypercalls_*_by_name, and the interrupts"),
    (r"xen", r"exits(_back)?_per",
     "dom0 is paravirtualized there: see pv_entries_back"),
    (r"xen", r"", "Debian's Xen is built without performance counters"),
    (r"", r"", "no hypervisor and no split driver takes part"),
)


def absent(job, per, env):
    """The counts that could not be had become null; the reason of each."""
    hv = env.hv if env.counts else ""
    why = {}
    for name in ("exits", "exits_front", "exits_back", "notify_front",
                 "notify_back", "spurious_front", "spurious_back",
                 "grant_hypercalls", "grant_maps", "grant_unmaps",
                 "grant_copies", "halts", "kicks_sent",
                 *compare_instructions.NAMES):
        key = f"{name}_per_{job.per}"
        if key not in per:
            per[key] = None
            why[key] = next(text for hvs, names, text in ABSENT
                            if re.match(hvs, hv) and re.match(names, key))
    return why
