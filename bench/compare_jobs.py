# SPDX-License-Identifier: MIT
"""The jobs of "make compare": what runs, where, and how its answer is read."""

import dataclasses
import fnmatch
import re
import statistics

import compare_connect
import compare_prim
import compare_scale
import compare_stages
import jobs
from jobs import JobError

# What "QUICK=1" measures: the core of the table.
QUICK = ("fio.randread.4k.qd1.libaio", "fio.randread.4k.qd32.libaio",
         "fio.randwrite.4k.qd32.libaio", "fio.read.128k.qd8.libaio",
         "iperf3.tcp.dom0_to_guest.1", "iperf3.tcp.guest_to_dom0.1",
         "iperf3.udp64.dom0_to_guest", "iperf3.udp64.guest_to_dom0",
         "ping.rtt")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One run of a job: the figure, and how much work it was.

    ops: I/Os, packets, MiB or round trips, whichever 'per' says; the counts
    are divided by it.
    """
    value: float
    ops: float
    extra: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Job:
    """One job.

    side: "front" runs where the front end is (the guest), "back" in dom0,
    "peer" in another guest.
    needs: "null", "data" or "mem", the disk it wants, "net" or "split"
    (drivers).
    script: called with the environment and the seconds; the shell script.
    idle: the same program ending at once, to know the fixed cost of a run.
    """
    name: str
    unit: str
    per: str
    side: str
    needs: str
    script: object
    idle: object
    read: object

    @property
    def group(self):
        """fio, iperf3, ping, connect, prim, stage or scale."""
        return self.name.split(".", maxsplit=1)[0]

    @property
    def better(self):
        """Whether more is better."""
        return "lower" if self.unit == "us" else "higher"


def _fio_read(name):
    def read(text):
        report = jobs.parse_json(text)
        total = {"iops": 0.0, "ios": 0, "bytes_s": 0, "lat_us": 0.0}
        p50 = p99 = p999 = 0.0
        for job in report["jobs"]:
            if job["error"]:
                raise JobError(f"{name}: fio error {job['error']}")
            for side in (job["read"], job["write"]):
                if not side["total_ios"]:
                    continue
                total["iops"] += side["iops"]
                total["ios"] += side["total_ios"]
                total["bytes_s"] += side["bw_bytes"]
                total["lat_us"] += side["lat_ns"]["mean"] / 1e3 \
                    * side["total_ios"]
                marks = side["clat_ns"].get("percentile", {})
                p50 = max(p50, marks.get("50.000000", 0) / 1e3)
                p99 = max(p99, marks.get("99.000000", 0) / 1e3)
                p999 = max(p999, marks.get("99.900000", 0) / 1e3)
        if not total["ios"]:
            raise JobError(f"{name}: not one I/O was done")
        return Sample(round(total["iops"], 1), total["ios"], {
            "mib_s": round(total["bytes_s"] / 2**20, 2),
            "lat_us_mean": round(total["lat_us"] / total["ios"], 1),
            "p50_us": round(p50, 1), "p99_us": round(p99, 1),
            "p999_us": round(p999, 1)})
    return read


def _fio(rw, size, depth, engine, count=1, extra="", tag="", disk="null"):
    many = f".{count}jobs" if count > 1 else ""
    memory = ".mem" if disk == "mem" else ""
    name = f"fio.{tag or rw}.{size}.qd{depth}{many}.{engine}{memory}"
    driver = engine.split("-", maxsplit=1)[0]
    options = (f"--numjobs={count} --group_reporting {extra} ").strip()

    def script(env, seconds):
        return jobs.fio_command(rw, size, depth, driver, seconds,
                                env.disk(disk)) + " " + options

    def idle(_env):
        return (f"fio --name=idle --ioengine=null --rw={rw} --bs={size} "
                "--size=224M --number_ios=1 --output-format=json")
    return Job(name, "iops", "io", "front", disk, script, idle,
               _fio_read(name))


def _verify():
    """All that is written is read back and compared, once through."""
    name = "fio.verify.4k.qd32.libaio.mem"

    def script(env, _seconds):
        return ("fio --name=verify --rw=randwrite --bs=4k --iodepth=32 "
                f"--size=16M --ioengine=libaio --filename={env.disk('mem')} "
                "--direct=1 --verify=crc32c --verify_fatal=1 "
                "--verify_state_save=0 --output-format=json")

    def read(text):
        job = jobs.parse_json(text)["jobs"][0]
        sides = job["read"], job["write"]
        if job["error"] or not all(side["total_ios"] for side in sides):
            raise JobError(f"{name}: wrong data (fio error {job['error']})")
        ios = sum(side["total_ios"] for side in sides)
        return Sample(round(
            1000 * ios / sum(side["runtime"] for side in sides), 1), ios)
    return Job(name, "iops", "io", "front", "mem", script,
               lambda _env: "fio --name=idle --ioengine=null --rw=randwrite "
               "--bs=4k --size=16M --number_ios=1 --output-format=json", read)


def _iperf_read(name):
    def read(text):
        data = jobs.parse_json(text)
        if "error" in data:
            raise JobError(f"{name}: {data['error']}")
        end = data["end"]
        if ".udp" not in name:
            got = end["sum_received"]
            if not got["bytes"]:
                raise JobError(f"{name}: no byte arrived")
            return Sample(round(got["bits_per_second"] / 1e6, 1),
                          got["bytes"] / 2**20,
                          {"retransmits": end["sum_sent"].get("retransmits")})
        total = end["sum"]
        got = total["packets"] - total["lost_packets"]
        if got <= 0:
            raise JobError(f"{name}: no packet arrived")
        return Sample(round(got / total["seconds"]), total["packets"],
                      {"loss_percent": round(total["lost_percent"], 2)})
    return read


def _iperf(name, options, unit, per):
    reverse = " -R" if "guest_to_dom0" in name else ""

    def script(env, seconds):
        return env.client(f"iperf3 -c {env.address} -t {seconds} -J "
                          f"{options}{reverse}")

    def idle(env):
        return env.client(f"iperf3 -c {env.address} -n 64 -J -u -l 64"
                          f"{reverse}")
    return Job(name, unit, per, "back", "net", script, idle,
               _iperf_read(name))


def _guest_to_guest():
    name = "iperf3.tcp.guest_to_guest.1"

    def client(env, options):
        if not env.peer:
            raise LookupError("there is no other guest")
        return env.client(f"iperf3 -c {env.address} -J {options}")
    return Job(name, "mbit_s", "mib", "peer", "net",
               lambda env, seconds: client(env, f"-t {seconds}"),
               lambda env: client(env, "-n 64 -u -l 64"), _iperf_read(name))


def _ping_read(text):
    lost = re.search(r"([\d.]+)% packet loss", text)
    times = sorted(float(t) * 1000
                   for t in re.findall(r"time=([\d.]+) ms", text))
    if not lost or len(times) < 20:
        raise JobError(f"ping.rtt: {text.strip()[-300:]}")
    if float(lost.group(1)) > 1:
        raise JobError(f"ping.rtt: {lost.group(1)}% of packets lost")
    return Sample(round(statistics.median(times)), len(times), {
        "mean_us": round(statistics.mean(times)), "min_us": round(times[0]),
        "p99_us": round(times[min(len(times) - 1, len(times) * 99 // 100)])})


def _ping():
    return Job("ping.rtt", "us", "round_trip", "front", "net",
               lambda env, seconds: env.far(
                   f"ping -n -c {seconds * 66} -i 0.015 {env.back_address}"),
               lambda env: env.far(f"ping -n -c 1 {env.back_address}"),
               _ping_read)


def _connect(count):
    name = f"connect.dom0_to_guest.{count}"

    def script(env, seconds):
        return env.client(compare_connect.client(env.address, seconds, count))
    return Job(name, "conn_s", "connection", "back", "net", script,
               lambda env: script(env, 0),
               lambda text: Sample(*compare_connect.read(name, text)))


def _catalogue():
    listed = []
    for engine in ("libaio", "io_uring"):
        listed += [_fio("randread", "4k", 1, engine),
                   _fio("randread", "4k", 32, engine),
                   _fio("randwrite", "4k", 32, engine),
                   _fio("read", "128k", 8, engine)]
    listed += [
        _fio("randread", "4k", 128, "libaio"),
        _fio("randread", "4k", 128, "libaio", 4),
        _fio("randwrite", "4k", 1, "libaio"),
        _fio("randwrite", "4k", 128, "libaio"),
        _fio("randwrite", "4k", 128, "libaio", 4),
        _fio("write", "128k", 8, "libaio"),
        _fio("randrw", "4k", 32, "libaio", extra="--rwmixread=70",
             tag="mix70"),
        _fio("randwrite", "4k", 1, "libaio", extra="--fsync=1", tag="fsync",
             disk="data"),
        _fio("randread", "4k", 1, "io_uring-hipri", extra="--hipri "),
        _fio("randread", "4k", 32, "io_uring-hipri", extra="--hipri "),
    ]
    listed += [_fio(rw, size, depth, "libaio", disk="mem", extra="--size=64M")
               for rw, size, depth in (
                   ("randread", "4k", 1), ("randread", "4k", 32),
                   ("randwrite", "4k", 32), ("read", "128k", 8),
                   ("write", "128k", 8))] + [_verify()]
    for way in ("dom0_to_guest", "guest_to_dom0"):
        for streams in (1, 4):
            listed.append(_iperf(f"iperf3.tcp.{way}.{streams}",
                                 f"-P {streams}", "mbit_s", "mib"))
        for size in (64, 1400):
            listed.append(_iperf(f"iperf3.udp{size}.{way}",
                                 f"-u -l {size} -b 0", "pps", "packet"))
    listed += [_guest_to_guest(), _ping(), _connect(1), _connect(16)]
    # All of a kind come out of one measurement: its module's measure().
    return listed + [
        Job(f"{kind}.{name}", "us", "op", "both", "split", None, None, None)
        for kind, of in (("prim", compare_prim), ("stage", compare_stages))
        for name in of.NAMES] + [
            Job(f"scale.{count}", "iops", "op", "both", "split", None, None,
                None) for count in compare_scale.STEPS]


CATALOGUE = _catalogue()


def choose(patterns, quick):
    """The jobs whose names match one of the patterns, or the default ones."""
    if not patterns:
        patterns = QUICK if quick else ("*",)
    chosen = [job for job in CATALOGUE
              if any(fnmatch.fnmatch(job.name, p) for p in patterns)]
    if not chosen:
        raise SystemExit("compare: no job matches; there are:\n  "
                         + "\n  ".join(job.name for job in CATALOGUE))
    return chosen
