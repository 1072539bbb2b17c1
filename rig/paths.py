# SPDX-License-Identifier: MIT
"""Where things are: the tree, its outputs, the installed kernel headers."""

import glob
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RIG = os.path.join(TOP, "rig")
OUT = os.path.join(TOP, "out")
IMAGES = os.path.join(OUT, "images")
LOGS = os.path.join(OUT, "logs")
HYPERVISOR = os.path.join(OUT, "hv", "tenon")

# depmod and mke2fs, which Debian keeps out of the way of ordinary users.
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def version_key(name):
    """Sort key that compares the numbers in a version as numbers."""
    return [int(n) for n in re.findall(r"\d+", name)]


def kernel_version(choice=""):
    """The full version for a choice such as '6.12' or none at all (6.1).

    Among several installed headers that fit it is the newest.
    """
    if os.path.isdir(f"/usr/src/linux-headers-{choice}") and choice:
        return choice
    prefix = choice or "6.1"
    names = [os.path.basename(d)[len("linux-headers-"):]
             for d in glob.glob(f"/usr/src/linux-headers-{prefix}.*-amd64")]
    if not names:
        raise SystemExit(f"rig: no headers of a kernel {prefix} installed; "
                         "run 'make deps'")
    return max(names, key=version_key)


def modules_dir(kver):
    """Where the build leaves our kernel modules for one kernel."""
    return os.path.join(OUT, "modules", kver)
