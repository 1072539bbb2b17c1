# SPDX-License-Identifier: MIT
"""TCP connections a second: the program, its server, and how it is read."""

import jobs
from jobs import JobError

SOURCE = "bench/connect/connect.c"
PROGRAM = "/run/tenon/files/connect"
PORT, SERVERS = 5555, 16


def server():
    """The command that serves, for the shell's background."""
    return f"{PROGRAM} server {PORT} {SERVERS}"


def client(address, seconds, count):
    """The command that connects, 'count' connections at a time."""
    # Ports of closed connections may be used again after a second.
    return (f"echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse; {PROGRAM} client "
            f"{address} {PORT} {seconds} {count}")


def read(name, text):
    """(connections a second, connections, percentiles)."""
    told = jobs.parse_json(text)
    if not told["connections"] or \
            told["failed"] * 100 > told["connections"]:
        raise JobError(f"{name}: {told['failed']} connections failed, "
                       f"{told['connections']} did not")
    return (round(told["connections"] / told["seconds"], 1),
            told["connections"],
            {key: told[key] for key in ("p50_us", "p99_us")})
