# SPDX-License-Identifier: MIT
"""Whole-system tests of XDP in the guest, beyond the short one of net_tests.

The programs are those of xdp/xdp.c.  With a stock half the other one is ours, so
that what both say to each other is what Linux' drivers say.
"""

import contextlib
import re

import net_tests as n
from machine import Guest, RigError
from net_tests import counter, expect, ours, reachable, stream

SOURCE = "selftests/net/xdp/xdp.c"

# What a memory leak would cost, and what comes and goes by itself.
FLOOD = 20000
SLACK_KIB = 40 << 10
TX_PORT, REDIRECT_PORT = 7777, 7778


def two_queues(m):
    """A guest with two queues: programs run on both at once."""
    m.create(Guest(vcpus=2))
    m.guest_run("[ $(ls -d /sys/class/net/eth0/queues/rx-* | wc -l) = 2 ]",
                step="the guest has two queues")


def xdp_counters(m, dev="eth0"):
    """What our front end has counted."""
    text = m.guest_run(f"ethtool -S {dev}")
    return {name: counter(text, f"xdp_{name}") for name in
            ("pass", "drop", "tx", "redirect", "errors", "xmit")}


@contextlib.contextmanager
def program(m, name, dev="eth0"):
    """A program is loaded; yields the counters before."""
    before = xdp_counters(m, dev) if ours(m, "front") else {}
    m.guest_run(f"{n.XDP} attach {dev} {name}")
    try:
        yield before
    finally:
        m.guest_run(f"{n.XDP} detach {dev}")


def more(m, before, name, least, dev="eth0"):
    """The front end, if ours, has counted that many packets more."""
    if before:
        now = xdp_counters(m, dev)
        expect(now[name] - before[name] >= least,
               f"{name}: {before} before, {now} now")


def xdp_pass(m):
    """All arrives as it was sent, and is as long as it says."""
    with program(m, "strict") as before:
        for size in (0, 200, 300, 1472):
            m.run(f"ping -q -c 2 -i 0.2 -w 40 -s {size} {n.GUEST}", 60)
        stream(m, 16, "XDP_PASS")
        more(m, before, "pass", 1000)
        if before:
            expect(xdp_counters(m)["errors"] == before["errors"],
                   "the program found a packet too long, or without room")


def xdp_drop(m):
    """What a program drops does not arrive, whatever it calls that."""
    for name, stat in (("drop", "drop"), ("abort", "errors"),
                       ("bad", "errors")):
        with program(m, name) as before:
            status, _ = m.run(f"ping -q -c 20 -i 0.1 -W 2 {n.GUEST}", 60,
                              check=False)
            expect(status, f"the guest answers, {name} or not")
            more(m, before, stat, 20)
        reachable(m)


def xdp_tx(m):
    """Datagrams come back from the driver."""
    with program(m, "tx") as before:
        for size in (18, 257, 1472):
            m.run(f"{n.XDP} ask {n.GUEST} {TX_PORT} 100 {size}", 120,
                  step=f"{size} bytes come back")
        more(m, before, "tx", 300)
        stream(m, 2, "beside XDP_TX")


def xdp_redirect(m):
    """Datagrams come in by one interface and leave by another."""
    with n.second_vif(m):
        # the other's end has the address the datagrams were sent from
        m.run("v=$(basename /sys/class/net/vif*.1); ip link set $v nomaster && "
              "ip link set $v down && ip link set $v address "
              "$(cat /sys/class/net/xenbr0/address) && ip link set $v up && "
              "cd /proc/sys/net/ipv4/conf && echo 0 >all/rp_filter && "
              "echo 0 >$v/rp_filter && echo 1 >$v/accept_local")
        m.guest_run("ip link set eth1 up")
        n.guest_wait(m, "[ $(cat /sys/class/net/eth1/carrier) = 1 ]", "carrier")
        if not ours(m, "front"):
            m.guest_run(f"{n.XDP} attach eth1 pass")
        with program(m, "redirect eth1") as before:
            for size in (18, 257, 1472):
                m.run(f"{n.XDP} ask {n.GUEST} {REDIRECT_PORT} 100 {size}", 120,
                      step=f"{size} bytes come back")
            more(m, before, "redirect", 300)
            if before:
                expect(xdp_counters(m, "eth1")["xmit"] >= 300,
                       "they did not leave by the other interface")
            free = memory(m)
            m.run(f"{n.XDP} fire {n.GUEST} {REDIRECT_PORT} {FLOOD} 1000", 120)
            reachable(m)
            spent(m, free, "redirected")
            # an interface that is down takes none, and keeps none
            m.guest_run("ip link set eth1 down")
            m.run(f"{n.XDP} fire {n.GUEST} {REDIRECT_PORT} {FLOOD} 1000", 120)
            reachable(m)
            spent(m, free, "redirected to nowhere")
    reachable(m)


def memory(m):
    """KiB the guest has free."""
    text = m.guest_run("grep MemAvailable /proc/meminfo")
    return int(re.search(r"(\d+) kB", text).group(1))


def spent(m, free, what):
    """The guest has not lost pages."""
    now = memory(m)
    expect(now > free - SLACK_KIB,
           f"{what}: the guest had {free} KiB free, and has {now}")


def xdp_memory(m):
    """No packet costs a page, whatever becomes of it."""
    stream(m, 4, "warm")
    free = memory(m)
    for name in ("drop", "abort", "bad", "tx", "strict"):
        with program(m, name):
            m.run(f"{n.XDP} fire {n.GUEST} {TX_PORT} {FLOOD} 1000", 120)
        reachable(m)
        spent(m, free, name)


def xdp_flip(m):
    """A program comes, is replaced and goes while a stream runs."""
    m.guest_run(f"rm -f /tmp/flip; ({n.XDP} flip eth0 50; echo $? >/tmp/flip) "
                ">/dev/null 2>/tmp/flip.why &")
    for turn in range(100):
        stream(m, 8, f"turn {turn}")
        if m.guest_run("cat /tmp/flip 2>/dev/null; true").strip():
            break
    expect(m.guest_run("cat /tmp/flip /tmp/flip.why").strip() == "0",
           "a program was refused")
    reachable(m)


def refused(m, command, why):
    """The guest's command fails, and says why."""
    status, text = m.guest_run(f"{command} 2>&1", check=False)
    expect(status and why in text, f"{command}: {status}, {text}")


def xdp_mtu(m):
    """A packet must fit into a page."""
    if not ours(m, "front"):
        return
    m.guest_run("ip link set eth0 mtu 9000")
    refused(m, f"{n.XDP} attach eth0 pass", "MTU is too large")
    m.guest_run("ip link set eth0 mtu 3000")
    with program(m, "pass"):
        refused(m, "ip link set eth0 mtu 9000", "")
    m.guest_run("ip link set eth0 mtu 1500")


def xdp_key(m):
    """The wish is in the store while a program is there, and is heard."""
    key = "xenstore-read /local/domain/$(xl domid guest)/device/vif/0/"
    back = ("xenstore-read /local/domain/0/backend/vif/$(xl domid guest)/0/")
    name = n.vif(m)
    if ours(m, "front") and not ours(m, "back"):
        # which does not count the slots that it takes then
        with program(m, "pass"):
            m.run(f"sleep 3; ! {key}xdp-headroom", step="Linux' is not asked")
            n.dom0_wait(m, f"[ $({key}state) = 4 ]", "it stays Connected")
        return
    for wanted in ("256", "0"):
        m.guest_run(f"{n.XDP} " + ("attach eth0 pass" if wanted == "256" else
                                   "detach eth0"))
        n.dom0_wait(m, f"[ $({key}xdp-headroom) = {wanted} ]",
                    f"xdp-headroom is {wanted}")
        if ours(m, "back"):
            tso = "off" if wanted == "256" else "on"
            n.dom0_wait(m, f"ethtool -k {name} | "
                           f"grep -q '^tcp-segmentation-offload: {tso}'",
                        f"segmentation towards the guest is {tso}")
        n.dom0_wait(m, f"[ $({key}state) = 4 ]", "the front end is Connected")
        if ours(m, "back"):
            n.dom0_wait(m, f"[ $({back}state) = 4 ]",
                        "the back end is Connected")


def xdp_untrusted(m):
    """Programs run on pages that do not stay mapped."""
    if not (ours(m, "back") and ours(m, "front")):
        return
    param = "/sys/module/tenon_netfront/parameters/trusted"
    m.guest_run(f"echo N >{param}")
    with n.second_vif(m):
        m.guest_run(f"echo Y >{param}; ip link set eth1 up; "
                    "ip addr add 10.99.1.1/24 dev eth1")
        m.run("ip addr add 10.99.1.2/24 dev xenbr0")
        with program(m, "strict", "eth1") as before:
            stream(m, 8, "untrusted", dom0="10.99.1.2", guest="10.99.1.1")
            more(m, before, "pass", 500, "eth1")
        with program(m, "tx", "eth1"):
            m.run(f"{n.XDP} ask 10.99.1.1 {TX_PORT} 100 1472", 120)
            free = memory(m)
            m.run(f"{n.XDP} fire 10.99.1.1 {TX_PORT} {FLOOD} 1000", 120)
        spent(m, free, "untrusted")
        m.run("ip addr del 10.99.1.2/24 dev xenbr0")


def xdp_unload(m):
    """The driver goes with a program loaded, and comes back without."""
    if not ours(m, "front"):
        return
    m.guest_run(f"{n.XDP} attach eth0 strict")
    stream(m, 2, "before")
    m.guest_run(f"{n.UNLOAD_FRONT} && modprobe tenon-netfront", 60)
    n.front_returns(m)
    if ours(m, "back"):
        stream(m, 2, "after")
    expect(not xdp_counters(m)["pass"], "a program came from nowhere")


def xdp_silent(m):
    """A back end that does not answer refuses nobody a program."""
    if not (ours(m, "front") and ours(m, "back")):
        return
    state = "xenstore-read /local/domain/$(xl domid guest)/device/vif/0/state"
    n.back_leaves(m)
    m.guest_run(f"{n.XDP} attach eth0 strict && {n.XDP} detach eth0 && "
                f"{n.XDP} attach eth0 strict")
    n.dom0_wait(m, f"[ $({state}) = 7 ]", "the front end is Reconfiguring")
    n.dom0_wait(m, f"[ $({state}) = 4 ]", "the front end is Connected again")
    # in the midst of it
    m.guest_run(f"{n.XDP} detach eth0; {n.UNLOAD_FRONT}", 90)
    n.back_comes(m)
    m.guest_run("modprobe tenon-netfront", 60)
    n.front_returns(m)


def xdp_saved(m):
    """A program stays through save and restore; the new back end makes room."""
    if not ours(m, "front"):
        return
    with program(m, "strict"):
        m.run("xl save guest /tmp/guest.save && xl restore /tmp/guest.save; "
              "s=$?; rm -f /tmp/guest.save; exit $s", 300, step="save, restore")
        n.dom0_wait(m, f"ping -c 1 -W 2 {n.GUEST}", "the guest is back", 90)
        # the guest's agent runs on, only its number is new
        m.run("touch /run/guest-agent.$(xl domid guest)")
        if ours(m, "back"):
            got = m.run("xenstore-read /local/domain/$(xl domid guest)/device/"
                        "vif/0/xdp-headroom").strip()
            expect(got == "256", f"xdp-headroom is {got}")
        before = xdp_counters(m)
        stream(m, 8, "restored")
        more(m, before, "pass", 500)
    reachable(m)


TESTS = [xdp_pass, xdp_drop, xdp_tx, xdp_key, xdp_mtu, xdp_memory,
         xdp_redirect, xdp_untrusted, xdp_flip, n.net_counters, xdp_unload, xdp_silent, xdp_saved]
# The stock front end sends nothing by another interface that has no program, and
# what it sends back or on loses pages: not ours to mend.
STOCK_FRONT = [xdp_pass, xdp_drop, xdp_key, xdp_flip, n.net_counters]
