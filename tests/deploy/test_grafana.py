"""The Grafana dashboard: it fits Grafana's own schema, its queries are valid PromQL over metrics that the programs have, what
operators need is on it, and its panels do not overlap."""
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


def it_fits_the_schema_of_grafana():
    h.run(tools.need("dashboard-schema"), PATH)


def the_schema_check_is_alive():
    with open(PATH) as file:
        text = file.read()
    for right, wrong in (('"legendFormat"', '"legend"'), ('"drawStyle"', '"drawstyle"'), ('"showLegend": true', '"showLegend": 1'),
                         ('"schemaVersion": ', '"schema": '), ('"type": "stat"', '"type": "stats"')):
        path = os.path.join(h.scratch(), "wrong.json")
        with open(path, "w") as file:
            file.write(text.replace(right, wrong, 1))
        assert right in text and h.run(tools.need("dashboard-schema"), path, check=False).returncode == 1, wrong


# Metrics that are for a closer look than a dashboard gives.
NOT_SHOWN = {"skillstream_batches_in_flight", "skillstream_cache_entries", "skillstream_llm_requests_in_flight",
             "skillstream_llm_tokens_total", "skillstream_pairs_flagged_total", "skillstream_pairs_repeated_total",
             "skillstream_training_learning_rate", "skillstream_training_pairs_total", "skillstream_training_running",
             "skillstream_training_step_seconds", "skillstream_training_steps_total"}


def every_metric_has_a_panel_or_is_left_out_on_purpose():
    text = json.dumps(queries()) + json.dumps(dashboard()["annotations"])
    missing = {name for name in metric_names.known() if name not in text}
    assert missing == NOT_SHOWN, missing ^ NOT_SHOWN


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


h.main(it_fits_the_schema_of_grafana, the_schema_check_is_alive, each_query_is_valid_promql, metrics_are_those_of_the_programs,
       every_metric_has_a_panel_or_is_left_out_on_purpose, panels_do_not_overlap)
