# SPDX-License-Identifier: MIT
"""A guest whose kernel is 32-bit code: Debian's for i386, its stock front ends.

It reports on its console (guest32-init.sh) what it saw of its devices.
"""

import os
import re

import tests as t
from machine import Guest

images = t.images
INIT = os.path.join(t.HERE, "guest32-init.sh")
LOG = "/var/log/xen/console/guest-narrow.log"
GATEWAY = "10.0.2.15"
MIB = 1 << 20


def files(_kver):
    """Kernel and initramfs, for machine.Setup(extra_files=...)."""
    return images.kernel32(INIT, print)


def _wait_line(m, line, text, timeout=240, times=1):
    t.wait_for(m, f"[ $(grep -c '^GUEST32 {line}' {LOG}) -ge {times} ]", text,
               timeout)


def _start(m, vcpus=1, args=""):
    """Boot it, and see what it says until it is done."""
    guest = Guest(name="narrow", vcpus=vcpus, memory=256, args=args, disks=(
        "phy:/dev/vdb,xvda,r", "phy:/dev/vdd,xvdb,w"))
    config = guest.config(m.setup.net) \
        .replace("/boot/kernel/vmlinux", "/run/tenon/files/vmlinux32") \
        .replace("/run/guest-initrd.cpio", "/run/tenon/files/guest32.cpio") \
        .replace(f"disk={list(guest.disks[:1])}",
                 f"disk={list(guest.disks)}")
    m.run(f"cat >/run/narrow.cfg <<'EOF'\n{config}EOF\n: >{LOG}; "
          "xl create -q /run/narrow.cfg", 120, step="xl create narrow")
    try:
        _wait_line(m, "end", "the guest has done all")
    finally:
        m._save(  # pylint: disable=protected-access
            f"console-narrow-{vcpus}{'-2l' if args else ''}.log",
            m.run(f"cat {LOG}", check=False)[1])
    return m.run(f"tr -d '\\r' <{LOG}")


def _check(m, said, vcpus=1, events="FIFO-based"):
    t.expect(f"GUEST32 machine i686 with {vcpus} CPUs" in said,
             "not the machine that was asked for")
    t.expect(f"GUEST32 Using {events} ABI" in said, f"events are not {events}")
    disk = m.run("dd if=/dev/vdb bs=1M count=32 iflag=direct 2>/dev/null | "
                 "sha256sum").split()[0]
    t.expect(f"GUEST32 read {disk}" in said, "it read other bytes")
    wrote = re.search(r"^GUEST32 wrote (\w{64})", said, re.M)
    disk = m.run("dd if=/dev/vdd bs=1M count=8 iflag=direct 2>/dev/null | "
                 "sha256sum").split()[0]
    t.expect(wrote and wrote.group(1) == disk,
             "what it wrote is not on dom0's disk")
    for size in (0, 56, 1400, 8000):
        t.expect(f"GUEST32 ping {size}\n" in said, f"no ping of {size} bytes")
    for cpu in range(vcpus):
        t.expect(f"GUEST32 slept on {cpu}\n" in said, f"CPU {cpu} has no timer")
    began, ended, clock = re.search(
        r"^GUEST32 time (\S+) (\S+) clock (\d+)", said, re.M).groups()
    t.expect(vcpus * 0.9 < float(ended) - float(began) < 100 * m.slow,
             f"its time goes from {began} to {ended}")
    t.expect(abs(int(clock) - int(m.run("date +%s"))) < 120,
             f"its clock says {clock}")


def narrow_boots(m):
    """It boots under xl, with events by FIFO, and its devices work."""
    _check(m, _start(m))
    kinds = m.run("for f in $(xenstore-ls -fp /local/domain/$(xl domid narrow)"
                  "/device/vbd | sed -n 's,^\\(.*/protocol\\) = .*,\\1,p'); do "
                  "xenstore-read $f; done").split()
    t.expect(kinds == ["x86_32-abi"] * 2, f"protocols: {kinds}")


def narrow_saved(m):
    """It is saved and restored, and goes on with its disk."""
    disk = m.run("dd if=/dev/vdb bs=1M count=32 iflag=direct 2>/dev/null | "
                 "sha256sum").split()[0]
    m.run("xl save narrow /run/narrow.save && ! xl domid narrow && "
          f": >{LOG}; xl restore /run/narrow.save && rm /run/narrow.save", 240)
    _wait_line(m, f"beat [0-9]* {disk}", "it reads on", 120, 3)


def narrow_ends(m):
    """It is shut down, and nothing is left."""
    m.run("xl shutdown -w narrow", 240)
    t.wait_for(m, "! xl domid narrow", "the guest is gone")
    t.nothing_left(m)


def narrow_two_level(m):
    """The same with events in two levels of 32 bits."""
    _check(m, _start(m, args=t.TWO_LEVEL), events="2-level")
    narrow_ends(m)


def narrow_smp(m):
    """The same with two vCPUs, which its APIC by MMIO starts."""
    _check(m, _start(m, vcpus=2), vcpus=2)
    narrow_saved(m)
    narrow_ends(m)


TESTS = [narrow_boots, narrow_saved, narrow_ends, narrow_two_level, narrow_smp]
