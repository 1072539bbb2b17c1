# SPDX-License-Identifier: MIT
"""Who looks for requests and answers, and when: drivers, threads, senders."""

import re

import blk_system as b
import tests as t


READS = 40
BESIDE = ("taskset -c 0 chrt -f 1 sh -c 'while :; do :; done' & busy=$!; "
          "start=$(date +%s%N); taskset -c 0 chrt -f 2 dd if=/dev/xvdd "
          f"of=/dev/null bs=4k count={READS} iflag=direct 2>/dev/null; "
          "end=$(date +%s%N); kill $busy; echo $(((end - start) / 1000000))")
ENDLESS = ("fio --name=k --filename=/dev/xvdd --direct=1 --rw=randread "
           "--ioengine=io_uring --hipri --iodepth=32 --time_based "
           "--runtime=600")


def poll_guard(m):
    """A busy task does not keep from the poller what a read waits for.

    Beside a real-time task the poller runs once a second, in the time that
    Linux keeps for others.  Without its guard each read that it holds takes so
    long, for it has told the back end to send no event.
    """
    b.attach(m, "phy:/dev/nullb0 xvdd w")
    b.set_parameters(m, {b.FRONT_POLL: "1000"})
    # A scheduler has requests sent by a thread, which hardly runs, either.
    m.guest_run("echo none >/sys/block/xvdd/queue/scheduler")
    took = int(m.guest_run(BESIDE, 600, step="reads beside a busy task"))
    late = sum(map(int, re.findall(r"late (\d+)", b.shown(m, "front"))))
    text = f"{READS} reads beside a busy task: {took} ms, {late} times late"
    print(f"#   {text}", flush=True)
    t.expect(took < READS * 500 and late, text)
    b.set_parameters(m, {})
    b.detach(m)


def polled_by_sender(m):
    """Who asks to poll for its requests does, beside others on the same ring.

    One run ends in the middle of its requests, which must not keep the disk.
    Another is stopped there, and what is answered must not fail when the disk
    goes, though nobody looks.
    """
    if not b.ours(m, "front"):
        return
    b.attach(m, f"{b.SCRATCH} xvdd w")
    t.expect(m.guest_run("cat /sys/block/xvdd/queue/io_poll").strip() == "1",
             "the disk cannot be polled")
    both = b.VERIFY.format(rw="randwrite", bs="512-64k", align="512").replace(
        "--iodepth=16", "--iodepth=64")
    m.guest_run(both.replace("libaio", "io_uring") + " --hipri --name=w "
                + both.partition(" ")[2].replace("--name=v", "--offset=8M"),
                300, step="polled by the sender, beside another")
    text = b.shown(m, "front")
    t.expect(re.search(r"by_sender [1-9]\d\d", text), f"nobody polled:\n{text}")
    m.guest_run(f"{ENDLESS} >/dev/null & sleep 3; pkill -KILL fio; wait", 120,
                step="polled by the sender, which is killed")
    t.expect("outstanding 0" in b.shown(m, "front"), "requests are left")
    # Stopped between a reap and the next submission it has nothing in flight.
    m.guest_run(f"dmesg -C; {ENDLESS} >/dev/null 2>&1 & (for i in $(seq 60); do "
                "sleep 1; pkill -STOP fio; sleep 0.2; grep -q 'outstanding "
                "[1-9]' /sys/kernel/debug/tenon/blkfront/*51760*/queues && "
                "exit 0; pkill -CONT fio; done; exit 1)", 180,
                step="polled by a sender that is stopped in its midst")
    b.detach(m)
    m.guest_run("! dmesg | grep 'I/O error, dev xvdd'; pkill -KILL fio",
                step="what was answered did not fail")


def looks_before_it_sleeps(m):
    """blkback's thread looks at its ring itself while it has its CPU alone."""
    if not b.ours(m, "back"):
        return
    b.attach(m, "phy:/dev/nullb0 xvdd w")

    def found():
        m.guest_run("fio --name=s --filename=/dev/xvdd --rw=randread --bs=4k "
                    "--direct=1 --ioengine=libaio --iodepth=8 --size=64M "
                    "--number_ios=2000 >/dev/null", 300)
        return sum(map(int, re.findall(r"spun (\d+)", b.shown(m, "back"))))

    alone = found()
    t.expect(alone > 0, "it found nothing itself")
    m.run("for cpu in $(seq 0 $(($(nproc) - 1))); do taskset -c $cpu sh -c "
          "'while :; do :; done' & echo $! >>/run/busy; done")
    try:
        busy = found()
    finally:
        m.run("kill $(cat /run/busy); rm /run/busy")
    t.expect(busy == alone, f"{busy - alone} times beside a busy task")
    b.detach(m)


TESTS = (poll_guard, polled_by_sender, looks_before_it_sleeps)
