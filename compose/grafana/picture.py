#!/usr/bin/env python3
"""Draws skillstream.json as one picture from a running Prometheus, for a README or a report; no Grafana is needed.

  usage: picture.py PROMETHEUS-URL OUT.png [--minutes 15]
  needs: pip install matplotlib

Panels, places, units and queries are those of the dashboard, so a panel without data shows here as well ("no data").
"""
import argparse
import datetime
import json
import math
import os
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as dates  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "skillstream.json")
PAPER, INK, FAINT = "#181b1f", "#d0d3d8", "#2c3138"
COLOURS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d", "#ffa6b0", "#fade2a"]


class Prometheus:
    def __init__(self, url, minutes):
        self.url, self.end = url.rstrip("/"), time.time()
        self.start, self.step = self.end - 60 * minutes, max(1, minutes * 60 // 180)

    def ask(self, path, expr, **more):
        expr = expr.replace("$__rate_interval", "30s").replace("$instance", ".*")
        query = urllib.parse.urlencode({"query": expr, **more})
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]["result"]

    def now(self, expr):
        return self.ask("query", expr, time=self.end)

    def history(self, expr):
        return self.ask("query_range", expr, start=self.start, end=self.end, step=self.step)


def shown(value, unit):
    if unit == "percentunit":
        return f"{100 * value:.0f} %"
    if unit == "s":
        return f"{value:.3g} s"
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {letter}"
    return f"{value:.3g}"


def legend(text, labels):
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value[:12] if name == "digest" else value)
    return text


def draw_stat(axes, panel, prometheus):
    defaults = panel["fieldConfig"]["defaults"]
    result = prometheus.now(panel["targets"][0]["expr"])
    value = float(result[0]["value"][1]) if result else math.nan
    colour = COLOURS[2]
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = {"green": COLOURS[0], "orange": COLOURS[3], "red": COLOURS[4], "blue": COLOURS[2]}[step["color"]]
    text = "no data" if math.isnan(value) else shown(value, defaults["unit"])
    axes.text(0.5, 0.4, text, ha="center", va="center", fontsize=24, color=colour, transform=axes.transAxes)
    axes.set_axis_off()


def draw_table(axes, panel, prometheus):
    lines = [f"{r['metric'].get('instance')}   {r['metric'].get('version')}   {r['metric'].get('commit')}"
             for r in prometheus.now(panel["targets"][0]["expr"])]
    axes.text(0.02, 0.85, "\n".join(lines) or "no data", va="top", fontsize=8, color=INK, transform=axes.transAxes, family="monospace")
    axes.set_axis_off()


def draw_lines(axes, panel, prometheus):
    defaults = panel["fieldConfig"]["defaults"]
    series = []
    for target in panel["targets"]:
        for result in prometheus.history(target["expr"]):
            points = {float(t): float(v) for t, v in result["values"] if not math.isnan(float(v))}
            if points:
                series.append((legend(target["legendFormat"], result["metric"]), points))
    if not series:
        axes.text(0.5, 0.5, "no data", ha="center", color=INK, fontsize=9, transform=axes.transAxes)
    grid = sorted({t for _, points in series for t in points})
    at = [datetime.datetime.fromtimestamp(t) for t in grid]
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(series))]
    if defaults["custom"]["stacking"]["mode"] == "normal" and series:
        axes.stackplot(at, [[points.get(t, 0) for t in grid] for _, points in series], labels=[n for n, _ in series],
                       colors=colours, alpha=0.75, linewidth=0)
    else:
        for colour, (name, points) in zip(colours, series):
            axes.plot(at, [points.get(t, math.nan) for t in grid], label=name, color=colour, linewidth=1.2)
    axes.set_ylim(0, defaults.get("max"))
    axes.yaxis.set_major_formatter(lambda value, _: shown(value, defaults["unit"]))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=6))
    axes.tick_params(colors=INK, labelsize=7, length=0)
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.6)
    if series:
        columns = 4 if max(len(name) for name, _ in series) < 20 else 2
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncol=columns, fontsize=6.5, frameon=False, labelcolor=INK,
                    handlelength=1, columnspacing=1)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("prometheus")
    options.add_argument("out")
    options.add_argument("--minutes", type=int, default=15)
    o = options.parse_args()
    prometheus = Prometheus(o.prometheus, o.minutes)
    with open(PATH) as file:
        panels = json.load(file)["panels"]
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
    figure = plt.figure(figsize=(15, height * 0.34), facecolor=PAPER)
    for panel in panels:
        at = panel["gridPos"]
        left, top = (at["x"] + 0.75) / 24, 1 - at["y"] / height
        if panel["type"] == "row":
            figure.text(left - 0.02, top - 0.6 / height, panel["title"], color=INK, fontsize=12, weight="bold")
            continue
        stat = panel["type"] != "timeseries"
        below = 0.3 if stat else 1.6  # room for the legend; 1 above for the title
        axes = figure.add_axes((left, top - (at["h"] - below) / height, (at["w"] - 1.3) / 24, (at["h"] - below - 1) / height),
                               facecolor=PAPER)
        for spine in axes.spines.values():
            spine.set_visible(False)
        {"stat": draw_stat, "table": draw_table}.get(panel["type"], draw_lines)(axes, panel, prometheus)
        axes.set_title(panel["title"], color=INK, fontsize=9, loc="left")
    figure.savefig(o.out, dpi=100, facecolor=PAPER)


if __name__ == "__main__":
    main()
