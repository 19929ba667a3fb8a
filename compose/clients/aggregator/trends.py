#!/usr/bin/env python3
"""Draws what aggregate.py counted: the share of ads that ask for each skill, by week.

  usage: trends.py DATABASE OUT.png [--skills 8] [--region NAME] [--month]
  needs: pip install matplotlib, and duckdb or psycopg[binary]
"""
import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

PERIOD = """
WITH part AS (SELECT CAST(date_trunc('{unit}', week) AS DATE) AS at, skill_uri, label, ads FROM counts WHERE {where}),
     base AS (SELECT CAST(date_trunc('{unit}', week) AS DATE) AS at, sum(ads) AS ads FROM totals WHERE {where} GROUP BY 1),
     top AS (SELECT skill_uri, min(label) AS label, sum(ads) AS n FROM part GROUP BY 1 ORDER BY n DESC LIMIT {skills})
SELECT top.label, base.at, 100.0 * coalesce(sum(part.ads), 0) / min(base.ads)
FROM top CROSS JOIN base LEFT JOIN part ON part.at = base.at AND part.skill_uri = top.skill_uri
GROUP BY top.label, top.n, base.at ORDER BY top.n DESC, base.at"""


def rows(where, sql):
    if where.startswith("postgresql:"):
        import psycopg
        return psycopg.connect(where).execute(sql).fetchall()
    import duckdb
    return duckdb.connect(where, read_only=True).execute(sql).fetchall()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("database")
    options.add_argument("out")
    options.add_argument("--skills", type=int, default=8)
    options.add_argument("--region")
    options.add_argument("--month", action="store_true", help="by month instead of by week")
    o = options.parse_args()
    where = "region = '{}'".format(o.region.replace("'", "''")) if o.region else "true"
    lines = {}
    for label, at, share in rows(o.database, PERIOD.format(unit="month" if o.month else "week", where=where, skills=o.skills)):
        lines.setdefault(label, ([], []))[0].append(at)
        lines[label][1].append(float(share))
    figure, axes = plt.subplots(figsize=(10, 5), layout="constrained")
    for label, (at, share) in lines.items():
        axes.plot(at, share, marker="o", markersize=3, label=label)
    axes.set_ylabel("ads that ask for it, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("Skills in job ads by " + ("month" if o.month else "week") + (f", {o.region}" if o.region else ""))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.autofmt_xdate()
    figure.savefig(o.out, dpi=110)


if __name__ == "__main__":
    main()
