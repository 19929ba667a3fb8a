"""The chart's custom resources against what KEDA and the Prometheus operator define: CustomResourceDefinitions of the oldest
version that the chart promises to work with and of a recent one, and KEDA's list of the Kafka trigger's parameters.

The API server takes unknown fields out and says nothing, so that a misspelt one has no effect; here it is an error."""
import copy
import functools
import glob
import json
import os
import sys

import harness as h
import tools

CHART = os.path.join(h.TOP, "compose", "helm", "skillstream")
RENDERED = {"default": (), "all": ("-f", os.path.join(CHART, "ci", "all.yaml")),
            "tls": ("--set", "kafka.tls.enabled=true", "--set", "kafka.tls.caSecret=ca"),
            "plain": ("--set", "kafka.sasl.mechanism=PLAIN", "--set", "kafka.sasl.secret=user")}


def yaml():
    if tools.packages() not in sys.path:
        sys.path.insert(0, tools.packages())
    import yaml as module
    return module


@functools.cache
def rendered(words):
    """The chart's resources that Kubernetes itself does not know."""
    text = h.run(tools.need("helm"), "template", "test", CHART, "--kube-version", "1.33.0", *words).stdout
    return [d for d in yaml().safe_load_all(text) if d and d["apiVersion"].split("/")[0] in ("keda.sh", "monitoring.coreos.com")]


def strict(schema):
    """A schema of a definition in which only the named fields are allowed, unless it says that any are."""
    schema = copy.deepcopy(schema)

    def close(part):
        if isinstance(part, list):
            for item in part:
                close(item)
        elif isinstance(part, dict):
            if isinstance(part.get("properties"), dict) and not part.get("x-kubernetes-preserve-unknown-fields"):
                part.setdefault("additionalProperties", False)
            for item in part.values():
                close(item)
    close(schema)
    schema["properties"]["metadata"] = {"type": "object"}  # the API server's own
    return schema


@functools.cache
def definitions(folder):
    """(apiVersion, kind) -> strict schema, of one module's version."""
    found = {}
    for path in glob.glob(os.path.join(folder, "*.yaml")):
        with open(path) as file:
            spec = yaml().safe_load(file)["spec"]
        for version in spec["versions"]:
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = strict(version["schema"]["openAPIV3Schema"])
    return found


def errors(resource, found):
    import jsonschema
    schema = found[resource["apiVersion"], resource["kind"]]
    return [f"{resource['kind']} {e.json_path}: {e.message}" for e in jsonschema.Draft202012Validator(schema).iter_errors(resource)]


def resources_fit_the_definitions():
    folders, kinds, checked = tools.definitions(), set(), 0
    for folder in folders:
        found = definitions(folder)
        for name, words in RENDERED.items():
            for resource in rendered(words):
                if (resource["apiVersion"], resource["kind"]) in found:
                    wrong = errors(resource, found)
                    assert not wrong, f"{os.path.basename(folder)}, values {name}: {wrong}"
                    kinds.add(resource["kind"])
                    checked += 1
    print(f"        {', '.join(sorted(kinds))}: {checked} checked")
    assert kinds == {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PodMonitor", "PrometheusRule"}, kinds


def what_is_wrong_is_seen():
    resources = {r["kind"]: r for r in rendered(RENDERED["all"])}
    found = {key: schema for folder in tools.definitions() for key, schema in definitions(folder).items()}

    def seen(kind, part, change):
        resource = copy.deepcopy(resources[kind])
        change(resource["spec"])
        assert any(part in e for e in errors(resource, found)), (kind, part, errors(resource, found))
    seen("ScaledObject", "maxReplicas", lambda spec: spec.update(maxReplicas=3))
    seen("ScaledObject", "12", lambda spec: spec["triggers"][0]["metadata"].update(lagThreshold=12))
    seen("ScaledObject", "triggers", lambda spec: spec.pop("triggers"))
    seen("TriggerAuthentication", "parameter", lambda spec: spec["secretTargetRef"][0].pop("parameter"))
    seen("ServiceMonitor", "every", lambda spec: spec["endpoints"][0].update(interval="every minute"))
    seen("PodMonitor", "ports", lambda spec: spec["podMetricsEndpoints"][0].update(ports="http"))
    seen("PrometheusRule", "alrt", lambda spec: spec["groups"][0]["rules"][0].update(alrt="x"))


def the_trigger_has_only_parameters_that_keda_reads():
    lists = [path for folder in tools.definitions() for path in glob.glob(os.path.join(folder, "scalers-schema.json"))]
    with open(lists[-1]) as file:
        kafka = next(s for s in json.load(file)["scalers"] if s["type"] == "kafka")
    known = {p["name"]: p for p in kafka["parameters"]}
    secrets = 0
    for words in RENDERED.values():
        for resource in rendered(words):
            if resource["kind"] == "ScaledObject":
                for name, value in resource["spec"]["triggers"][0]["metadata"].items():
                    assert known[name].get("metadataVariableReadable"), name
                    assert value in known[name].get("allowedValue", [value]), (name, value)
            elif resource["kind"] == "TriggerAuthentication":
                for secret in resource["spec"]["secretTargetRef"]:
                    assert known[secret["parameter"]].get("triggerAuthenticationVariableReadable"), secret
                    secrets += 1
    assert secrets


h.main(resources_fit_the_definitions, what_is_wrong_is_seen, the_trigger_has_only_parameters_that_keda_reads)
