#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same jobs in several environments, side by side, interleaved.

Every environment is booted once and kept; only the one that measures runs.
Results: out/compare/results.json, report.md, report.html and the raw answers.
"""

import argparse
import dataclasses
import datetime
import json
import os
import re
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "rig"))
# pylint: disable=wrong-import-position
import compare_counts  # noqa: E402
import compare_env  # noqa: E402
import compare_host  # noqa: E402
import compare_instructions  # noqa: E402
import compare_jobs  # noqa: E402
import compare_prim  # noqa: E402
import compare_report  # noqa: E402
import compare_scale  # noqa: E402
import compare_stages  # noqa: E402
from images import ImageError  # noqa: E402
from jobs import JobError  # noqa: E402
from qemu import RigError, end_cleanly  # noqa: E402

OUT = os.path.join(TOP, "out", "compare")
REBOOTS = 2
# The number of the round in which Xen is traced: its figures do not count.
TRACED = -1
# The same for the pass that counts instructions.
COUNTED = -2


class Comparison:
    """One run: environments x jobs x rounds."""

    def __init__(self, args, say):
        self.args = args
        self.say = say
        self.jobs = compare_jobs.choose(args.jobs.split(), args.quick)
        # The others come out of one measurement together.
        self.timed = [job for job in self.jobs
                      if job.group not in ("prim", "stage", "scale")]
        self.prims, self.stages = (
            {job.name: job for job in self.jobs if job.group == group}
            for group in ("prim", "stage"))
        self.scales = {job.name: job for job in self.jobs
                       if job.group == "scale"}
        self.envs, self.boxes = compare_env.make(
            args.envs.split(), args.kver, say, self.jobs)
        self.samples = []
        self.errors = []
        self.failed = {}
        self.uncounted = {}
        self.booted = {}
        self.memory = {}
        self.idle = {}
        self.tools = {}
        self.results = {}
        self.first = 0
        self.began = time.monotonic()
        self.journal = os.path.join(OUT, "samples.jsonl")
        os.makedirs(os.path.join(OUT, "raw"), exist_ok=True)
        self._load()

    def _load(self):
        """With --resume: the samples of the run that was interrupted."""
        if not self.args.resume or not os.path.exists(self.journal):
            with open(self.journal, "w", encoding="ascii"):
                return
        with open(self.journal, encoding="ascii") as f:
            self.samples = [json.loads(line) for line in f]
        self.say(f"resume: {len(self.samples)} samples are there already")

    def boot(self):
        """Boot all; one that fails is reported and left out."""
        for name, box in self.boxes.items():
            self._boot_box(name, box)

    def _boot_box(self, name, box):
        users = [env for env in self.envs if env.box is box]
        try:
            box.boot(f"compare-{name}")
            if not self.tools:
                self.tools = self._tools(box)
            for env in users:
                self._prepare(env)
        except (RigError, ImageError, OSError,
                subprocess.SubprocessError) as error:
            self._give_up(box, users, error)
            return
        self.booted.setdefault(name, []).append(dict(box.boots))
        self.memory[name] = dict(box.memory)

    def _tools(self, box):
        box.resume()
        text = box.machine.run("fio --version; iperf3 --version")
        box.pause()
        return dict(zip(("fio", "iperf3"), text.splitlines()))

    def _prepare(self, env):
        env.box.resume()
        env.prepare()
        env.box.pause()

    def _give_up(self, box, users, error):
        log = os.path.relpath(box.machine.log_dir, TOP) if box.machine else ""
        for env in users:
            self.failed[env.name] = {"error": str(error)[:2000], "log": log}
            self.say(f"{env.name} FAILED: {str(error)[:300]}")
        box.close()

    def run(self):
        """All rounds; what was disturbed is repeated, a bounded number of
        times."""
        for number in range(self.args.rounds):
            shift = number % len(self.envs)
            order = self.envs[shift:] + self.envs[:shift]
            for at, job in enumerate(self.timed):
                for env in order:
                    self._cell(env, job, number)
                self._progress(number, at)
            for jobs, of in ((self.prims, compare_prim),
                             (self.stages, compare_stages)):
                for env in order:
                    wanted = {name: job for name, job in jobs.items()
                              if name.partition(".")[2] in of.names(env)}
                    if wanted:
                        self._together(env, wanted, of.measure, number)
            self.write()
        for job in self.timed:
            for env in self.envs:
                if env.split and env.hv == "xen" and \
                        env.name not in self.failed and \
                        not self._have(env, job, TRACED):
                    self._measure(env, job, TRACED)
        self.write()

    def _have(self, env, job, number):
        return [s for s in self.samples if (s["env"], s["job"], s["round"])
                == (env.name, job.name, number)]

    def _cell(self, env, job, number):
        have = self._have(env, job, number)
        tries = len(have)
        while tries <= self.args.repeats and env.name not in self.failed \
                and all(compare_host.disturbed(s["host"]) for s in have):
            sample = self._measure(env, job, number)
            tries += 1
            if not sample:
                return
            have.append(sample)

    def _together(self, env, wanted, measure, number):
        """Jobs that come out of one measurement, in one environment."""
        if env.name in self.failed or \
                self._have(env, next(iter(wanted.values())), number):
            return
        try:
            env.box.resume()
            watch = compare_host.Watch(env.box.pid())
            values, text = measure(env)
            host = watch.end()
            env.box.pause()
        except (JobError, RigError, OSError) as error:
            self._error(env, next(iter(wanted.values())), str(error))
            self._settle(env, error)
            return
        for name, job in wanted.items():
            value = values.get(name.partition(".")[2])
            if value is not None:
                self._keep(env, job, number, {
                    "value": value, "ops": 1, "host": host}, text)
            else:
                self._error(env, job, "the module could not measure it")

    def instructions(self):
        """Instructions per unit of work; on machines with the plugin."""
        # Half a minute a job and environment: not all 36 unless asked for.
        wanted = [job for job in self.timed
                  if self.args.jobs or job.name in compare_jobs.QUICK]
        for env in self.envs:
            for job in self.timed:
                if job not in wanted:
                    self.uncounted[env.name, job.name] = \
                        "counted for the core jobs and those named in JOBS"
            jobs = [job for job in wanted
                    if not self._have(env, job, COUNTED)]
            if not env.split or not jobs or env.name in self.failed:
                continue
            if self.args.quick:
                self.uncounted[env.name] = "not counted in a quick run"
                continue
            try:
                for job, sample, text in compare_instructions.measure(
                        env, jobs, self.args.kver, self.args.seconds,
                        self.say):
                    if sample:
                        self._keep(env, job, COUNTED, sample, text)
                    else:
                        self.uncounted[env.name, job.name] = text[:300]
                        self.say(f"{env.name} {job.name}: {text[:300]}")
                    self.write()
            except (RigError, ImageError, OSError) as error:
                self.uncounted[env.name] = str(error)[:300]
                self.say(f"{env.name}: instructions not counted: "
                         f"{str(error)[:300]}")

    def scale(self):
        """Many guests at once; needs the memory that the others had."""
        steps = [int(name.rpartition(".")[2]) for name in self.scales]
        for env in self.envs if steps else ():
            if not env.split:
                continue
            last = next(iter(self.scales.values()))
            try:
                for count, sample, text in compare_scale.measure(
                        dataclasses.replace(env.box.setup), env.name, steps,
                        self.args.seconds, self.say):
                    last = self.scales[f"scale.{count}"]
                    self._keep(env, last, 0, sample, text)
                    self.write()
            except (JobError, RigError, OSError) as error:
                self._error(env, last, str(error))

    def _keep(self, env, job, number, sample, text):
        """Remember a sample, and the answer that it was read from."""
        times = sum(1 for s in self.samples if s["env"] == env.name
                    and s["job"] == job.name)
        path = os.path.join(OUT, "raw", f"{env.name}.{job.name}.{times}.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        sample.update(env=env.name, job=job.name, round=number)
        self.samples.append(sample)
        with open(self.journal, "a", encoding="ascii") as f:
            f.write(json.dumps(sample) + "\n")

    def _measure(self, env, job, number):
        """One sample; None when the job cannot run here."""
        try:
            script = job.script(env, self.args.seconds)
        except LookupError as why:
            self._error(env, job, f"not applicable: {why}")
            return None
        try:
            env.box.resume()
            sample, text = self._sample(env, job, script, number == TRACED)
            env.box.pause()
        except (JobError, RigError, OSError) as error:
            self._error(env, job, str(error))
            self._settle(env, error)
            return None
        self._keep(env, job, number, sample, text)
        return sample

    def _sample(self, env, job, script, traced=False):
        def call():
            watch = compare_host.Watch(env.box.pid())
            text = env.run(job.side, script, self.args.seconds + 180,
                           step=f"{job.name} in {env.name}")
            return text, watch.end()

        # Tenon and KVM count anyway; on Xen it costs a run of its own.
        if env.counts and (traced or env.hv != "xen"):
            idle = self._idle(env, job)
            (text, host), counts = compare_counts.counted(env, call)
        else:
            (text, host), counts = call(), None
        read = job.read(text)
        sample = {"value": read.value, "ops": read.ops, **read.extra,
                  "host": host}
        if counts is not None:
            sample["counts"] = compare_counts.per_op(job, counts, idle,
                                                     read.ops, env.hv)
        return sample, text

    def _idle(self, env, job):
        """The counts of a run that ends at once; taken once, when warm."""
        key = (env.name, job.group, job.side)
        if key not in self.idle:
            def call():
                env.run(job.side, job.idle(env), 180,
                        step=f"{job.group} idle")
            call()
            self.idle[key] = compare_counts.counted(env, call)[1]
        return self.idle[key]

    def _error(self, env, job, text):
        self.errors.append({"env": env.name, "job": job.name,
                            "error": text[:1000]})
        self.say(f"{env.name} {job.name}: {text[:300]}")

    def _settle(self, env, error):
        """After a failure: as before if the machine answers, else anew."""
        try:
            env.serve()
            env.box.pause()
        except (RigError, OSError):
            self._revive(env, error)

    def _revive(self, env, error):
        """Boot a machine anew that died; not for ever."""
        box = env.box
        users = [e for e in self.envs if e.box is box]
        name = next(n for n, b in self.boxes.items() if b is box)
        if len(self.booted.get(name, ())) > REBOOTS:
            self._give_up(box, users, error)
            return
        self.say(f"{name}: boots again")
        log = box.machine.log_dir if box.machine else ""
        box.close()
        if log:
            os.rename(log, f"{log}.died-{int(time.time())}")
        self._boot_box(name, box)

    def _progress(self, number, at):
        done = number * len(self.timed) + at + 1
        total = self.args.rounds * len(self.timed)
        spent = time.monotonic() - self.began
        if done == 1:
            self.first = spent
        left = (spent - self.first) / max(1, done - 1) * (total - done)
        self.say(f"round {number + 1}/{self.args.rounds}, job {at + 1}/"
                 f"{len(self.timed)} {self.timed[at].name}"
                 + (f"; about {left / 60:.0f} min left" if done > 1 else ""))

    def write(self):
        """results.json and the reports, of what there is so far."""
        compare_report.write(OUT, self)

    def close(self):
        """End all machines."""
        for box in self.boxes.values():
            box.close()


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="the core jobs, three rounds")
    parser.add_argument("--envs", default="")
    parser.add_argument("--jobs", default="", help="names or patterns")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=0,
                        help="length of a job")
    parser.add_argument("--repeats", type=int, default=1,
                        help="how often a disturbed sample is repeated")
    parser.add_argument("--kver", default="")
    parser.add_argument("--resume", action="store_true",
                        help="go on where the last run was interrupted")
    parser.add_argument("--publish", action="store_true",
                        help="put the last run's tables in README.md and "
                        "docs/performance.md")
    args = parser.parse_args(argv)
    args.envs = args.envs or " ".join(compare_env.QUICK if args.quick
                                      else compare_env.NAMES)
    unknown = set(args.envs.split()) - set(compare_env.NAMES)
    if unknown:
        parser.error(f"no such environment: {' '.join(sorted(unknown))}; "
                     f"there are {' '.join(compare_env.NAMES)}")
    args.rounds = args.rounds or (3 if args.quick else 5)
    # Under 20 minutes is the promise of --quick.
    args.seconds = args.seconds or (2 if args.quick else 3)
    return args


def publish():
    """Put the last run's tables into the pages, between their markers."""
    with open(os.path.join(OUT, "results.json"), encoding="ascii") as f:
        results = json.load(f)
    stars = sum(1 for cell in results["cells"] if cell.get("disturbed"))
    if 3 * stars > len(results["cells"]):
        raise SystemExit(f"compare: {stars} of {len(results['cells'])} cells "
                         "were disturbed; not a run to publish")
    for name, text in (
            ("README.md", compare_report.short_table(
                results, lambda job: job in compare_jobs.QUICK
                or job.startswith(("boot.", "mem.")))),
            ("docs/performance.md", compare_report.short_table(results)
             + "\n\n" + compare_report.counts_page(results))):
        path = os.path.join(TOP, name)
        with open(path, encoding="utf-8") as f:
            page = f.read()
        begin, end = "<!-- results -->", "<!-- end of results -->"
        page = re.sub(f"{begin}.*?{end}",
                      lambda _, new=f"{begin}\n\n{text}\n{end}": new, page,
                      flags=re.S)
        with open(path, "w", encoding="utf-8") as f:
            f.write(page)


def main():
    args = parse(sys.argv[1:])
    if args.publish:
        publish()
        return 0
    began = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)
    end_cleanly()
    run = Comparison(args, say)
    run.date = datetime.datetime.now(datetime.timezone.utc)
    try:
        if run.timed or run.prims or run.stages:
            run.boot()
            run.run()
        run.close()
        run.instructions()
        run.scale()
    finally:
        run.close()
        run.write()
    print("\n" + compare_report.table(run.results))
    say(f"results: {os.path.relpath(OUT)}/results.json and report.html")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
