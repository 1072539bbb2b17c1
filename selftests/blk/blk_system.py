# SPDX-License-Identifier: MIT
"""Whole-system tests of the block pair, beyond the general ones.

Each takes a booted machine and fails with RigError; plan.py says in which.
"""

import os
import re
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
MOUNT_DEBUGFS = ("mountpoint -q /sys/kernel/debug || "
                 "mount -t debugfs none /sys/kernel/debug")
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
    f"{FRONT}/max_direct_pages": "2048",
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
    return run(f"{MOUNT_DEBUGFS}; cat /sys/kernel/debug/tenon/blk{side}/"
               "*51760*/queues") if ours(m, side) else ""


def counters(m):
    """What the front end shows of xvdd's pages, summed over its queues."""
    sums = {}
    for kind, line in re.findall(r"  (requests|grants|direct): (.*)",
                                 shown(m, "front")):
        for name, number in re.findall(r"([a-z_]+) (\d+)",
                                       ("sent " if kind == "requests" else "")
                                       + line):
            sums[name] = sums.get(name, 0) + int(number)
    return sums


RECUR = ("fio --name=r --filename=/dev/xvdd --direct=1 --ioengine=libaio "
         "--rw={rw} --bs={bs} --iodepth={depth} --number_ios={ios} "
         "--size=16M --io_size=100G --norandommap --output-format=terse "
         "--allow_file_create=0 --cpus_allowed=0")


def recur(m, ios, rw="randread", bs="4k", depth=16):
    """I/O whose pages come again and again, in one queue."""
    m.guest_run(RECUR.format(rw=rw, bs=bs, depth=depth, ios=ios), 300,
                step=f"{rw} of {bs}")


def direct(m):
    """Pages that recur are granted: no copy, no grant operation for an I/O."""
    attach(m, "phy:/dev/nullb0 xvdd w")
    if not (ours(m, "back") and ours(m, "front")):
        recur(m, 4000)
        t.expect(ours(m, "front") <= ("grants: staged" in shown(m, "front")),
                 f"with a stock back end:\n{shown(m, 'front')}")
        detach(m)
        return
    for rw, size, depth in (("randread", "4k", 16), ("randwrite", "4k", 16),
                            ("read", "64k", 8)):
        # The first ones are watched; then all are granted.
        recur(m, 4000, rw, size, depth)
        old, old_back = counters(m), shown(m, "back")
        recur(m, 8000, rw, size, depth)
        new, new_back = counters(m), shown(m, "back")
        ios = new["sent"] - old["sent"]
        calls = [int(re.search(r"calls (\d+)", text).group(1))
                 for text in (old_back, new_back)]
        text = f"{rw} {size}: {ios} I/Os, " \
            f"{new['copied'] - old['copied']} bytes copied, " \
            f"{calls[1] - calls[0]} grant hypercalls"
        print(f"#   {text}", flush=True)
        # Of its first pages, the rest are timers; each call is for many.
        t.expect(new["copied"] == old["copied"] and
                 calls[1] - calls[0] < ios / 50, text)
    # What is not used is let go of.
    t.guest_wait(m, "grep -q 'pages 0 of' /sys/kernel/debug/tenon/blkfront/"
                    "*51760/queues", "idle grants go")
    set_parameters(m, {f"{FRONT}/max_direct_pages": "40"})
    detach(m)

    # More pages than there may be: most are copied, all are right.
    attach(m, f"{SCRATCH} xvdd w")
    m.guest_run(VERIFY.format(rw="randwrite", bs="4k-256k", align="4k")
                + " --loops=12", 300, step="40 pages: verify")
    now = counters(m)
    print(f"#   {now}", flush=True)
    t.expect(now["revoked"] and now["pages"] <= 40 and not now["stuck"],
             f"not what 40 pages should do: {now}")
    detach(m)
    set_parameters(m, {})


def direct_when_it_pays(m):
    """Pages that do not recur are copied; and granted again when they do."""
    attach(m, "phy:/dev/nullb0 xvdd w")
    recur(m, 4000)
    first = counters(m)
    t.expect(first["begun"] == 1 and not first["ended"],
             f"granting has not begun: {first}")
    cold = "dd if=/dev/xvdd of=/dev/null bs=1M count={} skip={} 2>/dev/null"
    m.guest_run(cold.format(64, 0), 120, step="64 MiB through the page cache")
    middle = counters(m)
    t.expect(middle["ended"] == 1, f"granting has not ended: {middle}")
    m.guest_run(cold.format(64, 64), 120, step="64 MiB more")
    then = counters(m)
    # What the first left behind may have looked promising for a while.
    t.expect(then["copied"] - middle["copied"] > 40 << 20 and
             then["begun"] == then["ended"], f"not copied: {then}, {middle}")
    recur(m, 20000)
    last = counters(m)
    print(f"#   {last}", flush=True)
    t.expect(last["begun"] == then["begun"] + 1 and
             last["ended"] == then["ended"],
             f"granting has not begun again: {last}")
    detach(m)


def direct_under_pressure(m):
    """Memory comes and goes while granted pages are written and verified."""
    m.run("modprobe brd rd_nr=1 rd_size=65536 && [ -b /dev/ram0 ]")
    attach(m, "phy:/dev/ram0 xvdd w")
    m.guest_run("rm -f /tmp/p.*; (fio --name=p --filename=/dev/xvdd "
                "--rw=randwrite --bsrange=4k-128k --iodepth=16 --direct=1 "
                "--size=32M --loops=200 --ioengine=libaio --verify=crc32c "
                "--verify_fatal=1 --verify_state_save=0 "
                "--allow_file_create=0 --time_based --runtime=40 "
                ">/tmp/p.out 2>&1; echo $? >/tmp/p.status) >/dev/null 2>&1 &")
    # Others' pages are granted, unmapped and freed meanwhile.
    for size in ("420M", "760M", "420M", "760M"):
        m.run(f"xl mem-set guest {size}")
        m.guest_run("for i in 1 2 3; do dd if=/dev/xvdd of=/dev/null bs=64k "
                    "count=64 iflag=direct 2>/dev/null; done; "
                    "head -c 150M /dev/zero >/tmp/fill; rm /tmp/fill; "
                    "echo 3 >/proc/sys/vm/drop_caches; "
                    "echo 1 >/proc/sys/vm/compact_memory", 120,
                    step=f"memory {size}")
    t.guest_wait(m, "[ -e /tmp/p.status ]", "fio ends", timeout=200)
    now = counters(m)
    print(f"#   {now}", flush=True)
    t.expect(m.guest_run("cat /tmp/p.status").strip() == "0",
             "fio: " + m.guest_run("tail -5 /tmp/p.out"))
    t.expect(not ours(m, "front") or (now["revoked"] and not now["stuck"]),
             f"nothing was revoked, or not really: {now}")
    detach(m)


def limits(m):
    """A limit in xenstore holds, and can be lifted while requests wait."""
    attach(m, "phy:/dev/nullb0 xvdd w")
    read = ("start=$(date +%s%N); dd if=/dev/xvdd of=/dev/null bs={} count={} "
            "iflag=direct 2>/dev/null; end=$(date +%s%N); "
            "echo $(((end - start) / 1000000))")
    key = "/local/domain/0/backend/vbd/$(xl domid guest)/51760/tenon-limit"
    # Never sooner than the limit says, but for what may come in a burst.
    for limit, size, count, least in (("100,0", "4k", 400, 3000),
                                      ("0,1048576", "64k", 64, 3000)):
        m.run(f"xenstore-write {key} {limit}")
        took = int(m.guest_run(read.format(size, count), 200, step=limit))
        print(f"#   {limit}: {count} of {size} in {took} ms", flush=True)
        t.expect(took >= least, f"{limit}: {count} of {size} in {took} ms")
    m.run(f"xenstore-write {key} 1,0")
    m.guest_run(f"rm -f /tmp/l.done; ({read.format('4k', 1000)}; "
                "touch /tmp/l.done) >/dev/null 2>&1 &")
    time.sleep(3)
    m.run(f"xenstore-rm {key}")
    t.guest_wait(m, "[ -e /tmp/l.done ]", "reads end when the limit is lifted")
    histogram = m.run("cat /sys/kernel/debug/tenon/blkback/*51760/latency")
    counted = sum(map(int, re.findall(r"(?:us|more) (\d+)", histogram)))
    # One in sixteen is timed.
    t.expect(counted >= 1464 // 16 and "read: <" in histogram,
             f"{counted} latencies counted:\n{histogram}")
    detach(m)


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


TESTS = (direct, direct_when_it_pays, direct_under_pressure, read_only,
         resize, device_fails, rebind, detach_under_load, save_restore, queues,
         limits)
# With one stock half.  Linux's front end stops its queues when it is to close, and
# then waits for what they still held: detached under load it hangs, with Linux's back
# end as with ours.
MIXED = (direct, resize, mixes)
