# SPDX-License-Identifier: MIT
"""The plot of the ring benchmark: speed against Xen's macros, as SVG."""

import math

COLOURS = {"tenon": "#c0392b", "xen": "#222222", "xen-private": "#7f8c8d",
           "xen-per-item": "#b9a26a", "xen-paced": "#95a5a6", "vsplit": "#2980b9",
           "vpacked": "#16a085", "ck": "#8e44ad", "rte": "#d68910",
           "liburing-nop": "#5d6d7e"}
WIDTH, HEIGHT = 340, 240
LEFT, TOP, GAP = 50, 60, 30
LOW, HIGH = 0.1, 2.0
LINES = (0.1, 0.2, 0.5, 1.0, 2.0)


def text(x, y, words, anchor="middle", size=11, colour="#222222"):
    """One line of text."""
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{colour}">{words}</text>')


def panel(x, y, title, cells, depths):
    """One slot size and mode: a line a ring over the depths."""
    def at_x(i):
        return x + (i + 0.5) * WIDTH / len(depths)

    def at_y(ratio):
        part = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
        return y + HEIGHT * (1 - part)

    parts = [text(x + WIDTH / 2, y - 8, title, size=13)]
    for ratio in LINES:
        strong = "#222222" if ratio == 1.0 else "#dddddd"
        parts.append(f'<line x1="{x}" x2="{x + WIDTH}" y1="{at_y(ratio):.1f}" '
                     f'y2="{at_y(ratio):.1f}" stroke="{strong}"/>')
        parts.append(text(x - 5, at_y(ratio) + 4, ratio, "end"))
    for i, (qd, batch) in enumerate(depths):
        parts.append(text(at_x(i), y + HEIGHT + 15, f"{qd}:{batch}"))
    for ring, colour in COLOURS.items():
        points = [(at_x(depths.index((c["qd"], c["batch"]))),
                   at_y(c["ratio_to_xen"]))
                  for c in cells if c["ring"] == ring and c["ratio_to_xen"]]
        if ring == "xen" or not points:
            continue
        points.sort()
        width = 3 if ring == "tenon" else 1.5
        line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline points="{line}" fill="none" '
                     f'stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{width + 0.5}" '
                  f'fill="{colour}"/>' for px, py in points]
    return parts


def plot(cells):
    """The whole picture, from the cells with the CPUs near."""
    cells = [cell for cell in cells if cell["place"] == "near"]
    depths = sorted({(c["qd"], c["batch"]) for c in cells})
    slots = sorted({c["slot"] for c in cells})
    parts = []
    for row, mode in enumerate(("spin", "notify")):
        for column, slot in enumerate(slots):
            here = [c for c in cells if c["mode"] == mode and c["slot"] == slot]
            parts += panel(LEFT + column * (WIDTH + LEFT + GAP),
                           TOP + row * (HEIGHT + TOP + GAP),
                           f"{slot}-byte slots, {mode}", here, depths)
    width = LEFT + len(slots) * (WIDTH + LEFT + GAP)
    height = TOP + 2 * (HEIGHT + TOP + GAP) + 10
    parts.append(text(width / 2, 20, "Requests a second against Xen's macros "
                      "used well, same round, median; requests under way : "
                      "requests a publication", size=14))
    for i, (ring, colour) in enumerate(COLOURS.items()):
        if any(c["ring"] == ring for c in cells):
            parts.append(text(LEFT + i * 115, height - 10, f"&#9679; {ring}",
                              "start", 13, colour))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
            f'height="{height}" font-family="sans-serif">'
            f'<rect width="{width}" height="{height}" fill="white"/>'
            + "\n".join(parts) + "</svg>\n")
