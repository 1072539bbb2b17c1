# SPDX-License-Identifier: MIT
"""What changes from run to run: our modules, who wins, scripts, configuration.

It becomes a small second archive behind the base initramfs, so that trying a
rebuilt module costs seconds.
"""

import glob
import os
import shlex
import shutil
import subprocess

import images
import paths

OURS = {"back": ["tenon-blkback", "tenon-netback"],
        "front": ["tenon-blkfront", "tenon-netfront"]}
STOCK = {"back": ["xen-blkback", "xen-netback"],
         "front": ["xen-blkfront", "xen-netfront"]}
MACHINE = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console"]


def block_and_net(choice):
    """Split a half's choice: 'ours', 'stock' or 'BLOCK,NET'."""
    parts = choice.split(",")
    if len(parts) == 1:
        parts *= 2
    if len(parts) != 2 or any(p not in ("ours", "stock") for p in parts):
        raise images.ImageError(
            f"a half is 'ours', 'stock' or 'BLOCK,NET', not '{choice}'")
    return parts


def chosen(side, choice):
    """Module names of one side ('back' or 'front'), block first."""
    return [(OURS if part == "ours" else STOCK)[side][i]
            for i, part in enumerate(block_and_net(choice))]


def modprobe_lines(back, front):
    """modprobe.d lines that make the halves not chosen lose."""
    lines = []
    for side, choice in (("back", back), ("front", front)):
        for i, winner in enumerate(chosen(side, choice)):
            loser = {OURS[side][i], STOCK[side][i]}.difference({winner}).pop()
            lines.append(f"blacklist {loser}")
            lines.append(f"install {loser} /sbin/modprobe {winner}")
    return lines


def _add_modules(tree, kernel_dir, kver):
    """Our modules beside the stock ones, with dependency files for both."""
    target = os.path.join(tree, "lib", "modules", kver)
    ours = glob.glob(os.path.join(paths.modules_dir(kver), "*.ko"))
    subprocess.run(["cp", "-al", os.path.join(kernel_dir, "tree", "lib"),
                    tree], check=True)
    # Only the dependency files change: give them up before depmod writes.
    for name in os.listdir(target):
        if name.startswith("modules.") and "builtin" not in name \
                and name != "modules.order":
            os.unlink(os.path.join(target, name))
    extra = os.path.join(target, "updates")
    os.makedirs(extra, exist_ok=True)
    for path in ours:
        shutil.copy(path, extra)
    subprocess.run(["depmod", "-b", tree, kver], check=True)
    shutil.rmtree(os.path.join(target, "kernel"))
    return [os.path.basename(p)[:-3] for p in ours]


def _config(tree, values):
    with open(os.path.join(tree, "rig", "config"), "w",
              encoding="ascii") as f:
        for key, value in sorted(values.items()):
            f.write(f"{key}={shlex.quote(value)}\n")


def build(run_dir, kernel_dir, kver, back, front, net, extra_files=()):
    """Write overlay.cpio for dom0 (with the guests' inside); its path.

    extra_files: host paths that appear in dom0 and guests as
    /run/tenon/files/<name>.
    """
    work = os.path.join(run_dir, "overlay")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "rig"))
    have = _add_modules(work, kernel_dir, kver)
    wanted = chosen("back", back) + chosen("front", front)
    missing = [m for m in wanted if m.startswith("tenon-") and m not in have]
    if missing:
        raise images.ImageError(
            f"not built for {kver}: {' '.join(missing)}; run 'make modules'")

    rig = os.path.join(work, "rig")
    for name in os.listdir(images.IMAGE_DIR):
        if name.endswith((".sh", "-run")) and name not in (
                "initramfs-init.sh", "make-root.sh"):
            shutil.copy(os.path.join(images.IMAGE_DIR, name), rig)
    os.chmod(os.path.join(rig, "guest-run"), 0o755)
    os.makedirs(os.path.join(rig, "files"))
    for path in extra_files:
        shutil.copy(path, os.path.join(rig, "files"))
    os.makedirs(os.path.join(rig, "modprobe.d"))
    with open(os.path.join(rig, "modprobe.d", "tenon.conf"), "w",
              encoding="ascii") as f:
        f.write("\n".join(modprobe_lines(back, front)) + "\n")
    for role in ("dom0", "bare", "kvm", "virtio"):
        with open(os.path.join(rig, f"early.{role}"), "w",
                  encoding="ascii") as f:
            f.write("\n".join(MACHINE) + "\n")
    with open(os.path.join(rig, "early.guest"), "w", encoding="ascii") as f:
        f.write(chosen("front", front)[0] + "\n")
    _config(work, {"BACK_MODULES": " ".join(chosen("back", back)),
                   "FRONT_MODULES": " ".join(chosen("front", front)),
                   "NET": net})

    guest = os.path.join(run_dir, "guest.cpio")
    images.cpio(work, guest)
    os.rename(guest, os.path.join(rig, "guest.cpio"))
    path = os.path.join(run_dir, "overlay.cpio")
    images.cpio(work, path)
    shutil.rmtree(work)
    return path
