# SPDX-License-Identifier: MIT
"""Many guests at once: what they get together, and how fairly.

A machine of its own for each hypervisor, one after the other: guests are added
until there are as many as asked for, all on the same CPU, and at each step all
of them read at the same time.
"""

import re

import compare_host
import jobs
import machine
from compare_env import DOM0_MEMORY, LIMIT, NULL
from jobs import JobError

GUEST_MEMORY = 256
STEPS = (1, 2, 4, 8, 16)


def _names(count):
    return [f"guest{n}" for n in range(1, count + 1)]


def _add(m, number):
    m.create(machine.Guest(
        name=f"guest{number}", number=number, memory=GUEST_MEMORY, cpus="1",
        disks=(f"phy:/dev/disk/by-id/virtio-guest{'' if number == 1 else number}"
               ",xvda,w", f"phy:{NULL},xvdb,r")))


def _script(count, seconds):
    """In dom0: the same job in all guests at once, through their consoles."""
    fio = jobs.fio_command("randread", "4k", 8, "libaio", seconds,
                           "/dev/xvdb") + " --ramp_time=1"
    lines = [f"/run/tenon/guest-run {name} s{count} {seconds + 150} "
             f">/tmp/scale.{name} 2>&1 <<<'{fio}' &" for name in _names(count)]
    lines.append("wait")
    lines += [f"echo '== {name}'; cat /tmp/scale.{name}"
              for name in _names(count)]
    return "\n".join(lines)


def _read(text, count):
    """I/Os per second of each guest."""
    parts = re.split(r"^== \w+\n", text, flags=re.M)[1:]
    rates = []
    for part in parts:
        side = jobs.parse_json(part)["jobs"][0]["read"]
        rates.append(side["iops"])
    if len(rates) != count or not min(rates):
        raise JobError(f"scale: {count} guests, rates {rates}")
    return rates


def measure(setup, name, steps, seconds, say):
    """Yield (number of guests, sample, raw answers) for each step."""
    setup.memory = DOM0_MEMORY + 256 + max(steps) * (GUEST_MEMORY + 16)
    setup.guest_disks = max(steps)
    setup.limit = LIMIT
    with machine.Machine(setup, f"compare-scale-{name}", say) as m:
        m.run("xl vcpu-pin Domain-0 0 0")
        there = 0
        for count in steps:
            while there < count:
                there += 1
                _add(m, there)
            watch = compare_host.Watch(compare_host.child(m.vm.proc.pid))
            text = m.run(_script(count, seconds), seconds + 240,
                         step=f"{count} guests at once")
            host = watch.end()
            rates = _read(text, count)
            yield count, {"value": round(sum(rates), 1), "ops": 1,
                          "fairness": round(min(rates) / max(rates), 3),
                          "host": host}, text
