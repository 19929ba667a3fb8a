"""docker-compose.yml: what `docker compose config` checks (by the same library, compose-go), and what must hold besides."""
import os
import re
import sys

import harness as h
import tools

FOLDER = os.path.join(h.TOP, "compose")
SIGNED = ("docker-compose.yml", os.path.join("docker", "signed.yml"))
THREE = ("docker-compose.yml", os.path.join("docker", "kafka-3.yml"))


def config(*files, **environment):
    """The merged, interpolated model."""
    sys.path.insert(0, tools.packages())
    import yaml
    env = {"PATH": os.environ["PATH"], "HOME": h.scratch(), **environment}
    return yaml.safe_load(h.run(tools.need("compose-config"), *files, cwd=FOLDER, env=env).stdout)


def environment(service):
    found = service.get("environment", {})
    return found if isinstance(found, dict) else dict(item.split("=", 1) for item in found)


def both_files_are_valid():
    assert {"kafka", "redis", "worker", "trainer", "prometheus", "grafana"} <= set(config("docker-compose.yml")["services"])
    assert {"kafka", "kafka-2", "kafka-3"} <= set(config(*THREE)["services"])


def the_check_is_alive():
    path = os.path.join(h.scratch(), "wrong.yml")
    with open(path, "w") as file:
        file.write(open(os.path.join(FOLDER, "docker-compose.yml")).read().replace("stop_grace_period:", "stop_grace:"))
    assert h.run(tools.need("compose-config"), path, check=False).returncode != 0


def three_nodes_are_a_cluster():
    services = config(*THREE)["services"]
    ids, ports, volumes = set(), set(), set()
    for name in ("kafka", "kafka-2", "kafka-3"):
        env = environment(services[name])
        assert env["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@kafka:9093,2@kafka-2:9093,3@kafka-3:9093"
        assert env["KAFKA_MIN_INSYNC_REPLICAS"] == "2" and env["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"] == "3"
        assert env["KAFKA_ADVERTISED_LISTENERS"].startswith(f"PLAINTEXT://{name}:9092,")
        ids.add(env["KAFKA_NODE_ID"])
        ports.update(p["published"] for p in services[name]["ports"])
        volumes.update(v["source"] for v in services[name]["volumes"])
    assert ids == {"1", "2", "3"} and len(ports) == 3 and len(volumes) == 3, (ids, ports, volumes)
    assert environment(services["topics"])["REPLICAS"] == "3"


def with_signed_releases_only_who_publishes_has_the_private_key():
    model = config(*SIGNED)
    wanted = {"release": {"sign-key"}, "worker": {"trusted-keys"}, "trainer": {"sign-key", "trusted-keys"}}
    for name, service in model["services"].items():
        secrets = {s["source"] for s in service.get("secrets", [])} - {"llm-key"}
        assert secrets == wanted.get(name, set()), (name, secrets)
        for option, source in (("SKILLSTREAM_SIGN_KEY", "sign-key"), ("SKILLSTREAM_TRUSTED_KEY", "trusted-keys")):
            expected = f"/run/secrets/{source}" if source in secrets else None
            assert environment(service).get(option) == expected, (name, option)
        assert "SKILLSTREAM_REDIS" in environment(service) or name not in wanted, name  # merged, not replaced
    assert model["secrets"]["sign-key"]["file"] == os.path.join(FOLDER, "keys", "releases.key")


def our_containers_have_no_privilege():
    for name, service in config(*THREE)["services"].items():
        if service["image"] != "skillstream:local":
            continue
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == "10001:10001", name
        assert "no-new-privileges:true" in service["security_opt"], name


def ports_are_open_to_this_machine_only():
    for name, service in config(*THREE)["services"].items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name


def environment_of_the_programs_is_known_to_them():
    """Each SKILLSTREAM_X of a service is an option --x of the program that it starts."""
    for name, service in config(*SIGNED)["services"].items():
        program = (service.get("command") or [""])[0]
        if not program.startswith("skillstream-"):
            continue
        if not os.path.exists(os.path.join(h.BIN, program)):
            continue
        options = set(re.findall(r"^ +--([a-z-]+)", h.run(os.path.join(h.BIN, program), "--help").stdout, re.M))
        for key in environment(service):
            option = key.removeprefix("SKILLSTREAM_").lower().replace("_", "-")
            assert option in options, f"{name}: {key} is no option of {program}"


def the_first_release_does_not_displace_a_newer_one():
    assert "release push --use-if-none " in config("docker-compose.yml")["services"]["release"]["command"][-1]


def the_trainer_can_prove_a_release_better():
    found = environment(config("docker-compose.yml")["services"]["trainer"])
    assert "SKILLSTREAM_VALIDATE" in found or float(found["SKILLSTREAM_HOLD_OUT"]) > 0, found


def mounted_files_exist():
    for name, service in config("docker-compose.yml")["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind" and volume["source"].startswith(FOLDER):
                assert os.path.exists(volume["source"]), f"{name}: {volume['source']}"


h.main(both_files_are_valid, the_check_is_alive, three_nodes_are_a_cluster,
       with_signed_releases_only_who_publishes_has_the_private_key, our_containers_have_no_privilege,
       ports_are_open_to_this_machine_only, environment_of_the_programs_is_known_to_them, mounted_files_exist,
       the_first_release_does_not_displace_a_newer_one, the_trainer_can_prove_a_release_better)
