# SPDX-License-Identifier: MIT
"""compare.py OURS.json OTHER.json: two runs side by side, as Markdown.

With --readme the table also replaces the one in README.md, between its markers.
"""

import json
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def load(path):
    """Results of a run by (name, engine), and what the run was."""
    with open(path, encoding="ascii") as f:
        report = json.load(f)
    if not report["ok"]:
        raise SystemExit(f"{path}: that run was not right; nothing to compare")
    title = (f"{'Tenon' if report['hv'] == 'tenon' else 'Xen 4.17'}, "
             f"{report['back']}/{report['front']} drivers")
    return title, {(r["name"], r.get("engine", "")): r
                   for r in report["results"]}


def figure(result):
    """The figure to compare, its unit, and whether more is better."""
    for key, unit, more in (("iops", "IOPS", True),
                            ("packets_s", "packets/s", True),
                            ("mbit_s", "Mbit/s", True),
                            ("rtt_us_mean", "us", False)):
        if key in result:
            return result[key], unit, more
    return None


def table(ours_path, other_path):
    """The comparison as a Markdown table."""
    ours_title, ours = load(ours_path)
    other_title, other = load(other_path)
    lines = [f"| | {ours_title} | {other_title} | better by |",
             "|---|---:|---:|---:|"]
    for key, result in ours.items():
        here = figure(result)
        there = figure(other[key]) if key in other else None
        if not here or not there:
            continue
        ratio = here[0] / there[0] if here[2] else there[0] / here[0]
        name = " ".join(part for part in key if part)
        lines.append(f"| {name} | {here[0]:,.0f} {here[1]} | "
                     f"{there[0]:,.0f} {there[1]} | {ratio:.2f} x |")
    return "\n".join(lines)


def main():
    paths = [a for a in sys.argv[1:] if not a.startswith("-")]
    text = table(*paths)
    print(text)
    if "--readme" in sys.argv:
        readme = os.path.join(TOP, "README.md")
        with open(readme, encoding="utf-8") as f:
            page = f.read()
        page = re.sub(f"{BEGIN}.*?{END}",
                      lambda _: f"{BEGIN}\n{text}\n{END}", page, flags=re.S)
        with open(readme, "w", encoding="utf-8") as f:
            f.write(page)


if __name__ == "__main__":
    main()
