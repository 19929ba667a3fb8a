"""The Helm chart: lint, values schema, rendered manifests against Kubernetes' own schemas, and what must hold among them."""
import glob
import os
import re
import sys

import harness as h
import tools

CHART = os.path.join(h.TOP, "compose", "helm", "skillstream")
ALL = os.path.join(CHART, "ci", "all.yaml")
KUBERNETES = "1.33.0"


def helm(*words, **options):
    return h.run(tools.need("helm"), *words, **options)


def render(*words):
    """The manifests, as dicts by (kind, name)."""
    sys.path.insert(0, tools.packages())
    import yaml
    text = helm("template", "test", CHART, "--kube-version", KUBERNETES, *words).stdout
    return {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(text) if d}


def refused(part, *values):
    """The chart refuses these values, and says why."""
    words = [word for value in values for word in ("--set", value)]
    done = helm("template", "test", CHART, "--kube-version", KUBERNETES, *words, check=False)
    assert done.returncode != 0, f"{values} was rendered"
    assert part in done.stderr, f"{values}: {done.stderr}"


def lint_finds_nothing():
    for words in ((), ("-f", ALL)):
        done = helm("lint", "--strict", CHART, "--kube-version", KUBERNETES, *words)
        assert "0 chart(s) failed" in done.stdout, done.stdout


def manifests_fit_the_schemas_of_kubernetes():
    for name, words in (("default", ()), ("all", ("-f", ALL))):
        path = os.path.join(h.scratch(), name + ".yaml")
        with open(path, "w") as file:
            file.write(helm("template", "test", CHART, "--kube-version", KUBERNETES, *words).stdout)
        for version in ("1.28.0", KUBERNETES, "1.37.0"):
            h.run(tools.need("kubernetes-validate"), "--strict", "--quiet", "-k", version, path)


def the_schema_check_is_alive():
    path = os.path.join(h.scratch(), "wrong.yaml")
    with open(path, "w") as file:
        file.write(helm("template", "test", CHART, "--kube-version", KUBERNETES).stdout.replace("podManagementPolicy", "podManagment"))
    assert h.run(tools.need("kubernetes-validate"), "--strict", "--quiet", path, check=False).returncode != 0


def values_that_cannot_work_are_refused():
    refused("more workers than partitions would idle", "kafka.partitions=4", "worker.autoscaling.maxReplicas=5")
    refused("each fully read partition shows lag 1", "worker.autoscaling.activationLagThreshold=12")
    refused("terminationGracePeriodSeconds", "worker.terminationGracePeriodSeconds=31", "worker.preStopSeconds=10")
    refused("kafka.sasl.secret", "kafka.sasl.mechanism=PLAIN")
    refused("kafka.tls.enabled", "kafka.tls.clientSecret=client")
    refused("assets.volume", "trainer.enabled=true")
    refused("replica", "worker.replica=3")
    refused("bootstrap", "kafka.bootstrap=kafka")
    refused("settings", "kafka.settings.sasl\\.password=x")
    refused("instance", "worker.options.instance=x")
    refused("trustedKeys", "signing.trustedKeys=-----BEGIN PRIVATE KEY-----")
    refused("signing.keySecret", "signing.trustedKeys=-----BEGIN PUBLIC KEY-----", "release.enabled=true",
            "assets.volume.emptyDir.medium=Memory")


def each_worker_has_a_name_that_outlives_its_pod():
    spec = render()["StatefulSet", "test-skillstream-worker"]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["args"][-2:] == ["--instance", "$(POD_NAME)"]
    assert {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}} in container["env"]


def scaling_stops_at_the_partitions_and_does_not_wake_for_markers():
    for words, partitions in (((), 12), (("-f", ALL), 24), (("--set", "kafka.partitions=100"), 100)):
        scaled = render(*words)["ScaledObject", "test-skillstream-worker"]["spec"]
        trigger = scaled["triggers"][0]["metadata"]
        assert scaled["maxReplicaCount"] <= partitions
        assert int(trigger["activationLagThreshold"]) > partitions
        assert trigger["allowIdleConsumers"] == "false"
        assert scaled["scaleTargetRef"]["kind"] == "StatefulSet"


LARGE = """
kafka: {settings: {message.max.bytes: 52428800, queued.max.messages.kbytes: 1000000, linger.ms: 0.5, enable.sparse.connections: true}}
assets: {volume: {emptyDir: {}}}
worker:
  terminationGracePeriodSeconds: 1000000
  options: {max-ad-bytes: 2000000, threshold: 0.55}
  autoscaling: {lagThreshold: 1000000, activationLagThreshold: 2500000, pollingInterval: 3000000, cooldownPeriod: 4000000}
trainer: {enabled: true, options: {validate: [1000000, a.csv]}}
producer: {enabled: true, llm: {url: "https://llm.example/v1", model: small}, options: {tpm: 30000000}}
podSecurityContext: {runAsUser: 1000660000}
"""


def large_numbers_of_a_values_file_stay_whole():
    """From a file (unlike --set) they are floats to the templates, which Go prints as 5.24288e+07."""
    path = os.path.join(h.scratch(), "large.yaml")
    with open(path, "w") as file:
        file.write(LARGE)
    text = helm("template", "test", CHART, "--kube-version", KUBERNETES, "-f", path).stdout
    assert not re.search(r"\de\+\d", text), re.findall(r".*\de\+\d.*", text)
    found = render("-f", path)
    pod = found["StatefulSet", "test-skillstream-worker"]["spec"]["template"]["spec"]
    settings = next(e["value"] for e in pod["containers"][0]["env"] if e["name"] == "SKILLSTREAM_KAFKA").split(";")
    assert set(settings) == {"message.max.bytes=52428800", "queued.max.messages.kbytes=1000000", "linger.ms=0.5",
                             "enable.sparse.connections=true"}, settings
    assert pod["terminationGracePeriodSeconds"] == 1000000 and pod["securityContext"]["runAsUser"] == 1000660000
    scaled = found["ScaledObject", "test-skillstream-worker"]["spec"]
    trigger = scaled["triggers"][0]["metadata"]
    assert (trigger["lagThreshold"], trigger["activationLagThreshold"]) == ("1000000", "2500000"), trigger
    assert (scaled["pollingInterval"], scaled["cooldownPeriod"]) == (3000000, 4000000), scaled
    for program, line in (("worker", "max-ad-bytes = 2000000"), ("worker", "threshold = 0.55"),
                          ("trainer", "validate = 1000000"), ("producer", "tpm = 30000000")):
        assert line in found["ConfigMap", f"test-skillstream-{program}"]["data"][program + ".conf"].splitlines(), line


def pods_have_no_privilege():
    pods = 0
    for (kind, name), manifest in render("-f", ALL).items():
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" not in spec or kind == "ScaledObject":
            continue
        pods += 1
        pod = spec["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, name
        for container in pod["containers"] + pod.get("initContainers", []):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and own["capabilities"]["drop"] == ["ALL"], name
            assert own["allowPrivilegeEscalation"] is False and container["resources"]["limits"]["memory"], name
    assert pods == 4, pods  # worker, trainer, producer, release


def no_secret_is_in_a_manifest():
    text = helm("template", "test", CHART, "--kube-version", KUBERNETES, "-f", ALL).stdout
    assert "sasl.password=$(KAFKA_PASSWORD)" in text and "kind: Secret" not in text


def certificates_reach_who_connects():
    """Each file that librdkafka is told of, or that a Redis URL may name, is in a volume of the pods that ask for it."""
    found, connects = render("-f", ALL), {"worker": ("kafka", "redis"), "trainer": ("kafka", "redis"), "producer": ("kafka",),
                                          "release": ("redis",)}
    seen = set()
    for (kind, name), manifest in found.items():
        part = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
        spec = manifest.get("spec", {}).get("jobTemplate", manifest).get("spec")
        if part not in connects or kind not in ("StatefulSet", "Job", "CronJob"):
            continue
        pod, seen = spec["template"]["spec"], seen | {part}
        volumes = {v["name"]: v.get("secret", {}).get("secretName") for v in pod["volumes"]}
        mounts = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
        for server in ("kafka", "redis"):
            for what in (f"{server}-ca", f"{server}-client"):
                wanted = server in connects[part]
                assert (volumes.get(what) == what and mounts.get(what) == f"/etc/skillstream/{what}") == wanted, (name, what)
        if "kafka" in connects[part]:
            text = next(e["value"] for e in pod["containers"][0]["env"] if e["name"] == "SKILLSTREAM_KAFKA")
            for key, path in (("ssl.ca", "kafka-ca/ca.crt"), ("ssl.certificate", "kafka-client/tls.crt"),
                              ("ssl.key", "kafka-client/tls.key")):
                assert f"{key}.location=/etc/skillstream/{path};" in text, (name, text)
    assert seen == set(connects), seen


def keys_of_releases_reach_who_needs_them():
    """Workers and trainer check, trainer and release Job sign, and the worker has no private key."""
    found = render("-f", ALL)
    for part in ("worker", "trainer"):
        data = found["ConfigMap", f"test-skillstream-{part}"]["data"]
        assert "trusted-key = /etc/skillstream/trusted.pub" in data[part + ".conf"] and "PUBLIC KEY" in data["trusted.pub"]
        assert ("sign-key = /etc/skillstream/sign/key" in data[part + ".conf"]) == (part == "trainer")
    for name, spec in ((name, manifest["spec"]["template"]["spec"]) for (kind, name), manifest in found.items()
                       if kind in ("StatefulSet", "Job")):
        paths = [m["mountPath"] for c in spec["containers"] for m in c["volumeMounts"]]
        secrets = [v["secret"] for v in spec["volumes"] if v["name"] == "sign-key"]
        assert ("/etc/skillstream/sign" in paths) == bool(secrets) == ("worker" not in name), (name, paths, secrets)
        assert all(s["secretName"] == "release-key" and s["defaultMode"] == 0o440 for s in secrets)
        assert ("/etc/skillstream/trusted.pub" in paths) == (not name.rsplit("-", 1)[1].isdigit()), (name, paths)
    path = os.path.join(h.scratch(), "trusted.pub")
    with open(path, "w") as file:
        file.write(data["trusted.pub"])
    h.need_file(os.path.join(h.BIN, "skillstream"), "the program skillstream")
    asked = h.skillstream("release", "verify", "current", "--redis", f"redis://127.0.0.1:{h.free_port()}", "--patience", "1ms",
                          "--trusted-key", path, check=False)
    assert asked.returncode == 1 and "trusted-key" not in asked.stderr, asked  # the key is read, no Redis is there
    job = next(m for (kind, name), m in found.items() if kind == "Job" and "-release-" in name)
    assert "--sign-key=/etc/skillstream/sign/key" in job["spec"]["template"]["spec"]["containers"][0]["args"]
    plain = render()["ConfigMap", "test-skillstream-worker"]["data"]
    assert set(plain) == {"worker.conf"} and "key" not in plain["worker.conf"]


def an_upgrade_does_not_displace_a_newer_release():
    job = next(m for (kind, name), m in render("-f", ALL).items() if kind == "Job" and "-release-" in name)
    assert "--use-if-none" in job["spec"]["template"]["spec"]["containers"][0]["args"]


def the_trainer_can_prove_a_release_better():
    def conf(*words):
        return render("--set", "trainer.enabled=true,assets.volume.emptyDir.medium=Memory", *words)[
            "ConfigMap", "test-skillstream-trainer"]["data"]["trainer.conf"].splitlines()
    assert "hold-out = 0.1" in conf() and "hold-out = 0.3" in conf("--set", "trainer.options.hold-out=0.3")
    assert not any(line.startswith("hold-out") for line in conf("-f", ALL))  # which has files to validate with


def the_configuration_files_are_understood_by_the_programs():
    """worker.conf through lint; the others' keys against --help, since lint does not know those programs."""
    h.need_file(os.path.join(h.BIN, "skillstream"), "the program skillstream")
    checked = set()
    for (kind, _), manifest in render("-f", ALL).items():
        for file, text in (manifest.get("data") or {}).items() if kind == "ConfigMap" else ():
            program = os.path.join(h.BIN, "skillstream-" + file.removesuffix(".conf"))
            if not file.endswith(".conf") or not os.path.exists(program):
                continue
            path = os.path.join(h.scratch(), file)
            with open(path, "w") as out:
                out.write(text)
            if file == "worker.conf":
                h.skillstream("lint", path)
            options = set(re.findall(r"^ +--([a-z-]+)", h.run(program, "--help").stdout, re.M))
            for line in filter(None, text.splitlines()):
                assert line.split(" = ")[0] in options, f"{file}: {line}"
            checked.add(file)
    print(f"        {', '.join(sorted(checked))}")
    assert "worker.conf" in checked


def alerts_and_dashboard_are_those_of_the_repository():
    sys.path.insert(0, tools.packages())
    import yaml
    found = render("-f", ALL)
    with open(os.path.join(h.TOP, "compose", "prometheus", "rules.yml")) as file:
        assert found["PrometheusRule", "test-skillstream"]["spec"] == yaml.safe_load(file)
    with open(os.path.join(h.TOP, "compose", "grafana", "skillstream.json")) as file:
        assert found["ConfigMap", "test-skillstream-dashboard"]["data"]["skillstream.json"].strip() == file.read().strip()
    assert glob.glob(os.path.join(CHART, "files", "*"))


h.main(lint_finds_nothing, manifests_fit_the_schemas_of_kubernetes, the_schema_check_is_alive,
       values_that_cannot_work_are_refused, each_worker_has_a_name_that_outlives_its_pod,
       scaling_stops_at_the_partitions_and_does_not_wake_for_markers, large_numbers_of_a_values_file_stay_whole,
       pods_have_no_privilege, no_secret_is_in_a_manifest, certificates_reach_who_connects,
       keys_of_releases_reach_who_needs_them, an_upgrade_does_not_displace_a_newer_release,
       the_trainer_can_prove_a_release_better, the_configuration_files_are_understood_by_the_programs, alerts_and_dashboard_are_those_of_the_repository)
