# SPDX-License-Identifier: MIT
"""The measurements of "make run": fio and iperf3 jobs and how to read them."""

import json
import re

NULL_DISK = "/dev/xvdb"
DATA_DISK = "/dev/xvdc"
GUEST_DISKS = ("phy:/dev/nullb0,xvdb,w",
               "phy:/dev/disk/by-id/virtio-scratch,xvdc,w")
ENGINES = ("libaio", "io_uring")
FIO = (
    # rw, bs, queue depth
    ("randread", "4k", 1),
    ("randread", "4k", 32),
    ("randwrite", "4k", 32),
    ("read", "128k", 8),
    ("write", "128k", 8),
)
VERIFY = ("--name=verify --rw=randwrite --bsrange=4k-128k --size=48M "
          "--iodepth=16 --direct=1 --verify=crc32c --verify_fatal=1 "
          "--verify_state_save=0 --randseed=20 --output-format=json")
NET = (
    # name, arguments of the client, which runs in dom0
    ("iperf3.tcp.dom0_to_guest", ""),
    ("iperf3.tcp.guest_to_dom0", "-R"),
    ("iperf3.udp64.dom0_to_guest", "-u -l 64 -b 0"),
    ("iperf3.udp64.guest_to_dom0", "-u -l 64 -b 0 -R"),
)


class JobError(Exception):
    """A job ended with an answer that cannot be right."""


def parse_json(text):
    """The JSON object in a tool's output; notes may surround it."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        raise JobError(f"no JSON in: {text.strip()[:400]}")
    return json.loads(text[start:end + 1])


def fio_command(rw, size, depth, engine, seconds, disk=NULL_DISK):
    """One fio job without storage behind it."""
    return (f"fio --name={rw} --filename={disk} --rw={rw} --bs={size} "
            f"--iodepth={depth} --ioengine={engine} --direct=1 --size=224M "
            "--norandommap --randrepeat=0 --time_based "
            f"--runtime={seconds} --output-format=json")


def fio_result(text, name, engine):
    """What fio's JSON says, in the terms of out/run.json."""
    job = parse_json(text)["jobs"][0]
    if job["error"]:
        raise JobError(f"{name}: fio error {job['error']}")
    side = max(job["read"], job["write"], key=lambda s: s["total_ios"])
    if not side["total_ios"]:
        raise JobError(f"{name}: not one I/O was done")
    return {"name": name, "engine": engine, "iops": round(side["iops"], 1),
            "mib_s": round(side["bw_bytes"] / 2**20, 2),
            "lat_us_mean": round(side["lat_ns"]["mean"] / 1e3, 1),
            "lat_us_p99": round(
                side["clat_ns"]["percentile"]["99.000000"] / 1e3, 1),
            "ios": side["total_ios"]}


def verify_result(text, name, engine):
    """Write-then-verify: fio must have read back all it wrote, unharmed."""
    job = parse_json(text)["jobs"][0]
    if job["error"]:
        raise JobError(f"{name}: wrong data or an I/O error "
                       f"(fio error {job['error']})")
    if not job["read"]["io_bytes"]:
        raise JobError(f"{name}: nothing was verified")
    return {"name": name, "engine": engine,
            "mib_s": round(job["read"]["bw_bytes"] / 2**20, 2),
            "verified_mib": round(job["read"]["io_bytes"] / 2**20, 1)}


def iperf_result(text, name):
    """Throughput the receiver saw; for UDP also packets."""
    data = parse_json(text)
    if "error" in data:
        raise JobError(f"{name}: {data['error']}")
    end = data["end"]
    if ".udp" not in name:
        return {"name": name, "mbit_s": round(
            end["sum_received"]["bits_per_second"] / 1e6, 1)}
    total = end["sum"]
    got = total["packets"] - total["lost_packets"]
    if got <= 0:
        raise JobError(f"{name}: no packet arrived")
    return {"name": name,
            "mbit_s": round(got * 64 * 8 / total["seconds"] / 1e6, 2),
            "packets_s": round(got / total["seconds"]),
            "loss_percent": round(total["lost_percent"], 2)}


def ping_result(text, name):
    """Round trip times; a lost packet is an error, this is no wire."""
    lost = re.search(r"([\d.]+)% packet loss", text)
    times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)/", text)
    if not lost or not times:
        raise JobError(f"{name}: {text.strip()[-300:]}")
    if float(lost.group(1)):
        raise JobError(f"{name}: {lost.group(1)}% of packets lost")
    low, mean, high = (round(float(t) * 1000) for t in times.groups())
    return {"name": name, "rtt_us_min": low, "rtt_us_mean": mean,
            "rtt_us_max": high}
