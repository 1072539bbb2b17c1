# SPDX-License-Identifier: MIT
"""Builds, once, the kernel of 'make check-debug': Debian's 6.1 with checkers.

In out/images/kernel-debug-build are linux/, to build modules in, and tree/, what
a package of it would install.
"""

import os
import re
import shutil
import subprocess
import sys

import images
import paths

SOURCE = "linux-source-6.1"
CONFIG = os.path.join(paths.RIG, "debug.config")
LIMIT = 3 * 3600
# They run at the PVH entry, when KASAN's shadow is not mapped yet.
PLAIN = [f"KASAN_SANITIZE_{name}.o=n"
         for name in ("common", "enlighten", "enlighten_pvh", "string",
                      "vga")]
# xen-gntdev takes its lock and the process's memory map's in either order, which
# xenstored shows at once; lockdep, which stops at its first find, is to go on.
SILENT = ("drivers/xen/gntdev.c", "mutex_init(&priv->lock);",
          "lockdep_set_novalidate_class(&priv->lock);")
# pylint: disable=protected-access


def source_version():
    """The version of Debian's source package."""
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", SOURCE],
                           stdout=subprocess.PIPE, check=False,
                           text=True).stdout
    found = re.search(r"^Version: (.*)$", shown, re.M)
    if not found:
        raise images.ImageError(f"apt knows no {SOURCE}; run apt-get update")
    return found.group(1)


def silence(linux):
    """Take one lock of Linux's own out of what lockdep checks."""
    name, after, line = SILENT
    path = os.path.join(linux, name)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(after) != 1:
        raise images.ImageError(f"debug kernel: {name} is another than it was")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(after, f"{after}\n\t{line}"))


def build(work):
    """Fetch the source, configure and build it, install it into work/tree."""
    linux, tree = (os.path.join(work, name) for name in ("linux", "tree"))

    def make(*arguments):
        images._call(" ".join(["debug kernel: make", *arguments]),
                     ["nice", "make", "-s", f"-j{os.cpu_count()}",
                      "LOCALVERSION=-tenon-debug", *PLAIN, *arguments],
                     cwd=linux, timeout=LIMIT,
                     env={**os.environ, "KCONFIG_ALLCONFIG": CONFIG})

    deb = os.path.join(work, "deb")
    images._call(f"unpack {SOURCE}", [
        "tar", "-C", work, "-xf",
        os.path.join(images._fetch_deb(SOURCE, deb), "usr", "src",
                     f"{SOURCE}.tar.xz")])
    shutil.rmtree(deb)
    os.rename(os.path.join(work, SOURCE), linux)

    silence(linux)

    make("allnoconfig")
    with open(os.path.join(linux, ".config"), encoding="ascii") as f:
        have = f.read().splitlines()
    lost = [line for line in images.read_list(CONFIG) if line not in have]
    if lost:
        raise images.ImageError(
            f"debug kernel: cannot have {' '.join(lost)}")
    make("vmlinux", "modules")
    make("modules_install", f"INSTALL_MOD_PATH={tree}",
         "INSTALL_MOD_STRIP=1", "DEPMOD=true")
    place = os.path.join(tree, "lib", "modules")
    kver = os.listdir(place)[0]
    for name in ("build", "source"):
        os.unlink(os.path.join(place, kver, name))
    os.mkdir(os.path.join(tree, "boot"))
    images._call("strip the debug kernel", [
        "objcopy", "-S", os.path.join(linux, "vmlinux"),
        os.path.join(tree, "boot", "vmlinux")])


def main():
    try:
        images._stamped(os.path.basename(paths.DEBUG_KERNEL),
                        images._digest("1", source_version(), PLAIN, SILENT,
                                       images._file_bytes(CONFIG)),
                        build, print)
    except (images.ImageError, subprocess.TimeoutExpired) as error:
        sys.exit(f"debug kernel: {error}")


if __name__ == "__main__":
    main()
