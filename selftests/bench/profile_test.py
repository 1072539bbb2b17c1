# SPDX-License-Identifier: MIT
"""How bench/profile counts instructions, attributes and reports them."""

import mmap
import os
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, name)
                for name in ("bench/profile", "bench", "rig")]
# pylint: disable=wrong-import-position
import instructions  # noqa: E402
import profile_report  # noqa: E402

KERNEL = instructions._address_type_name(
    "ffffffff81000000 T _text\nffffffff81000100 t memset\n"
    "ffffffff82000000 D not_a_function\n"
    "ffffffffc0000000 t blkback_io\t[tenon_blkback]\n")
SYMBOLS = {
    "hypervisor": instructions.Symbols(instructions._address_type_name(
        "0000000000100000 T head\n0000000000101000 T vmm_run\n"
        "ffff82d040200000 T arch/x86/domain.c#idle_loop\n")),
    "guest": instructions.Symbols(KERNEL[:2]),
    "dom0": instructions.Symbols(KERNEL),
}
CPUS = {1: "dom0", 2: "guest"}
ABOUT = {"job": "a<b", "env": "tenon-tenon", "per": "io", "ops": 10,
         "kernel": "6.1", "qemu": "7.2",
         "host": {"others_pct": 3, "stolen_pct": 1}}
# A boot sector: 3 instructions 1000 times, 2 with PAUSE 500 times, then a letter
# on the debug port and a halt.
BOOT = bytes.fromhex(
    "fab9e803"      # cli; mov $1000, %cx
    "9090e2fc"      # 1: nop; nop; loop 1b
    "b9f401"        # mov $500, %cx
    "f390e2fc"      # 2: pause; loop 2b
    "b064e6e9"      # mov $'d', %al; out %al, $0xe9
    "f4ebfd")       # 3: hlt; jmp 3b


def expect(what, wanted):
    """Complain unless both are the same."""
    if what != wanted:
        raise AssertionError(f"{what!r}, not {wanted!r}")


def attributed():
    """An instruction belongs to a CPU, a layer and a function"""
    profile = instructions.attribute(
        "0 101010 7 7\n1 101010 5 60\n2 101fff 1 0\n"
        "1 ffffffffc0000008 11 0\n2 ffffffff81000180 12 0\n"
        "2 ffffffff81000190 2 0\n2 55550000 3 0\nend\n", "tenon", CPUS,
        SYMBOLS)
    expect(profile.counts, {
        ("dom0", "hypervisor", "vmm_run"): 5,
        ("dom0", "waiting", "vmm_run"): 60,
        ("guest", "hypervisor", "vmm_run"): 1,
        ("dom0", "kernel", "blkback_io [tenon_blkback]"): 11,
        ("guest", "kernel", "memset"): 14,
        ("guest", "user", "user programs"): 3})


def xen_has_its_range():
    """Xen's own addresses are not the kernel's"""
    expect([instructions.layer("xen", a) for a in (
        0xffff82d040200010, 0xffff888000000000, 0x101000)],
        ["hypervisor", "kernel", "user"])
    expect(SYMBOLS["hypervisor"].name(0xffff82d040200010), "idle_loop")


def cut_short():
    """Counts that were not written to their end are no counts"""
    try:
        instructions.attribute("1 101010 5 0\n", "tenon", CPUS, SYMBOLS)
    except instructions.PluginError:
        return
    raise AssertionError("they were taken")


def per_unit():
    """A run less one that ends at once, per unit; waiting apart"""
    key, other = ("guest", "kernel", "a"), ("dom0", "waiting", "b")
    profile = instructions.Profile({key: 120, other: 50}).less(
        instructions.Profile({key: 20, ("dom0", "user", "c"): 30})).per(10)
    expect(profile.counts, {key: 10, other: 5, ("dom0", "user", "c"): -3})
    expect(profile_report.summary(profile)[-1], ("all but waiting", 10, -3, 7))


def reports():
    """The table, the JSON and a picture that is well-formed"""
    profile = instructions.Profile({
        ("guest", "kernel", "a<b"): 900, ("dom0", "hypervisor", "c"): 100,
        ("dom0", "waiting", "d"): 5000, ("dom0", "user", "e"): -1})
    text = profile_report.markdown(ABOUT, profile)
    assert "| all but waiting | 900 | 99 | 999 |" in text, text
    assert "| guest | kernel | a<b | 900 | 90.1 % |" in text, text
    assert "| d |" not in text, text
    told = profile_report.document(ABOUT, profile)
    expect(told["summary"]["waiting"], {"guest": 0, "dom0": 5000})
    root = xml.etree.ElementTree.fromstring(
        profile_report.picture(ABOUT, profile))
    titles = [e.text for e in root.iter() if e.tag.endswith("title")]
    assert "a<b: 900 per io" in titles, titles


def exact():
    """The plugin counts every instruction, and what waits apart"""
    try:
        instructions.build()
    except instructions.PluginError as error:
        return f"the plugin cannot be built: {str(error)[-200:]!r}"
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "disk"), "wb") as f:
            f.write(BOOT.ljust(510, b"\0") + b"\x55\xaa")
        plugin = os.path.join(instructions.PLUGIN_DIR, "count.so")
        control = os.path.join(work, instructions.CONTROL)
        with open(control, "wb") as f:
            f.write(struct.pack("<I", instructions.COUNT).ljust(4096, b"\0"))
        with subprocess.Popen(
                ["timeout", "120", "qemu-system-x86_64", "-accel", "tcg",
                 "-display", "none", "-nodefaults", "-drive",
                 "file=disk,format=raw", "-debugcon", "file:said", "-plugin",
                 f"{os.path.relpath(plugin, work)},"
                 f"control={instructions.CONTROL},out={instructions.COUNTS}"],
                cwd=work, stderr=subprocess.STDOUT,
                stdout=subprocess.PIPE) as qemu:
            try:
                return _boot_sector(qemu, work, control)
            finally:
                qemu.terminate()


def _boot_sector(qemu, work, control):
    """Wait until the boot sector says it is done; judge the counts."""
    said = os.path.join(work, "said")
    for _ in range(200):
        time.sleep(0.3)
        if qemu.poll() is not None:
            raise AssertionError(qemu.stdout.read()[-500:])
        if os.path.exists(said) and os.path.getsize(said):
            break
    time.sleep(0.3)
    with open(control, "r+b") as f, mmap.mmap(f.fileno(), 4096) as page:
        page[:4] = struct.pack("<I", instructions.WRITE)
        while struct.unpack("<I", page[:4])[0] != instructions.IDLE:
            time.sleep(0.05)
    done = waited = 0
    with open(os.path.join(work, instructions.COUNTS),
              encoding="ascii") as f:
        for line in f.readlines()[:-1]:
            _, address, work_done, waiting = line.split()
            if 0x7c00 <= int(address, 16) < 0x7e00:
                done += int(work_done)
                waited += int(waiting)
    # cli and mov, a loop, mov, a loop, the letter and the halt.
    expect(done + waited, 2 + 3000 + 1 + 1000 + 3)
    # From one PAUSE to the next: 499 times loop and PAUSE.
    expect(waited, 998)
    return None


TESTS = [attributed, xen_has_its_range, cut_short, per_unit, reports, exact]


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        try:
            skipped = test()
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {test.__doc__}\n# {error!r}")
        else:
            print(f"ok {number} - {test.__doc__}"
                  + (f" # SKIP {skipped}" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
