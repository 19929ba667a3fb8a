"""Rules and configuration of Prometheus through promtool; the rules' unit tests are compose/prometheus/rules_test.yml."""
import os
import re

import harness as h
import metric_names
import tools

FOLDER = os.path.join(h.TOP, "compose", "prometheus")


def read(name):
    with open(os.path.join(FOLDER, name)) as file:
        return file.read()


def rules_are_valid():
    h.run(tools.need("promtool"), "check", "rules", "rules.yml", cwd=FOLDER)


def rules_pass_their_unit_tests():
    h.run(tools.need("promtool"), "test", "rules", "rules_test.yml", cwd=FOLDER)


def each_alert_has_a_test_and_says_what_to_do():
    tests = read("rules_test.yml")
    alerts = re.findall(r"- alert: (\w+)", read("rules.yml"))
    assert len(alerts) > 10
    for alert in alerts:
        assert re.search(rf'(alertname: {alert}\n|alertname="{alert}")', tests), f"{alert} has no test in which it fires"
    assert read("rules.yml").count("          action: ") == read("rules.yml").count("          summary: ") == len(alerts)


def the_configuration_is_valid():
    path = os.path.join(h.scratch(), "prometheus.yml")
    with open(path, "w") as file:
        file.write(read("prometheus.yml").replace("/etc/prometheus/", FOLDER + "/"))
    h.run(tools.need("promtool"), "check", "config", path)


def metrics_that_rules_ask_for_are_those_of_the_programs():
    assert not metric_names.unknown(read("rules.yml")), metric_names.unknown(read("rules.yml"))


h.main(rules_are_valid, rules_pass_their_unit_tests, each_alert_has_a_test_and_says_what_to_do, the_configuration_is_valid,
       metrics_that_rules_ask_for_are_those_of_the_programs)
