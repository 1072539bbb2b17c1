# SPDX-License-Identifier: MIT
"""How bench/compare*.py reads traces and counters, divides and judges."""

import base64
import gzip
import json
import os
import struct
import subprocess
import sys
import time
import types

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "bench"), os.path.join(TOP, "rig")]
# pylint: disable=wrong-import-position
import compare_connect  # noqa: E402
import compare_counts  # noqa: E402
import compare_host  # noqa: E402
import compare_instructions  # noqa: E402
import compare_jobs  # noqa: E402
import compare_prim  # noqa: E402
import compare_report  # noqa: E402
import compare_stages  # noqa: E402
import compare_xentrace  # noqa: E402
import compiled  # noqa: E402
from jobs import JobError  # noqa: E402
from qemu import RigError  # noqa: E402

FIO = compare_jobs.choose(["fio.randread.4k.qd1.libaio"], False)[0]
PING = compare_jobs.choose(["ping.rtt"], False)[0]
CONNECT = compare_jobs.choose(["connect.dom0_to_guest.1"], False)[0]
TCP = compare_jobs.choose(["iperf3.tcp.dom0_to_guest.1"], False)[0]
XEN = types.SimpleNamespace(name="xen-stock", hv="xen", split=True,
                            counts=True)
BARE = types.SimpleNamespace(name="bare", hv="none", split=False,
                             counts=False)
KVM = types.SimpleNamespace(name="kvm-virtio", hv="kvm", split=False,
                            counts=True)


def record(event, *words, cycles=True):
    """A trace record as Xen writes it."""
    head = event | len(words) << 28 | (1 << 31 if cycles else 0)
    return struct.pack(f"<I{'II' if cycles else ''}{len(words)}I", head,
                       *((1, 2) if cycles else ()), *words)


def packed(*records):
    """A trace as it comes out of dom0."""
    return base64.b64encode(gzip.compress(b"".join(records))).decode()


def expect(what, wanted):
    """Complain unless both are the same."""
    if what != wanted:
        raise AssertionError(f"{what!r}, not {wanted!r}")


def trace_is_counted():
    """Exits and hypercalls of the guest, hypercalls of a PV dom0"""
    unmap_none = 20 | 1 << 20 | 1 << 24
    counts = compare_xentrace.count(packed(
        record(compare_xentrace.CPU_CHANGE, 1, 0, cycles=False),
        record(compare_xentrace.VMEXIT64, 0x78, 1, 2),
        record(compare_xentrace.VMEXIT64, 0x81, 1, 2),
        record(compare_xentrace.VMMCALL, 32),
        record(compare_xentrace.CPU_CHANGE, 0, 0, cycles=False),
        record(compare_xentrace.PV_HYPERCALL, unmap_none, 1, 0),
        record(compare_xentrace.PV_SUBCALL, unmap_none, 5, 3),
        record(0x201104, 1, 2)))
    expect(counts, {
        "front.exit.hlt": 1, "front.exit.vmmcall": 1,
        "front.hypercall.event_channel_op": 1,
        "back.hypercall.grant_table_op": 2, "back.grant_unmaps": 0,
        "back.grant_copies": 3, "back.pv_entries": 2})


def trace_with_holes_fails():
    """A trace that lost records is no count"""
    try:
        compare_xentrace.count(packed(record(compare_xentrace.LOST, 5)))
    except RigError:
        return
    raise AssertionError("it was counted")


def trace_cut_short():
    """A trace that ends inside a record counts what is whole"""
    whole = record(compare_xentrace.VMMCALL, 32)
    for size in range(len(whole)):
        expect(compare_xentrace.count(packed(whole, whole[:size])),
               {"back.hypercall.event_channel_op": 1})


def debug_key_is_read():
    """What Tenon prints on its debug key becomes counters"""
    text = "\n".join([
        "(Tenon) cpu 0: idle d0v0, idle 1 ms, halts 3, polls hit 4, "
        "kicks sent 5 saved 6, interrupts 7",
        "(Tenon) d1: events sent 8, upcalls 9, grant maps 10 unmaps 11 "
        "copies 12, pool faults 0",
        "(Tenon) d1: exit nested-fault 13", "(Tenon) d1: hypercall ? 2",
        "(Tenon) d1: hypercall ? 3"])
    counts = compare_counts._hypervisor(text)
    expect([counts[k] for k in ("cpu.halts", "cpu.kicks_saved", "d1.events",
                                "d1.grant_copies", "d1.exit.nested-fault",
                                "d1.hypercall.?")], [3, 6, 8, 12, 13, 5])


def idle_is_taken_away():
    """Counts are per I/O, less what a run without any costs"""
    per = compare_counts.per_op(
        FIO, {"front.exit.hlt": 250, "back.exit.hlt": 50,
              "front.interrupt.xen-dyn-lateeoi -event blkif": 110},
        {"front.exit.hlt": 50}, 100, "tenon")
    expect([per["exits_front_per_io"], per["exits_per_io"],
            per["interrupts_front_per_io"]], [2.0, 2.5, 1.1])


def absent_is_null():
    """A count that could not be had is null with its reason, never 0"""
    per = compare_counts.per_op(FIO, {"front.exit.hlt": 5}, {}, 1, "xen")
    why = compare_counts.absent(FIO, per, XEN)
    for name in ("exits_per_io", "exits_back_per_io", "notify_front_per_io",
                 "halts_per_io"):
        expect(per[name], None)
        assert why[name], name
    expect(per["grant_maps_per_io"], 0.0)
    per = {}
    why = compare_counts.absent(FIO, per, BARE)
    expect(set(per.values()), {None})
    expect(set(per), set(why))


def kvm_is_counted():
    """KVM's statistics become exits of the guest; the rest null"""
    counts = {f"front.{name}": number for name, number in
              compare_counts._kvm("exits:100\nio_exits:60\nhalt_exits:30\n")
              .items()}
    counts["front.interrupt.PCI-MSI -edge virtio2-req."] = 40
    counts["back.interrupt.PCI-MSI -edge virtio3-config"] = 9
    per = compare_counts.per_op(FIO, counts, {}, 10, "kvm")
    expect([per[f"{name}_per_io"] for name in (
        "exits", "exits_front", "interrupts_front")], [10.0, 10.0, 4.0])
    expect(per["exits_front_by_name_per_io"],
           {"io": 6.0, "halt": 3.0, "other": 1.0})
    assert "interrupts_back_per_io" not in per, per
    counts["front.driver.tx_queue_0_kicks"] = 5
    why = compare_counts.absent(FIO, per, KVM)
    expect(per["notify_front_per_io"], None)
    per = compare_counts.per_op(PING, counts, {}, 10, "kvm")
    expect(per["notify_front_per_round_trip"], 0.5)
    per = {}
    why = compare_counts.absent(FIO, per, KVM)
    expect([why["grant_maps_per_io"], per["grant_maps_per_io"]],
           ["virtio has no grants", None])


def instructions_are_counts():
    """Instructions by who; waiting is nobody's work; null with its reason"""
    profile = compare_instructions.instructions.Profile({
        ("guest", "kernel", "a"): 100, ("guest", "user", "b"): 20.04,
        ("guest", "waiting", "a"): 7, ("guest", "hypervisor", "c"): 3,
        ("dom0", "hypervisor", "c"): 4, ("dom0", "kernel", "a"): 50})
    per = compare_instructions.per_op(FIO, profile)
    expect(per, {"guest_instructions_per_io": 120.0,
                 "dom0_instructions_per_io": 50.0,
                 "hv_instructions_per_io": 7.0,
                 "waiting_instructions_per_io": 7.0})
    host = {"others_pct": 0, "stolen_pct": 0, "ran_pct": 0}
    samples = [{"round": 0, "value": 5, "host": host, "counts": {"x": 1.0}},
               {"round": -2, "counts": per,
                "host": {**host, "others_pct": 90}}]
    cell = compare_report._cell(XEN, FIO, samples, 1, None)
    expect([cell["counts"]["hv_instructions_per_io"], cell["counts"]["x"]],
           [7.0, 1.0])
    expect((cell["disturbed"], cell["instructions_disturbed"]), (0, True))
    cell = compare_report._cell(XEN, FIO, samples[:1], 1, "no plugin")
    expect([cell["counts"]["hv_instructions_per_io"],
            cell["counts_absent"]["hv_instructions_per_io"]],
           [None, "no plugin"])


def ratios_point_upwards():
    """Above 1 is better, whichever way the unit points"""
    cells = [{"job": j, "env": e, "median": m, "better": b}
             for j, b, pair in (("iops", "higher", (10, 20)),
                                ("us", "lower", (10, 5)))
             for e, m in zip(("xen-stock", "tenon-tenon"), pair)]
    compare_report._ratios(cells)
    expect([c["ratio_to_peer"] for c in cells], [1.0, 2.0, 1.0, 2.0])
    expect([c["ratio_to_limit"] for c in cells], [None] * 4)


def quiet_rounds_win():
    """Of more samples than rounds the least disturbed count"""
    samples = [{"value": v, "host": {"others_pct": o, "stolen_pct": s}}
               for v, o, s in ((1, 90, 0), (2, 3, 0), (3, 1, 90), (4, 2, 1))]
    expect([s["value"] for s in compare_report._clean(samples, 2)], [4, 2])
    expect([compare_host.disturbed(s["host"]) for s in samples],
           [True, False, True, False])


def wrong_answers_are_errors():
    """Nothing done, packets lost, an error: none is a figure"""
    side = {"total_ios": 0}
    none = json.dumps({"jobs": [{"error": 0, "read": side, "write": side}]})
    for job, text in (
            (FIO, none), (FIO, "fio: command not found"),
            (FIO, none.replace('"error": 0', '"error": 95')),
            (TCP, '{"error": "the server is busy"}'),
            (CONNECT, '{"connections": 0, "failed": 0, "seconds": 1}'),
            (CONNECT, '{"connections": 90, "failed": 9, "seconds": 1}'),
            (PING, "10% packet loss" + "time=1.0 ms\n" * 90),
            (PING, "0% packet loss time=1.0 ms")):
        try:
            job.read(text)
        except JobError:
            continue
        raise AssertionError(f"{job.name} took {text[:40]!r}")


def ping_is_read():
    """The median of the round trips, in us"""
    text = "".join(f"time={n}.0 ms\n" for n in range(1, 102)) \
        + "0% packet loss"
    sample = PING.read(text)
    expect((sample.value, sample.ops, sample.extra["p99_us"]),
           (51000, 101, 100000))


def connections_are_counted():
    """Connections made and closed, as many as the program says"""
    program = compiled.program(compare_connect.SOURCE)
    with subprocess.Popen([program, "server", str(compare_connect.PORT),
                           "2"]) as server:
        try:
            for _ in range(100):
                text = subprocess.run(
                    [program, "client", "127.0.0.1",
                     str(compare_connect.PORT), "0", "3"],
                    stdout=subprocess.PIPE, check=True, text=True).stdout
                if not json.loads(text)["failed"]:
                    break
                time.sleep(0.2)
        finally:
            server.kill()
    sample = CONNECT.read(text)
    expect(sample.ops, 3)
    assert 0 < sample.extra["p50_us"] <= sample.extra["p99_us"], sample


def stages_are_cut():
    """An I/O is cut into its stages, also if the guest's clock is another"""
    points = compare_stages.POINTS
    # When a stage ends, from the I/O's beginning; not all I/Os alike.
    lengths = dict(zip(compare_stages.STAGES, (5, 20, 7, 9, 3, 30, 4, 11)))
    for offset in (0, -1000000):
        found, now = {"front": [], "back": []}, 2000000
        for number in range(60):
            for name, side, _ in points:
                found[side].append(
                    (now + (offset if side == "front" else 0), name))
                now += lengths[name] + (number * 37 % 50
                                        if name == "program" else 0)
            # Somebody else's.
            if number == 30:
                found["back"].append((now + 1, "map"))
                found["front"].append((now + 1 + offset, "submit"))
                now += 40
        ios, error = compare_stages.cut(found)
        assert len(ios) >= 57, len(ios)
        assert error <= 25, error
        for io in ios:
            for name in ("submit", "map", "device", "respond", "complete"):
                expect(io[name], lengths[name])
            expect((io["publish"] + io["wake"], io["total"]), (50, 78))
            assert abs(io["publish"] - 20) <= error, (io, error)
    expect(compare_stages.ticks_per_us(
        "now 5000\nat 10.0\nnow 4005000\nat 12.0\n"), 2.0)


def primitives_are_read():
    """Medians of the batches; a primitive that failed has none"""
    expect(compare_prim._values(
        "hypercall: 3000 1000 2000\nevent.self failed: -110\n"
        "port=3 grefs=1,2\n"), {"hypercall": 2.0})


TESTS = [trace_is_counted, trace_with_holes_fails, trace_cut_short,
         debug_key_is_read, idle_is_taken_away, absent_is_null,
         kvm_is_counted, instructions_are_counts,
         ratios_point_upwards, quiet_rounds_win, wrong_answers_are_errors,
         ping_is_read, connections_are_counted, stages_are_cut, primitives_are_read]


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        try:
            test()
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {test.__doc__}\n# {error!r}")
        else:
            print(f"ok {number} - {test.__doc__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
