# SPDX-License-Identifier: MIT
"""Saving, restoring and migrating a guest that does not stop working meanwhile.

fio writes and verifies, a TCP connection stands, and clocks go on; what a saved
guest had in dom0 and in the hypervisor is all given back.
"""

import os
import re

import tests as t
from machine import Guest

# How often a guest is saved, and migrated: a hundred times takes an hour.
TIMES = int(os.environ.get("TIMES", "0"))
CYCLES = TIMES or 3
MIGRATIONS = TIMES or 2
FILE = "/dev/disk/by-id/virtio-scratch"
GUEST = "10.0.2.21"
MEMORY = 224
PORT = 5559
LATE = ("rm -f /tmp/late.*; mkfifo /tmp/late.in; (exec 9<>/tmp/late.in; "
        "busybox nc -l -p 5560 <&9 >/tmp/late; "
        "sha256sum </tmp/late >/tmp/late.sum) >/dev/null 2>&1 & sleep 1")


def _attach(m):
    """A disk for fio to write to."""
    m.run("modprobe brd rd_nr=2 rd_size=32768; [ -b /dev/ram0 ] && "
          "xl block-attach guest phy:/dev/ram0 xvdd w")
    t.guest_wait(m, "[ -b /dev/xvdd ]", "xvdd appears")


def start_work(m):
    """Verified writing, until there is a file /tmp/stop; a connection."""
    m.guest_run(
        "(n=0; while [ ! -e /tmp/stop ]; do fio --name=s --filename=/dev/xvdd "
        "--rw=randwrite --bsrange=4k-128k --iodepth=32 --direct=1 --size=24M "
        "--ioengine=libaio --verify=crc32c --verify_fatal=1 "
        "--verify_state_save=0 >/tmp/fio.out 2>&1 || { touch /tmp/fio.bad; "
        "break; }; n=$((n + 1)); done; echo $n >/tmp/fio.end) "
        ">/dev/null 2>&1 & "
        f"busybox nc -l -p {PORT} -e cat >/dev/null 2>&1 & sleep 2")
    m.run("rm -f /tmp/nc /tmp/in; mkfifo /tmp/nc; (exec 9<>/tmp/nc; busybox nc "
          f"{GUEST} {PORT} <&9 >/tmp/in) >/dev/null 2>&1 &")
    echo(m, "begin")


def echo(m, word):
    """The connection carries a word there and back."""
    m.run(f"echo {word} >/tmp/nc")
    t.wait_for(m, f"grep -qx {word} /tmp/in", f"'{word}' comes back", 120)


def uptime(m):
    """The guest's uptime, and its wall clock is dom0's."""
    now = "date +%s.%N"
    before = float(m.run(now))
    clock, seconds = m.guest_run(f"{now}; cut -d. -f1 /proc/uptime").split()
    after = float(m.run(now))
    t.expect(before - 2 <= float(clock) <= after + 2,
             f"the guest's clock says {clock}, dom0's {before} to {after}")
    return int(seconds)


def _domains(m):
    return m.run("xl list | tail -n +2 | wc -l").strip()


def _frames(m):
    """What is free: frames, on Xen MiB."""
    return t.free_memory(m) if m.setup.hv == "xen" else t.free_frames(m)


def _frames_come_back(m, frames):
    """Wait until no more are in use than once before."""
    for _ in range(60):
        now = _frames(m)
        if now == frames:
            return
        m.run("sleep 1")
    t.expect(False, f"{now} frames are free, there were {frames}")


def working_guest(m):
    """A guest with two vCPUs at work."""
    m.create(Guest(vcpus=2, memory=MEMORY))
    _attach(m)
    start_work(m)


def checkpoint(m):
    """A guest goes on after a copy of it was made."""
    domid = m.run("xl domid guest")
    for number in range(2):
        since = uptime(m)
        m.run(f"xl save -c guest {FILE}", 600)
        t.expect(m.run("xl domid guest") == domid, "it is another domain")
        echo(m, f"checkpoint{number}")
        t.expect(uptime(m) >= since, "time went back")


def save_restore(m):
    """Again and again; no page and no domain is left behind."""
    frames = None
    domains = _domains(m)
    for number in range(CYCLES):
        since = uptime(m)
        m.run(f"xl save guest {FILE}", 600)
        # The first time, dom0 still makes what it keeps for the next guests.
        if number == 1:
            frames = _frames(m)
        elif number:
            _frames_come_back(m, frames)
        m.run(f"xl restore {FILE}", 600)
        # Its agent runs on, only its number is new.
        m.run("touch /run/guest-agent.$(xl domid guest)")
        t.expect(_domains(m) == domains, "there are other domains")
        echo(m, f"restore{number}")
        t.expect(uptime(m) >= since, "time went back")


def rounds(m, domid):
    """How many frames were found written in each round of a migration."""
    if m.setup.hv == "xen":
        return
    found = re.findall(rf"\bd{domid}: (\d+) frames were written to",
                       m.run("xl dmesg"))
    # The first look is before the first round, which copies all.
    t.expect(len(found) > 1, "no rounds are told")
    print(f"#   rounds: all, then {', '.join(found[1:])} frames, the last "
          "with the guest suspended", flush=True)


def _migrated(m, domid, domains):
    """It is another domain by now, and works."""
    t.expect(m.run("xl domid guest") != domid, "it is the same domain")
    rounds(m, domid.strip())
    # Its agent runs on, only its number is new.
    m.run("touch /run/guest-agent.$(xl domid guest)")
    t.expect(_domains(m) == domains, "there are other domains")


def migrate(m):
    """Live, to the machine it is on: it runs while it is copied."""
    m.run("printf '#!/bin/sh\\nshift\\nexec sh -c \"$*\"\\n' >/run/to-here; "
          "chmod +x /run/to-here")
    domains = _domains(m)
    for number in range(MIGRATIONS):
        since = uptime(m)
        domid = m.run("xl domid guest")
        m.run("xl migrate -s /run/to-here guest localhost", 600)
        _migrated(m, domid, domains)
        echo(m, f"migrate{number}")
        t.expect(uptime(m) >= since, "time went back")


# Between xl and xl: what comes after so many bytes waits for a file.
GATE = f"""cat >/run/to-here-later <<'END'
#!/bin/sh
shift
(head -c {MEMORY - 4}M; touch /run/half
while [ ! -e /run/go ]; do sleep 0.2; done; cat) | sh -c "$*"
END
chmod +x /run/to-here-later; rm -f /run/half /run/go /run/migrated
(xl migrate -s /run/to-here-later guest localhost >/run/migrate.out 2>&1
echo $? >/run/migrated) >/dev/null 2>&1 &
for i in $(seq 600); do [ -e /run/half ] && exit 0; sleep 0.5; done; exit 1"""
READ = ("fio --name=v --filename=/dev/xvde --bs=16k --size=16M --iodepth=16 "
        "--direct=1 --ioengine=libaio --verify=crc32c --verify_fatal=1 "
        "--verify_state_save=0 --allow_file_create=0 --rw=write")


def written_by_others(m):
    """What dom0 writes into a page that was copied before is copied again.

    Only the hypervisor can know of it: no vCPU of the guest writes there.  When
    most frames were copied, fio stands still with all its reads under way, and
    packets come in that nobody reads; both go on when the guest is elsewhere.
    Without the rule that whatever others have mapped, or wrote to, is dirty
    (page_take_written() in hv/core/p2m.c returning false) fio finds the blocks
    that it had read before: "verify: bad header offset".
    """
    m.run("xl block-attach guest phy:/dev/ram1 xvde w")
    t.guest_wait(m, "[ -b /dev/xvde ]", "xvde appears")
    m.guest_run(f"{READ} --do_verify=0", step="fill xvde")
    m.guest_run(f"({READ} --thread --verify_only --loops=1000000 "
                ">/tmp/v.out 2>&1; echo $? >/tmp/v.status) >/dev/null 2>&1 & "
                "sleep 5")
    if m.setup.front == "ours":
        shown = m.guest_run("mountpoint -q /sys/kernel/debug || mount -t "
                            "debugfs none /sys/kernel/debug; cat /sys/kernel/"
                            "debug/tenon/blkfront/*51776/queues")
        t.expect(re.search(r"direct: pages [1-9]", shown),
                 f"fio's pages are not granted:\n{shown}")
    m.guest_run(LATE)
    domid, domains = m.run("xl domid guest"), _domains(m)
    m.run(GATE, 400, step="most frames are copied")
    m.guest_run("pkill -STOP -f name=v && pkill -STOP -f 'nc -l -p 5560'")
    want = m.run("head -c 48k /dev/urandom >/tmp/late; (busybox nc -w 300 "
                 f"{GUEST} 5560 </tmp/late) >/dev/null 2>&1 & "
                 "sha256sum </tmp/late")
    t.guest_wait(m, "ss -tnH | awk '$4 ~ /:5560$/ { n = $2 } END { exit n < "
                 "16384 }'", "packets wait to be read")
    m.run("touch /run/go")
    t.wait_for(m, "[ -e /run/migrated ]", "the migration ends", 600)
    t.expect(m.run("cat /run/migrated").strip() == "0",
             m.run("cat /run/migrate.out"))
    _migrated(m, domid, domains)
    m.guest_run("pkill -CONT -f name=v; pkill -CONT -f 'nc -l -p 5560'; "
                "sleep 5")
    status, out = m.guest_run("grep -m 4 -E 'verify:|err=' /tmp/v.out; "
                              "[ ! -e /tmp/v.status ]", check=False)
    t.expect(not status, f"fio:\n{out}")
    t.guest_wait(m, "[ -s /tmp/late.sum ]", "the packets are read")
    t.expect(m.guest_run("cat /tmp/late.sum") == want,
             "other bytes than sent")
    m.guest_run("pkill -INT -f name=v")
    t.guest_wait(m, "[ -e /tmp/v.status ]", "fio ends")
    m.run("xl block-detach guest xvde")


def work_is_right(m):
    """What was written all the time was read back."""
    m.guest_run("touch /tmp/stop")
    t.guest_wait(m, "[ -e /tmp/fio.end ]", "fio ends", timeout=300)
    status, out = m.guest_run("cat /tmp/fio.end; tail -n 20 /tmp/fio.out; "
                              "[ ! -e /tmp/fio.bad ]", check=False)
    t.expect(not status and re.match(r"[1-9]", out), f"fio:\n{out}")
    m.run("pkill -f '[n]c 10.0.2.21'; rm -f /tmp/nc; true")


TESTS = [working_guest, checkpoint, save_restore, migrate, written_by_others,
         work_is_right]
