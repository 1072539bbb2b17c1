# SPDX-License-Identifier: MIT
"""What the rig promises whatever becomes of it: no machine is left running."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "rig"),
                os.path.join(TOP, "selftests", "lib")]
# pylint: disable=wrong-import-position
import logscan  # noqa: E402
import machine  # noqa: E402
import overlay  # noqa: E402
import qemu  # noqa: E402
import tap  # noqa: E402

PATIENCE = 60
# A machine that does nothing, kept by a process that waits.
KEEPER = f"""
import sys, time
sys.path.insert(0, {os.path.join(TOP, "rig")!r})
import qemu
qemu.end_cleanly()
vm = None
try:
    vm = qemu.Qemu(["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg",
                    "-S"], sys.argv[1], 600)
    print("running", flush=True)
    time.sleep(600)
finally:
    if vm:
        vm.kill()
    open(sys.argv[1] + "/cleaned", "w").close()
"""


def machines(directory):
    """Processes of machines that run in a directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read()
            if b"qemu-system" in command and \
                    os.readlink(f"/proc/{pid}/cwd") == directory:
                found.append(int(pid))
        except OSError:
            continue
    return found


def remaining(directory):
    """The machines that outlive their keeper by more than some patience."""
    end = time.monotonic() + PATIENCE
    quiet = 0
    # A process amid an exec has no command line for a moment.
    while quiet < 5 and time.monotonic() < end:
        quiet = 0 if machines(directory) else quiet + 1
        time.sleep(0.1)
    return machines(directory)


def ends(signals, wrapper=(), when="running"):
    """End a keeper by signals; whether it cleaned up and all is gone."""
    directory = os.path.realpath(tempfile.mkdtemp())
    with subprocess.Popen([*wrapper, sys.executable, "-c", KEEPER, directory],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as keeper:
        if when == "running":
            tap.expect(keeper.stdout.readline() == "running\n",
                       "the machine did not start")
        else:
            end = time.monotonic() + PATIENCE
            while not machines(directory):
                tap.expect(time.monotonic() < end, "no machine appears")
        for number in signals:
            keeper.send_signal(number)
        left = remaining(directory)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        _, said = keeper.communicate(timeout=PATIENCE)
    cleaned = os.path.exists(os.path.join(directory, "cleaned"))
    shutil.rmtree(directory)
    tap.expect(not left, f"{len(left)} processes of the machine were left")
    tap.expect("Traceback" not in said, said)
    return cleaned


def ended_by_a_signal():
    """The machine ends with a process that is told to end, in any manner"""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        tap.expect(ends([number]), "did not clean up")


def ended_twice():
    """A second signal does not disturb the cleaning up"""
    for _ in range(3):
        tap.expect(ends([signal.SIGTERM, signal.SIGTERM]), "did not clean up")
    # Which sends one to the process, and one to its group.
    tap.expect(ends([signal.SIGTERM], ["timeout", "600"]), "did not clean up")


def ended_while_starting():
    """The machine ends when that comes while it starts"""
    for _ in range(5):
        ends([signal.SIGTERM], when="starting")
        ends([signal.SIGKILL], when="starting")


def killed():
    """The machine ends with a process that had no time for it"""
    ends([signal.SIGKILL])


def standstill_is_noticed():
    """A host that stands still is noticed"""
    with subprocess.Popen(
            [sys.executable, "-c", "import sys, time\n"
             f"sys.path.insert(0, {os.path.join(TOP, 'rig')!r})\n"
             "import qemu\nwatch = qemu.Watch()\nprint(flush=True)\n"
             "sys.stdin.read()\ntime.sleep(1)\nprint(watch.longest)"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as watcher:
        watcher.stdout.readline()
        watcher.send_signal(signal.SIGSTOP)
        time.sleep(6)
        watcher.send_signal(signal.SIGCONT)
        said, _ = watcher.communicate(timeout=PATIENCE)
    tap.expect(float(said) > machine.STANDSTILL, said)


def logs_are_scanned():
    """Trouble in a log is found where it stands, harmless lines are not"""
    directory = tempfile.mkdtemp()
    for name, text in (
            ("serial.log", "fine\n[    1.0] WARNING: CPU: 0 PID: 1\n"
                           "Spectre V2 : WARNING: Unprivileged eBPF\n"),
            ("dmesg-guest.log", "blk_update_request: I/O error, dev xvdd,\n"),
            ("commands.log", "BUG: not looked at\n")):
        with open(os.path.join(directory, name), "w",
                  encoding="ascii") as f:
            f.write(text)
    found = [line[:2] for line in logscan.scan(directory)]
    forgiven = [line[:2] for line in logscan.scan(directory, ["dev xvdd,"])]
    shutil.rmtree(directory)
    tap.expect(found == [("dmesg-guest.log", 1), ("serial.log", 2)], found)
    tap.expect(forgiven == [("serial.log", 2)], forgiven)


def halves_are_chosen():
    """Who wins over whom follows from the halves that were chosen"""
    lines = overlay.modprobe_lines("ours,stock", "stock")
    losers = [re.fullmatch("blacklist (.*)", line).group(1)
              for line in lines if line.startswith("blacklist")]
    tap.expect(losers == ["xen-blkback", "tenon-netback", "tenon-blkfront",
                          "tenon-netfront"], losers)


def accelerator_is_real():
    """KVM is chosen only where it can run a hypervisor"""
    choice = qemu.accelerator()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        svm = re.search(r"^flags\b.*\bsvm\b", f.read(), re.M)
    tap.expect(choice == "tcg" or svm, "KVM without SVM")


TESTS = [ended_by_a_signal, ended_twice, ended_while_starting, killed,
         standstill_is_noticed, logs_are_scanned, halves_are_chosen,
         accelerator_is_real]


if __name__ == "__main__":
    sys.exit(tap.run(TESTS))
