# SPDX-License-Identifier: MIT
"""Runs the ring benchmark: table on stdout, plot and numbers in out/.

report.py [--rounds N] [--ms N] [--limit SECONDS] [--out DIRECTORY]
          [--bench PROGRAM]

A cell is one ring with slots of one size, at most QD requests under way, BATCH of
them a publication, spinning or sleeping between them.  What counts is the ratio to
Xen's macros in the same round, with the two CPUs equally near in both; the table
has medians of those.  Above 1 is faster than Xen's macros.  A machine that moves its
CPUs apart for a while is given more rounds, until N were near or the limit is reached.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import time

from plot import plot

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "..", "out")
BASE = "xen"
SLOTS = (16, 64, 112)
COUNTED = (("tenon", BASE, "xen-private", "xen-paced", "xen-per-item"),
           (1, 8, 32))
COUNTED_TOO = (("vsplit", "vpacked", "ck", "rte"), (8,))
COUNT_FEW, COUNT_MANY = 64, 64 + 3200
BURST = 3


def median(values):
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def run(argv):
    """Lines a benchmark printed, split into words; its progress is seen."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def limits(bench, rounds):
    """Name and place to median ns."""
    found = collections.defaultdict(list)
    for name, _, place, ns in run([bench, "limits", str(rounds)]):
        if place != "unknown":
            found[name, place].append(float(ns))
    return {f"{name} {place}": {"ns": round(median(v), 2), "rounds": len(v)}
            for (name, place), v in sorted(found.items())}


def measured(bench, rounds, ms, limit):
    """(cell, ring, round) to place and ns, of enough rounds."""
    seen = {}
    done = 0
    until = time.monotonic() + limit
    while True:
        for words in run([bench, "run", str(BURST), str(ms)]):
            slot, qd, batch, mode, ring, number, place, ns, _ = words
            cell = (int(slot), int(qd), int(batch), mode)
            seen[cell, ring, done + int(number)] = (place, float(ns))
        done += BURST
        near = collections.Counter(
            cell for (cell, ring, _), value in seen.items()
            if ring == BASE and value[0] == "near")
        print(f"{done} rounds, {min(near.values(), default=0)} of them near",
              file=sys.stderr)
        if done >= rounds and (
                min(near.values(), default=0) >= rounds or
                time.monotonic() > until):
            return seen


def cells(bench, rounds, ms, limit):
    """Every cell: median ns and median ratio to BASE in the same round."""
    seen = measured(bench, rounds, ms, limit)
    groups = collections.defaultdict(list)
    for (cell, ring, number), (place, ns) in seen.items():
        if place == "unknown":
            continue
        base = seen.get((cell, BASE, number))
        ratio = base[1] / ns if base and base[0] == place else None
        groups[cell, ring, place].append((ns, ratio))
    result = []
    for (cell, ring, place), values in groups.items():
        ratios = [ratio for _, ratio in values if ratio is not None]
        result.append({
            "ring": ring, "slot": cell[0], "qd": cell[1], "batch": cell[2],
            "mode": cell[3], "place": place, "rounds": len(values),
            "median": round(median([ns for ns, _ in values]), 2),
            "ratio_to_xen": round(median(ratios), 3) if ratios else None})
    return result


def collected(bench, ring, slot, batch, mode, total):
    """Instructions that callgrind counted in one run."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         bench, "count", ring, str(slot), str(batch), mode, str(total)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=True)
    for line in done.stdout.splitlines():
        if "Collected :" in line:
            return int(line.split()[-1])
    raise RuntimeError("no count from callgrind")


def count(bench, ring, slot, batch, mode):
    """Instructions a request, both ends: exact, and the same each time."""
    few, many = (collected(bench, ring, slot, batch, mode, total)
                 for total in (COUNT_FEW, COUNT_MANY))
    return round((many - few) / (COUNT_MANY - COUNT_FEW), 1)


def instructions(bench, present):
    """"ring slot:batch mode" to instructions a request."""
    result = {}
    for rings, batches in (COUNTED, COUNTED_TOO):
        for ring in rings:
            if ring not in present:
                continue
            print(f"\rcounting {ring:20}", end="", file=sys.stderr)
            for mode in ("spin", "notify"):
                if mode == "notify" and batches != COUNTED[1]:
                    continue
                for slot in SLOTS:
                    for batch in batches:
                        result[f"{ring} {slot}:{batch} {mode}"] = count(
                            bench, ring, slot, batch, mode)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return result


def print_tables(found):
    """What people read."""
    print("Limits of the two CPUs, ns:")
    for name, value in found["limits"].items():
        print(f"  {name}: {value['ns']}")
    by_table = collections.defaultdict(dict)
    for cell in found["cells"]:
        key = (cell["place"], cell["mode"], cell["slot"])
        by_table[key][cell["ring"], cell["qd"], cell["batch"]] = cell
    for (place, mode, slot), table in sorted(by_table.items(), reverse=True):
        if place != "near" and max(c["rounds"] for c in table.values()) < 3:
            continue
        rings = list(dict.fromkeys(ring for ring, _, _ in table))
        depths = sorted({(qd, batch) for _, qd, batch in table})
        print(f"\n{slot}-byte slots, {mode}, {place}: ns a request "
              f"(speed against Xen's macros, same round)")
        print(f"{'':14}" + "".join(f"{f'{q}:{b}':>15}" for q, b in depths))
        for ring in rings:
            line = f"{ring:14}"
            for depth in depths:
                cell = table.get((ring, *depth))
                text = "-"
                if cell:
                    ratio = cell["ratio_to_xen"]
                    text = f"{cell['median']:.1f}"
                    text += f" ({ratio:.2f})" if ratio else ""
                line += f"{text:>15}"
            print(line)
    if found["instructions"]:
        print("\nInstructions a request, both ends (slot:batch)")
        counts = found["instructions"]
        for mode in ("spin", "notify"):
            heads = [f"{s}:{b}" for s in SLOTS for b in COUNTED[1]]
            print(f"{mode:14}" + "".join(f"{h:>9}" for h in heads))
            for ring in COUNTED[0] + COUNTED_TOO[0]:
                row = [counts.get(f"{ring} {h} {mode}") for h in heads]
                if any(row):
                    print(f"{ring:14}" + "".join(
                        f"{'-' if v is None else v:>9}" for v in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--ms", type=int, default=3)
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--out", default=OUT)
    parser.add_argument("--bench",
                        default=os.path.join(OUT, "bench", "ring", "bench"))
    args = parser.parse_args()
    found = {"limits": limits(args.bench, args.rounds),
             "cells": cells(args.bench, args.rounds, args.ms, args.limit)}
    present = {cell["ring"] for cell in found["cells"]}
    found["instructions"] = instructions(args.bench, present)
    print_tables(found)
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "ring.json"), "w",
              encoding="utf-8") as file:
        json.dump(found, file, indent=1)
    with open(os.path.join(args.out, "ring.svg"), "w",
              encoding="utf-8") as file:
        file.write(plot(found["cells"]))
    print("\nout/ring.json, out/ring.svg")


if __name__ == "__main__":
    main()
