# SPDX-License-Identifier: MIT
"""Builds what a run boots: root disk, kernel disk, base initramfs, Xen.

Everything lands in out/images and carries a stamp made of all that went into
it, so that building again without a change does nothing.  Nothing needs root:
file ownership inside the images is fakeroot's work.
"""

import fcntl
import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import zlib

import paths

XEN_PACKAGE = "xen-hypervisor-4.17-amd64"
ROOT_SIZE = "1536M"
DEBIAN = "bookworm"
IMAGE_DIR = os.path.join(paths.RIG, "image")


class ImageError(Exception):
    """An image could not be built; the message says which step and why."""


def _call(step, argv, **kwargs):
    """Run a build command; its output appears only when it fails."""
    proc = subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kwargs)
    if proc.returncode:
        tail = proc.stdout.decode(errors="replace")[-3000:]
        raise ImageError(f"{step}: {argv[0]} exited {proc.returncode}\n{tail}")
    return proc.stdout


def _mirrors():
    """Debian's sources as this machine is set up to reach them."""
    out = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(ORIGIN) $(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
        stdout=subprocess.PIPE, check=True, text=True).stdout
    lines = [line.split(" ", 2) for line in out.splitlines()]
    found = sorted({deb for origin, codename, deb in lines
                    if origin == "Debian" and codename.startswith(DEBIAN)})
    if not found:
        raise ImageError(f"apt knows no source of Debian {DEBIAN}; "
                         "run apt-get update")
    return found


def read_list(path):
    """Lines of a list file without comments and blanks."""
    with open(path, encoding="ascii") as f:
        lines = [line.split("#")[0].strip() for line in f]
    return [line for line in lines if line]


def _digest(*parts):
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        h.update(struct.pack("<Q", len(data)) + data)
    return h.hexdigest()


def _file_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def _stamped(name, digest, build, say):
    """Call build(dir) unless out/images/<name> was built from digest."""
    target = os.path.join(paths.IMAGES, name)
    os.makedirs(paths.IMAGES, exist_ok=True)
    with open(os.path.join(paths.IMAGES, f".{name}.lock"), "w",
              encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(target, "stamp")
        if os.path.exists(stamp) and _file_bytes(stamp) == digest.encode():
            return target
        say(f"building {name}")
        work = target + ".new"
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        build(work)
        with open(os.path.join(work, "stamp"), "w", encoding="ascii") as f:
            f.write(digest)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(work, target)
    return target


def _fetch_deb(package, into, options=()):
    """Download one package through apt and unpack it."""
    os.makedirs(into, exist_ok=True)
    _call(f"download {package}",
          ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *options,
           "download", package], cwd=into)
    debs = [n for n in os.listdir(into) if n.endswith(".deb")]
    if len(debs) != 1:
        raise ImageError(f"download {package}: expected one .deb, got {debs}")
    tree = os.path.join(into, "tree")
    _call(f"unpack {package}",
          ["dpkg-deb", "-x", os.path.join(into, debs[0]), tree])
    os.unlink(os.path.join(into, debs[0]))
    return tree


def xen(say):
    """Debian's Xen as the ELF that QEMU's -kernel takes."""
    def build(work):
        tree = _fetch_deb(XEN_PACKAGE, os.path.join(work, "deb"))
        packed = os.path.join(tree, "boot", "xen-4.17-amd64.gz")
        with open(os.path.join(work, "xen"), "wb") as f:
            f.write(gzip.decompress(_file_bytes(packed)))
        shutil.rmtree(os.path.join(work, "deb"))

    directory = _stamped("xen-4.17", _digest("1", XEN_PACKAGE), build, say)
    return os.path.join(directory, "xen")


def xen_symbols(say):
    """The addresses of Xen's functions, as nm prints them."""
    def build(work):
        tree = _fetch_deb(f"{XEN_PACKAGE}-dbg", os.path.join(work, "deb"))
        shutil.copy(os.path.join(tree, "usr", "lib", "debug", "boot",
                                 "xen-syms-4.17-amd64.map"),
                    os.path.join(work, "xen.map"))
        shutil.rmtree(os.path.join(work, "deb"))

    directory = _stamped("xen-4.17-symbols",
                         _digest("1", f"{XEN_PACKAGE}-dbg"), build, say)
    return os.path.join(directory, "xen.map")


def root(say, variant=""):
    """The Debian root disk, for dom0 and guests alike; returns its path.

    variant: "kvm" has the packages of packages-kvm.txt, too.
    """
    packages = read_list(os.path.join(IMAGE_DIR, "packages.txt"))
    name = "root"
    if variant:
        packages += read_list(os.path.join(IMAGE_DIR,
                                           f"packages-{variant}.txt"))
        name += f"-{variant}"
    script = os.path.join(IMAGE_DIR, "make-root.sh")

    def build(work):
        tar = os.path.join(work, "root.tar")
        _call("root disk",
              ["mmdebstrap", "--variant=minbase",
               "--mode=" + ("root" if os.geteuid() == 0 else "unshare"),
               "--aptopt=Apt::Install-Recommends \"false\"",
               "--include=" + ",".join(packages), DEBIAN, tar] + _mirrors())
        _call("root disk",
              ["fakeroot", "sh", script, tar,
               os.path.join(work, "root.ext4"), ROOT_SIZE])
        os.unlink(tar)

    digest = _digest("1", packages, DEBIAN, ROOT_SIZE, _file_bytes(script))
    return os.path.join(_stamped(name, digest, build, say), "root.ext4")


def extract_vmlinux(bzimage):
    """Return the ELF inside a bzImage (whichever common packing it has)."""
    if bzimage[0x202:0x206] != b"HdrS":
        raise ImageError("vmlinuz: not a bzImage")
    setup_sects = bzimage[0x1f1] or 4
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    start = (setup_sects + 1) * 512 + offset
    payload = bzimage[start:start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        elf = zlib.decompressobj(31).decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The last four bytes are the size, which zstd takes for garbage.
        elf = subprocess.run(["zstd", "-dcq"], input=payload[:-4],
                             stdout=subprocess.PIPE, check=True).stdout
    else:
        raise ImageError("vmlinuz: unknown compression")
    if not elf.startswith(b"\x7fELF"):
        raise ImageError("vmlinuz: payload is no ELF")
    return elf


def _needed(names, moddir):
    """The files (relative to moddir) of modules and of all they need."""
    deps = {}
    for line in _file_bytes(os.path.join(moddir, "modules.dep")) \
            .decode().splitlines():
        path, _, needs = line.partition(":")
        deps[path] = needs.split()
    by_name = {os.path.basename(p).split(".")[0].replace("-", "_"): p
               for p in deps}
    builtin = {os.path.basename(p).split(".")[0].replace("-", "_")
               for p in _file_bytes(os.path.join(moddir, "modules.builtin"))
               .decode().split()}
    files = set()
    for name in names:
        name = name.replace("-", "_")
        if name in by_name:
            files.add(by_name[name])
            files.update(deps[by_name[name]])
        elif name not in builtin:
            # Kernels differ (nft_counter became part of nf_tables, say).
            continue
    return sorted(files)


def cpio(tree, path):
    """Pack a directory as an initramfs archive owned by root."""
    names = subprocess.run(["find", ".", "-print0"], cwd=tree, check=True,
                           stdout=subprocess.PIPE).stdout
    with open(path, "wb") as f:
        subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet",
                        "-R", "0:0", "--reproducible"],
                       input=b"\0".join(sorted(names.split(b"\0"))).lstrip(
                           b"\0") + b"\0",
                       cwd=tree, stdout=f, check=True)


def _apt_i386(work):
    """Options for apt to find packages for i386: lists of its own, in work."""
    lists = os.path.join(work, "lists")
    os.makedirs(os.path.join(lists, "partial"))
    options = ["-o", f"Dir::State::Lists={lists}", "-o",
               "APT::Architecture=i386", "-o", "APT::Architectures=i386"]
    # Some source of this machine may have nothing for i386; if one is missed
    # the download fails.
    subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root",
                    *options, "update"], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)
    return options


def kernel32(init, say):
    """Debian's kernel for 32-bit machines, and an initramfs that runs init.

    Returns the paths of vmlinux32 and guest32.cpio, in which there are
    busybox, the front ends, and init: a shell script.
    """
    meta = "linux-image-686-pae"
    names = ("xen-blkfront", "xen-netfront")

    def build(work):
        deb = os.path.join(work, "deb")
        options = _apt_i386(deb)
        found = re.search(r"Depends: (linux-image-(\S+))$", _call(
            f"find {meta}", ["apt-cache", *options, "depends", meta])
            .decode(), re.M)
        if not found:
            raise ImageError(f"apt knows no {meta} for i386")
        package, kver = found.groups()
        tree = _fetch_deb(package, os.path.join(deb, "kernel"), options)
        source = os.path.join(tree, "lib", "modules", kver)
        _call("depmod", ["depmod", "-b", tree, kver])
        base = os.path.join(work, "tree")
        for name in ("bin", "sbin", "dev", "proc", "sys", "tmp", "modules"):
            os.makedirs(os.path.join(base, name))
        for path in _needed(names, source):
            shutil.copy(os.path.join(source, path),
                        os.path.join(base, "modules"))
        busybox = _fetch_deb("busybox-static", os.path.join(deb, "busybox"),
                             options)
        shutil.copy(os.path.join(busybox, "bin", "busybox"),
                    os.path.join(base, "bin"))
        shutil.copy(init, os.path.join(base, "init"))
        os.chmod(os.path.join(base, "init"), 0o755)
        cpio(base, os.path.join(work, "guest32.cpio"))
        with open(os.path.join(work, "vmlinux32"), "wb") as f:
            f.write(extract_vmlinux(_file_bytes(
                os.path.join(tree, "boot", f"vmlinuz-{kver}"))))
        shutil.rmtree(base)
        shutil.rmtree(deb)

    directory = _stamped("kernel32", _digest("1", meta, names,
                                             _file_bytes(init)), build, say)
    return tuple(os.path.join(directory, name)
                 for name in ("vmlinux32", "guest32.cpio"))


def kernel(kver, say):
    """Kernel and base initramfs of one Debian kernel; returns a directory.

    In it: vmlinux, base.cpio, tree/ (what base.cpio was made of, for depmod
    when our modules join), kernel.ext2 (both files, for dom0 to start guests
    with).
    """
    names = read_list(os.path.join(IMAGE_DIR, "modules.txt"))
    init = os.path.join(IMAGE_DIR, "initramfs-init.sh")

    def build(work):
        if kver == paths.debug_version():
            tree = os.path.join(paths.DEBUG_KERNEL, "tree")
        else:
            tree = _fetch_deb(f"linux-image-{kver}",
                              os.path.join(work, "deb"))
        source = os.path.join(tree, "lib", "modules", kver)
        if not os.path.isdir(source):
            source = os.path.join(tree, "usr", "lib", "modules", kver)
            os.symlink("usr/lib", os.path.join(tree, "lib"))
        _call("depmod", ["depmod", "-b", tree, kver])
        base = os.path.join(work, "tree")
        target = os.path.join(base, "lib", "modules", kver)
        os.makedirs(target)
        for name in _needed(names, source):
            into = os.path.join(target, os.path.dirname(name))
            os.makedirs(into, exist_ok=True)
            shutil.copy(os.path.join(source, name), into)
        for name in ("modules.builtin", "modules.builtin.modinfo",
                     "modules.order"):
            if os.path.exists(os.path.join(source, name)):
                shutil.copy(os.path.join(source, name), target)
        _call("depmod", ["depmod", "-b", base, kver])
        os.makedirs(os.path.join(base, "bin"))
        shutil.copy("/bin/busybox", os.path.join(base, "bin"))
        shutil.copy(init, os.path.join(base, "init"))
        os.chmod(os.path.join(base, "init"), 0o755)
        for name in ("dev", "proc", "sys", "run", "sysroot"):
            os.mkdir(os.path.join(base, name))
        cpio(base, os.path.join(work, "base.cpio"))
        disk = os.path.join(work, "disk")
        os.mkdir(disk)
        image = os.path.join(tree, "boot", "vmlinux")
        if os.path.exists(image):
            shutil.copy(image, work)
        else:
            with open(os.path.join(work, "vmlinux"), "wb") as f:
                f.write(extract_vmlinux(_file_bytes(
                    os.path.join(tree, "boot", f"vmlinuz-{kver}"))))
        for name in ("vmlinux", "base.cpio"):
            os.link(os.path.join(work, name), os.path.join(disk, name))
        _call("kernel disk",
              ["mke2fs", "-q", "-t", "ext2", "-d", disk, "-E",
               "root_owner=0:0", os.path.join(work, "kernel.ext2"), "160M"])
        shutil.rmtree(disk)
        shutil.rmtree(os.path.join(work, "deb"), ignore_errors=True)

    digest = _digest("1", kver, names, _file_bytes(init),
                     _file_bytes("/bin/busybox"))
    if kver == paths.debug_version():
        digest = _digest(digest, _file_bytes(
            os.path.join(paths.DEBUG_KERNEL, "stamp")))
    return _stamped(f"kernel-{kver}", digest, build, say)
