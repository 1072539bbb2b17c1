# SPDX-License-Identifier: MIT
"""Builds what runs inside the rig: modules and programs, outside the tree."""

import glob
import os
import subprocess

import paths
from images import ImageError


def modules(directory, kver):
    """Build modules by links, as rig/build-modules.sh does; the paths of the modules.

    directory: from the top of the tree; its sources may include ring/ and
    selftests/lib/.
    """
    out = os.path.join(paths.TOP, "out", "selftests",
                       directory.replace("/", "-") + "-" + kver)
    target = os.path.join(out, directory)
    for part in ("ring", "selftests/lib", directory):
        os.makedirs(os.path.join(out, part), exist_ok=True)
    for pattern in ("ring/*.h", "selftests/lib/*.[ch]", directory + "/*"):
        for source in glob.glob(os.path.join(paths.TOP, pattern)):
            link = os.path.join(out, os.path.relpath(source, paths.TOP))
            if not os.path.lexists(link):
                os.symlink(source, link)
    done = subprocess.run(
        ["make", "-s", "-C", paths.headers(kver), f"M={target}", "modules"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if done.returncode:
        raise ImageError(f"{directory} does not build:\n{done.stdout[-4000:]}")
    return tuple(sorted(glob.glob(os.path.join(target, "*.ko"))))


def program(source):
    """Build a C program for any root disk; its path.

    source: from the top of the tree.
    """
    name = os.path.splitext(os.path.basename(source))[0]
    target = os.path.join(paths.TOP, "out", "programs", name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Others may be building the same.
    built = f"{target}.{os.getpid()}"
    done = subprocess.run(
        [os.environ.get("CC", "gcc"), "-std=gnu11", "-O2", "-Wall", "-Wextra",
         "-Werror", "-static", "-o", built, os.path.join(paths.TOP, source)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if done.returncode:
        raise ImageError(f"{source} does not build:\n{done.stdout[-4000:]}")
    os.replace(built, target)
    return target
