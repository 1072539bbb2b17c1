#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the time goes: executed instructions per I/O or packet, by function.

Boots one environment of "make compare" and runs jobs of it.  Results:
out/profile/<job>.json, .md and .svg.
"""

import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.dirname(HERE)
sys.path[:0] = [BENCH, os.path.join(os.path.dirname(BENCH), "rig")]
# pylint: disable=wrong-import-position
import compare_env  # noqa: E402
import compare_host  # noqa: E402
import compare_jobs  # noqa: E402
import instructions  # noqa: E402
import paths  # noqa: E402
import profile_report  # noqa: E402
from images import ImageError  # noqa: E402
from jobs import JobError  # noqa: E402
from qemu import RigError, end_cleanly  # noqa: E402

OUT = os.path.join(paths.OUT, "profile")
DEFAULT_ENV = "tenon-tenon"


def _report(env, job, ops, profile, host):
    stem = os.path.join(OUT, job.name + (
        "" if env.name == DEFAULT_ENV else f".{env.name}"))
    about = {"env": env.name, "job": job.name, "per": job.per,
             "ops": ops, "host": host, "kernel": env.box.setup.kver,
             "qemu": compare_host.output(["qemu-system-x86_64", "--version"])}
    profile_report.write(stem, about, profile)
    with open(stem + ".md", encoding="utf-8") as f:
        print("\n" + f.read())
    print(f"{os.path.relpath(stem)}.md, .json, .svg", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default=DEFAULT_ENV,
                        choices=[name for name in compare_env.NAMES
                                 if name.startswith(("xen", "tenon"))])
    parser.add_argument("--jobs", default="fio.randread.4k.qd1.libaio")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--kver", default="")
    args = parser.parse_args()
    began = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)
    end_cleanly()
    jobs = [job for job in compare_jobs.choose(args.jobs.split(), False)
            if job.script]
    env = compare_env.make([args.env], args.kver, say, jobs)[0][0]
    failed = 0
    try:
        counter = instructions.boot(env, say)
        for job in jobs:
            say(f"{job.name}, {args.seconds} s")
            try:
                _report(env, job, *counter.measure(job, args.seconds)[1:])
            except JobError as error:
                failed += 1
                say(f"{job.name}: {error}")
    except (RigError, ImageError) as error:
        print(f"profile: {error}", file=sys.stderr)
        return 1
    finally:
        env.box.close()
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
