"""The Grafana dashboard: its queries are valid PromQL over metrics that the programs have, and its panels do not overlap."""
import json
import os

import harness as h
import metric_names
import tools

PATH = os.path.join(h.TOP, "compose", "grafana", "skillstream.json")


def dashboard():
    with open(PATH) as file:
        return json.load(file)


def queries():
    return [(panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def each_query_is_valid_promql():
    """promtool parses them as recording rules, after Grafana's variables are put in."""
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, (_, expr) in enumerate(queries()):
        expr = expr.replace("$__rate_interval", "1m").replace("$instance", ".*")
        lines += [f"      - record: panel:{number}", f"        expr: {json.dumps(expr)}"]
    path = os.path.join(h.scratch(), "dashboard-rules.yml")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    h.run(tools.need("promtool"), "check", "rules", path)


def metrics_are_those_of_the_programs():
    for title, expr in queries():
        assert not metric_names.unknown(expr), (title, metric_names.unknown(expr))


def it_shows_what_operators_need():
    text = json.dumps(queries())
    for name in ("ads_consumed", "consumer_lag", "stage_seconds", "cache_lookups", "dead_letters", "release_info",
                 "mention_probability", "mentions_total", "transactions", "rebalances", "redis_up"):
        assert f"skillstream_{name}" in text, name


def panels_do_not_overlap():
    cells = {}
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in cells, f"{panel['title']} lies on {cells[x, y]}"
                cells[x, y] = panel["title"]
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))


h.main(each_query_is_valid_promql, metrics_are_those_of_the_programs, it_shows_what_operators_need, panels_do_not_overlap)
