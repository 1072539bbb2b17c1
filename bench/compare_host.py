# SPDX-License-Identifier: MIT
"""What the host did to a measurement: the time it took away."""

import os
import platform
import subprocess
import time

# A sample is disturbed when others had more than this many percent of a CPU, or
# QEMU's threads waited longer than this for one.
OTHERS_PCT, STOLEN_PCT = 20, 50
TICK = os.sysconf("SC_CLK_TCK")


def child(parent):
    """The process that a process started; itself when it started none."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii",
                          errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                return int(entry)
    return parent


def _threads(pid):
    """(seconds on a CPU, seconds ready but not running) of all threads."""
    ran = waited = 0
    for tid in os.listdir(f"/proc/{pid}/task") if pid else ():
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat",
                      encoding="ascii") as f:
                fields = f.read().split()
        except OSError:
            continue
        ran += int(fields[0])
        waited += int(fields[1])
    return ran / 1e9, waited / 1e9


def _cpus():
    """(seconds all CPUs were busy, seconds stolen from this machine)."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = [int(n) for n in f.readline().split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq) / TICK, steal / TICK


class Watch:
    """Measures what was taken from a process between two moments.

    The process may start later: set pid then.
    """

    def __init__(self, pid=None):
        self.pid = pid
        self.start = (time.monotonic(), *_threads(pid), *_cpus())

    def end(self):
        """Percent of the wall time: stolen_pct, others_pct, ran_pct.

        stolen: QEMU's threads were ready to run and did not (its own threads
        can do that to each other), or the host's host took the CPU.
        others: CPU time of everyone else, one whole CPU being 100.
        """
        now = (time.monotonic(), *_threads(self.pid), *_cpus())
        wall, ran, waited, busy, steal = (
            b - a for a, b in zip(self.start, now))
        return {"wall_s": round(wall, 3),
                "stolen_pct": round(100 * (waited + steal) / wall, 1),
                "others_pct": round(100 * max(0, busy - ran) / wall, 1),
                "ran_pct": round(100 * ran / wall, 1)}


def disturbed(host):
    """Whether the host took too much away, by what Watch.end() said."""
    return host["others_pct"] > OTHERS_PCT or host["stolen_pct"] > STOLEN_PCT


def describe():
    """The machine, for the report."""
    model = ""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/proc/meminfo", encoding="ascii") as f:
        memory = int(f.readline().split()[1]) >> 20
    return {"cpu": model, "cpus": os.cpu_count(), "memory_gib": memory,
            "kernel": platform.release()}


def output(argv):
    """First line of a command's output; None when it cannot be had."""
    try:
        out = subprocess.run(argv, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return out.stdout.splitlines()[0] if out.stdout else None
