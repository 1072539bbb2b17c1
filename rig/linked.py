# SPDX-License-Identifier: MIT
"""Builds the modules of a directory of this tree for a kernel, outside it."""

import glob
import os
import subprocess

import paths
from images import ImageError


def build(directory, kver):
    """Build by links, as rig/build-modules.sh does; the paths of the modules.

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
