"""What a soak sampled, drawn as SVG: memory, latency by minute, lag, open files and threads over the minutes.

Written by hand, so that it needs no package. Each panel's axis begins at 0, so that a line which looks flat is flat.
"""
import json
import math
import sys
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 760, 110, 70, 130, 30, 44
COLOURS = ("#0b5c8c", "#c2541a", "#3d7a3d")


def nice(value):
    """The least 1, 2 or 5 times a power of ten that is not below value."""
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next((step * power for step in (1, 2, 5, 10) if step * power >= value), 10 * power)


def panel(top, title, minutes, lines):
    """lines: (name, [(minute, value)])"""
    most = nice(max((y for _, points in lines for _, y in points), default=1) or 1)
    across, down = (WIDTH - LEFT - RIGHT) / minutes, HEIGHT / most
    out = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    for share in (0, 0.5, 1):
        y = top + HEIGHT * (1 - share)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>'
                   f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * share:g}</text>')
    step = max(1, nice(minutes / 7))
    for number in range(int(minutes / step) + 1):
        out.append(f'<text x="{LEFT + number * step * across:.1f}" y="{top + HEIGHT + 15}" text-anchor="middle">{number * step:g}</text>')
    for index, (name, points) in enumerate(lines):
        path = " ".join(f"{LEFT + x * across:.1f},{top + HEIGHT - y * down:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[index]}" stroke-width="1.5"/>'
                   f'<text x="{WIDTH - RIGHT + 8}" y="{top + 12 + 16 * index}" fill="{COLOURS[index]}">{escape(name)}</text>')
    return out


def draw(path, figures):
    """figures: as --json of soak writes them."""
    samples, start = figures["samples"], figures["start"]

    def sampled(what):
        return [((s["at"] - start) / 60, s[what]) for s in samples]

    def by_minute(what):
        return [(minute + 0.5, value) for minute, value in enumerate(figures[what])]
    cores = [((b["at"] - start) / 60, max(0.0, b["busy"] - a["busy"] - b["ours"] + a["ours"]) / (b["at"] - a["at"]))
             for a, b in zip(samples[:-6], samples[6:])]
    panels = [("memory of the worker, MiB", [("RSS", sampled("rss"))]),
              ("latency by minute, ms", [("p99", by_minute("p99")), ("p50", by_minute("p50"))]),
              ("ads not yet committed", [("lag", sampled("lag"))]),
              ("the worker's", [("open files", sampled("files")), ("threads", sampled("threads"))]),
              ("cores that others took, over a minute", [("others", cores)])]
    minutes = max((samples[-1]["at"] - start) / 60, 0.1)
    height = TOP + len(panels) * (HEIGHT + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
           f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>']
    for number, (title, lines) in enumerate(panels):
        out += panel(TOP + number * (HEIGHT + GAP), title, minutes, lines)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n</svg>\n")


if __name__ == "__main__":  # soak_picture.py FIGURES.json FILE.svg
    with open(sys.argv[1], encoding="utf-8") as source:
        draw(sys.argv[2], json.load(source))
