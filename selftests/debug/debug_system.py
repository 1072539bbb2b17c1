# SPDX-License-Identifier: MIT
"""Shows that the debug kernel finds what it is there to find."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(TOP, "selftests", "system")]
# pylint: disable=wrong-import-position
import tests as t  # noqa: E402  (sets up the path to the rig)

# What planted.c does, as the logs must show it.
FOUND = (r"possible circular locking dependency.*\n(.*\n){1,9}.*tenon_planted",
         r"sleeping function called from invalid context at .*planted\.c",
         "KASAN: (slab-)?use-after-free in use_after_free",
         "KASAN: vmalloc-out-of-bounds in pass_the_end")
PLANTED = [(f"{kind}-{domain}.log", text) for domain in ("dom0", "guest")
           for kind, text in [("kmemleak", r"unreferenced .*\(size 8192\)")]
           + [("dmesg", text) for text in FOUND]]


def plant(m):
    """A module with every kind of mistake loads in dom0 and in a guest."""
    m.create()
    for run in m.run, m.guest_run:
        run("insmod /run/tenon/files/tenon-planted.ko")


TESTS = (plant,)
