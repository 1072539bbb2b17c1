# SPDX-License-Identifier: MIT
"""Whole-system tests of the block pair, beyond the general ones.

Each takes a booted machine and fails with RigError; plan.py says in which.
"""

import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "selftests", "system")]
# pylint: disable=wrong-import-position
import tests as t  # noqa: E402  (sets up the path to the rig)
import overlay  # noqa: E402
from machine import Guest  # noqa: E402

BACK = "back:/sys/module/tenon_blkback/parameters"
FRONT = "front:/sys/module/tenon_blkfront/parameters"
BACK_POLL = "back:/sys/module/tenon_common/parameters/poll_us"
FRONT_POLL = "front:/sys/module/tenon_common/parameters/poll_us"
SCRATCH = "phy:/dev/disk/by-id/virtio-scratch"

VERIFY = ("fio --name=v --filename=/dev/xvdd --direct=1 --verify=crc32c "
          "--verify_fatal=1 --verify_state_save=0 --ioengine=libaio "
          "--size=4M --iodepth=16 --rw={rw} --bsrange={bs} "
          "--blockalign={align} --output-format=terse")
WORK = (
    {"rw": "randwrite", "bs": "512-1M", "align": "512"},
    {"rw": "randtrimwrite", "bs": "4k-64k", "align": "4k"},
)

# What each side may negotiate; the first is the default.
DEFAULTS = {
    f"{BACK}/feature_persistent": "Y",
    f"{BACK}/max_indirect_segments": "256",
    f"{BACK}/max_ring_page_order": "4",
    f"{BACK}/max_queues": "0",
    f"{FRONT}/feature_persistent": "Y",
    f"{FRONT}/max_indirect_segments": "256",
    f"{FRONT}/max_ring_page_order": "2",
    f"{FRONT}/max_queues": "0",
    f"{FRONT}/trusted": "Y",
    BACK_POLL: "200",
    FRONT_POLL: "200",
}
MIXES = (
    ("defaults", {}),
    ("four queues", {f"{BACK}/max_queues": "4", f"{FRONT}/max_queues": "4"}),
    ("polling for long", {BACK_POLL: "10000", FRONT_POLL: "10000"}),
    ("events only", {BACK_POLL: "0", FRONT_POLL: "0"}),
    ("grants for once", {f"{BACK}/feature_persistent": "N"}),
    ("bounced, not persistent", {f"{BACK}/feature_persistent": "N",
                                 f"{FRONT}/trusted": "N"}),
    ("11 segments, barriers", {f"{FRONT}/max_indirect_segments": "0"}),
    ("11 segments for once", {f"{BACK}/max_indirect_segments": "0",
                              f"{FRONT}/feature_persistent": "N"}),
    ("32 segments, one page", {f"{BACK}/max_indirect_segments": "32",
                               f"{FRONT}/max_ring_page_order": "0"}),
    ("ring of 16 pages", {f"{FRONT}/max_ring_page_order": "4"}),
)


def block_guest(m):
    """A guest with two vCPUs and its root disk only."""
    m.create(Guest(vcpus=2))
    # Tests have disks fail on purpose: xvdd, and in dom0 the one behind it.
    m.forgiven += [f"dev {disk}," for disk in ("xvdd", "dm-0")]


def ours(m, side):
    """Is that half of the block pair ours?"""
    return f"tenon-blk{side}" in overlay.chosen(side, getattr(m.setup, side))


def set_parameters(m, values):
    """Write the module parameters of the halves that are ours."""
    for side, run in (("back", m.run), ("front", m.guest_run)):
        script = [f"echo {value} >{path.split(':')[1]}"
                  for path, value in {**DEFAULTS, **values}.items()
                  if path.startswith(side)]
        if ours(m, side):
            run(" && ".join(script), step="set parameters")


BACK_END_GONE = ("! xenstore-list /local/domain/0/backend/vbd/"
                 "$(xl domid guest) | grep -qx 51760")


def attach(m, disk):
    """Attach a disk to the guest as xvdd."""
    if m.run(BACK_END_GONE, check=False)[0]:
        # A test that failed has left it.
        force_detach(m)
    m.run(f"xl block-attach guest {disk}")
    t.guest_wait(m, "[ -b /dev/xvdd ]", "xvdd appears")


def detach(m):
    """Detach xvdd; it must go on both sides."""
    m.run("xl block-detach guest xvdd")
    t.guest_wait(m, "[ ! -e /sys/block/xvdd ]", "xvdd goes")
    t.wait_for(m, BACK_END_GONE, "its back end goes")


def force_detach(m):
    """Detach xvdd from a peer that may not do its part."""
    # That may take longer than the toolstack waits.
    m.run("xl block-detach guest xvdd || xl block-detach --force guest "
          "xvdd; true", 180)
    t.wait_for(m, BACK_END_GONE, "its back end goes")


def verify(m, what):
    """Write and verify xvdd in the guest, with flushes and FUA between."""
    for work in WORK:
        m.guest_run(VERIFY.format(**work), 300, step=f"{what}: {work['rw']}")
    m.guest_run("dd if=/dev/zero of=/dev/xvdd bs=16k count=8 oflag=direct,"
                "dsync 2>/dev/null && fio --name=f --filename=/dev/xvdd "
                "--rw=write --bs=4k --size=128k --fsync=1 --ioengine=psync "
                "--output-format=terse", 120, step=f"{what}: flush")


def shown(m, side):
    """What one half, if it is ours, shows of xvdd's queues."""
    run = m.run if side == "back" else m.guest_run
    return run("mountpoint -q /sys/kernel/debug || mount -t debugfs none "
               "/sys/kernel/debug; cat /sys/kernel/debug/tenon/"
               f"blk{side}/*51760*/queues") if ours(m, side) else ""


def queues(m):
    """Data survives on one queue per vCPU, and each of them is used."""
    set_parameters(m, {f"{BACK}/max_queues": "4", f"{FRONT}/max_queues": "0"})
    attach(m, f"{SCRATCH} xvdd w")
    for work in WORK:
        m.guest_run(VERIFY.format(**work) + " --numjobs=2 --cpus_allowed=0,1 "
                    "--cpus_allowed_policy=split --offset_increment=8M", 300,
                    step=f"queues: {work['rw']}")
    for side, used in (("back", r"requests: read ([1-9]\d*) write [1-9]"),
                       ("front", r"requests: ([1-9]\d*)")):
        text = shown(m, side)
        t.expect(len(re.findall(used, text)) == 2,
                 f"not two queues in use:\n{text}")
    detach(m)
    set_parameters(m, {})


def mixes(m):
    """Data survives every combination of what can be negotiated."""
    for name, values in MIXES:
        # A stock half has its defaults only.
        if values and not all(ours(m, path.split(":")[0]) for path in values):
            continue
        set_parameters(m, values)
        attach(m, f"{SCRATCH} xvdd w")
        verify(m, name)
        texts = [shown(m, side) for side in ("back", "front")]
        print(f"#   {name}: " + " | ".join(
            line.strip() for text in texts for line in text.splitlines()
            if re.search("requests|poll|events|segments", line)), flush=True)
        for text in texts if FRONT_POLL in values else ():
            polled = any(map(int, re.findall(r"poll: hits (\d+)", text)))
            t.expect(polled == (values[FRONT_POLL] != "0"),
                     f"{name}, but:\n{text}")
        detach(m)
    set_parameters(m, {})


def read_only(m):
    """A read-only disk is one in the guest, and the back end insists."""
    attach(m, f"{SCRATCH} xvdd r")
    t.expect(m.guest_run("cat /sys/block/xvdd/ro").strip() == "1",
             "the guest does not know that the disk is read-only")
    before = m.run("dd if=/dev/disk/by-id/virtio-scratch bs=64k count=1 "
                   "iflag=direct 2>/dev/null | sha256sum")
    m.guest_run("echo 0 >/sys/block/xvdd/force_ro 2>/dev/null; "
                "blockdev --setrw /dev/xvdd; ! dd if=/dev/urandom "
                "of=/dev/xvdd bs=4k count=4 oflag=direct 2>/dev/null",
                step="writing fails")
    after = m.run("dd if=/dev/disk/by-id/virtio-scratch bs=64k count=1 "
                  "iflag=direct 2>/dev/null | sha256sum")
    t.expect(before == after, "a read-only disk was written")
    detach(m)


def resize(m):
    """The guest sees a disk grow while it is in use."""
    m.run("modprobe dm_mod; dmsetup create grow --table "
          "'0 32768 linear /dev/nullb0 0'")
    attach(m, "phy:/dev/mapper/grow xvdd w")
    t.expect(m.guest_run("cat /sys/block/xvdd/size").strip() == "32768",
             "wrong size to begin with")
    m.run("dmsetup load grow --table '0 65536 linear /dev/nullb0 0' && "
          "dmsetup resume grow")
    t.guest_wait(m, "dd if=/dev/xvdd of=/dev/null bs=4k count=1 iflag=direct; "
                    "[ $(cat /sys/block/xvdd/size) = 65536 ]",
                 "the new size is seen")
    m.guest_run("dd if=/dev/zero of=/dev/xvdd bs=64k seek=400 count=8 "
                "oflag=direct 2>/dev/null", step="the new end is written")
    detach(m)
    m.run("dmsetup remove grow")


def rebind(m):
    """The front end lets go of a disk, and takes it again."""
    attach(m, f"{SCRATCH} xvdd w")
    driver = "/sys/bus/xen/drivers/tenon-blkfront"
    for _ in range(3):
        m.guest_run(f"echo vbd-51760 >{driver}/unbind && "
                    "[ ! -e /sys/block/xvdd ]", step="unbind")
        m.guest_run(f"echo vbd-51760 >{driver}/bind", step="bind")
        t.guest_wait(m, "dd if=/dev/xvdd of=/dev/null bs=64k count=4 "
                        "iflag=direct", "xvdd works again")
    detach(m)


def detach_under_load(m):
    """A disk can be taken away amid I/O; what is under way fails or ends."""
    for _ in range(3):
        attach(m, "phy:/dev/nullb0 xvdd w")
        m.guest_run("(fio --name=l --filename=/dev/xvdd --rw=randrw "
                    "--bsrange=4k-256k --iodepth=64 --direct=1 "
                    "--ioengine=libaio --size=64M --time_based "
                    "--allow_file_create=0 --runtime=120; "
                    "touch /tmp/load.done) >/dev/null 2>&1 & sleep 3")
        detach(m)
        t.guest_wait(m, "[ -e /tmp/load.done ]", "fio ends")
        m.guest_run("rm /tmp/load.done")


def device_fails(m):
    """Errors of the device reach the guest as errors; then all is well."""
    m.run("modprobe dm_mod; dmsetup create bad --table "
          "\"0 131072 linear /dev/nullb0 0\"")
    attach(m, "phy:/dev/mapper/bad xvdd w")
    m.guest_run("dd if=/dev/xvdd of=/dev/null bs=64k count=4 iflag=direct "
                "2>/dev/null")
    m.run("dmsetup load bad --table '0 131072 error' && dmsetup resume bad")
    m.guest_run("! dd if=/dev/xvdd of=/dev/null bs=64k count=4 iflag=direct "
                "2>/dev/null", step="reading fails")
    m.run("dmsetup load bad --table '0 131072 linear /dev/nullb0 0' && "
          "dmsetup resume bad")
    m.guest_run("dd if=/dev/xvdd of=/dev/null bs=64k count=4 iflag=direct "
                "2>/dev/null", step="reading works again")
    detach(m)
    m.run("dmsetup remove bad")


def save_restore(m):
    """What is under way when a guest is saved is done when it is restored."""
    m.run("modprobe brd rd_nr=1 rd_size=65536 && [ -b /dev/ram0 ]")
    attach(m, "phy:/dev/ram0 xvdd w")
    m.guest_run("(fio --name=r --filename=/dev/xvdd --rw=randwrite "
                "--bsrange=4k-256k --iodepth=32 --direct=1 --size=48M "
                "--loops=4 --ioengine=libaio --verify=crc32c "
                "--verify_fatal=1 --verify_state_save=0 >/tmp/save.out 2>&1; "
                "echo $? >/tmp/save.status) >/dev/null 2>&1 & sleep 2")
    for _ in range(2):
        m.run("xl save guest /dev/disk/by-id/virtio-scratch && "
              "xl restore /dev/disk/by-id/virtio-scratch", 600)
        # Its agent runs on, only its number is new.
        m.run("touch /run/guest-agent.$(xl domid guest)")
        m.guest_run("dd if=/dev/xvda of=/dev/null bs=64k count=16 "
                    "iflag=direct 2>/dev/null", step="the guest runs on")
    t.guest_wait(m, "[ -e /tmp/save.status ]", "fio ends", timeout=300)
    t.expect(m.guest_run("cat /tmp/save.status").strip() == "0",
             "fio: " + m.guest_run("tail -5 /tmp/save.out"))
    detach(m)


def hostile_front_end(m):
    """A front end that breaks every rule harms only itself."""
    attach(m, "phy:/dev/nullb0 xvdd w")
    log = m.guest_run(
        "dmesg -C; echo vbd-51760 >/sys/bus/xen/drivers/tenon-blkfront/unbind "
        "&& insmod /run/tenon/files/tenon-hostile-front.ko; dmesg", 900,
        step="the hostile front end")
    for line in log.splitlines():
        if re.search(r"(ok \d+ - |# .*:\d+: |# \d+ of)", line):
            print("#   " + line, flush=True)
    done = re.search(r"# (\d+) of (\d+) failed", log)
    t.expect(done, f"the cases did not end:\n{log[-800:]}")
    t.expect(done.group(1) == "0" and int(done.group(2)) > 20,
             f"hostile cases failed:\n{log[-2000:]}")
    m.guest_run("dd if=/dev/xvda of=/dev/null bs=64k count=16 iflag=direct "
                "2>/dev/null", step="our own disk still works")
    # A bound device pins its driver.
    m.guest_run("echo vbd-51760 >/sys/bus/xen/drivers/tenon-hostile-front/"
                "unbind && rmmod tenon_hostile_front")
    force_detach(m)


# How the back end lies, and what becomes of I/O in the guest.
LIES = (
    ("none", "work"), ("operation", "work"), ("limits", "work"),
    ("storm", "work"), ("status", "fail"), ("ahead", "stop"),
    ("stray id", "stop"), ("twice", "stop"), ("back", "stop"),
    ("no writes", "wait"), ("silence", "wait"),
    ("sectors", "no disk"), ("block", "no disk"),
    ("no sectors", "empty"),
)
WRITE = "dd if=/dev/zero of=/dev/xvdd bs=64k count=4 conv=fsync 2>/dev/null"
READ = ("dd if=/dev/xvdd of=/dev/null bs=64k count=4 iflag=direct "
        "2>/dev/null")


FRONT_DRIVER = "/sys/bus/xen/drivers/tenon-blkfront"
LIE = "/sys/module/tenon_hostile_back/parameters/lie"


def bring_liar(m):
    """Have xvdd, which is there but without a driver, served by a liar."""
    attach(m, "phy:/dev/nullb0 xvdd w")
    m.guest_run(f"echo vbd-51760 >{FRONT_DRIVER}/unbind")
    m.run("insmod /run/tenon/files/tenon-hostile-back.ko; "
          "dev=vbd-$(xl domid guest)-51760; "
          "cd /sys/bus/xen-backend/drivers && "
          "echo $dev >tenon-blkback/unbind && "
          "echo $dev >tenon-hostile-back/bind")


def meet_liar(m, how):
    """Have it lie to a front end that begins anew."""
    m.run(f"echo '{how}' >{LIE}")
    m.guest_run(f"dmesg -C; echo vbd-51760 >{FRONT_DRIVER}/bind")


def see_through(m, how, what):
    """Check what the guest makes of a lie."""
    if what == "no disk":
        t.guest_wait(m, "dmesg | grep -q 'reading what'", f"{how}: refused")
        m.guest_run("[ ! -e /sys/block/xvdd ]", step=f"{how}: no disk")
        return
    t.guest_wait(m, "[ -b /dev/xvdd ]", f"{how}: the disk appears")
    if what == "empty":
        m.guest_run("[ $(cat /sys/block/xvdd/size) = 0 ]", step=how)
    elif what == "work":
        m.guest_run(f"{READ} && {READ}", step=f"{how}: reads work")
    elif what == "fail":
        m.guest_run(f"! {READ}", step=f"{how}: reads fail")
    else:
        work = WRITE if how == "no writes" else READ
        m.guest_run(f"rm -f /tmp/work.*; (for i in 1 2 3 4; do {work} || "
                    "break; done; touch /tmp/work.done) >/dev/null 2>&1 &")
        time.sleep(4)
        m.guest_run("[ ! -e /tmp/work.done ]", step=f"{how}: I/O waits")
        said = m.guest_run("dmesg | grep -c 'broke the protocol'",
                           check=False)[1].strip()
        t.expect(said == ("1" if what == "stop" else "0"),
                 f"{how}: {said} complaints in the log")


def hostile_back_end(m):
    """A back end that lies costs its guest that disk, and nothing else."""
    bring_liar(m)
    for how, what in LIES:
        meet_liar(m, how)
        see_through(m, how, what)
        m.guest_run(f"echo vbd-51760 >{FRONT_DRIVER}/unbind && "
                    "[ ! -e /sys/block/xvdd ]", step=f"{how}: unbind")
        if what in ("stop", "wait"):
            t.guest_wait(m, "[ -e /tmp/work.done ]", f"{how}: I/O ends")
        m.guest_run("dd if=/dev/xvda of=/dev/null bs=64k count=16 "
                    "iflag=direct 2>/dev/null", step=f"{how}: xvda works")
        print(f"#   lie: {how}: {what}", flush=True)
    # What the toolstack says comes through a disk that hangs.
    meet_liar(m, "silence")
    see_through(m, "silence", "wait")
    force_detach(m)
    t.guest_wait(m, "[ ! -e /sys/block/xvdd ]", "the silent disk goes")
    t.guest_wait(m, "[ -e /tmp/work.done ]", "its reads end")
    m.run("rmmod tenon_hostile_back")


TESTS = (read_only, resize, device_fails, rebind, detach_under_load,
         hostile_front_end, hostile_back_end, save_restore, queues)
# With one stock half.
MIXED = (resize, detach_under_load, mixes)


def build_hostile(kver):
    """Build the hostile halves; the paths of the modules."""
    out = os.path.join(TOP, "out", "selftests", "hostile-" + kver)
    subprocess.run(["sh", os.path.join(TOP, "selftests/lib/build-hostile.sh"),
                    "blk", kver, out], check=True)
    return tuple(os.path.join(out, "selftests/blk/hostile",
                              f"tenon-hostile-{half}.ko")
                 for half in ("front", "back"))
