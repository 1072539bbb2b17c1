# SPDX-License-Identifier: MIT
"""The report of a comparison as one HTML page that needs nothing else."""

import html

import compare_env
import compare_report
import compare_stages

COLOURS = {"bare": "#8a8f98", "in-guest": "#b9bec7", "xen-stock": "#d98b2b",
           "xen-tenon": "#e8c07d", "tenon-stock": "#7fb3d5",
           "tenon-tenon": "#1f6fb2", "kvm-virtio": "#7a5ba6"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; max-width: 74rem;
       margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-size: 13px; width: 100% }
th, td { padding: .25rem .5rem; text-align: right; white-space: nowrap;
         border-bottom: 1px solid #e3e6eb }
th:first-child, td:first-child { text-align: left }
td small { color: #6b7480 } .wide { overflow-x: auto }
.bad { color: #b3261e } .good { color: #1c7c3c } .why { color: #6b7480 }
svg { display: block; max-width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: #1c2430 }
"""
BAR, LABEL, WIDTH = 16, 118, 900


def _bars(rows, unit="", mark=None):
    """Horizontal bars: rows of (label, value, text, colour)."""
    if not rows:
        return ""
    top = max([value for _, value, _, _ in rows] + [mark or 0]) or 1
    scale = (WIDTH - LABEL - 150) / top
    height = len(rows) * (BAR + 4) + 6
    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img">']
    for i, (label, value, text, colour) in enumerate(rows):
        y = i * (BAR + 4) + 3
        out.append(f'<text x="{LABEL - 6}" y="{y + 12}" text-anchor="end">'
                   f'{html.escape(label)}</text>'
                   f'<rect x="{LABEL}" y="{y}" height="{BAR}" rx="2" '
                   f'width="{max(1, value * scale):.1f}" fill="{colour}"/>'
                   f'<text x="{LABEL + value * scale + 6:.1f}" y="{y + 12}">'
                   f'{html.escape(text)} {unit}</text>')
    if mark:
        x = LABEL + mark * scale
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" '
                   'stroke="#1c2430" stroke-dasharray="3 3"/>')
    return "".join(out) + "</svg>"


def _table(head, rows):
    """rows of cells that are HTML already."""
    out = ["<div class=wide><table><tr>",
           "".join(f"<th>{html.escape(h)}</th>" for h in head), "</tr>"]
    for row in rows:
        out.append("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>")
    return "".join(out) + "</table></div>"


def _value(cell):
    if not cell:
        return "-"
    if cell["median"] is None:
        why = html.escape(cell["reason"][:300], quote=True)
        return f'<span class=bad title="{why}">{cell["status"]}</span>'
    low, high = (compare_report.figure({**cell, "median": cell[k]})
                 for k in ("min", "max"))
    star = "*" if cell.get("disturbed") else ""
    return (f"{compare_report.figure(cell)}{star}<br>"
            f"<small>{low} - {high}</small>")


def _results(jobs, envs, found):
    rows = []
    for job in jobs:
        cells = [found.get((e, job)) for e in envs]
        ours = (found.get(("tenon-tenon", job)) or {}).get("ratio_to_peer")
        ratio = "-" if not ours else \
            f'<span class={"good" if ours >= 1 else "bad"}>{ours:.2f}</span>'
        rows.append([html.escape(job), next(c["unit"] for c in cells if c)]
                    + [_value(c) for c in cells] + [ratio])
    return _table(["job", "unit", *envs, "ours : peer"], rows)


def _ratios(jobs, envs, found):
    out = []
    for job in jobs:
        rows = [(env, cell["ratio_to_peer"], f"{cell['ratio_to_peer']:.2f}",
                 COLOURS.get(env, "#555"))
                for env in envs if (cell := found.get((env, job)))
                and cell.get("ratio_to_peer")]
        # Stages have a section of their own.
        if rows and not job.startswith("stage."):
            # The device itself is often far off; it must not flatten the rest.
            split = [r for r in rows if r[0] not in ("bare", "in-guest")]
            bare = [f"{r[0]} {r[2]}" for r in rows if r not in split]
            note = f' <small class=why>({", ".join(bare)})</small>' \
                if bare else ""
            out.append(f"<h3>{html.escape(job)}{note}</h3>"
                       + _bars(split or rows, "x", 1))
    return "".join(out)


def _latency(jobs, envs, found):
    rows = []
    for job in jobs:
        for env in envs:
            cell = found.get((env, job)) or {}
            if cell.get("p50_us"):
                rows.append([html.escape(job), env] + [
                    f"{cell[k]:,.0f}" if cell.get(k) else "-"
                    for k in ("lat_us_mean", "p50_us", "p99_us", "p999_us")])
    return _table(["job", "environment", "mean us", "p50", "p99", "p99.9"],
                  rows) if rows else ""


def _stages(envs, found):
    out = []
    for env in envs:
        rows = [(name, max(0, cell["median"]), f"{cell['median']:,.1f}",
                 COLOURS.get(env, "#555"))
                for name in compare_stages.STAGES
                if (cell := found.get((env, f"stage.{name}")))
                and cell.get("median") is not None]
        if rows:
            out.append(f"<h3>{env}</h3>" + _bars(rows, "us"))
    return ("<h2>One read at depth 1, in stages</h2><p class=why>Median of the "
            "stage that begins there; program: until the next read.</p>"
            + "".join(out)) if out else ""


def _counts(results, envs):
    rows, last = [], None
    table = compare_report.counts_table(results)
    split = [e for e in envs if any(e in by_env for _, _, by_env in table)]
    for job, key, by_env in table:
        rows.append([html.escape(job) if job != last else "", key]
                    + ["-" if by_env.get(e) is None else f"{by_env[e]:.3f}"
                       for e in split])
        last = job
    return _table(["job", "count", *split], rows)


def _failures(results):
    lines = [f"<li><b>{env}</b>: {html.escape(f['error'][:600])} "
             f"<small>(log: {html.escape(f['log'])})</small></li>"
             for env, f in results["failed"].items()]
    lines += [f"<li>{e['env']}, {e['job']}: {html.escape(e['error'][:300])}"
              "</li>" for e in results["errors"]]
    return "<h2>What failed</h2><ul>" + "".join(lines) + "</ul>" \
        if lines else ""


def page(results):
    """The whole page."""
    jobs, envs = compare_report.names(results)
    found = {(c["env"], c["job"]): c for c in results["cells"]}
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    machine = ", ".join(f"{k} {v}" for k, v in results["machine"].items())
    legend = "".join(f"<li><b>{e}</b>: {compare_env.WHAT[e]}</li>"
                     for e in envs)
    disturbed = sum(1 for c in results["cells"] if c.get("disturbed"))
    return f"""<!doctype html>
<html lang=en><meta charset=utf-8>
<meta name=viewport content="width=device-width">
<title>Tenon: comparison of {results['date'][:10]}</title>
<style>{STYLE}</style>
<h1>Tenon beside Xen and the bare device</h1>
<p>{html.escape(results['about'])}</p>
<p class=why>{results['date']}; {results['rounds']} rounds of
{results['seconds']} s; {html.escape(machine)}; {html.escape(versions)}</p>
<ul>{legend}</ul>
<p>{disturbed} cells (marked *) rest on rounds in which the host was busy with
other things.</p>
<h2>Results</h2><p class=why>Median, smallest and largest round.</p>
{_results(jobs, envs, found)}
<h2>Ratio to {compare_report.PEER}</h2>
<p class=why>Longer is better, the dashed line is the peer itself.</p>
{_ratios(jobs, envs, found)}
<h2>Latency</h2>{_latency(jobs, envs, found)}
{_stages(envs, found)}
<h2>Counts</h2><p class=why>Per I/O, packet, MiB or round trip, less what a run
that ends at once costs. A dash could not be had; results.json says why.</p>
{_counts(results, envs)}
{_failures(results)}
</html>
"""
