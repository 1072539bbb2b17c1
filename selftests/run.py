# SPDX-License-Identifier: MIT
"""Runs the test suites and counts: 'run.py [host|system]', both without.

Host suites are the directories with a Makefile: 'make check' there prints TAP
and may print several plans.  The system suite boots machines.
The last line is 'N passed, N failed'.
"""

import glob
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOST_LIMIT = 900
RESULT = re.compile(r"^\s*(not )?ok\b\s*(\d+)?\s*-?\s*(.*)$")


class Count:
    """Passed, failed and skipped, with the names of the failed."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failed = []

    def line(self, suite, line):
        """Take one line of TAP into account."""
        match = RESULT.match(line)
        if not match:
            return
        if match.group(1):
            self.failed.append(f"{suite}: {match.group(3)}")
        elif re.search(r"#\s*SKIP", line, re.I):
            self.skipped += 1
        else:
            self.passed += 1


def host_suites():
    """Directories under selftests/ with tests for this machine."""
    return sorted(os.path.basename(os.path.dirname(path))
                  for path in glob.glob(os.path.join(HERE, "*", "Makefile")))


def run_stream(suite, argv, limit, count):
    """Run a suite, echo what it prints, count its results."""
    print(f"# {suite}", flush=True)
    began = time.monotonic()
    before = count.passed + len(count.failed) + count.skipped
    planned = 0
    # Should this script be ended, so is the suite, and the machine it runs.
    with subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM",
             "timeout", "-k", "30", str(limit)] + argv,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace") as proc:
        for line in proc.stdout:
            print(line, end="", flush=True)
            count.line(suite, line)
            plan = re.match(r"^1\.\.(\d+)", line)
            planned += int(plan.group(1)) if plan else 0
    seen = count.passed + len(count.failed) + count.skipped - before
    if proc.returncode and not any(f.startswith(f"{suite}: ")
                                   for f in count.failed):
        count.failed.append(f"{suite}: exited with {proc.returncode}")
    elif seen < planned:
        count.failed.append(f"{suite}: {planned} tests planned, {seen} ran")
    elif not seen:
        count.failed.append(f"{suite}: no test ran")
    print(f"# {suite}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    which = sys.argv[1] if len(sys.argv) > 1 else ""
    count = Count()
    if which in ("", "host"):
        for suite in host_suites():
            run_stream(suite, ["make", "-s", "--no-print-directory", "-C",
                               os.path.join(HERE, suite), "check"],
                       HOST_LIMIT, count)
    elif which != "system" and which in host_suites():
        run_stream(which, ["make", "-s", "-C", os.path.join(HERE, which),
                           "check"], HOST_LIMIT, count)
    if which in ("", "system"):
        run_stream("system", [sys.executable, "-u", os.path.join(
            HERE, "system", "run.py")], 3600, count)
    for name in count.failed:
        print(f"# FAILED {name}")
    if count.skipped:
        print(f"# {count.skipped} skipped")
    print(f"{count.passed} passed, {len(count.failed)} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
