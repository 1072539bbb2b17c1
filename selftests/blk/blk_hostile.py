# SPDX-License-Identifier: MIT
"""Block peers that break the rules, on either side."""

import re
import time

import blk_system as b
import tests as t


def hostile_front_end(m):
    """A front end that breaks every rule harms only itself."""
    b.attach(m, "phy:/dev/nullb0 xvdd w")
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
    b.force_detach(m)


# How the back end lies, and what becomes of I/O in the guest.
LIES = (
    ("none", "work"), ("operation", "work"), ("limits", "work"),
    ("storm", "work"), ("no revoke", "direct"), ("held", "direct"),
    ("status", "fail"), ("ahead", "stop"),
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
    b.attach(m, "phy:/dev/nullb0 xvdd w")
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
    elif what == "direct":
        b.recur(m, 3000, depth=64)
        # Grants of which there are too many, or that are not used any more.
        t.guest_wait(m, "[ $(sed -n 's/.* revokes \\([0-9]*\\).*/\\1/p' /sys/"
                        "kernel/debug/tenon/blkfront/*51760/queues) -gt 0 ]",
                     f"{how}: a revoke")
        b.recur(m, 3000, depth=64)
        now = b.counters(m)
        print(f"#   {now}", flush=True)
        t.expect(now["pages"] <= 40 and not now["revoked"] and
                 (how == "held") == (now["stuck"] > 0),
                 f"{how}: {now}")
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
    m.guest_run(b.MOUNT_DEBUGFS)
    bring_liar(m)
    for how, what in LIES:
        b.set_parameters(m, {f"{b.FRONT}/max_direct_pages": "40"}
                       if what == "direct" else {})
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
    b.force_detach(m)
    t.guest_wait(m, "[ ! -e /sys/block/xvdd ]", "the silent disk goes")
    t.guest_wait(m, "[ -e /tmp/work.done ]", "its reads end")
    m.run("rmmod tenon_hostile_back")


TESTS = (hostile_front_end, hostile_back_end)
