# SPDX-License-Identifier: MIT
"""Runs the whole-system tests, printing TAP.

Environment: HV=tenon|xen, BOOTS="devices q35" and TESTS="guest_boots reboot"
choose; BACK and FRONT override the halves of every boot; KVER the kernel.
"""

import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position
import tests as t  # noqa: E402  (sets up the path to the rig)
import images  # noqa: E402
import jobs  # noqa: E402
import logscan  # noqa: E402
import machine  # noqa: E402
import paths  # noqa: E402
import plan  # noqa: E402


class Tap:
    """Numbers results and prints them."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def result(self, name, error=None, seconds=0):
        """One test's result; error is None when it passed."""
        self.number += 1
        word = "ok" if error is None else "not ok"
        print(f"{word} {self.number} - {name} # {seconds:.0f} s", flush=True)
        if error is not None:
            self.failed += 1
            for line in str(error).strip().splitlines():
                print(f"#   {line}", flush=True)


def chosen():
    """(hypervisor, name, setup, tests) of the boots to do."""
    only = os.environ.get("BOOTS", "").split()
    hvs = os.environ.get("HV", "").split() or list(plan.DEFAULT)
    for hv in hvs:
        default = None if os.environ.get("HV") else plan.DEFAULT[hv]
        for name, setup, tests in plan.plan(hv):
            if (name in only) if only else (default is None or
                                            name in default):
                setup.kver = os.environ.get("KVER") or setup.kver
                setup.back = os.environ.get("BACK") or setup.back
                setup.front = os.environ.get("FRONT") or setup.front
                wanted = os.environ.get("TESTS", "").split()
                yield hv, name, setup, [test for test in tests if not wanted
                                        or test.__name__ in wanted]


def boot(tap, label, setup, tests):
    """One machine and its tests; the retries it took."""
    def say(text):
        print(f"#   {text}", flush=True)

    booted = machine.Machine(setup, f"check-{label.replace('/', '-')}", say)
    left = list(tests) + [t.machine_goes_off]
    began = time.monotonic()
    try:
        with booted:
            tap.result(f"{label}/boot", None, time.monotonic() - began)
            while left:
                test = left[0]
                began = time.monotonic()
                error = None
                try:
                    test(booted)
                except (machine.RigError, jobs.JobError) as failed:
                    error = failed
                tap.result(f"{label}/{test.__name__}", error,
                           time.monotonic() - began)
                left.pop(0)
                if error is not None and not booted.vm.alive():
                    break
    except (machine.RigError, images.ImageError) as failed:
        tap.result(f"{label}/boot", failed, time.monotonic() - began)
    except Exception:  # pylint: disable=broad-except
        # A mistake in a test must not hide the results of the others.
        tap.result(f"{label}/{left[0].__name__}", traceback.format_exc())
    for test in left:
        tap.result(f"{label}/{test.__name__}", "the machine was gone")
    trouble = logscan.scan(booted.log_dir, booted.forgiven)
    tap.result(f"{label}/logs_clean", None if not trouble else "\n".join(
        f"{os.path.relpath(booted.log_dir, paths.TOP)}/{name}:{number}: "
        f"{line}" for name, number, line in trouble[:10]))
    return booted.retried


def main():
    boots = list(chosen())
    print(f"1..{sum(len(tests) + 3 for _, _, _, tests in boots)}", flush=True)
    tap = Tap()
    retried = 0
    for hv, name, setup, tests in boots:
        retried += boot(tap, f"{hv}/{name}", setup, tests)
    print(f"# emulator flakes, tried again: {retried}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
