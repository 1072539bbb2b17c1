# SPDX-License-Identifier: MIT
"""headers.py SERIES: have Debian's headers of a kernel series, such as 6.12.

Where they are not installed they are unpacked into out/headers: to install them
would install that kernel, too, and the machine would boot it from then on.
"""

import os
import re
import shutil
import subprocess
import sys

import images
import paths


def _depends(package, pattern):
    """The first package that one depends on and that fits a pattern."""
    out = subprocess.run(["apt-cache", "depends", package], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    found = re.search(rf"Depends: ({pattern})$", out, re.M)
    if not found:
        raise images.ImageError(f"apt knows no {package}; run apt-get update")
    return found.group(1)


def fetch(series, say):
    """Unpack the newest headers of a series."""
    package = _depends(f"linux-headers-{series}-amd64", r"linux-headers-\S+")
    say(f"unpacking {package}")
    new = paths.HEADERS + ".new"
    shutil.rmtree(new, ignore_errors=True)
    for name in (_depends(package, r"linux-headers-\S+-common"),
                 _depends(package, r"linux-kbuild-\S+"), package):
        # pylint: disable-next=protected-access
        tree = images._fetch_deb(name, os.path.join(new, name))
        shutil.copytree(tree, new, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(os.path.join(new, name))
    # It names the common part by its place in the root directory.
    makefile = os.path.join(new, "usr", "src", package, "Makefile")
    with open(makefile, encoding="ascii") as f:
        text = f.read()
    with open(makefile, "w", encoding="ascii") as f:
        f.write(text.replace("/usr/src/",
                             os.path.join(paths.HEADERS, "usr", "src", "")))
    shutil.rmtree(paths.HEADERS, ignore_errors=True)
    os.rename(new, paths.HEADERS)


def main():
    series = sys.argv[1]
    try:
        if not paths.kernel_versions(series):
            fetch(series, print)
    except images.ImageError as error:
        sys.exit(f"headers: {error}")


if __name__ == "__main__":
    main()
