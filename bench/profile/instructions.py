# SPDX-License-Identifier: MIT
"""Executed instructions by who and by function, counted by a QEMU plugin.

The plugin (count.c) knows addresses and CPUs, not who runs there.  But dom0 has
one CPU and the guest another, and hypervisor, kernel and programs have address
ranges of their own, so that is enough.
"""

import bisect
import dataclasses
import mmap
import os
import re
import struct
import subprocess
import time

import compare_host
import images
import paths
from jobs import JobError
from qemu import RigError, accelerator

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN_DIR = os.path.join(paths.OUT, "profile", "plugin")
CONTROL, COUNTS = "instructions.control", "instructions.counts"
IDLE, COUNT, WRITE = 0, 1, 2
WHERE = ("guest", "dom0")
LAYERS = ("hypervisor", "kernel", "user", "waiting")


class PluginError(RigError):
    """The plugin cannot be built or does not answer."""


def build():
    """Build the plugin, which may need a download."""
    if accelerator() != "tcg":
        raise PluginError("plugin: it counts what TCG executes, not KVM")
    done = subprocess.run(["sh", os.path.join(HERE, "build.sh"), PLUGIN_DIR],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, text=True)
    if done.returncode:
        raise PluginError(f"plugin: {done.stdout.strip()[-800:]}")


def qemu_args():
    """What QEMU must be started with; paths relative to the log directory."""
    plugin = os.path.relpath(os.path.join(PLUGIN_DIR, "count.so"),
                             os.path.join(paths.LOGS, "any"))
    return ("-plugin", f"{plugin},control={CONTROL},out={COUNTS}")


def boot(env, say):
    """Boot one of "make compare"'s environments with the plugin; a Counter."""
    build()
    env.box.setup.qemu_args = qemu_args()
    env.box.boot(f"profile-{env.name}")
    env.box.resume()
    env.prepare()
    return Counter(env, say)


def _address_type_name(text):
    """(address, name) of the functions in what nm, kallsyms or a map say."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 3 and fields[1] in "tTwW":
            name = " ".join(fields[2:4])
            found.append((int(fields[0], 16), name.rpartition("#")[2]))
    return found


class Symbols:
    """Which function an address belongs to."""

    def __init__(self, functions):
        self.functions = sorted(functions)
        self.starts = [address for address, _ in self.functions]

    def name(self, address):
        """The function's name, with the module if it is in one."""
        at = bisect.bisect_right(self.starts, address) - 1
        return self.functions[at][1] if at >= 0 else "?"


def hypervisor_symbols(hv, say):
    """Of Tenon's ELF, or of Debian's Xen."""
    if hv == "xen":
        with open(images.xen_symbols(say), encoding="ascii") as f:
            return Symbols(_address_type_name(f.read()))
    out = subprocess.run(["nm", paths.HYPERVISOR + ".elf"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return Symbols(_address_type_name(out))


def kernel_symbols(m):
    """{"dom0": Symbols, "guest": Symbols} of a machine's two kernels.

    They are the same kernel in the same place, so only the guest's modules come
    through its console.
    """
    dom0 = m.run("cat /proc/kallsyms", 120, step="symbols, dom0")
    guest = m.guest_run(r"grep -e '\[' -e ' _text$' /proc/kallsyms", 300,
                        step="symbols, guest")
    text = re.compile(r"^(\w+) T _text$", re.M)
    if text.search(dom0).group(1) != text.search(guest).group(1):
        raise RigError("symbols: dom0's and the guest's kernel lie in "
                       "different places")
    kernel = [line for line in dom0.splitlines() if "[" not in line]
    return {"dom0": Symbols(_address_type_name(dom0)),
            "guest": Symbols(_address_type_name(
                "\n".join(kernel) + "\n" + guest))}


def layer(hv, address):
    """hypervisor, kernel or user, by the address."""
    if hv == "tenon" and address < 0x400000:
        return "hypervisor"
    # Xen has the 8 TiB in front of the kernel's half to itself.
    if hv == "xen" and 0xffff8000 << 32 <= address < 0xffff8800 << 32:
        return "hypervisor"
    return "kernel" if address >> 63 else "user"


@dataclasses.dataclass
class Profile:
    """Instructions by (where, layer, function): a run's, or per unit."""
    counts: dict = dataclasses.field(default_factory=dict)

    def less(self, other):
        """Without those of another run; what that had more of is negative."""
        return Profile({key: self.counts.get(key, 0) - other.counts.get(key, 0)
                        for key in {**self.counts, **other.counts}})

    def per(self, units):
        """Divided by the units of work."""
        return Profile({key: number / units
                        for key, number in self.counts.items()})

    def total(self, where=None, which=None):
        """The sum, of one CPU or one layer if asked for."""
        return sum(number for (w, name, _), number in self.counts.items()
                   if where in (None, w) and which in (None, name))

    def top(self, count):
        """The functions that cost most: [((where, layer, name), number)]."""
        return sorted(self.counts.items(), key=lambda item: -item[1])[:count]


def attribute(text, hv, cpus, symbols):
    """What the plugin wrote becomes a Profile.

    cpus: {QEMU's CPU number: "guest" or "dom0"}; others are left out.
    symbols: {"hypervisor": Symbols, "guest": ..., "dom0": ...}.
    """
    if not text.endswith("end\n"):
        raise PluginError("plugin: its counts are cut short")
    counts = {}
    for line in text.splitlines()[:-1]:
        cpu, address, work, wait = line.split()
        where = cpus.get(int(cpu))
        if not where:
            continue
        address = int(address, 16)
        which = layer(hv, address)
        name = "user programs"
        if which != "user":
            name = symbols["hypervisor" if which == "hypervisor"
                           else where].name(address)
        for which, number in ((which, int(work)), ("waiting", int(wait))):
            if number:
                key = (where, which, name)
                counts[key] = counts.get(key, 0) + number
    return Profile(counts)


class Counter:
    """Counts what an environment executes; see boot()."""

    def __init__(self, env, say):
        self.env = env
        self.machine = env.box.machine
        # Tenon's first CPU is parked (rig/machine.py).
        first = 1 if env.hv == "tenon" else 0
        self.cpus = {first: "dom0", first + 1: "guest"}
        self.symbols = {"hypervisor": hypervisor_symbols(env.hv, say),
                        **kernel_symbols(self.machine)}

    def _command(self, value):
        path = os.path.join(self.machine.log_dir, CONTROL)
        with open(path, "r+b") as f, mmap.mmap(f.fileno(), 4096) as page:
            page[:4] = struct.pack("<I", value)

    def _wait_idle(self):
        path = os.path.join(self.machine.log_dir, CONTROL)
        for _ in range(600):
            with open(path, "rb") as f:
                if struct.unpack("<I", f.read(4))[0] == IDLE:
                    return
            time.sleep(0.1)
        raise PluginError("plugin: it did not write its counts")

    def count(self, call):
        """Do something; its result, and the Profile of what was executed."""
        self._command(COUNT)
        try:
            result = call()
        finally:
            self._command(IDLE)
        # Nobody counts while the counts are written.
        self.machine.vm.qmp("stop")
        try:
            self._command(WRITE)
            self._wait_idle()
        finally:
            self.machine.vm.qmp("cont")
        with open(os.path.join(self.machine.log_dir, COUNTS),
                  encoding="ascii") as f:
            return result, attribute(f.read(), self.env.hv, self.cpus,
                                     self.symbols)

    def measure(self, job, seconds):
        """A job's answer as text, how much work, the Profile per unit of it,
        and what the host did meanwhile.

        The difference of two runs, one of a second and one that is longer by
        'seconds': what a program costs before its first I/O and after its
        last is not in it.
        """
        def run(length):
            return self.env.run(job.side, job.script(self.env, length),
                                length + 300,
                                step=f"{job.name} in {self.env.name}")
        self.env.run(job.side, job.idle(self.env), 180,
                     step=f"{job.group} idle")
        short, little = self.count(lambda: run(1))
        for times in (1, 2, 4):
            watch = compare_host.Watch(self.env.box.pid())
            text, much = self.count(
                lambda length=seconds * times + 1: run(length))
            host = watch.end()
            ops = job.read(text).ops - job.read(short).ops
            # On a busy host a longer run can do less.
            if 2 * ops >= job.read(short).ops:
                return text, ops, much.less(little).per(ops), host
        raise JobError(f"{job.name}: a run of {4 * seconds + 1} s did hardly "
                       "more than one of a second: the host is too busy")
