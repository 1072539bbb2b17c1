# SPDX-License-Identifier: MIT
"""Executed instructions per unit of work, in a pass and on machines of their own.

The plugin that counts makes everything slower, so that nothing else is taken
from these runs.
"""

import os
import sys

import compare_env
from jobs import JobError
from qemu import RigError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "profile"))
import instructions  # noqa: E402  pylint: disable=wrong-import-position

NAMES = ("guest_instructions", "dom0_instructions", "hv_instructions",
         "waiting_instructions")


def per_op(job, profile):
    """The counts in the terms of results.json."""
    def both(where):
        return profile.total(where, "kernel") + profile.total(where, "user")
    numbers = (both("guest"), both("dom0"),
               profile.total(None, "hypervisor"),
               profile.total(None, "waiting"))
    return {f"{name}_per_{job.per}": round(number, 1)
            for name, number in zip(NAMES, numbers)}


def measure(env, jobs, kver, seconds, say):
    """Yield (job, a sample, the answer), or (job, None, the error).

    RigError when the machine does not boot or does not live on.
    """
    env = compare_env.make([env.name], kver, say, jobs)[0][0]
    try:
        counter = instructions.boot(env, say)
        for job in jobs:
            say(f"{job.name} in {env.name}: instructions")
            try:
                text, ops, profile, host = counter.measure(job, seconds)
                yield job, {"counts": per_op(job, profile), "ops": ops,
                            "host": host}, text
            except (JobError, RigError) as error:
                yield job, None, str(error)
                # As before, or it ends here.
                env.serve()
    finally:
        env.box.close()
