# SPDX-License-Identifier: MIT
"""Looks for trouble in the logs of a run."""

import os
import re

TROUBLE = re.compile(
    r"WARNING|BUG[: ]|\bOops\b|Kernel panic|general protection fault"
    r"|Call Trace|unable to handle|refcount_t|UBSAN|KASAN|kmemleak: \d"
    r"|blocked for more than|detected stalls?|self-detected stall"
    r"|soft lockup|unreferenced object|ODEBUG|non-static key"
    r"|lockdep is turned off|stalled pool shutdown|waiting for \S+ to become free"
    r"|possible circular locking|inconsistent lock state"
    r"|suspicious RCU|bad page state|list_(add|del) corruption"
    r"|leaked|Assertion .*failed|FATAL|PANIC|Triple fault"
    r"|I/O error|EXT4-fs error|segfault|Segmentation|double fault")
# Lines stock software prints when all is well.
HARMLESS = re.compile(
    # CPU bug reports of Linux and Xen about the emulated processor.
    r"Spectre|RETBleed|MDS:|SRSO|Transient|Zenbleed|mitigation"
    # The kernel's own self tests and banners name the things they look for.
    r"|Booting with .*panic|Kernel command line:|Command line:"
    # fio's and the rig's own words in a console log.
    r"|TENON-RIG")
FILES = ("serial.log", "guest.log", "qemu.log")


def scan(log_dir, forgiven=()):
    """Troubling lines as (file, line number, text), a few per file.

    forgiven: texts of events that the rig saw, knew and tried again.
    """
    found = []
    for name in sorted(os.listdir(log_dir)):
        if not (name in FILES or name.startswith(("dmesg-", "console-",
                                                    "kmemleak-"))):
            continue
        with open(os.path.join(log_dir, name), encoding="utf-8",
                  errors="replace") as f:
            lines = [(name, number, line.strip())
                     for number, line in enumerate(f, 1)
                     if TROUBLE.search(line) and not HARMLESS.search(line)
                     and not any(text in line for text in forgiven)]
        found += lines[:20]
    return found
