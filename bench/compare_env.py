# SPDX-License-Identifier: MIT
"""The environments of "make compare": booted once, then stopped and continued.

A stopped machine costs no time and its clock stands still, so that the jobs can
be interleaved: every environment is measured within minutes of every other.
"""

import re
import time

import compare_connect
import compare_host
import compare_prim
import compiled
import machine
import paths

MEMORY, DOM0_MEMORY, GUEST_MEMORY, PEER_MEMORY = 2048, 1024, 512, 256
PEER = "peer"
LIMIT = 8 * 3600
NULL, DATA = "/dev/nullb0", "/dev/disk/by-id/virtio-scratch"
# A null_blk that keeps what is written, so that every byte moves: a RAM disk
# with the costs of the one that stores nothing.  Written once: reads of what
# never was written touch no memory.
MEM = "/dev/nullb1"
MEM_MIB = 64
MAKE_MEM = f"""
modprobe null_blk nr_devices=1 gb=4 bs=512
mountpoint -q /sys/kernel/config ||
    mount -t configfs configfs /sys/kernel/config || exit 1
cd /sys/kernel/config/nullb && mkdir {MEM[5:]} && cd {MEM[5:]} &&
    echo {MEM_MIB} >size && echo 512 >blocksize && echo 1 >memory_backed &&
    echo 1 >power && dd if=/dev/urandom of={MEM} bs=1M count={MEM_MIB} \
        oflag=direct 2>/dev/null
"""
# Far end of a veth pair, as rig/image/bare.sh has it.
VETH = """
ip netns add guest
ip link add veth0 type veth peer name veth1 netns guest
ip addr add 10.9.0.1/24 dev veth0 && ip link set veth0 up
ip -n guest addr add 10.9.0.2/24 dev veth1 && ip -n guest link set veth1 up
ip -n guest link set lo up
"""


class Box:
    """One machine, which several environments may share."""

    def __init__(self, setup, say):
        self.setup = setup
        self.say = say
        self.machine = None
        self.boots = {}
        self.memory = {}
        self.running = False

    def boot(self, name):
        """Boot it, with a guest if there is a hypervisor; then stop it."""
        self.machine = machine.Machine(self.setup, name, self.say)
        watch = compare_host.Watch()
        self.machine.__enter__()
        watch.pid = self.pid()
        self.boots = {"boot.dom0": watch.end()}
        self.machine.run(MAKE_MEM, step="a disk in memory")
        if self.setup.hv == "kvm":
            self._kvm_guest()
        elif self.setup.hv != "none":
            # Same places in all: dom0 on the first CPU, the guest on the
            # second.  (Xen has an option for the first, but here both are
            # told alike.)
            self.machine.run("xl vcpu-pin Domain-0 0 0; "
                             "mount -t debugfs debugfs /sys/kernel/debug")
            before = self._memory()
            watch = compare_host.Watch(self.pid())
            # Without the disks that are attached one by one afterwards.
            guest = machine.Guest(memory=GUEST_MEMORY, cpus="1")
            self.machine.create(guest)
            self.boots["boot.guest"] = watch.end()
            after = self._memory()
            # What is neither free nor anyone's is the hypervisor's.
            self.memory = {
                "mem.hypervisor": before["total"] - before["free"]
                - before["dom0"],
                "mem.guest_overhead": before["free"] - after["free"]
                - (GUEST_MEMORY << 20)}
            self._attach(guest)
            self.machine.guest_run(
                "mount -t debugfs debugfs /sys/kernel/debug")
            if self.setup.guest_disks > 1:
                self._peer()
        self.running = True
        self.pause()

    def _kvm_guest(self):
        self.machine.run("mount -t debugfs debugfs /sys/kernel/debug")
        watch = compare_host.Watch(self.pid())
        disks = machine.Guest().disks + (
            f"phy:{NULL},vdb,w", f"phy:{DATA},vdc,w", f"phy:{MEM},vdd,w")
        self.machine.create(machine.Guest(memory=GUEST_MEMORY, disks=disks))
        self.boots["boot.guest"] = watch.end()

    def _peer(self):
        """A second guest, which is idle but in jobs of its own."""
        self.machine.create(machine.Guest(
            name=PEER, number=2, memory=PEER_MEMORY, cpus="1",
            disks=("phy:/dev/disk/by-id/virtio-guest2,xvda,w",)))

    def _memory(self):
        """Bytes in total, free and dom0's, as the hypervisor tells xl."""
        text = self.machine.run("xl info; xl list 0")
        return {key: int(re.search(pattern, text, re.M).group(1)) << 20
                for key, pattern in (
                    ("total", r"^total_memory\s*: (\d+)"),
                    ("free", r"^free_memory\s*: (\d+)"),
                    ("dom0", r"^Domain-0\s+0\s+(\d+)"))}

    def _attach(self, guest):
        for device, path in (("xvdb", NULL), ("xvdc", DATA), ("xvdd", MEM)):
            self.machine.run(f"xl block-attach guest phy:{path} {device} w")
            self.machine.guest_run(
                f"for i in $(seq 120); do [ -b /dev/{device} ] && exit 0; "
                "sleep 0.5; done; exit 1", 120, guest.name,
                step=f"{device} appears")

    def pause(self):
        """Stop the machine and its clock."""
        if self.running:
            self.machine.vm.qmp("stop")
            self.running = False

    def resume(self):
        """Let it run on."""
        if not self.running:
            self.machine.vm.qmp("cont")
            self.running = True
            time.sleep(0.3)

    def pid(self):
        """Of QEMU itself: the process the rig started is timeout(1)."""
        return compare_host.child(self.machine.vm.proc.pid)

    def usable(self):
        """Whether the machine still answers."""
        return self.machine is not None and self.machine.vm is not None \
            and self.machine.vm.alive()

    def close(self):
        """End the machine; its logs stay."""
        if self.machine:
            self.machine.close()
            self.machine = None
        self.running = False


class Virtual:
    """A guest behind a hypervisor and split drivers."""
    address, back_address = "10.0.2.21", "10.0.2.15"
    # Whether it has split drivers, and whether there is anything to count.
    split = counts = True
    peer = True

    def __init__(self, name, box):
        self.name = name
        self.box = box
        self.hv = box.setup.hv

    def prepare(self):
        """What it needs beyond the boot of its machine."""
        self.serve()

    def serve(self):
        """Start the far end's servers, anew if there are any."""
        pid, other = f"/run/iperf3.{self.name}", f"/run/connect.{self.name}"
        self.run("front", f"kill $(cat {pid} {other}) 2>/dev/null; sleep 1; "
                 + self.far(compare_connect.server())
                 + f" </dev/null >/dev/null 2>&1 & echo $! >{other}; "
                 + self.far(f"iperf3 -s -D -I {pid}") + "; sleep 1", 60)

    def disk(self, kind):
        """The path of a disk where the jobs run."""
        return {"null": "/dev/xvdb", "data": "/dev/xvdc",
                "mem": "/dev/xvdd"}[kind]

    def client(self, command):
        """A command of the network's near end, dom0's."""
        return command

    def far(self, command):
        """A command of the network's far end, the guest's."""
        return command

    def run(self, side, script, timeout, step=None):
        """Run it in the guest ("front"), in dom0 ("back") or in another
        guest ("peer")."""
        m = self.box.machine
        if side in ("front", PEER):
            name = "guest" if side == "front" else PEER
            return m.guest_run(script, timeout, name, step=step)
        return m.run(script, timeout, step=step)


class Bare(Virtual):
    """The devices themselves, in plain Linux."""
    address, back_address = "10.9.0.2", "10.9.0.1"
    split = counts = peer = False

    def disk(self, kind):
        return {"null": NULL, "data": DATA, "mem": MEM}[kind]

    def far(self, command):
        return f"ip netns exec guest {command}"

    def run(self, side, script, timeout, step=None):
        # The CPUs that the guest and dom0 have in the others.
        cpu = 1 if side == "front" else 0
        return self.box.machine.run(f"taskset -pc {cpu} $$ >/dev/null\n"
                                    + script, timeout, step=step)


class Kvm(Virtual):
    """A guest of Linux's own, with virtio."""
    split = peer = False

    def disk(self, kind):
        return {"null": "/dev/vdb", "data": "/dev/vdc",
                "mem": "/dev/vdd"}[kind]


class InGuest(Virtual):
    """Devices inside the guest: what it could do without a split driver."""
    address, back_address = "10.9.0.2", "10.9.0.1"
    split = counts = peer = False

    def prepare(self):
        self.box.machine.guest_run(MAKE_MEM + VETH, 120)
        self.serve()

    def disk(self, kind):
        if kind == "data":
            raise LookupError("a guest has no such disk of its own")
        return {"null": NULL, "mem": MEM}[kind]

    def far(self, command):
        return f"ip netns exec guest {command}"

    def run(self, side, script, timeout, step=None):
        return self.box.machine.guest_run(script, timeout, step=step)


# In the order of their worth.
NAMES = ("xen-stock", "tenon-tenon", "tenon-stock", "xen-tenon", "bare",
         "in-guest", "kvm-virtio")
QUICK = NAMES[:-1]
WHAT = {
    "bare": "plain Linux, the device itself",
    "in-guest": "a device inside the guest itself",
    "xen-stock": "Xen 4.17, Linux's own drivers",
    "xen-tenon": "Xen 4.17, Tenon's drivers",
    "tenon-stock": "Tenon's hypervisor, Linux's own drivers",
    "tenon-tenon": "Tenon's hypervisor and drivers",
    "kvm-virtio": "Linux's KVM, QEMU with virtio-blk and vhost-net",
}


def _box(name, kver, say, files, peers):
    hv, _, drivers = name.partition("-")
    half = "ours" if drivers == "tenon" else "stock"
    return Box(machine.Setup(
        hv="none" if name == "bare" else hv, back=half, front=half, kver=kver,
        memory=MEMORY, dom0_memory=DOM0_MEMORY, limit=LIMIT,
        guest_disks=2 if peers and name not in ("bare", "kvm-virtio") else 1,
        extra_files=files), say)


def make(names, kver, say, wanted):
    """The environments that jobs want, in their order; the boxes of all."""
    peers = any(job.side == PEER for job in wanted)
    files = [compiled.program(compare_connect.SOURCE)]
    if any(job.group == "prim" for job in wanted):
        files += compiled.modules(compare_prim.SOURCES, paths.kernel_version(kver))
    files = tuple(files)
    boxes = {name: _box(name, kver, say, files, peers) for name in names
             if name != "in-guest"}
    if "in-guest" in names and not {"tenon-tenon", "xen-stock"} & set(boxes):
        boxes["tenon-tenon"] = _box("tenon-tenon", kver, say, files, peers)
    envs = []
    for name in names:
        if name == "in-guest":
            host = "xen-stock" if "xen-stock" in boxes else "tenon-tenon"
            envs.append(InGuest(name, boxes[host]))
        else:
            kind = {"bare": Bare, "kvm-virtio": Kvm}.get(name, Virtual)
            envs.append(kind(name, boxes[name]))
    return envs, boxes
