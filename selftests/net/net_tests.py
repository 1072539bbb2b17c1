#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole-system tests of the network pair, beyond the general ones.

Each takes a booted machine and fails with RigError; plan.py says in which.
"""

import contextlib
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "rig")]
# pylint: disable=wrong-import-position
import overlay  # noqa: E402
from machine import Guest, RigError  # noqa: E402

DOM0 = "10.0.2.15"
GUEST = "10.0.2.21"
# Loads XDP programs, see xdp/xdp.c.
XDP = "/run/tenon/files/xdp"
SECOND_MAC = "00:16:3e:00:01:01"
OFFLOADS = ("tx", "sg", "tso", "gso", "gro")
# A page, a jumbo frame, all that fits: with one byte less and more.
SIZES = (1, 2, 13, 64, 255, 256, 257, 1471, 1472, 1473, 4053, 4054, 4055, 8972,
         9000, 16384, 32000, 65506, 65507)


def expect(condition, text):
    """Fail the test with a text unless the condition holds."""
    if not condition:
        raise RigError(text)


def ours(m, half):
    """Is that half of the network ours?"""
    return any(n.startswith("tenon-net")
               for n in overlay.chosen(half, getattr(m.setup, half)))


def vif(m):
    """The back end's interface of the guest."""
    domid = m.run("xl domid guest").split()[-1]
    return f"vif{domid}.0"


def dom0_wait(m, script, text, timeout=60):
    """Run a script in dom0 until it succeeds."""
    m.run(f"for i in $(seq {timeout * 2 * m.slow}); do ( {script} ) "
          ">/dev/null 2>&1 && exit 0; sleep 0.5; done; exit 1",
          timeout * 2 + 60, step=text)


def guest_wait(m, script, text, timeout=60):
    """Run a script in the guest until it succeeds."""
    m.guest_run(f"for i in $(seq {timeout * 2 * m.slow}); do ( {script} ) "
                ">/dev/null 2>&1 && exit 0; sleep 0.5; done; exit 1",
                timeout * 2 + 60, step=text)


@contextlib.contextmanager
def second_vif(m, more=""):
    """The guest has eth1; on leaving, it goes on both sides."""
    m.run(f"xl network-attach guest mac={SECOND_MAC} bridge=xenbr0 {more}")
    try:
        guest_wait(m, "[ -e /sys/class/net/eth1 ]", "eth1 appears")
        yield
    finally:
        # It may take longer than the toolstack waits.
        m.run("xl network-detach guest 1; true", 180)
        guest_wait(m, "[ ! -e /sys/class/net/eth1 ]", "eth1 disappears")
        dom0_wait(m, "[ ! -e /sys/bus/xen-backend/devices/"
                     "vif-$(xl domid guest)-1 ] && "
                     "! ls -d /sys/class/net/vif*.1", "its back end goes")


def counter(text, name):
    """The sum over all queues of one counter of 'ethtool -S'."""
    return sum(int(n) for n in re.findall(rf"^\s*q\d+_{name}: (\d+)$", text,
                                          re.M))


def reachable(m):
    """The guest answers."""
    m.run(f"ping -q -c 2 -i 0.2 -w 60 {GUEST}", 90, step="ping the guest")


def iperf3_server(m):
    """A new server in dom0: an old one may wait for a client that is gone."""
    m.run("for p in $(pidof iperf3); do kill -9 $p; done; sleep 1; "
          "iperf3 -s -D; sleep 1")


# nc must not see the end of its own input, or it closes that direction and
# its peer leaves.
RECEIVE = ("rm -f /tmp/r.sum /tmp/nc; mkfifo /tmp/nc; (exec 9<>/tmp/nc; "
           "busybox nc -l -p 5555 <&9 >/tmp/r; sha256sum </tmp/r >/tmp/r.part; "
           "wc -c </tmp/r >>/tmp/r.part; rm /tmp/r; mv /tmp/r.part /tmp/r.sum) "
           ">/dev/null 2>&1 & sleep 1")
WAIT = ("for i in $(seq 240); do [ -s /tmp/r.sum ] && break; sleep 0.5; done; "
        "cat /tmp/r.sum")
SEND = ("head -c {mib}M /dev/urandom >/tmp/s; sha256sum </tmp/s; wc -c </tmp/s; "
        "busybox nc -w 60 {to} 5555 </tmp/s; rm /tmp/s")


def stream(m, mib, label, dom0=DOM0, guest=GUEST):
    """A file from each side to the other arrives as it was."""
    for sender, receiver, to, way in (
            (m.guest_run, m.run, dom0, "guest to dom0"),
            (m.run, m.guest_run, guest, "dom0 to guest")):
        receiver(RECEIVE)
        want = sender(SEND.format(mib=mib, to=to), 300,
                      step=f"{label}, {way}: send").split()
        got = receiver(WAIT, 200).split()
        expect(got[2:] == want[2:], f"{label}, {way}: {got} for {want}")
        expect(got == want, f"{label}, {way}: other bytes than sent")


def net_features(m):
    """Offloads are negotiated, not merely there."""
    for where, text in (("guest", m.guest_run("ethtool -k eth0")),
                        ("dom0", m.run(f"ethtool -k {vif(m)}"))):
        for feature in ("tx-checksum-ipv4", "tx-checksum-ipv6",
                        "tx-scatter-gather", "tx-tcp-segmentation",
                        "tx-tcp6-segmentation", "rx-checksumming"):
            expect(re.search(rf"^\s*{feature}: on", text, re.M),
                   f"{feature} is not on in {where}")
    m.guest_run("[ $(cat /sys/class/net/eth0/address) = 00:16:3e:00:00:01 ]",
                step="the MAC is the one configured")
    if ours(m, "front"):
        m.guest_run("[ $(cat /sys/class/net/eth0/carrier) = 1 ] && "
                    "lsmod | grep -q ^tenon_netfront && "
                    "! lsmod | grep -q ^xen_netfront")
    if ours(m, "back"):
        m.run("lsmod | grep -q ^tenon_netback && ! lsmod | "
              "grep -q ^xen_netback")


def net_ping_sizes(m):
    """Packets of many sizes, both ways, with a pattern that ping checks."""
    loop = (f"for s in {' '.join(map(str, SIZES))}; do ping -q -c 2 -i 0.2 "
            "-w 40 -p 5aa5c33c -s $s {peer} >/tmp/p 2>&1 && ! grep -q 'wrong "
            "data' /tmp/p || {{ echo size $s; cat /tmp/p; exit 1; }}; done")
    m.guest_run(loop.format(peer=DOM0), 300, step="ping dom0")
    m.run(loop.format(peer=GUEST), 300, step="ping the guest")


def net_stream(m):
    """Byte-exact streams with default settings."""
    stream(m, 16, "default")


def net_stream_ipv6(m):
    """Byte-exact over IPv6, whose checksum and segmentation are apart."""
    m.run("sysctl -qw net.ipv6.conf.xenbr0.disable_ipv6=0; "
          "ip -6 addr add fd00::1/64 dev xenbr0 nodad 2>/dev/null; true")
    m.guest_run("ip -6 addr add fd00::2/64 dev eth0 nodad 2>/dev/null; true")
    stream(m, 8, "IPv6", "fd00::1", "fd00::2")


def net_stream_offloads(m):
    """Byte-exact with offloads off at either end, one by one and all."""
    name = vif(m)
    for off in (("tso",), ("sg",), OFFLOADS):
        flags = " ".join(f"{o} off" for o in off)
        on = " ".join(f"{o} on" for o in OFFLOADS)
        for where, run, dev in (("guest", m.guest_run, "eth0"),
                                ("dom0", m.run, name)):
            run(f"ethtool -K {dev} {flags}")
            try:
                stream(m, 4, f"{' '.join(off)} off in {where}")
            finally:
                run(f"ethtool -K {dev} {on}")


def net_stream_mtu(m):
    """Byte-exact with other MTUs."""
    name = vif(m)
    for mtu in (9000, 65000, 1280):
        m.run(f"ip link set {name} mtu {mtu}; ip link set xenbr0 mtu {mtu}; "
              "true")
        m.guest_run(f"ip link set eth0 mtu {mtu}")
        try:
            reachable(m)
            stream(m, 8, f"mtu {mtu}")
            if mtu > 2000:
                m.guest_run(f"ping -q -c 2 -w 40 -M do -s {min(mtu, 1500) - 28}"
                            f" {DOM0}")
        finally:
            m.run(f"ip link set {name} mtu 1500; ip link set xenbr0 mtu 1500")
            m.guest_run("ip link set eth0 mtu 1500")


def net_udp(m):
    """A flood of small packets both ways; the guest answers afterwards."""
    iperf3_server(m)
    for reverse in ("", "-R"):
        m.guest_run(f"iperf3 -c {DOM0} -u -b 0 -l 64 -t 2 {reverse}", 90)
    reachable(m)


def net_rx_stall(m):
    """A guest that posts no buffers: carrier down, bounded, and back."""
    name = vif(m)
    limit = "/sys/module/tenon_netback/parameters/rx_stall_ms"
    if not ours(m, "back") or not ours(m, "front"):
        return
    m.run(f"echo 3000 >{limit}")
    m.guest_run("ip link set eth0 down")
    try:
        m.run(f"ip neigh replace {GUEST} lladdr 00:16:3e:00:00:01 dev xenbr0; "
              f"ping -q -f -c 3000 -s 1400 -w 10 {GUEST}; true", 60)
        dom0_wait(m, f"[ $(cat /sys/class/net/{name}/carrier) = 0 ]",
                  "carrier goes down", 30)
        stats = m.run(f"ethtool -S {name}")
        expect(counter(stats, "rx_stalled") >= 1, "no stall was counted")
    finally:
        m.run(f"echo 60000 >{limit}")
        m.guest_run("ip link set eth0 up; ip addr add "
                    f"{GUEST}/24 dev eth0 2>/dev/null; true")
    dom0_wait(m, f"[ $(cat /sys/class/net/{name}/carrier) = 1 ]",
              "carrier comes back", 30)
    m.run(f"ip neigh del {GUEST} dev xenbr0; true")
    reachable(m)


def net_tx_stall(m):
    """A back end that serves nothing: the guest's queue waits, then goes on."""
    name = vif(m)
    if not ours(m, "back") or not ours(m, "front"):
        return
    m.run(f"ip link set {name} down")
    # an address that is known, so that packets and no questions are sent
    m.guest_run(f"ip neigh replace {DOM0} lladdr 52:54:00:00:00:01 dev eth0; "
                f"timeout 20 ping -q -c 400 -l 400 -W 1 {DOM0}; true", 60)
    stopped = counter(m.guest_run("ethtool -S eth0"), "tx_stopped")
    expect(stopped >= 1, "the guest's queue never stopped")
    m.run(f"ip link set {name} up")
    m.guest_run(f"ip neigh del {DOM0} dev eth0; true")
    reachable(m)
    stream(m, 2, "after the stall")


def net_detach_under_load(m):
    """Interfaces come and go while traffic flows."""
    for _ in range(3):
        iperf3_server(m)
        with second_vif(m):
            m.guest_run(
                "ip link set eth1 up && ip addr add 10.0.2.99/24 dev eth1 && "
                f"ping -q -c 2 -w 40 -I eth1 {DOM0} && (timeout 20 iperf3 -c "
                f"{DOM0} -B 10.0.2.99%eth1 -t 15 >/dev/null 2>&1 &) ; sleep 2")
    m.guest_run("for p in $(pidof iperf3); do kill $p; done; true")
    reachable(m)


BACK_DRIVERS = "/sys/bus/xen-backend/drivers"
# A bound device pins its driver.
UNLOAD_FRONT = ("echo vif-0 >/sys/bus/xen/drivers/tenon-netfront/unbind && "
                "rmmod tenon_netfront && [ ! -e /sys/class/net/eth0 ]")


def back_leaves(m):
    """The back end's driver lets go of the guest, which is not told."""
    driver = "tenon-netback" if ours(m, "back") else "vif"
    m.run(f"echo vif-$(xl domid guest)-0 >{BACK_DRIVERS}/{driver}/unbind")


def back_comes(m):
    """The back end's driver takes it up again."""
    driver = "tenon-netback" if ours(m, "back") else "vif"
    m.run(f"echo vif-$(xl domid guest)-0 >{BACK_DRIVERS}/{driver}/bind && "
          f"ip link set {vif(m)} master xenbr0 up")


def front_returns(m):
    """The front end's driver is loaded: its interface comes back, and serves."""
    guest_wait(m, "[ -e /sys/class/net/eth0 ]", "eth0 is back")
    m.guest_run(f"ip link set eth0 up; ip addr add {GUEST}/24 dev eth0 "
                "2>/dev/null; true")
    reachable(m)


def net_reload_front(m):
    """Our front end unloads and loads in a running guest."""
    if not ours(m, "front"):
        return
    for _ in range(2):
        m.guest_run(f"{UNLOAD_FRONT} && modprobe tenon-netfront", 60)
        front_returns(m)
    stream(m, 2, "after reload")


def net_back_late(m):
    """Our front end waits for a back end that does not answer, for a while, and
    one that loads does not take what it wrote before for an answer."""
    if not ours(m, "front"):
        return
    domid = m.run("xl domid guest").strip()
    store = f"/local/domain/0/backend/vif/{domid}/0"
    back_leaves(m)
    m.run(f"xenstore-write {store}/state 8", step="it stays Reconfigured")
    took = m.guest_run("read from rest </proc/uptime; "
                       f"{UNLOAD_FRONT}; read to rest </proc/uptime; "
                       "echo ${from%.*} ${to%.*}", 90).split()
    expect(int(took[1]) - int(took[0]) >= 4, f"no wait for it: {took}")
    m.run(f"xenstore-write {store}/state 6", step="it is Closed")
    # which waits for devices that are about to connect
    m.guest_run("modprobe tenon-netfront >/dev/null 2>&1 & sleep 5")
    state = m.run(f"xenstore-read /local/domain/{domid}/device/vif/0/state")
    expect(state.strip() == "1", f"in state {state.strip()} before it begins")
    back_comes(m)
    front_returns(m)
    stream(m, 2, "after")


def net_stock_beside(m):
    """Ours beside stock: refused with one line."""
    if not ours(m, "front"):
        return
    m.guest_run(f"{UNLOAD_FRONT}; insmod $(find /lib/modules -name "
                "'xen-netfront.ko*' | head -n 1); ! modprobe tenon-netfront && "
                "dmesg | grep 'tenon-netfront: xen-netfront is loaded' && "
                "echo vif-0 >/sys/bus/xen/drivers/vif/unbind; "
                "rmmod xen_netfront && modprobe tenon-netfront")
    front_returns(m)


def net_save_restore(m):
    """An open TCP connection survives save and restore."""
    m.guest_run("busybox nc -l -p 5558 -e cat >/dev/null 2>&1 & sleep 1")
    m.run("rm -f /tmp/nc /tmp/in; mkfifo /tmp/nc; (exec 9<>/tmp/nc; busybox nc "
          f"{GUEST} 5558 <&9 >/tmp/in) >/dev/null 2>&1 & sleep 1; "
          "echo before >/tmp/nc")
    dom0_wait(m, "grep -q before /tmp/in", "the connection stands", 30)
    m.run("xl save guest /tmp/guest.save && xl restore /tmp/guest.save; "
          "s=$?; rm -f /tmp/guest.save; exit $s", 300, step="save, restore")
    dom0_wait(m, f"ping -c 1 -W 2 {GUEST}", "the guest is back", 90)
    m.run("echo after >/tmp/nc")
    try:
        dom0_wait(m, "grep -q after /tmp/in", "the connection lives", 90)
    except RigError as error:
        raise RigError(f"{error}\n" + m.run(
            "ss -tnoi; pidof busybox nc; ip neigh; cat /tmp/in; true"))
    m.run("pkill -f 'nc 10.0.2.21'; rm -f /tmp/nc; true")
    # the guest's agent runs on, only its number is new
    m.run("touch /run/guest-agent.$(xl domid guest)")
    stream(m, 2, "after restore")


def net_rate(m):
    """The toolstack's rate limit holds."""
    if not ours(m, "back"):
        return
    iperf3_server(m)
    with second_vif(m, "rate=1MB/s"):
        out = m.guest_run(
            "ip link set eth1 up; ip addr add 10.0.2.98/24 dev eth1; "
            f"ping -q -c 2 -w 40 -I eth1 {DOM0}; "
            f"iperf3 -c {DOM0} -B 10.0.2.98%eth1 -u -b 40M -l 1400 -t 4 -f k | "
            "grep receiver", 90)
        stats = m.run("ethtool -S $(basename $(ls -d /sys/class/net/vif*.1))")
    rate = float(re.search(r"([\d.]+) Kbits/sec", out).group(1))
    expect(rate < 12000, f"{rate} Kbit/s through a limit of 8000")
    expect(counter(stats, "tx_throttled"), "the limit was never reached")


def net_hostile_front(m):
    """A front end that breaks every rule harms only itself."""
    if not ours(m, "back"):
        return
    # an address nobody has, so that dom0 broadcasts all the time
    m.run("ping -i 0.5 10.0.2.250 >/dev/null 2>&1 & echo $! >/run/ping.pid")
    driver = "tenon-netfront" if ours(m, "front") else "vif"
    with second_vif(m):
        m.run("echo 1 >$(ls -d /sys/class/net/vif*.1)/brport/hairpin_mode")
        log = m.guest_run(
            f"dmesg -C; echo vif-1 >/sys/bus/xen/drivers/{driver}/unbind && "
            "insmod /run/tenon/files/tenon-hostile-netfront.ko; dmesg; "
            "echo vif-1 >/sys/bus/xen/drivers/tenon-hostile-netfront/unbind; "
            "rmmod tenon_hostile_netfront", 900, step="the hostile front end")
    m.run("kill $(cat /run/ping.pid)")
    for line in log.splitlines():
        if re.search(r"(ok \d+ - |# .*:\d+: |# \d+ of)", line):
            print("#   " + line, flush=True)
    done = re.search(r"# (\d+) of (\d+) failed", log)
    expect(done, f"the cases did not end:\n{log[-800:]}")
    expect(done.group(1) == "0" and int(done.group(2)) > 20,
           "hostile cases failed")
    said = int(m.run("dmesg | grep -c 'interface disabled until'"))
    expect(0 < said < 20, f"{said} lines in dom0's log")
    reachable(m)


def copied(m):
    """(copies by hypercall, slots without one) that netback has made."""
    text = m.run(f"ethtool -S {vif(m)}")
    return tuple(counter(text, f"tx_{n}") + counter(text, f"rx_{n}")
                 for n in ("copy_ops", "staged"))


def net_staged(m):
    """Between our halves pages stay mapped: packets cost no hypercall."""
    if not (ours(m, "back") and ours(m, "front")):
        return
    # those posted before the control ring had its say
    stream(m, 4, "before")
    ops, staged = copied(m)
    stream(m, 64, "staged")
    more_ops, more_staged = copied(m)
    expect(more_staged - staged > 64 << 8, "pages do not stay mapped")
    expect(more_ops - ops < (more_staged - staged) / 10,
           f"{more_ops - ops} copies by hypercall beside "
           f"{more_staged - staged} without")


def net_slow_reader(m):
    """Packets that nobody reads keep pages; others are used meanwhile."""
    if not (ours(m, "back") and ours(m, "front")):
        return
    sysctl = "sysctl -qw net.ipv4.tcp_rmem='4096 {} 33554432'"
    m.guest_run(sysctl.format(33554432))
    m.guest_run(RECEIVE + "; kill -STOP $(busybox pidof busybox)")
    busy = counter(m.guest_run("ethtool -S eth0"), "rx_stage_busy")
    send = SEND.format(mib=24, to=GUEST).replace("-w 60", "-w 300")
    m.run(f"( {send} ) >/tmp/sent 2>&1 &")
    guest_wait(m, "[ $(ethtool -S eth0 | sed -n "
                  f"'s/.*q0_rx_stage_busy: //p') -gt {busy} ]",
               "the reader holds all pages")
    reachable(m)
    m.run(f"ping -q -c 3 -i 0.2 -w 60 -s 20000 {GUEST}", 90)
    m.guest_run("kill -CONT $(busybox pidof busybox); " + sysctl.format(131072))
    got = m.guest_run(WAIT, 200).split()
    dom0_wait(m, "[ $(wc -l </tmp/sent) = 2 ]", "the sender ends")
    want = m.run("cat /tmp/sent").split()
    expect(got == want, f"other bytes than sent: {got} for {want}")


def net_untrusted(m):
    """A guest that does not trust dom0 keeps no page mapped that it reads."""
    if not (ours(m, "back") and ours(m, "front")):
        return
    param = "/sys/module/tenon_netfront/parameters/trusted"
    m.guest_run(f"echo N >{param}")
    with second_vif(m):
        m.guest_run(f"echo Y >{param}; ip link set eth1 up; "
                    "ip addr add 10.99.1.1/24 dev eth1")
        m.run("ip addr add 10.99.1.2/24 dev xenbr0")
        stream(m, 8, "untrusted", dom0="10.99.1.2", guest="10.99.1.1")
        text = m.run("ethtool -S $(basename /sys/class/net/vif*.1)")
        expect(counter(text, "tx_staged") > 1000, "what it sends is staged")
        expect(not counter(text, "rx_staged"), "what it receives is not")
        m.run("ip addr del 10.99.1.2/24 dev xenbr0")


# How the back end lies, and what the guest must make of it: count it and go on,
# see only sound packets, wait, or have no more to do with that back end.
LIES = (
    ("none", "rx_packets"), ("limits", "rx_packets"), ("storm", "rx_packets"),
    ("status", "rx_errors"), ("long", "rx_bad_slot"),
    ("offset", "rx_bad_slot"), ("empty", "rx_bad_slot"),
    ("short", "rx_bad_slot"), ("id", "rx_bad_slot"),
    ("many parts", "rx_bad_slot"), ("checksum", "rx_bad_header"),
    ("gso", "rx_bad_header"), ("gso size", "rx_bad_extra"),
    ("extra kind", "rx_bad_extra"), ("headroom", "rx_bad_slot"),
    ("headroom twice", "rx_bad_extra"), ("tx status", "tx_errors"),
    ("tx silence", "tx_stopped"), ("no extra", "stop"), ("extras", "stop"),
    ("no end", "stop"), ("ahead", "stop"), ("back", "stop"),
    ("tx no extra", "stop"), ("tx stray id", "stop"), ("tx twice", "stop"),
    ("tx ahead", "stop"), ("tx back", "stop"), ("no copy", "refuse"),
    # what it says of pages that stay mapped only costs these
    ("ctrl silence", "rx_packets"), ("ctrl size", "rx_packets"),
    ("ctrl id", "rx_packets"), ("ctrl status", "rx_packets"),
    ("ctrl ahead", "rx_packets"),
)


FRONT_DRIVER = "/sys/bus/xen/drivers/tenon-netfront"
LIE = "/sys/module/tenon_hostile_netback/parameters/lie"


def bring_liar(m):
    """Have eth1 lose its driver, and served by a liar from then on."""
    back = "tenon-netback" if ours(m, "back") else "vif"
    m.guest_run(f"echo vif-1 >{FRONT_DRIVER}/unbind")
    m.run("insmod /run/tenon/files/tenon-hostile-netback.ko; "
          "dev=vif-$(xl domid guest)-1; cd /sys/bus/xen-backend/drivers && "
          f"echo $dev >{back}/unbind && "
          "echo $dev >tenon-hostile-netback/bind")


def see_through(m, how, what):
    """Check what the guest makes of a lie."""
    if what == "refuse":
        guest_wait(m, "dmesg | grep -q 'back end cannot copy'", how)
        m.guest_run("[ ! -e /sys/class/net/eth1 ]", step=f"{how}: no eth1")
        return
    guest_wait(m, "[ -e /sys/class/net/eth1 ]", f"{how}: eth1 appears")
    m.guest_run("ip link set eth1 up; ip addr add 10.99.0.1/24 dev eth1; ip "
                "neigh replace 10.99.0.2 lladdr 02:00:00:00:00:02 dev eth1")
    if how.startswith("tx"):
        guest_wait(m, "[ $(cat /sys/class/net/eth1/carrier) = 1 ]",
                   f"{how}: carrier")
        # Answers are looked at when the ring is full.
        m.guest_run("timeout 20 ping -q -c 400 -l 400 -W 1 10.99.0.2; true")
    if what == "stop":
        guest_wait(m, "dmesg | grep -q 'interface disabled until' && "
                      "[ $(cat /sys/class/net/eth1/carrier) = 0 ]",
                   f"{how}: given up")
    else:
        guest_wait(m, f"ethtool -S eth1 | grep -q 'q0_{what}: [1-9]'",
                   f"{how}: {what}")
    said = m.guest_run("dmesg | grep -c 'interface disabled until'",
                       check=False)[1].strip()
    expect(said == ("1" if what == "stop" else "0"),
           f"{how}: {said} complaints in the log")


def net_hostile_back(m):
    """A back end that lies costs its guest that interface, nothing else."""
    if not ours(m, "front"):
        return
    with second_vif(m):
        bring_liar(m)
        for how, what in LIES:
            m.run(f"echo '{how}' >{LIE}")
            m.guest_run(f"dmesg -C; echo vif-1 >{FRONT_DRIVER}/bind")
            see_through(m, how, what)
            m.guest_run(f"echo vif-1 >{FRONT_DRIVER}/unbind && "
                        "[ ! -e /sys/class/net/eth1 ]", step=f"{how}: unbind")
            print(f"#   lie: {how}: {what}", flush=True)
    m.run("rmmod tenon_hostile_netback")
    reachable(m)


def net_xdp(m):
    """An XDP program sees what arrives, whole, and may drop it."""
    m.guest_run(f"{XDP} attach eth0 strict")
    stream(m, 1, "XDP_PASS")
    m.guest_run(f"{XDP} attach eth0 drop")
    status, _ = m.run(f"ping -q -c 5 -i 0.1 -W 1 {GUEST}", 30, check=False)
    expect(status, "the guest answers what was dropped")
    text = m.guest_run(f"{XDP} detach eth0; ethtool -S eth0")
    expect(counter(text, "xdp_pass") > 100 and counter(text, "xdp_drop") >= 5,
           "the program ran on nothing")
    expect(not counter(text, "xdp_errors"),
           "a packet was too long, or had no room before it")
    reachable(m)


def net_queues(m):
    """One queue per vCPU, each carries packets both ways, none is harmed."""
    m.run("xl destroy guest 2>/dev/null; true")
    m.create(Guest(vcpus=2))
    m.guest_run("[ $(ls -d /sys/class/net/eth0/queues/tx-* | wc -l) = 2 ]",
                step="the guest has two queues")
    stream(m, 8, "two queues")
    iperf3_server(m)
    for reverse in ("", "-R"):
        m.guest_run(f"iperf3 -c {DOM0} -P 8 -t 3 {reverse}", 90)
    for half, text in (("back", m.run(f"ethtool -S {vif(m)}")),
                       ("front", m.guest_run("ethtool -S eth0"))):
        for way in ("tx", "rx"):
            used = re.findall(rf"^\s*q\d+_{way}_packets: [1-9]", text, re.M)
            expect(len(used) == 2 or not ours(m, half),
                   f"{half}: {len(used)} {way} queues used\n{text}")
    net_counters(m)


def net_counters(m):
    """Nothing went wrong on the way that only a counter knows."""
    bad = ("tx_bad_header", "tx_bad_size", "tx_bad_range", "tx_bad_empty",
           "tx_bad_slots", "tx_bad_extra", "tx_bad_gso", "tx_copy_failed",
           "rx_copy_failed", "rx_bad_slot", "rx_bad_extra", "rx_bad_header",
           "rx_grant_held", "tx_errors")
    texts = []
    if ours(m, "back"):
        texts.append(("dom0", m.run(f"ethtool -S {vif(m)}")))
    if ours(m, "front"):
        texts.append(("guest", m.guest_run("ethtool -S eth0")))
    for where, text in texts:
        for name in bad:
            expect(not counter(text, name),
                   f"{where}: {name} {counter(text, name)}")


TESTS = [net_features, net_ping_sizes, net_stream, net_stream_ipv6,
         net_staged, net_xdp, net_untrusted, net_slow_reader,
         net_stream_offloads, net_stream_mtu, net_udp, net_rx_stall,
         net_tx_stall, net_detach_under_load, net_rate,
         net_hostile_front, net_hostile_back, net_counters,
         net_reload_front, net_back_late, net_stock_beside, net_save_restore]
# With one stock half.
MIXED = [net_features, net_ping_sizes, net_stream, net_stream_ipv6,
         net_stream_offloads, net_stream_mtu, net_udp, net_detach_under_load,
         net_counters]
