# SPDX-License-Identifier: MIT
"""A guest that serves another: back ends in a driver domain (backend= of xl).

"driver" has our back ends and xl devd.  It hands on what dom0 gives it: a disk
with a root on it, one with storage, and the network, on a bridge.  The tests of
a guest's devices then run as they are, in a guest all of whose devices are
served there.  After that each of the two dies under load.
"""

import re
import time

import tests as t
import jobs
from machine import RETRIES, Guest, RigError

DRIVER = "driver"
BACKEND = f"backend={DRIVER}"
# What dom0 gives the driver domain, to be handed on.
DISKS = ("phy:/dev/disk/by-id/virtio-guest2,xvda,w",
         "phy:/dev/disk/by-id/virtio-guest,xvdb,w",
         "phy:/dev/disk/by-id/virtio-scratch,xvdc,w")
# What it makes of that for the guest, with a disk of its own memory.
SERVED = (f"phy:/dev/xvdb,xvda,w,{BACKEND}", f"phy:/dev/ram0,xvdb,w,{BACKEND}",
          f"phy:/dev/xvdc,xvdc,w,{BACKEND}")
OWN_ROOT = "phy:/dev/disk/by-id/virtio-guest3,xvda,w"
RAM_DISK = "rd_nr=2 rd_size=65536"
LOAD = ("(fio --name=l --filename={disk} --rw=randrw --bsrange=4k-128k "
        "--iodepth=32 --direct=1 --ioengine=libaio --size=48M --time_based "
        "--runtime=600 >/tmp/load.out 2>&1; echo $? >/tmp/load.end) "
        ">/dev/null 2>&1 & (iperf3 -c {peer} -t 600 >/dev/null 2>&1 &)")
DRIVER_ADDRESS = "10.0.2.22"


def _driver(m, disks):
    m.create(Guest(name=DRIVER, number=2, memory=512, disks=disks,
                   extra="driver_domain=1"))
    m.guest_run(f"/bin/bash /run/tenon/driver.sh && modprobe brd {RAM_DISK} "
                "&& iperf3 -s -D", name=DRIVER)


def _create(m, disks):
    """The guest, again if the driver domain was too slow for the scripts.

    xl devd gives a script ten seconds, and does not tell dom0.
    """
    for attempt in range(RETRIES + 1):
        try:
            m.create(Guest(memory=512, disks=disks, backend=DRIVER))
            return
        except RigError:
            log = m.guest_run("cat /var/log/xen/xldevd.log; "
                              ": >/var/log/xen/xldevd.log", name=DRIVER)
            if attempt == RETRIES or "killing execution" not in log:
                raise
            m.retried += 1


def _grants(m, domid):
    """What the hypervisor says of a domain's grants: handles used, or None."""
    found = re.search(rf"\bd{domid} grants: .* (\d+) handles of",
                      t.dump(m, "g"))
    return int(found.group(1)) if found else None


def _domid(m, name):
    return m.run(f"xl domid {name}").strip()


def _gone(m, domid):
    """The domain is gone with all its frames: none is still mapped."""
    t.wait_for(m, f"! xl list | awk '{{ print $2 }}' | grep -qx {domid}",
               f"domain {domid} ends")
    if m.setup.hv == "tenon":
        end = time.monotonic() + 60
        while _grants(m, domid) is not None:
            t.expect(time.monotonic() < end,
                     f"domain {domid} is held by maps of its frames")


def _loaded(m, disk):
    m.guest_run(LOAD.format(disk=disk, peer=DRIVER_ADDRESS))
    time.sleep(5)
    m.guest_run("[ ! -e /tmp/load.end ] && pidof fio iperf3", step="load")


def driver_starts(m):
    """A guest becomes a driver domain, by what a user would do."""
    _driver(m, DISKS)
    out = m.guest_run("lsmod; pidof xl", name=DRIVER)
    for name in ("tenon_blkback", "tenon_netback"):
        t.expect(name in out, f"{name} is not loaded in the driver domain")


def guest_is_served(m):
    """A guest boots with its root, its disks and its network from there."""
    _create(m, SERVED)
    driver, guest = _domid(m, DRIVER), _domid(m, "guest")
    for kind, number in (("vbd", 3), ("vif", 1)):
        got = m.run("for d in $(xenstore-list /local/domain/"
                    f"{guest}/device/{kind}); do xenstore-read /local/domain/"
                    f"{guest}/device/{kind}/$d/backend-id; done").split()
        t.expect(got == [driver] * number, f"{kind} is served by {got}")
    m.run(f"! xenstore-exists /local/domain/0/backend/vbd/{guest} && "
          f"! xenstore-exists /local/domain/0/backend/vif/{guest}",
          step="dom0 serves nothing")
    if m.setup.hv == "tenon":
        t.expect(_grants(m, driver), "the driver domain has nothing mapped")


def ram_disk_verify(m):
    """Data survives, and stands on the disk that the driver domain has."""
    out = m.guest_run("fio --filename=/dev/xvdb --ioengine=libaio "
                      f"{jobs.VERIFY}", 300, step="fio verify")
    jobs.verify_result(out, "fio verify", "libaio")
    out = m.guest_run("fio --filename=/dev/ram0 --ioengine=libaio "
                      f"{jobs.VERIFY} --verify_only", 300, DRIVER,
                      step="verify in the driver domain")
    jobs.verify_result(out, "fio verify in the driver domain", "libaio")


def served_hotplug(m):
    """Disks and interfaces of the driver domain come and go."""
    for _ in range(2):
        m.run(f"xl block-attach guest phy:/dev/ram1 xvde w {BACKEND}")
        t.guest_wait(m, "[ -b /dev/xvde ]", "xvde appears")
        m.guest_run("dd if=/dev/urandom of=/dev/xvde bs=64k count=32 "
                    "oflag=direct && dd if=/dev/xvde of=/dev/null bs=64k "
                    "iflag=direct", step="I/O on the plugged disk")
        m.run("xl block-detach guest xvde")
        t.guest_wait(m, "[ ! -e /dev/xvde ]", "xvde disappears")
        m.run("xl network-attach guest mac=00:16:3e:00:01:01 bridge=xenbr0 "
              f"{BACKEND}")
        # The toolstack does not wait for scripts that run elsewhere.
        t.guest_wait(m, "ip link set eth1 up; ip addr add 10.0.2.99/24 dev "
                        "eth1; ping -q -c 1 -w 5 -I eth1 10.0.2.15",
                     "eth1 carries packets")
        m.run("xl network-detach guest 1")
        t.guest_wait(m, "[ ! -e /sys/class/net/eth1 ]", "eth1 disappears")
        t.guest_wait(m, "! ls -d /sys/class/net/vif*.1", "its back end goes",
                     DRIVER)


def guest_dies(m):
    """The served guest dies under load: nothing of it stays mapped."""
    free = t.free_memory(m)
    driver, guest = _domid(m, DRIVER), _domid(m, "guest")
    _loaded(m, "/dev/xvdc")
    # The toolstack does not wait long for the driver domain to follow.
    m.run("xl destroy guest; true", 240)
    _gone(m, guest)
    if m.setup.hv == "tenon":
        t.expect(_grants(m, driver) == 0, "the driver domain has maps left")
    # Its tables for maps may have grown.
    now = t.free_memory(m)
    t.expect(now >= free + 511, f"{free} MiB were free with it, {now} without")
    t.guest_wait(m, "! ls /sys/class/net | grep -q '^vif' && "
                    "! xenstore-list backend/vbd", "back ends go away", DRIVER)


def driver_dies(m):
    """The driver domain dies under load: guest and dom0 live on."""
    m.forgiven += ["dev xvdb,", "blocked for more than"]
    _create(m, (OWN_ROOT, SERVED[1]))
    driver = _domid(m, DRIVER)
    _loaded(m, "/dev/xvdb")
    free = t.free_memory(m)
    m.run(f"xl destroy {DRIVER}", 240)
    del m.guests[DRIVER]
    _gone(m, driver)
    t.expect(t.free_memory(m) >= free + 511, "memory is missing")
    # Its requests wait for it, all else goes on.
    m.guest_run("dd if=/dev/xvda of=/dev/null bs=64k count=64 iflag=direct")
    m.run("ping -q -c 3 -w 30 10.0.2.2")


def driver_comes_back(m):
    """What it served is detached, which fails what waits; then all anew."""
    m.run("xl block-detach guest xvdb; xl network-detach guest 0")
    t.guest_wait(m, "[ -e /tmp/load.end ] && [ ! -e /dev/xvdb ] && "
                    "[ ! -e /sys/class/net/eth0 ]", "its devices go")
    m.guest_run("[ $(cat /tmp/load.end) != 0 ]", step="fio got errors")
    _driver(m, DISKS[:1])
    m.run(f"xl block-attach guest {SERVED[1].replace(',', ' ')} && "
          "xl network-attach guest mac=00:16:3e:00:00:01 bridge=xenbr0 "
          f"{BACKEND}")
    t.guest_wait(m, "[ -b /dev/xvdb ] && ip link set eth0 up && ip addr add "
                    "10.0.2.21/24 dev eth0; ping -q -c 1 -w 5 10.0.2.15",
                 "disk and network are back")
    ram_disk_verify(m)


def all_go(m):
    """Both are shut down; nothing of them is left."""
    m.run("xl shutdown -w guest", 240)
    m.run(f"xl shutdown -w {DRIVER}", 240)
    t.wait_for(m, "[ $(xl list | wc -l) = 2 ]", "both are gone")
    t.nothing_left(m)


SERVICE = [driver_starts, guest_is_served, ram_disk_verify, t.block_verify,
           t.block_flush, t.network_ping, t.network_tcp, t.network_upload,
           served_hotplug]
DEATHS = [guest_dies, driver_dies, driver_comes_back, all_go]
