# SPDX-License-Identifier: MIT
"""A booted machine: hypervisor, dom0 and the guests the rig creates in it."""

import dataclasses
import fcntl
import os
import shutil
import subprocess
import time

import images
import overlay
import paths
import qemu
from qemu import RigError

GUEST_MARK = "TENON-RIG guest ready"
RETRIES = 2
# How much longer everything may take on the kernel of "make check-debug".
SLOW = 4
# Memory that nothing points to.  Twice: what is new is not looked at, and what
# moves may be missed.
LEAKS = """mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
cd /sys/kernel/debug
echo scan >kmemleak
sleep 10
echo scan >kmemleak
cat kmemleak"""
# What a kernel says when all of the host stood still for this many seconds.
STANDSTILL = 4
STOOD_STILL = ("soft lockup", "detected stall", "Call Trace:")
# TCG runs everything ten times as slowly, and a round trip has to fit into the
# time for which the drivers poll.
TCG_POLL = "tenon_common.poll_us=1000"


@dataclasses.dataclass
class Setup:
    """What to boot.  The defaults are what 'make run' boots."""
    hv: str = "tenon"
    back: str = "ours"
    front: str = "ours"
    net: str = "bridge"
    kver: str = ""
    machine: str = "pc"
    cpus: int = 2
    memory: int = 4096
    dom0_vcpus: int = 1
    dom0_memory: int = 2048
    dom0_args: str = ""
    hv_args: str = ""
    xsave: bool = False
    swiotlb: bool = None
    guest_disks: int = 1
    limit: float = 1200
    extra_files: tuple = ()
    qemu_args: tuple = ()
    # Two machines with a cable between them and two disks of both: the second
    # names the first's log directory, the first its own, which is ".".
    joined: str = ""

    def __post_init__(self):
        self.kver = paths.kernel_version(self.kver)
        if self.debug():
            # For the shadow of all memory, and what is known of each object.
            # dom0's ends below 4 GiB, or it would place grant frames where PCI
            # devices are, which the hypervisor refuses.
            self.memory *= 2
            # Its ACPI tables list how interrupts are routed; those of "pc" run
            # a program for each device, here for longer than ACPI allows.
            self.machine = "q35"
            self.limit *= SLOW
        if self.swiotlb is None:
            # A stock back end hands granted pages to the device as if they
            # were its own; without an IOMMU only a bounce buffer makes that
            # right (see docs/hypervisor.md).
            self.swiotlb = self.hv == "tenon" and \
                "stock" in overlay.block_and_net(self.back)

    def debug(self):
        """Is the kernel the one that looks for its own mistakes?"""
        return self.kver == paths.debug_version()

    def role(self):
        """What the first kernel is: dom0, or plain Linux with no one below,
        and then one that has guests of its own by KVM."""
        return {"none": "bare", "kvm": "kvm"}.get(self.hv, "dom0")


@dataclasses.dataclass
class Guest:
    """One guest's configuration, as xl wants it."""
    name: str = "guest"
    vcpus: int = 1
    memory: int = 768
    cpus: str = ""
    disks: tuple = ("phy:/dev/disk/by-id/virtio-guest,xvda,w",)
    vifs: int = 1
    number: int = 1
    args: str = ""
    extra: str = ""
    backend: str = ""  # who serves its interfaces, if not dom0

    def config(self, net):
        """The text of the xl configuration file."""
        mac = f"00:16:3e:00:00:{self.number:02x}"
        if net == "bridge":
            address, gateway = f"10.0.2.{20 + self.number}/24", "10.0.2.15"
            vif = f"mac={mac},bridge=xenbr0"
        elif net == "route":
            address, gateway = f"10.1.0.{self.number + 1}/32", "10.0.2.15"
            vif = f"mac={mac},script=vif-route," \
                  f"ip={address.split('/', maxsplit=1)[0]}"
        else:
            # vif-nat takes the guest's address + 127 for dom0's end.
            address = f"10.2.0.{self.number + 1}/16"
            gateway = f"10.2.0.{self.number + 128}"
            vif = f"mac={mac},script=vif-nat," \
                  f"ip={address.split('/', maxsplit=1)[0]}"
        if self.backend:
            vif += f",backend={self.backend}"
        lines = [
            'type="pvh"',
            f'name="{self.name}"',
            'kernel="/boot/kernel/vmlinux"',
            'ramdisk="/run/guest-initrd.cpio"',
            'extra="console=hvc0 root=/dev/xvda tenon.role=guest panic=5 '
            f'net.ifnames=0 tenon.address={address} tenon.gateway={gateway} '
            f'{self.args}"',
            f"memory={self.memory}",
            f"vcpus={self.vcpus}",
            # Xen would emulate the TSC and cannot decode RDTSCP under TCG.
            'tsc_mode="native"',
            'on_crash="destroy"',
            f"disk={list(self.disks[:1])}",
            f"vif={[vif] * self.vifs}",
        ]
        if self.cpus:
            lines.append(f'cpus="{self.cpus}"')
        return "\n".join(lines + [self.extra]) + "\n"


class Machine:
    """A machine with a log directory; entering the context boots it."""

    def __init__(self, setup, name, say=print):
        self.setup = setup
        self.say = say
        self.vm = None
        self.guests = {}
        self.retried = 0
        self.slow = SLOW if setup.debug() else 1
        self.forgiven = []
        self._guest_token = 0
        self._lock = None
        # The other one of two, which ends with this one.
        self.peer = None
        self.log_dir = self._take_log_dir(name)

    def _take_log_dir(self, name):
        """An empty out/logs/<name>, or <name>-2 ... while that is in use."""
        os.makedirs(paths.LOGS, exist_ok=True)
        for number in range(1, 100):
            path = os.path.join(paths.LOGS,
                                name if number == 1 else f"{name}-{number}")
            self._lock = open(f"{path}.lock", "w",  # pylint: disable=R1732
                              encoding="ascii")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock.close()
                continue
            shutil.rmtree(path, ignore_errors=True)
            os.makedirs(path)
            return path
        raise RigError(f"logs: a hundred runs named {name} at once")

    def __enter__(self):
        try:
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _link(self, target, name):
        path = os.path.join(self.log_dir, name)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)
        return name

    def _joined(self, root):
        """The card and the disks of a machine that is one of two."""
        first = self.setup.joined == "."
        other = "." if first else os.path.relpath(self.setup.joined,
                                                  self.log_dir)
        if first:
            subprocess.run(["cp", "--reflink=auto", "--sparse=always", root,
                            os.path.join(self.log_dir, "joined-root.img")],
                           check=True)
            with open(os.path.join(self.log_dir, "joined-data.img"),
                      "wb") as f:
                f.truncate(64 << 20)
        argv = ["-netdev", f"stream,id=net1,server={'on' if first else 'off'},"
                           f"addr.type=unix,addr.path={other}/joined.sock",
                "-device", "virtio-net-pci,netdev=net1,romfile=,"
                           f"mac=52:54:00:00:01:{1 if first else 2:02x}"]
        for node in ("joined-root", "joined-data"):
            # Both write there; the host's cache is the one disk they see.
            argv += ["-drive", f"if=none,id={node},format=raw,"
                               f"file={other}/{node}.img,cache=unsafe,"
                               "file.locking=off",
                     "-device", f"virtio-blk-pci,drive={node},serial={node}"]
        return argv

    def _argv(self):
        """The QEMU command; file names are relative to the log directory.

        Commas in a path would end a QEMU option, and the tree may lie
        anywhere.
        """
        s = self.setup
        kernel_dir = images.kernel(s.kver, self.say)
        root = images.root(self.say)
        host = images.root(self.say, "kvm") if s.hv == "kvm" else root
        accel = qemu.accelerator()
        cpus = s.cpus
        if s.hv in ("none", "kvm"):
            hypervisor = hv_args = ""
        elif s.hv == "xen":
            hypervisor = images.xen(self.say)
            hv_args = ("console=com1 com1=115200,8n1 loglvl=all "
                       "guest_loglvl=all serial_tx_buffer=1M conring_size=1M "
                       f"dom0_mem={s.dom0_memory}M,max:{s.dom0_memory}M "
                       f"dom0_max_vcpus={s.dom0_vcpus}")
        else:
            hypervisor = paths.HYPERVISOR
            if not os.path.exists(hypervisor):
                raise RigError("boot: no hypervisor at out/hv/tenon; "
                               "run 'make hv', or choose HV=xen")
            hv_args = ("console=com1 com1=115200,8n1 loglvl=all "
                       f"dom0_mem={s.dom0_memory}M "
                       f"dom0_max_vcpus={s.dom0_vcpus}")
            if accel == "tcg":
                # TCG's first CPU loses guests' state (docs/hypervisor.md):
                # one CPU more than wanted, and that one idle.
                hv_args += " park_boot_cpu"
                cpus += 1
        overlay_cpio = overlay.build(self.log_dir, kernel_dir, s.kver, s.back,
                                     s.front, s.net, s.extra_files)
        with open(os.path.join(self.log_dir, "dom0.cpio"), "wb") as out:
            for part in (os.path.join(kernel_dir, "base.cpio"), overlay_cpio):
                with open(part, "rb") as f:
                    shutil.copyfileobj(f, out)
        os.unlink(overlay_cpio)
        if hypervisor:
            self._link(hypervisor, "hypervisor")
        self._link(os.path.join(kernel_dir, "vmlinux"), "vmlinux")
        self._link(os.path.join(kernel_dir, "kernel.ext2"), "kernel.ext2")
        self._link(root, "root.ext4")
        self._link(host, "host.ext4")
        scratch = os.path.join(self.log_dir, "scratch.img")
        with open(scratch, "wb") as f:
            f.truncate(1 << 30)
        dom0_args = (f"console={'hvc0' if hypervisor else 'ttyS0'} "
                     f"root=/dev/vda tenon.role={s.role()} "
                     "panic=-1 net.ifnames=0 "
                     + ("isolcpus=1 " if s.hv == "kvm" else "")
                     + ("swiotlb=force " if s.swiotlb else "")
                     + (f"{TCG_POLL} " if accel == "tcg" else "")
                     + s.dom0_args).strip()
        if "," in dom0_args:
            raise RigError("boot: QEMU splits modules at commas, so dom0's "
                           "arguments cannot have any")
        argv = ["qemu-system-x86_64", "-machine", s.machine,
                "-accel", "kvm" if accel == "kvm" else "tcg,thread=multi",
                # TCG gets an IRET from ring 3 wrong under SMAP (Xen's PV
                # dom0 dies of it), and runs REP MOVSB byte by byte, which
                # Linux prefers for all copies if the CPU claims it is fast.
                # Nor does it intercept a guest's XSETBV: Xen, not told,
                # gives that guest a wrong XCR0 back.  Tenon reads XCR0, but
                # what is compared has the same CPU.
                "-cpu", "host" if accel == "kvm" else
                "max,smap=off,erms=off,fsrm=off,xsave="
                + ("on" if s.xsave and s.hv == "tenon" else "off"),
                "-smp", str(cpus), "-m", str(s.memory)]
        disks = [("dom0", "host.ext4", "snapshot=on"),
                 ("kernel", "kernel.ext2", "readonly=on"),
                 ("guest", "root.ext4", "snapshot=on"),
                 ("scratch", "scratch.img", "cache=unsafe")]
        disks += [(f"guest{n}", "root.ext4", "snapshot=on")
                  for n in range(2, s.guest_disks + 1)]
        for node, image, options in disks:
            argv += ["-drive", f"if=none,id={node},format=raw,file={image},"
                               f"{options}",
                     "-device", f"virtio-blk-pci,drive={node},serial={node}"]
        argv += ["-netdev", "user,id=net0", "-device",
                 "virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile="]
        if s.joined:
            argv += self._joined(root)
        if hypervisor:
            argv += ["-kernel", "hypervisor",
                     "-append", f"{hv_args} {s.hv_args}".strip(),
                     "-initrd", f"vmlinux {dom0_args},dom0.cpio"]
        else:
            argv += ["-kernel", "vmlinux", "-append", dom0_args,
                     "-initrd", "dom0.cpio"]
        return argv + list(s.qemu_args)

    def _boot(self):
        began = time.monotonic()
        s = self.setup
        self.say(f"boot {s.hv}: back {s.back}, front {s.front}, net {s.net}, "
                 f"kernel {s.kver}")
        argv = self._argv()
        for attempt in range(RETRIES + 1):
            self.vm = qemu.Qemu(argv, self.log_dir, s.limit)
            try:
                match = self.vm.wait_serial(
                    f"boot {s.role()}", f"TENON-RIG {s.role()} ".encode()
                    + rb"(ready|failed: [^\r\n]*)", 300 * self.slow)
                break
            except RigError:
                self.vm.kill()
                if attempt == RETRIES or not self._looks_like_flake():
                    raise
                self.retried += 1
                self.say("boot dom0: known emulator flake, trying again")
        if match.group(1) != b"ready":
            self.vm.kill()
            raise RigError(f"boot dom0: {match.group(1).decode()}; see "
                           f"{self.vm.serial_log}")
        self.say(f"{s.role()} ready after {time.monotonic() - began:.0f} s")

    def _looks_like_flake(self):
        """Only deaths that are known to be the emulator's doing."""
        return self.setup.hv == "xen" and \
            self.vm.serial_has(rb"\(XEN\).*(FATAL TRAP|Triple fault)")

    def run(self, script, timeout=120, check=True, step=None):
        """Run a script in dom0; the output, or (status, output) unchecked."""
        status, out = self.vm.run(script, timeout * self.slow, step)
        if not check:
            return status, out
        if status:
            step = step or script.strip().splitlines()[0][:60]
            raise RigError(f"{step}: status {status} in dom0: "
                           f"{out.strip()[-800:]}; see {self.log_dir}")
        return out

    def create(self, guest=None, timeout=240, wait=True):
        """xl create, and wait until the guest says it is ready."""
        guest = guest or Guest()
        if self.setup.debug():
            guest.memory = max(guest.memory, Guest.memory)
        self.guests[guest.name] = guest
        if self.setup.hv == "kvm":
            self._create_kvm(guest, timeout)
            return guest
        self._retry(guest.name,
                    lambda: self._create(guest, timeout, wait))
        # One by one: the toolstack runs the scripts of all disks of a new
        # guest at once and gives them ten seconds.
        for disk in guest.disks[1:]:
            device = disk.split(",")[1]
            attach = (f"xl block-attach {guest.name} "
                      f"{disk.replace(',', ' ')} || {{ xl block-detach "
                      f"--force {guest.name} {device}; exit 1; }}")
            self._retry(guest.name,
                        lambda attach=attach: self.run(attach))
            if wait:
                self.guest_run(f"for i in $(seq {120 * self.slow}); do "
                               f"[ -b /dev/{device} ] && exit 0; sleep 0.5; "
                               "done; exit 1", 120, guest.name,
                               step=f"{device} appears")
        return guest

    def _retry(self, name, action):
        """Do it, again when it failed for reasons that are not ours."""
        retries = RETRIES * self.slow
        for attempt in range(retries + 1):
            mark = self.vm.serial_mark()
            try:
                return action()
            except RigError as error:
                why = self._not_ours(str(error), mark)
                if attempt == retries or not why:
                    raise
                self.retried += 1
                self.say(f"guest {name}: {why}; trying again")

    def _not_ours(self, error, mark):
        """Why a guest that failed to start deserves another try, or None."""
        if "killing execution of /etc/xen/scripts" in error:
            return "the host was too slow for the toolstack's 10 s limit"
        if self.setup.hv == "xen" and \
                self.vm.serial_has(rb"Triple fault", mark):
            self.forgiven.append("Triple fault")
            return "triple fault, which Xen under TCG has now and then"
        return None

    def _create_kvm(self, guest, timeout):
        """A guest of Linux's own; the same disks, the same network."""
        began = time.monotonic()
        disks = [disk.partition(":")[2].partition(",")[0]
                 for disk in guest.disks]
        self.run(f"/bin/bash /run/tenon/kvm-guest.sh {guest.name} "
                 f"{guest.memory} 00:16:3e:00:00:{guest.number:02x} "
                 f"10.0.2.{20 + guest.number}/24 {' '.join(disks)}", timeout,
                 step=f"start guest {guest.name}")
        run = f"/run/kvm.{guest.name}"
        log = f"/var/log/xen/console/guest-{guest.name}.log"
        self.run(f"for i in $(seq {int(timeout * 2)}); do "
                 f"! grep -q '{GUEST_MARK}' {log} || exit 0; "
                 f"kill -0 $(cat {run}.pid) || break; sleep 0.5; done; "
                 f"cat {run}.out; tail -n 25 {log}; exit 1", timeout + 60,
                 step=f"wait for guest {guest.name}")
        self.say(f"guest {guest.name} ready after "
                 f"{time.monotonic() - began:.0f} s")

    def _create(self, guest, timeout, wait):
        began = time.monotonic()
        path = f"/run/{guest.name}.cfg"
        if qemu.accelerator() == "tcg":
            guest.args = f"{guest.args} {TCG_POLL}".strip()
            if self.setup.hv == "xen" and not guest.cpus:
                # As for Tenon: TCG's first CPU loses guests' state.
                guest.cpus = "all,^0"
        log = f"/var/log/xen/console/guest-{guest.name}.log"
        self.run(f"xl destroy {guest.name} 2>/dev/null; "
                 f"cat >{path} <<'EOF'\n{guest.config(self.setup.net)}EOF\n"
                 f": >{log}; xl create {path}", timeout,
                 step=f"xl create {guest.name}")
        if not wait:
            return
        self.wait_ready(guest.name, timeout)
        self.say(f"guest {guest.name} ready after "
                 f"{time.monotonic() - began:.0f} s")

    def wait_ready(self, name, timeout=240, times=1):
        """Wait for a guest's mark, or its n-th, in its console log."""
        log = f"/var/log/xen/console/guest-{name}.log"
        # One command that waits there: polling from here costs more.
        status, _ = self.run(
            f"for i in $(seq {int(timeout * 2 * self.slow)}); do "
            f"[ $(grep -c '{GUEST_MARK}' {log}) -lt {times} ] || exit 0; "
            f"if [ $((i % 10)) = 0 ]; then "
            f"if xl domid {name} >/dev/null 2>&1; then gone=0; else "
            f"gone=$((gone + 1)); fi; [ $gone -lt {1 if times == 1 else 6} ]"
            f" || exit 1; fi; sleep 0.5; done; exit 2",
            timeout + 60, check=False,
            step=f"wait for guest {name}")
        if status:
            _, tail = self.run(f"tail -n 25 {log}", check=False)
            why = "it died" if status == 1 else f"not within {timeout:.0f} s"
            raise RigError(f"guest {name} ready: {why}; console ends:\n{tail}"
                           f"\nsee {self.log_dir}")

    def guest_run(self, script, timeout=120, name="guest", check=True,
                  step=None):
        """Run a script in a guest, through its console."""
        step = step or script.strip().splitlines()[0][:60]
        self._guest_token += 1
        timeout *= self.slow
        status, out = self.vm.run(
            f"/run/tenon/guest-run {name} g{self._guest_token} "
            f"{int(timeout)} "
            f"<<'END-OF-SCRIPT'\n{script}\nEND-OF-SCRIPT", timeout + 30, step)
        if not check:
            return status, out
        if status:
            raise RigError(f"{step}: status {status} in guest {name}: "
                           f"{out.strip()[-800:]}; see {self.log_dir}")
        return out

    def collect(self):
        """Copy the kernel messages of all living domains beside the log."""
        if not self.vm.alive():
            return
        for name in self.guests:
            try:
                self._find_leaks(name, lambda script, name=name:
                                 self.guest_run(script, 120, name, False))
                status, text = self.guest_run("dmesg", 60, name, check=False)
                if status == 0:
                    self._save(f"dmesg-{name}.log", text)
                _, text = self.run(
                    "sed '/^@@g.* BEGIN/,/^@@g.* END/d' "
                    f"/var/log/xen/console/guest-{name}.log",
                    check=False)
                self._save(f"console-{name}.log", text)
            except RigError:
                self.say(f"guest {name} does not answer")
        self._find_leaks("dom0", lambda script: self.run(script, 120, False))
        self._save("dmesg-dom0.log", self.run("dmesg", 60))
        self._save("toolstack.log", self.run(
            "tail -n +1 /var/log/xen/*.log", 60, check=False)[1])

    def _find_leaks(self, name, run):
        """Have the debug kernel look for leaks, and keep what it finds."""
        if self.setup.debug():
            _, text = run(LEAKS)
            if text.strip():
                self._save(f"kmemleak-{name}.log", text)

    def _save(self, name, text):
        with open(os.path.join(self.log_dir, name), "w",
                  encoding="utf-8") as f:
            f.write(text)

    def power_off(self, timeout=90):
        """Shut dom0 down; RigError when the machine does not go off."""
        self.vm.run("sync; (sleep 1; poweroff) >/dev/null 2>&1 &", 30,
                    "power off")
        if not self.vm.wait_exit(timeout * self.slow):
            raise RigError(f"power off: still running after {timeout} s; see "
                           f"{self.vm.serial_log}")

    def close(self):
        """End QEMU, whatever its state, and drop what only it needed."""
        if self.peer:
            self.peer.close()
        if self.vm:
            self.vm.kill()
            if self.vm.watch.longest > STANDSTILL:
                self.say("the host stood still for "
                         f"{self.vm.watch.longest:.0f} s")
                self.forgiven += STOOD_STILL
        for name in ("dom0.cpio", "scratch.img", "hypervisor", "vmlinux",
                     "kernel.ext2", "root.ext4", "host.ext4",
                     "joined-root.img", "joined-data.img", "joined.sock"):
            path = os.path.join(self.log_dir, name)
            if os.path.lexists(path):
                os.unlink(path)
        self._lock.close()
