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
HEADERS = os.path.join(OUT, "headers")
DEBUG_KERNEL = os.path.join(IMAGES, "kernel-debug-build")
HYPERVISOR = os.path.join(OUT, "hv", "tenon")

# depmod and mke2fs, which Debian keeps out of the way of ordinary users.
os.environ["PATH"] = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def version_key(name):
    """Sort key that compares the numbers in a version as numbers."""
    return [int(n) for n in re.findall(r"\d+", name)]


def unpacked_headers(kver):
    """Where rig/headers.py leaves headers that are not installed."""
    return os.path.join(HEADERS, "usr", "src", f"linux-headers-{kver}")


def debug_version():
    """The full version of the kernel of 'make check-debug', or None."""
    path = os.path.join(DEBUG_KERNEL, "linux", "include", "config",
                        "kernel.release")
    if not os.path.exists(path):
        return None
    with open(path, encoding="ascii") as f:
        return f.read().strip()


def headers(kver):
    """The directory to build modules for a kernel in, or None."""
    if kver == debug_version():
        return os.path.join(DEBUG_KERNEL, "linux")
    for path in (f"/lib/modules/{kver}/build",
                 f"/usr/src/linux-headers-{kver}", unpacked_headers(kver)):
        if os.path.isdir(path):
            return path
    return None


def kernel_versions(series):
    """Full versions of a series of which there are headers."""
    return [os.path.basename(d)[len("linux-headers-"):]
            for place in ("/usr/src/linux-headers-", unpacked_headers(""))
            for d in glob.glob(f"{place}{series}.*-amd64")]


def kernel_version(choice=""):
    """The full version for a choice such as '6.12' or none at all (6.1).

    Among several headers that fit it is the newest.  'debug' is the kernel of
    'make check-debug'.
    """
    if choice == "debug":
        choice = debug_version()
        if not choice:
            raise SystemExit("rig: no debug kernel; run 'make check-debug'")
    if choice and headers(choice):
        return choice
    names = kernel_versions(choice or "6.1")
    if not names:
        raise SystemExit(f"rig: no headers of a kernel {choice or '6.1'}; "
                         "run 'make deps'")
    return max(names, key=version_key)


def modules_dir(kver):
    """Where the build leaves our kernel modules for one kernel."""
    return os.path.join(OUT, "modules", kver)
