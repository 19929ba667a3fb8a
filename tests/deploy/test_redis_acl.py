"""The Redis users of docker-compose.yml, in a real Redis: workers can work, and can do nothing else."""
import os
import re
import sys
import types

import harness as h
import tools

live = types.SimpleNamespace()


def redis_options():
    """What docker-compose.yml gives redis-server about users, with the default passwords."""
    sys.path.insert(0, tools.packages())
    import yaml
    with open(os.path.join(h.TOP, "compose", "docker-compose.yml")) as file:
        words = [str(w) for w in yaml.safe_load(file)["services"]["redis"]["command"]]
    words = [re.sub(r"\$\{[^:}]+:-([^}]*)\}", r"\1", w) for w in words]
    return words[words.index("--user"):]


def url(redis, user):
    return f"redis://{user}:{user}-local@127.0.0.1:{redis.port}/0"


def cli(redis, user, *words):
    return h.run("redis-cli", "-h", "127.0.0.1", "-p", str(redis.port), "--user", user, "--pass", f"{user}-local",
                 "--no-auth-warning", *words).stdout.strip()


def nobody_comes_in_without_a_password():
    assert "NOAUTH" in live.redis.cli("PING")


def the_operator_handles_releases_and_the_worker_does_not():
    a, b = (h.skillstream("release", "push", h.release(name), "--redis", url(live.redis, "operator"), "--sign-key",
                          live.key + ".key").stdout.split()[0] for name in ("a", "b"))
    assert cli(live.redis, "worker", "GET", "skillstream:release:current") == b
    h.skillstream("release", "rollback", "--redis", url(live.redis, "operator"))
    assert a in h.skillstream("release", "list", "--redis", url(live.redis, "operator")).stdout
    signed = h.skillstream("release", "verify", a, "--redis", url(live.redis, "worker"), "--trusted-key", live.key + ".pub")
    assert a in signed.stdout
    refused = h.skillstream("release", "sign", a, "--redis", url(live.redis, "worker"), "--sign-key", live.key + ".key", check=False)
    assert refused.returncode == 1 and "NOPERM" in refused.stderr, refused
    refused = h.skillstream("release", "use", b, "--redis", url(live.redis, "worker"), check=False)
    assert refused.returncode == 1 and "NOPERM" in refused.stderr, refused
    assert "NOPERM" in cli(live.redis, "worker", "SET", "skillstream:release:current", b)
    h.skillstream("release", "gc", "--keep", "1", "--redis", url(live.redis, "operator"))


def a_worker_works_as_the_worker_user():
    kafka = h.Kafka()
    topics = kafka.create_all(prefix="acl-")
    worker = h.Worker(kafka, topics, options=["--redis", url(live.redis, "worker"), "--trusted-key", live.key + ".pub"]).ready()
    kafka.publish(topics.ads, [h.short_ad(f"ad-{n}", n) for n in range(3)])
    assert h.ids_of(kafka.read(topics.records, 3)) == ["ad-0", "ad-1", "ad-2"]
    metrics = worker.metrics()
    assert metrics["skillstream_redis_up"] == 1
    assert int(cli(live.redis, "operator", "DBSIZE")) > 3, "no sentence was cached"
    other = h.skillstream("release", "push", h.release("b"), "--redis", url(live.redis, "operator"), "--sign-key",
                          live.key + ".key").stdout.split()[0]
    h.until(lambda: any(other in name for name in worker.metrics()), "the worker follows the release in use")
    assert worker.terminate()[0] == 0
    assert "NOPERM" not in open(worker.log).read()


def neither_reaches_other_keys_or_the_server():
    for user in ("worker", "operator"):
        for words in (("SET", "other", "1"), ("GET", "other"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"),
                      ("ACL", "LIST"), ("SHUTDOWN",)):
            assert "NOPERM" in cli(live.redis, user, *words), (user, words)


def start():
    live.key = os.path.join(h.scratch(), "releases")
    h.skillstream("release", "keygen", "--out", live.key)
    live.redis = h.Redis(options=redis_options())


h.main(start, nobody_comes_in_without_a_password, the_operator_handles_releases_and_the_worker_does_not,
       a_worker_works_as_the_worker_user, neither_reaches_other_keys_or_the_server)
