# SPDX-License-Identifier: MIT
"""What a disk was told to keep is there when its power, its back end or its
guest is not.

The disk has a cache that forgets: null_blk's, which what is flushed leaves.  The
guest says over the network what it has flushed; dom0 looks at the disk itself.
"""

import blk_system as b
import tests as t

SOURCE = "selftests/blk/cut/cut.c"
CUT = "/run/tenon/files/cut"
DISK, SAID, PORT = "/dev/nullb1", "/run/said", 5560
CONFIG = "/sys/kernel/config/nullb/nullb1"
# More than the program writes, less than all: what others write is evicted.
MAKE = f"""
mountpoint -q /sys/kernel/config ||
    mount -t configfs configfs /sys/kernel/config || exit 1
mkdir {CONFIG} && cd {CONFIG} && echo 64 >size && echo 512 >blocksize &&
    echo 1 >memory_backed && echo 32 >cache_size && echo 1 >power
"""
# Both ends stop when either has no more to say.
LISTEN = (f"rm -f {SAID}; (sleep 900 | busybox nc -l -p {PORT} >{SAID}) "
          ">/dev/null 2>&1 & sleep 1")
WRITE = (f"({CUT} {{how}} /dev/xvdd | busybox nc 10.0.2.15 {PORT}) "
         ">/dev/null 2>&1 & ")
LOAD = ("(fio --name=l --filename=/dev/xvdd --offset=20M --size=40M "
        "--rw=randwrite --bs=4k --iodepth=16 --direct=1 --ioengine=libaio "
        "--time_based --runtime=300 >/dev/null 2>&1 &)")


def _begin(m, how, load=""):
    """A guest that writes, and has said a lot."""
    b.attach(m, f"phy:{DISK} xvdd w")
    m.run(LISTEN)
    m.guest_run(WRITE.format(how=how) + load)
    t.wait_for(m, f"[ $(wc -l <{SAID}) -gt 1500 ]", "enough is written")


def _power(m, on):
    m.run(f"echo {on} >{CONFIG}/power", 60)


def _survived(m):
    """With the power back, whether all is there that the guest has flushed."""
    # What the guest said has arrived, or never will.
    m.run(f"pkill -f 'nc -l -p {PORT}'; true")
    _power(m, 1)
    status, out = m.run(f"{CUT} check {DISK} <{SAID} | tail -n 5", check=False)
    t.expect(not status and "acknowledged" in out, f"check says: {out}")
    return ", 0 blocks lost" in out, out


def _must_survive(m, when):
    kept, out = _survived(m)
    t.expect(kept, f"{when}: {out}")


def power_cut(m):
    """The power goes: what was flushed or written through is there"""
    m.forgiven.append("dev nullb1,")
    m.run(MAKE)
    _begin(m, "boast")
    _power(m, 0)
    b.force_detach(m)
    kept, out = _survived(m)
    t.expect(not kept, f"a disk that forgets has forgotten nothing: {out}")
    _begin(m, "write", LOAD)
    _power(m, 0)
    b.force_detach(m)
    _must_survive(m, "a power cut")
    m.run(f"rmdir {CONFIG}")


def deaths_amid_flushes(m):
    """The back end goes, then the guest, and each time the power with it"""
    m.forgiven.append("dev nullb1,")
    m.run(MAKE)
    _begin(m, "write", LOAD)
    m.run("echo vbd-$(xl domid guest)-51760 >"
          "/sys/bus/xen-backend/drivers/tenon-blkback/unbind")
    _power(m, 0)
    b.force_detach(m)
    _must_survive(m, "an unbound back end")
    _begin(m, "write", LOAD)
    m.run("xl destroy guest", 180)
    _power(m, 0)
    _must_survive(m, "a destroyed guest")
    m.run(f"rmdir {CONFIG}")
    b.block_guest(m)


TESTS = (power_cut, deaths_amid_flushes)
