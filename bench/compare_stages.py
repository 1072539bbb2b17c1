# SPDX-License-Identifier: MIT
"""One I/O at a time, cut into its stages.

The function tracers of guest and dom0 stamp the functions at which a stage ends
with the processor's clock.  With one I/O under way at a time the order of the
stamps says which I/O they belong to.
"""

import bisect
import re
import statistics

import jobs
from jobs import JobError

IOS = 500
# Where an I/O is at the entry of which function, by the drivers.
POINTS = (
    ("submit", "front", {"any": "blk_mq_submit_bio"}),
    ("publish", "front", {"ours": "queue_rq", "stock": "blkif_queue_rq"}),
    ("map", "back", {"ours": "blkback_io_submit", "stock": "xen_blkbk_map"}),
    ("device", "back", {"any": "blk_mq_submit_bio"}),
    ("respond", "back", {"ours": "io_bio_end", "stock": "end_block_io_op"}),
    ("wake", "back", {"ours": "io_respond", "stock": "make_response"}),
    ("complete", "front", {"ours": "queue_complete_rq",
                           "stock": "blkif_complete_rq"}),
    ("program", "front", {"any": "aio_complete_rw"}),
)
# A stage begins at the point of its name and ends at the next; "program" ends
# at the next I/O's beginning, "total" is all but that.  By "clock_error" what
# "publish" and "wake" say may be wrong, in opposite directions.
STAGES = tuple(name for name, _, _ in POINTS)
NAMES = STAGES + ("total", "clock_error")
TRACING = "/sys/kernel/tracing"
START = r"""
mountpoint -q {t} || mount -t tracefs tracefs {t}
cd {t} && echo 0 >tracing_on && echo nop >current_tracer || exit 1
echo x86-tsc >trace_clock && echo 4096 >buffer_size_kb || exit 1
: >set_ftrace_filter
for f in {functions}; do echo "$f" >>set_ftrace_filter || exit 1; done
echo function >current_tracer && : >trace && echo 1 >tracing_on
"""
STOP = r"""
cd {t} && echo 0 >tracing_on
sed -nE 's/^.* ([0-9]+): (\w+) <-.*/\1 \2/p' trace
echo nop >current_tracer; : >set_ftrace_filter
"""
# The clock's rate, from what the tracer takes for now.
RATE = r"""
cd {t}/per_cpu/cpu0
for i in 1 2; do
	sed -n 's/now ts: /now /p' stats; echo "at $EPOCHREALTIME"; sleep 2
done
"""


def names(env):
    """What is measured in an environment."""
    return NAMES if env.split else ()


def functions(setup):
    """{side: {function: name of the point}} for the drivers of an environment."""
    named = {"front": {}, "back": {}}
    for name, side, by_driver in POINTS:
        half = setup.front if side == "front" else setup.back
        named[side][by_driver.get("any") or by_driver[half]] = name
    return named


def stamps(text, named):
    """[(time, point)] in what STOP prints."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 2 and fields[1] in named:
            found.append((int(fields[0]), named[fields[1]]))
    return found


def ticks_per_us(text):
    """The clock's rate from what RATE prints."""
    now = [float(n) for n in re.findall(r"^now ([\d.]+)", text, re.M)]
    at = [float(n) for n in re.findall(r"^at ([\d.]+)", text, re.M)]
    if len(now) != 2 or len(at) != 2 or now[1] <= now[0]:
        raise JobError(f"stages: no clock: {text.strip()[-200:]}")
    return (now[1] - now[0]) / (at[1] - at[0]) / 1e6


def sequences(found, order):
    """[[time of each point]] of the I/Os that went through all in order."""
    ios, times = [], []
    for time, point in found:
        if point == order[0]:
            times = [time]
        elif times and point == order[len(times)]:
            times.append(time)
        else:
            # Somebody else's, or an I/O that went another way.
            times = []
        if len(times) == len(order):
            ios.append(times)
            times = []
    return ios


def pairs(front, back, offset):
    """Each of the guest's I/Os with the one of dom0's that is inside it."""
    starts = [io[0] + offset for io in back]
    found = []
    for io in front:
        at = bisect.bisect_left(starts, io[1])
        if at < len(back) and back[at][-1] + offset <= io[2]:
            found.append((io, back[at]))
    return found


def clock_offset(front, back):
    """(the guest's clock less dom0's, by how much that may be wrong).

    Xen starts a guest's clock at 0.  What dom0 does for an I/O lies between the
    guest's sending it and its completion; so do all of them only if the I/Os
    are matched right, and then that bounds the offset from both sides.
    """
    if len(pairs(front, back, 0)) >= len(front) * 0.9:
        return 0, 0
    one = front[len(front) // 2]
    middle = (one[1] + one[2]) // 2
    best = max((middle - (io[0] + io[-1]) // 2 for io in back),
               key=lambda offset: len(pairs(front, back, offset)))
    low, high = [], []
    for mine, its in pairs(front, back, best):
        low.append(mine[1] - its[0])
        high.append(mine[2] - its[-1])
    return (max(low) + min(high)) // 2, (min(high) - max(low)) / 2


def cut(found):
    """([{stage: ticks}], uncertainty in ticks) of {side: [(time, point)]}."""
    front, back = (
        sequences(found[side], [n for n, s, _ in POINTS if s == side])
        for side in ("front", "back"))
    if not front or not back:
        raise JobError("stages: no I/O went through all points in order")
    offset, error = clock_offset(front, back)
    nexts = {io[0]: after[0] for io, after in zip(front, front[1:])}
    ios = []
    for io, its in pairs(front, back, offset):
        if io[0] not in nexts:
            continue
        times = [*io[:2], *(time + offset for time in its), *io[2:],
                 nexts[io[0]]]
        ios.append({**{name: times[i + 1] - times[i]
                       for i, (name, _, _) in enumerate(POINTS)},
                    "total": times[-2] - times[0]})
    return ios, error


def measure(env):
    """({stage: median us}, the stamps)."""
    m = env.box.machine
    named = functions(env.box.setup)
    sides = (("front", m.guest_run), ("back", m.run))
    fio = (f"fio --name=stages --filename={env.disk('null')} --rw=randread "
           "--bs=4k --iodepth=1 --ioengine=libaio --direct=1 --size=224M "
           f"--norandommap --randrepeat=0 --number_ios={IOS} "
           "--output-format=json")
    m.guest_run(fio, 300, step="stages, warm")
    texts = {}
    try:
        for side, run in sides:
            run(START.format(t=TRACING, functions=" ".join(named[side])), 120,
                step=f"stages, trace {side}")
        jobs.parse_json(m.guest_run(fio, 300, step="stages"))
    finally:
        for side, run in sides:
            texts[side] = run(STOP.format(t=TRACING), 300,
                              step=f"stages, read {side}")
    rate = m.run(RATE.format(t=TRACING), 60, step="stages, clock")
    ios, error = cut({side: stamps(texts[side], named[side])
                      for side, _ in sides})
    if len(ios) < IOS / 4:
        raise JobError(f"stages: only {len(ios)} of {IOS} I/Os went through "
                       "all points in order")
    scale = ticks_per_us(rate)
    values = {name: round(statistics.median(io[name] for io in ios) / scale, 1)
              for name in (*STAGES, "total")}
    values["clock_error"] = round(error / scale, 1)
    return values, "\n".join(("front", texts["front"], "back", texts["back"],
                              rate))
