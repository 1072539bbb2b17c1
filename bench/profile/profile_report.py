# SPDX-License-Identifier: MIT
"""A profile as a table, as JSON and as a picture."""

import html
import json
import os

import compare_host
import instructions

TOP = 40
COLOURS = {"hypervisor": "#c0603a", "kernel": "#3a7fb5", "user": "#6a9a4b",
           "waiting": "#b9bec7"}
WIDTH, ROW, LEAST = 1200, 24, 0.001


def figure(number):
    """A count of instructions as text."""
    return f"{number:,.0f}" if abs(number) >= 10 else f"{number:.1f}"


def summary(profile):
    """Rows of (layer, on the guest's CPU, on dom0's, sum), then the sum."""
    rows = []
    for which in instructions.LAYERS:
        numbers = [profile.total(where, which)
                   for where in instructions.WHERE]
        rows.append((which, *numbers, sum(numbers)))
    rows.append(("all but waiting", *(
        sum(row[i] for row in rows if row[0] != "waiting")
        for i in (1, 2, 3))))
    return rows


def markdown(about, profile):
    """The report; 'about' says what was measured."""
    lines = [f"# {about['job']}, {about['env']}", "",
             f"Instructions per {about['per']}, of {about['ops']:,.0f}. "
             f"Linux {about['kernel']}, {about['qemu']}. The host: "
             f"{about['host']['others_pct']:.0f} % of a CPU went to others"
             + (", which makes for more sleeping and waking up."
                if compare_host.disturbed(about["host"]) else "."), "",
             "| | guest's CPU | dom0's CPU | both |", "|---|---:|---:|---:|"]
    lines += ["| " + " | ".join([row[0], *map(figure, row[1:])]) + " |"
              for row in summary(profile)]
    work = summary(profile)[-1][3] or 1
    lines += ["", "| CPU | layer | function | instructions | share |",
              "|---|---|---|---:|---:|"]
    functions = [item for item in profile.top(len(profile.counts))
                 if item[0][1] != "waiting" and item[1] / work >= LEAST]
    for (where, which, name), number in functions[:TOP]:
        lines.append(f"| {where} | {which} | {name} | {figure(number)} | "
                     f"{100 * number / work:.1f} % |")
    return "\n".join(lines) + "\n"


def document(about, profile):
    """The profile for programs."""
    return {**about, "summary": {
        row[0].replace(" ", "_"): {"guest": round(row[1], 2),
                                   "dom0": round(row[2], 2)}
        for row in summary(profile)},
        "functions": [
            {"cpu": where, "layer": which, "function": name,
             "instructions": round(number, 3)}
            for (where, which, name), number
            in profile.top(len(profile.counts)) if round(number, 3)]}


def _leaves(profile, where, which, least):
    """{function: (value, colour, {})}; the small ones together."""
    leaves, rest = {}, 0
    for (w, l, name), number in profile.top(len(profile.counts)):
        if (w, l) != (where, which) or number <= 0:
            continue
        if number < least:
            rest += number
        else:
            leaves[name] = (number, COLOURS[which], {})
    if rest:
        leaves["others"] = (rest, COLOURS[which], {})
    return leaves


def _sum(tree):
    return sum(value for value, _, _ in tree.values())


def _tree(profile):
    """{label: (value, colour, children)}: CPU, then layer, then function."""
    least = 2 * LEAST * sum(n for n in profile.counts.values() if n > 0)
    tree = {}
    for where in instructions.WHERE:
        layers = {}
        for which in instructions.LAYERS:
            leaves = _leaves(profile, where, which, least)
            if leaves:
                layers[which] = (_sum(leaves), COLOURS[which], leaves)
        if layers:
            tree[f"{where}'s CPU"] = (_sum(layers), "#dfe3e8", layers)
    return tree


def _boxes(tree, x, y, scale, unit):
    """The boxes of a row, each above those it is made of."""
    out = []
    for label, (value, colour, children) in tree.items():
        width = value * scale
        if width >= WIDTH * LEAST:
            text = html.escape(label)
            number = f"{figure(value)} per {unit}"
            out.append(
                f'<g><title>{text}: {number}</title><rect x="{x:.1f}" '
                f'y="{y}" width="{max(0.5, width - 0.5):.1f}" '
                f'height="{ROW - 1}" fill="{colour}"/>')
            room = int(width / 6.5)
            if room > 3:
                long = f"{label} {figure(value)}"
                short = long if len(long) <= room else label[:room]
                out.append(f'<text x="{x + 3:.1f}" y="{y + 16}">'
                           f'{html.escape(short)}</text>')
            out.append("</g>")
            out += _boxes(children, x, y + ROW, scale, unit)
        x += width
    return out


def picture(about, profile):
    """An SVG: widths are instructions, from the top CPU, layer, function."""
    tree = _tree(profile)
    whole = _sum(tree) or 1
    title = (f"{about['job']}, {about['env']}: {figure(whole)} instructions "
             f"per {about['per']}")
    height = 3 * ROW + 34
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{height}" font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="3" y="18" font-size="14">{html.escape(title)}</text>',
        *_boxes(tree, 0, 28, WIDTH / whole, about["per"]), "</svg>"]) + "\n"


def write(stem, about, profile):
    """stem.json, stem.md and stem.svg."""
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    for ending, text in (
            (".json", json.dumps(document(about, profile), indent=1) + "\n"),
            (".md", markdown(about, profile)),
            (".svg", picture(about, profile))):
        with open(stem + ending, "w", encoding="utf-8") as f:
            f.write(text)
