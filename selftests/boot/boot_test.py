# SPDX-License-Identifier: MIT
"""The hypervisor where it cannot start: one line says why, and it goes off.

Besides, GRUB loads it, and hands it a kernel and an initramfs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "rig"),
                os.path.join(TOP, "selftests", "lib")]
# pylint: disable=wrong-import-position
import images  # noqa: E402
import paths  # noqa: E402
import tap  # noqa: E402

LIMIT = 120
QEMU = ["qemu-system-x86_64", "-accel", "tcg", "-display", "none",
        "-nodefaults", "-no-reboot", "-serial", "stdio"]
CPU = "max"
OVMF = "/usr/share/OVMF/OVMF_CODE.fd"
# What dom0's initramfs says first.
INITRAMFS = "TENON-RIG dom0 initramfs"


def kernel():
    """The directory of the kernel that the rig boots."""
    return images.kernel(
        paths.kernel_version(os.environ.get("KVER", "").strip()),
        lambda text: print(f"# {text}", flush=True))


def boot(arguments, until=None):
    """What a machine prints until it goes off, or until a text appears."""
    text = ""
    with subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "timeout", "-k", "10",
             str(LIMIT), *QEMU, *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace") as qemu:
        for line in qemu.stdout:
            text += line
            if until and until in line:
                qemu.terminate()
                return text
    tap.expect(qemu.returncode == 0 and not until,
               f"status {qemu.returncode}, printed:\n{text[-1500:]}")
    return text


def refuses(reason, cpu=CPU, memory=1024, modules=()):
    """A start that must end in one line with the reason, and off."""
    arguments = ["-cpu", cpu, "-m", str(memory), "-kernel", paths.HYPERVISOR,
                 "-append", "console=com1 com1=115200,8n1"]
    if modules:
        arguments += ["-initrd", ",".join(modules)]
    text = boot(arguments)
    said = re.findall(r"cannot start: .*", text)
    tap.expect(len(said) == 1 and re.search(reason, said[0]),
               f"said {said}, wanted: {reason}")


def no_svm():
    """A processor without SVM, or without nested paging"""
    vmlinux = os.path.join(kernel(), "vmlinux")
    refuses("no SVM", cpu="max,svm=off", modules=[vmlinux])
    refuses("no SVM", cpu="max,npt=off", modules=[vmlinux])


def little_memory():
    """A machine with too little memory"""
    vmlinux = os.path.join(kernel(), "vmlinux")
    refuses("too little memory", memory=96, modules=[vmlinux])
    refuses("too little memory", memory=128, modules=[vmlinux])


def no_kernel():
    """No dom0 kernel, or a module that is none"""
    refuses("no dom0 kernel")
    refuses("cannot be used", modules=[os.path.abspath(__file__)])
    refuses("cannot be used", modules=["/bin/busybox"])


def half_a_kernel():
    """A dom0 kernel that was cut short"""
    vmlinux = os.path.join(kernel(), "vmlinux")
    with tempfile.NamedTemporaryFile() as cut, open(vmlinux, "rb") as whole:
        shutil.copyfileobj(whole, cut)
        cut.truncate(cut.tell() // 2)
        refuses("cannot be used", modules=[cut.name])


def boots_from_grub(platform, commands, arguments):
    """An image that GRUB starts from, by which of its commands, and how."""
    work = tempfile.mkdtemp()
    try:
        tree = os.path.join(work, "tree")
        os.makedirs(os.path.join(tree, "boot", "grub"))
        shutil.copy(paths.HYPERVISOR, os.path.join(tree, "boot", "tenon"))
        for name in ("vmlinux", "base.cpio"):
            shutil.copy(os.path.join(kernel(), name),
                        os.path.join(tree, "boot"))
        image, module = commands
        with open(os.path.join(tree, "boot", "grub", "grub.cfg"), "w",
                  encoding="ascii") as f:
            f.write("set timeout=0\nmenuentry Tenon {\n"
                    # Nothing stands for the file's name in GRUB's lines.
                    f"{image} /boot/tenon placeholder console=com1 "
                    "dom0_mem=512M park_boot_cpu\n"
                    f"{module} /boot/vmlinux placeholder console=hvc0 "
                    "tenon.role=dom0 root=/dev/none\n"
                    f"{module} /boot/base.cpio\n}}\n")
        iso = os.path.join(work, "boot.iso")
        subprocess.run(["grub-mkrescue", "-d", f"/usr/lib/grub/{platform}",
                        "-o", iso, tree], check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        boot(["-cpu", CPU, "-smp", "2", "-m", "1024", *arguments,
              "-drive", f"if=virtio,format=raw,readonly=on,file={iso}"],
             until=INITRAMFS)
    finally:
        shutil.rmtree(work)


def grub():
    """GRUB loads it, and what it loads with it arrives"""
    boots_from_grub("i386-pc", ("multiboot", "module"), [])


def grub_uefi():
    """The same on UEFI, by multiboot2"""
    boots_from_grub(
        "x86_64-efi", ("multiboot2", "module2"),
        ["-machine", "q35", "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}"])


TESTS = [no_svm, little_memory, no_kernel, half_a_kernel, grub, grub_uefi]


if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
