# SPDX-License-Identifier: MIT
"""'make run': boot, start a guest, measure its disk and network, report."""

import json
import os
import re
import sys

import images
import logscan
import machine
import overlay
import paths

sys.path.insert(0, os.path.join(paths.TOP, "bench"))
import jobs  # noqa: E402  pylint: disable=wrong-import-position

DOM0 = {"bridge": "10.0.2.15", "route": "10.0.2.15", "nat": "10.2.0.129"}
GUEST = {"bridge": "10.0.2.21", "route": "10.1.0.2", "nat": "10.2.0.2"}


def _interrupts(text, pattern):
    """Sum of the event counts whose name matches, over all CPUs."""
    total = 0
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 2 and re.search(pattern, line):
            for field in fields[1:]:
                if not field.isdigit():
                    break
                total += int(field)
    return total


def hypervisor_counts(log_dir):
    """Exits and hypercalls by domain, as Tenon prints them at power-off."""
    counts = {}
    with open(os.path.join(log_dir, "serial.log"), encoding="utf-8",
              errors="replace") as f:
        for domain, kind, name, number in re.findall(
                r"^\(Tenon\) (d\d+): (exit|hypercall) (\w+) (\d+)\r?$",
                f.read(), re.M):
            counts.setdefault(domain, {}).setdefault(kind, {})[name] = \
                int(number)
    return counts


class Measurement:
    """The jobs of one run and what came of them."""

    def __init__(self, booted, seconds, say):
        self.machine = booted
        self.seconds = seconds
        self.say = say
        self.results = []
        self.counts = {}

    def check_modules(self):
        """Both sides run the halves that were chosen, and only those."""
        setup = self.machine.setup
        for side, run, choice in (
                ("back", self.machine.run, setup.back),
                ("front", self.machine.guest_run, setup.front)):
            loaded = set(re.findall(r"^(\S+)", run("lsmod"), re.M))
            for i, want in enumerate(overlay.chosen(side, choice)):
                other = {overlay.OURS[side][i], overlay.STOCK[side][i]} \
                    .difference({want}).pop()
                if want.replace("-", "_") not in loaded:
                    raise machine.RigError(f"modules: {want} is not loaded")
                if other.replace("-", "_") in loaded:
                    raise machine.RigError(f"modules: {other} is loaded too")
        self.say("modules as chosen, on both sides")

    def _events(self):
        pattern = r"blkif|vbd|tenon-blk"
        guest = self.machine.guest_run("cat /proc/interrupts")
        dom0 = self.machine.run("cat /proc/interrupts")
        return _interrupts(guest, pattern), _interrupts(dom0, pattern)

    def fio(self):
        """The throughput and latency jobs, on a disk that costs nothing."""
        for engine in jobs.ENGINES:
            for rw, size, depth in jobs.FIO:
                name = f"fio.{rw}.{size}.qd{depth}"
                self.say(f"{name} {engine}, {self.seconds} s")
                before = self._events()
                out = self.machine.guest_run(
                    jobs.fio_command(rw, size, depth, engine, self.seconds),
                    self.seconds + 120, step=f"{name} {engine}")
                after = self._events()
                result = jobs.fio_result(out, name, engine)
                ios = result.pop("ios")
                self.results.append(result)
                self.counts[f"{name}.{engine}"] = {
                    "ios": ios,
                    "guest_events_per_io":
                        round((after[0] - before[0]) / ios, 3),
                    "dom0_events_per_io":
                        round((after[1] - before[1]) / ios, 3)}

    def verify(self):
        """Data written by the guest is read back right, by it and by dom0."""
        for engine in jobs.ENGINES:
            self.say(f"fio.verify {engine}, 48 MiB with crc32c")
            out = self.machine.guest_run(
                f"fio --filename={jobs.DATA_DISK} --ioengine={engine} "
                f"{jobs.VERIFY}", 300, step=f"fio.verify {engine}")
            self.results.append(
                jobs.verify_result(out, "fio.verify", engine))
        self.say("fio.verify from dom0, past the whole path")
        out = self.machine.run(
            "fio --filename=/dev/disk/by-id/virtio-scratch --ioengine=libaio "
            f"{jobs.VERIFY} --verify_only", 300, step="fio.verify from dom0")
        self.results.append(
            jobs.verify_result(out, "fio.verify_from_dom0", "libaio"))

    def net(self):
        """iperf3 and ping between dom0 and the guest."""
        mode = self.machine.setup.net
        self.machine.guest_run("iperf3 -s -D; sleep 1", 60)
        for name, arguments in jobs.NET:
            self.say(f"{name}, {self.seconds} s")
            out = self.machine.run(
                f"iperf3 -c {GUEST[mode]} -t {self.seconds} -J {arguments}",
                self.seconds + 120, step=name)
            self.results.append(jobs.iperf_result(out, name))
        self.say("ping, 200 packets")
        out = self.machine.guest_run(
            f"ping -q -c 200 -i 0.01 {DOM0[mode]}", 120, step="ping")
        self.results.append(jobs.ping_result(out, "ping.guest_to_dom0"))


def table(report):
    """The results as text for people."""
    lines = [f"{report['hv']}: back {report['back']}, front "
             f"{report['front']}, net {report['net']}, kernel "
             f"{report['kernel']}", "",
             f"{'disk':<24}{'engine':<10}{'IOPS':>9}{'MiB/s':>9}"
             f"{'mean us':>10}{'p99 us':>10}"]
    for r in report["results"]:
        if "iops" in r:
            lines.append(f"{r['name'][4:]:<24}{r['engine']:<10}"
                         f"{r['iops']:>9.0f}{r['mib_s']:>9.1f}"
                         f"{r['lat_us_mean']:>10.0f}{r['lat_us_p99']:>10.0f}")
        elif "verified_mib" in r:
            lines.append(f"{r['name'][4:]:<24}{r['engine']:<10}"
                         f"{r['verified_mib']:>9.0f} MiB verified")
    lines += ["", f"{'network':<34}{'Mbit/s':>9}{'packets/s':>11}"
                  f"{'rtt us min/mean/max':>24}"]
    for r in report["results"]:
        if "mbit_s" in r:
            packets = f"{r['packets_s']:>11}" if "packets_s" in r else ""
            lines.append(f"{r['name']:<34}{r['mbit_s']:>9.1f}{packets}")
        elif "rtt_us_mean" in r:
            times = "/".join(str(r[f"rtt_us_{k}"])
                             for k in ("min", "mean", "max"))
            lines.append(f"{r['name']:<54}{times:>24}")
    return "\n".join(lines)


def run(setup, seconds, name, target, say):
    """Do it all; 0 when everything was right."""
    report = {"hv": setup.hv, "back": setup.back, "front": setup.front,
              "net": setup.net, "kernel": setup.kver, "ok": False,
              "results": [], "counts": {}, "logs_clean": False}
    os.makedirs(paths.OUT, exist_ok=True)
    error = None
    booted = machine.Machine(setup, name, say)
    log_dir = booted.log_dir
    try:
        with booted:
            booted.create(machine.Guest(
                disks=machine.Guest().disks + jobs.GUEST_DISKS))
            work = Measurement(booted, seconds, say)
            report["results"], report["counts"] = work.results, work.counts
            try:
                work.check_modules()
                work.fio()
                work.verify()
                work.net()
            except jobs.JobError as wrong:
                raise machine.RigError(f"{wrong}; see {log_dir}") from None
            finally:
                booted.collect()
            say("power off")
            booted.power_off()
            report["emulator_flakes"] = booted.retried
    except (machine.RigError, images.ImageError) as failed:
        error = str(failed)
    if not error and setup.hv == "tenon":
        report["counts"]["hypervisor"] = hypervisor_counts(log_dir)
    trouble = logscan.scan(log_dir, booted.forgiven)
    report["logs_clean"] = not trouble
    report["ok"] = not error and not trouble
    with open(target, "w", encoding="ascii") as f:
        json.dump(report, f, indent=1)
        f.write("\n")
    if report["results"]:
        print("\n" + table(report) + "\n")
    for where, number, line in trouble[:10]:
        print(f"log trouble: {os.path.relpath(log_dir)}/{where}:{number}: "
              f"{line}")
    if error:
        print(f"FAILED: {error}", file=sys.stderr)
    elif trouble:
        print("FAILED: the logs are not clean", file=sys.stderr)
    print(f"results: {os.path.relpath(target)}   logs: "
          f"{os.path.relpath(log_dir)}")
    return 0 if report["ok"] else 1
