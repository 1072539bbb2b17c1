# SPDX-License-Identifier: MIT
"""results.json of a comparison, and the tables made of it."""

import json
import os
import statistics

import compare_counts
import compare_env
import compare_host
import compare_html

PEER, LIMIT = "xen-stock", "bare"
ABOUT = (
    "Every figure is a median of interleaved rounds on one emulated machine "
    "(QEMU TCG, no hardware virtualization): compare within this table, not "
    "with other machines. On Xen dom0 is paravirtualized, since Xen's PVH dom0 "
    "needs an IOMMU and does not run stably in this emulator; on Tenon it is "
    "PVH. dom0 has one vCPU on one CPU, the guest one on another, everywhere. "
    "On Tenon QEMU gets a third CPU that stays parked, on Xen the guest is kept "
    "off the first one: the emulator corrupts guests there.")


def _clean(samples, wanted):
    """The least disturbed samples, as many as rounds were asked for."""
    order = sorted(samples, key=lambda s: (
        compare_host.disturbed(s["host"]), s["host"]["others_pct"]))
    return order[:wanted]


def _counts(samples):
    """Medians of the counts of several rounds, name by name."""
    counted = [s["counts"] for s in samples]
    if not counted:
        return {}
    merged = {}
    for name in dict.fromkeys(name for c in counted for name in c):
        values = [c[name] for c in counted if name in c]
        if isinstance(values[0], dict):
            inner = sorted({key for v in values for key in v})
            merged[name] = {key: round(statistics.median(
                [v.get(key, 0) for v in values]), 4) for key in inner}
        else:
            merged[name] = round(statistics.median(values), 4)
    return merged


def _cell(env, job, samples, wanted, uncounted):
    """One environment's figures of one job.

    uncounted: why its instructions could not be counted, if so.
    """
    counted = [s for s in samples if "counts" in s]
    instructions = [s for s in samples if any(
        "_instructions_" in name for name in s.get("counts", ()))]
    samples = [s for s in samples if s["round"] >= 0]
    used = _clean(samples, wanted)
    values = [s["value"] for s in used]
    median = statistics.median(values)
    cell = {"env": env.name, "job": job.name, "unit": job.unit,
            "better": job.better, "status": "ok", "rounds": values,
            "median": median, "min": min(values), "max": max(values),
            "spread_pct": round(100 * (max(values) - min(values))
                                / (median or 1), 1),
            "samples": len(samples),
            "disturbed": sum(compare_host.disturbed(s["host"]) for s in used)}
    for key in ("p50_us", "p99_us", "p999_us", "lat_us_mean", "mean_us",
                "mib_s", "loss_percent", "fairness"):
        numbers = [s[key] for s in used if s.get(key) is not None]
        if numbers:
            cell[key] = statistics.median(numbers)
    cell.setdefault("p99_us", None)
    for key in ("stolen_pct", "others_pct", "ran_pct"):
        cell[key] = statistics.median([s["host"][key] for s in used])
    cell["counts"] = _counts(counted)
    if job.group in ("prim", "stage", "scale"):
        return cell
    cell["instructions_disturbed"] = any(
        compare_host.disturbed(s["host"]) for s in instructions)
    why = compare_counts.absent(job, cell["counts"], env)
    if uncounted:
        why.update({key: uncounted for key in why if "_instructions_" in key})
    cell["counts_absent"] = why
    return cell


def _ratios(cells):
    """Relative to the peer and to the limit; above 1 is always better."""
    for cell in cells:
        for key, other in (("ratio_to_peer", PEER), ("ratio_to_limit", LIMIT)):
            base = next((c for c in cells if c["job"] == cell["job"]
                         and c["env"] == other and c.get("median")), None)
            mine = cell.get("median")
            cell[key] = None
            if base and mine:
                ratio = mine / base["median"]
                cell[key] = round(ratio if cell["better"] == "higher"
                                  else 1 / ratio, 3)


def _boot_cells(run):
    """Power-on to dom0's tools, and "xl create" to the guest's network."""
    cells = []
    for name, boots in run.booted.items():
        for job in ("boot.dom0", "boot.guest"):
            hosts = [b[job] for b in boots if job in b]
            if not hosts:
                continue
            values = [h["wall_s"] for h in hosts]
            cell = {"env": name, "job": job, "unit": "s", "better": "lower",
                    "status": "ok", "rounds": values,
                    "median": statistics.median(values), "min": min(values),
                    "max": max(values), "p99_us": None, "counts": {},
                    "disturbed": sum(map(compare_host.disturbed, hosts))}
            for key in ("stolen_pct", "others_pct", "ran_pct"):
                cell[key] = statistics.median([h[key] for h in hosts])
            cells.append(cell)
    return cells


def _memory_cells(run):
    """Sizes in bytes; xl tells MiB, so that less than one is unknown."""
    cells = []
    for name, sizes in run.memory.items():
        for job, size in sizes.items():
            cell = {"env": name, "job": job, "unit": "bytes",
                    "better": "lower", "p99_us": None, "counts": {},
                    "stolen_pct": None}
            if size > 0:
                cell.update(status="ok", rounds=[size], median=size, min=size,
                            max=size)
            else:
                cell.update(status="below 1 MiB", rounds=[], median=None,
                            reason="less than xl can tell", log=None)
            cells.append(cell)
    return cells


def collect(run):
    """The whole of results.json."""
    cells = []
    for job in run.jobs:
        for env in run.envs:
            samples = [s for s in run.samples if s["env"] == env.name
                       and s["job"] == job.name]
            if any(s["round"] >= 0 for s in samples):
                cells.append(_cell(
                    env, job, samples, run.args.rounds,
                    run.uncounted.get((env.name, job.name),
                                      run.uncounted.get(env.name))))
                continue
            errors = [e["error"] for e in run.errors if e["env"] == env.name
                      and e["job"] == job.name]
            if job.needs == "split" and not env.split:
                errors = ["not applicable: no hypervisor and no split driver"]
            why = errors[-1] if errors else \
                run.failed.get(env.name, {}).get("error", "not run")
            cells.append({
                "env": env.name, "job": job.name, "unit": job.unit,
                "better": job.better, "rounds": [], "median": None,
                "status": "skipped" if why.startswith("not ") else "failed",
                "reason": why,
                "log": run.failed.get(env.name, {}).get("log")})
    cells += _boot_cells(run)
    cells += _memory_cells(run)
    _ratios(cells)
    return {
        "date": run.date.isoformat(timespec="seconds"),
        "machine": {**compare_host.describe(), "accelerator": "tcg",
                    "guest_memory_mib": compare_env.GUEST_MEMORY},
        "versions": {
            "qemu": compare_host.output(["qemu-system-x86_64", "--version"]),
            "tenon": compare_host.output(
                ["git", "-C", os.path.dirname(__file__), "describe",
                 "--always", "--dirty", "--exclude", "*"]),
            "xen": "4.17 (Debian)",
            "kernel": next(iter(run.boxes.values())).setup.kver,
            **run.tools},
        "seconds": run.args.seconds, "rounds": run.args.rounds,
        "about": ABOUT, "failed": run.failed, "errors": run.errors,
        "cells": cells}


def write(directory, run):
    """results.json and the reports (rewritten after every round)."""
    run.results = collect(run)
    path = os.path.join(directory, "results.json")
    with open(path + ".new", "w", encoding="ascii") as f:
        json.dump(run.results, f, indent=1)
        f.write("\n")
    os.replace(path + ".new", path)
    for name, text in (("report.md", markdown(run.results)),
                       ("report.html", compare_html.page(run.results))):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(text)


def names(results):
    """Jobs and environments, in the order of the cells."""
    jobs = list(dict.fromkeys(c["job"] for c in results["cells"]))
    envs = [n for n in compare_env.WHAT
            if any(c["env"] == n for c in results["cells"])]
    return jobs, envs


def figure(cell):
    """A median as text."""
    if not cell:
        return "-"
    if cell["median"] is None:
        return cell["status"]
    value = cell["median"]
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def table(results):
    """The medians as text for a terminal."""
    jobs, envs = names(results)
    found = {(c["env"], c["job"]): c for c in results["cells"]}
    width = max(len(j) for j in jobs) + 2
    lines = [f"{'':<{width}}{'unit':<8}"
             + "".join(f"{e:>14}" for e in envs) + f"{'ours:peer':>11}"]
    for job in jobs:
        cells = [found.get((e, job)) for e in envs]
        some = next(c for c in cells if c)
        ours = found.get(("tenon-tenon", job)) or {}
        ratio = ours.get("ratio_to_peer")
        marked = [figure(c) + ("*" if c and c.get("disturbed") else "")
                  for c in cells]
        lines.append(f"{job:<{width}}{some['unit']:<8}"
                     + "".join(f"{m:>14}" for m in marked)
                     + (f"{ratio:>10.2f}x" if ratio else f"{'-':>11}"))
    lines.append("ours:peer: tenon-tenon beside xen-stock, above 1 is better. "
                 "*: the host was busy with other things.")
    return "\n".join(lines)


def _span(cell):
    """Median with the smallest and largest round."""
    if not cell or cell["median"] is None:
        return figure(cell)
    low, high = ({**cell, "median": cell[k]} for k in ("min", "max"))
    mark = " \\*" if cell.get("disturbed") else ""
    return f"{figure(cell)} [{figure(low)} - {figure(high)}]{mark}"


def _star(cell):
    """The median; a star if it rests on a disturbed round."""
    return figure(cell) + (" \\*" if cell and cell.get("disturbed") else "")


def _provenance(results):
    versions, machine = results["versions"], results["machine"]
    return (f"{results['date'][:10]}, {machine['cpus']} shared cores "
            f"({machine['cpu']}), {versions['qemu']} with TCG, Linux "
            f"{versions['kernel']}, Tenon {versions['tenon']}; "
            f"{results['rounds']} rounds of {results['seconds']} s, "
            "interleaved.")


def counts_table(results):
    """(job, what, {env: count}) of the counts that compare well."""
    rows = []
    jobs, _ = names(results)
    for job in jobs:
        cells = [c for c in results["cells"]
                 if c["job"] == job and c.get("counts")]
        keys = [k for k in dict.fromkeys(k for c in cells for k in c["counts"])
                if any(isinstance(c["counts"].get(k), (int, float))
                       for c in cells)]
        for key in keys:
            rows.append((job, key, {c["env"]: c["counts"].get(key)
                                    for c in cells}))
    return rows


def _disturbances(results):
    cells = [c for c in results["cells"] if c.get("disturbed")]
    if not cells:
        return "No cell rests on a disturbed round."
    return (f"{len(cells)} cells (\\*) rest on rounds in which the host was "
            "busy with other things: do not trust them.")


def markdown(results):
    """The report as Markdown."""
    jobs, envs = names(results)
    found = {(c["env"], c["job"]): c for c in results["cells"]}
    lines = ["# Tenon beside Xen and the bare device", "",
             _provenance(results), "", results["about"], "",
             _disturbances(results), "", "## Results", "",
             "Median [smallest - largest round].", "",
             "| job | unit | " + " | ".join(envs) + " |",
             "|---|---|" + "---:|" * len(envs)]
    for job in jobs:
        cells = [found.get((e, job)) for e in envs]
        unit = next(c["unit"] for c in cells if c)
        lines.append(f"| {job} | {unit} | "
                     + " | ".join(_span(c) for c in cells) + " |")
    lines += ["", f"## Ratio to {PEER}, and to {LIMIT}: above 1 is better", "",
              "| job | " + " | ".join(envs) + " |",
              "|---|" + "---:|" * len(envs)]
    for job in jobs:
        row = []
        for env in envs:
            cell = found.get((env, job)) or {}
            row.append(" / ".join(
                f"{cell[k]:.2f}" if cell.get(k) else "-"
                for k in ("ratio_to_peer", "ratio_to_limit")))
        lines.append(f"| {job} | " + " | ".join(row) + " |")
    split = [e for e in envs if any(e in r[2] for r in counts_table(results))]
    lines += ["", "## Counts", "", "`-`: it could not be had; why is in "
              "results.json.", "", "| job | count | " + " | ".join(split)
              + " |", "|---|---|" + "---:|" * len(split)]
    for job, key, by_env in counts_table(results):
        lines.append(f"| {job} | {key} | " + " | ".join(
            "-" if by_env.get(e) is None else f"{by_env[e]:.3f}"
            for e in split) + " |")
    if results["failed"] or results["errors"]:
        lines += ["", "## What failed", ""]
        lines += [f"- {env}: {f['error'].splitlines()[0]} (log: {f['log']})"
                  for env, f in results["failed"].items()]
        lines += [f"- {e['env']}, {e['job']}: {e['error'].splitlines()[0]}"
                  for e in results["errors"]]
    return "\n".join(lines) + "\n"


def short_table(results, wanted=lambda job: True):
    """Ours, the peer and the device, of the jobs that are wanted."""
    jobs, _ = names(results)
    found = {(c["env"], c["job"]): c for c in results["cells"]}
    lines = [_provenance(results) + " " + _disturbances(results), "",
             "| | unit | the device itself | Xen 4.17, stock drivers | Tenon "
             "| better by |", "|---|---|---:|---:|---:|---:|"]
    for job in jobs:
        ours = found.get(("tenon-tenon", job))
        if not ours or job.startswith("stage.") or not wanted(job):
            continue
        peer = found.get((PEER, job)) or {}
        # What cannot be trusted is not boasted of.
        doubtful = ours.get("disturbed") or peer.get("disturbed")
        ratio = None if doubtful else ours.get("ratio_to_peer")
        lines.append(
            f"| {job} | {ours['unit']} | {_star(found.get((LIMIT, job)))} | "
            f"{_star(found.get((PEER, job)))} | {_star(ours)} | "
            + (f"{ratio:.2f} x |" if ratio else "- |"))
    return "\n".join(lines)


# What docs/performance.md shows of the counts.
TELLING = ("exits", "exits_front", "exits_back", "pv_entries_back",
           "hypercalls_front", "hypercalls_back", "grant_hypercalls",
           "grant_copies", "interrupts_front", "interrupts_back",
           "spurious_front", "spurious_back", "halts", "kicks_sent",
           "guest_instructions", "dom0_instructions", "hv_instructions")


def counts_page(results):
    """The telling counts and the primitives, for docs/performance.md."""
    table = [row for row in counts_table(results)
             if row[1].partition("_per_")[0] in TELLING]
    _, envs = names(results)
    split = [e for e in envs if any(e in r[2] for r in table)]
    lines = [_provenance(results) + " " + _disturbances(results)]
    if table:
        lines += ["", "| job | count | " + " | ".join(split) + " |",
                  "|---|---|" + "---:|" * len(split)]
    for job, key, by_env in table:
        lines.append(f"| {job} | {key.replace('_', ' ')} | " + " | ".join(
            "-" if by_env.get(e) is None else f"{by_env[e]:.2f}"
            for e in split) + " |")
    found = {(c["env"], c["job"]): c for c in results["cells"]}
    for kind, title in (("prim.", "primitive, us"),
                        ("stage.", "stage of a read at depth 1, us")):
        jobs = [j for j in names(results)[0] if j.startswith(kind)]
        split = [e for e in envs if any(
            (found.get((e, job)) or {}).get("median") is not None
            for job in jobs)]
        if split:
            lines += ["", f"| {title} | " + " | ".join(split) + " |",
                      "|---|" + "---:|" * len(split)]
        for job in jobs if split else ():
            lines.append(f"| {job[len(kind):]} | " + " | ".join(
                _star(found.get((e, job))) for e in split) + " |")
    return "\n".join(lines)
