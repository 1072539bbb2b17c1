#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Command line of the rig: build images, boot a machine, run things in it."""

import argparse
import os
import select
import sys
import termios
import time
import tty

import images
import machine
import paths
import run
from qemu import RigError, end_cleanly


def _say(began):
    def say(text):
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)
    return say


def _boot_options(parser):
    parser.add_argument("--hv", choices=("tenon", "xen", "kvm"),
                        default="tenon")
    parser.add_argument("--back", default="ours", metavar="HALF",
                        help="ours, stock, or BLOCK,NET (ours,stock)")
    parser.add_argument("--front", default="ours", metavar="HALF")
    parser.add_argument("--net", choices=("bridge", "route", "nat"),
                        default="bridge")
    parser.add_argument("--kver", default="", help="kernel of dom0 and guests")
    parser.add_argument("--machine", default="pc", help="QEMU machine type")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", type=int, default=4096, help="MiB")
    parser.add_argument("--dom0-vcpus", type=int, default=1)
    parser.add_argument("--dom0-args", default="", help="kernel arguments")
    parser.add_argument("--hv-args", default="", help="hypervisor arguments")
    parser.add_argument("--name", default="", help="log directory's name")
    parser.add_argument("--limit", type=float, default=1200,
                        help="seconds until QEMU is ended")
    parser.add_argument("--file", action="append", default=[],
                        help="put this file in /run/tenon/files")


def _setup(args):
    return machine.Setup(
        hv=args.hv, back=args.back, front=args.front, net=args.net,
        kver=args.kver, machine=args.machine, cpus=args.cpus,
        memory=args.memory, dom0_vcpus=args.dom0_vcpus,
        dom0_args=args.dom0_args, hv_args=args.hv_args, limit=args.limit,
        extra_files=tuple(args.file))


def _disks(args):
    disks = list(machine.Guest().disks)
    return tuple(disks + list(args.disk))


def cmd_images(args):
    """Build everything a boot needs."""
    say = _say(time.monotonic())
    images.xen(say)
    images.root(say)
    images.kernel(paths.kernel_version(args.kver), say)


def cmd_boot(args):
    """Boot, create a guest, run commands in both, and power off."""
    say = _say(time.monotonic())
    name = args.name or f"boot-{args.hv}-{args.back}-{args.front}"
    status = 0
    with machine.Machine(_setup(args), name.replace(",", "_"), say) as m:
        try:
            for script in args.before:
                say(f"dom0: {script}")
                code, out = m.run(script, args.time, check=False)
                print(out, end="" if out.endswith("\n") else "\n")
                status = status or code
            if not args.no_guest:
                m.create(machine.Guest(vcpus=args.vcpus, disks=_disks(args)))
            for where, script in args.cmd:
                say(f"{where}: {script}")
                call = m.run if where == "dom0" else m.guest_run
                code, out = call(script, args.time, check=False)
                print(out, end="" if out.endswith("\n") else "\n")
                status = status or code
            m.collect()
            m.power_off()
        finally:
            say(f"logs: {os.path.relpath(m.log_dir)}")
    return status


def cmd_shell(args):
    """Boot and give the terminal to dom0's console."""
    say = _say(time.monotonic())
    args.limit = max(args.limit, 86400)
    with machine.Machine(_setup(args), args.name or "shell", say) as m:
        if not args.no_guest:
            m.create(machine.Guest(vcpus=args.vcpus, disks=_disks(args)))
        say("dom0's console; 'xl console guest' for the guest's, "
            "Ctrl-] ends the machine")
        fd = sys.stdin.fileno()
        saved = termios.tcgetattr(fd)
        m.vm.serial_tap = lambda data: os.write(sys.stdout.fileno(), data)
        try:
            tty.setraw(fd)
            m.vm.type_raw(b"\n")
            while m.vm.alive():
                if not select.select([fd], [], [], 0.5)[0]:
                    continue
                data = os.read(fd, 64)
                if not data or b"\x1d" in data:
                    break
                m.vm.type_raw(data)
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, saved)
    return 0


def cmd_run(args):
    """Boot, create a guest, measure, print a table, write out/run.json."""
    name = args.name or f"run-{args.hv}-{args.back}-{args.front}-{args.net}"
    return run.run(_setup(args), args.seconds, name.replace(",", "_"),
                   args.out, _say(time.monotonic()))


class _Command(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        where = "guest" if option_string == "--guest-cmd" else "dom0"
        getattr(namespace, self.dest).append((where, values))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("images", help=cmd_images.__doc__)
    p.add_argument("--kver", default="")
    p.set_defaults(call=cmd_images)
    for name, call in (("boot", cmd_boot), ("shell", cmd_shell),
                       ("run", cmd_run)):
        p = sub.add_parser(name, help=call.__doc__)
        _boot_options(p)
        p.set_defaults(call=call)
        if name == "run":
            p.add_argument("--seconds", type=int, default=3,
                           help="length of each job")
            p.add_argument("--out", help="where the report goes",
                           default=os.path.join(paths.OUT, "run.json"))
            continue
        p.add_argument("--no-guest", action="store_true")
        p.add_argument("--vcpus", type=int, default=1, help="of the guest")
        p.add_argument("--disk", action="append", default=[],
                       help="more guest disks, e.g. phy:/dev/nullb0,xvdb,w")
        if name == "boot":
            p.add_argument("--before", action="append", default=[],
                           metavar="SCRIPT",
                           help="run in dom0 before the guest starts")
            p.add_argument("--cmd", "--guest-cmd", action=_Command,
                           default=[], metavar="SCRIPT", dest="cmd",
                           help="run in dom0 (--cmd) or the guest")
            p.add_argument("--time", type=float, default=300,
                           help="seconds a command may take")
    args = parser.parse_args()
    end_cleanly()
    try:
        return args.call(args)
    except (RigError, images.ImageError) as error:
        print(f"rig: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
