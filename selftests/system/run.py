# SPDX-License-Identifier: MIT
"""Runs the whole-system tests, printing TAP.

Environment: HV=tenon|xen, BOOTS="devices q35" and TESTS="guest_boots reboot"
choose; BACK and FRONT override the halves of every boot; KVER the kernel.
After CHECK_UNTIL (seconds since 1970) no further machine is started: its tests
are skipped.
"""

import os
import re
import subprocess
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
import qemu  # noqa: E402


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

    def skip(self, name, why):
        """A test that was not run."""
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {why}", flush=True)


def chosen():
    """(hypervisor, boot, setup, tests) of what is to be done."""
    kver = paths.kernel_version(os.environ.get("KVER", ""))
    only = os.environ.get("BOOTS", "").split()
    if kver == paths.debug_version():
        only = only or list(plan.DEBUG_DEFAULT)
    wanted = os.environ.get("TESTS", "").split()
    hvs = os.environ.get("HV", "").split() or \
        (["tenon"] if only else list(plan.DEFAULT))
    for hv in hvs:
        short = not only and not os.environ.get("HV")
        names = plan.DEFAULT[hv] if short else only
        for boot, setup in plan.plan(hv, kver):
            if names and boot.name not in names:
                continue
            setup.back = os.environ.get("BACK") or setup.back
            setup.front = os.environ.get("FRONT") or setup.front
            tests = [test for test in boot.tests
                     if (test.__name__ in wanted if wanted
                         else not short or test not in plan.LONG)]
            if tests:
                yield hv, boot, setup, tests


def shows(log_dir, name, pattern, trouble):
    """Is there such text in a log, begun in a line that was found troubling?"""
    path = os.path.join(log_dir, name)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8", errors="replace") as f:
        text = f.read()
    found = {number for where, number, _ in trouble if where == name}
    return any(text.count("\n", 0, match.start()) + 1 in found
               for match in re.finditer(pattern, text))


def run_boot(tap, label, boot, setup, tests):
    """One machine and its tests; the retries it took."""
    def say(text):
        print(f"#   {text}", flush=True)

    booted = machine.Machine(setup, f"check-{label.replace('/', '-')}", say)
    left = list(tests) + [t.machine_goes_off]
    began = time.monotonic()
    up = False
    try:
        if boot.files:
            setup.extra_files = boot.files(setup.kver)
        with booted:
            up = True
            tap.result(f"{label}/boot", None, time.monotonic() - began)
            while left and booted.vm.alive():
                test = left.pop(0)
                if setup.debug() and test in plan.DEBUG_LACKS:
                    tap.skip(f"{label}/{test.__name__}",
                             plan.DEBUG_LACKS[test])
                    continue
                began = time.monotonic()
                error = None
                try:
                    test(booted)
                except (machine.RigError, jobs.JobError) as failed:
                    error = failed
                except Exception:  # pylint: disable=broad-except
                    # A mistake in a test must not hide the others' results.
                    error = traceback.format_exc()
                tap.result(f"{label}/{test.__name__}", error,
                           time.monotonic() - began)
    except (machine.RigError, images.ImageError, subprocess.SubprocessError,
            OSError) as failed:
        tap.result(f"{label}/{'machine ends' if up else 'boot'}", failed,
                   time.monotonic() - began)
    for test in left:
        tap.result(f"{label}/{test.__name__}", "the machine was gone")
    trouble = logscan.scan(booted.log_dir, booted.forgiven)
    if boot.planted:
        unseen = [f"{name}: {pattern}" for name, pattern in boot.planted
                  if not shows(booted.log_dir, name, pattern, trouble)]
        tap.result(f"{label}/logs_show_it",
                   "\n".join(["not seen:", *unseen]) if unseen else None)
        return booted.retried
    tap.result(f"{label}/logs_clean", None if not trouble else "\n".join(
        f"{os.path.relpath(booted.log_dir, paths.TOP)}/{name}:{number}: "
        f"{line}" for name, number, line in trouble[:10]))
    return booted.retried


def main():
    if sys.argv[1:]:
        sys.exit(__doc__)
    qemu.end_cleanly()
    boots = list(chosen())
    print(f"1..{sum(len(tests) + 3 for _, _, _, tests in boots)}", flush=True)
    tap = Tap()
    retried = 0
    until = float(os.environ.get("CHECK_UNTIL", "inf"))
    for hv, boot, setup, tests in boots:
        label = f"{hv}/{boot.name}"
        if time.time() > until:
            for number in range(len(tests) + 3):
                tap.skip(f"{label}/{number}", "no time left (CHECK_UNTIL)")
            continue
        retried += run_boot(tap, label, boot, setup, tests)
    print(f"# emulator flakes, tried again: {retried}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
