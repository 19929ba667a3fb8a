"""Releases and cache over TLS to a real redis-server with users: what is right works, what is wrong is told at once."""
import os
import urllib.parse

import certificates
import harness
import securing
from securing import PROGRAM, REDIS_PASSWORD, REDIS_WRONG, Daemon, config_file, environment, refused

_world = {}


class Guarded(harness.Redis):
    """A redis-server with TLS alone, showing one certificate. User "worker" with a password; nobody else may anything."""

    def __init__(self, ours, certificate, clients="no"):
        self.ours, self.certificate = ours, certificate
        super().__init__(port=harness.free_port(), options=[
            "--port", "0", "--tls-cert-file", certificate.file, "--tls-key-file", certificate.key, "--tls-ca-cert-file",
            ours.file, "--tls-auth-clients", clients, "--user", "default", "off", "--user", "worker", "on",
            ">" + REDIS_PASSWORD, "~*", "&*", "+@all"], start=False)
        self.options += ["--tls-port", str(self.port)]
        self.start()

    def at(self, password=REDIS_PASSWORD, ca=True, scheme="rediss", host="127.0.0.1", **files):
        files = {**({"ca": self.ours.file} if ca else {}), **files}
        query = "&".join(f"{key}={urllib.parse.quote(path)}" for key, path in files.items())
        return f"{scheme}://worker:{urllib.parse.quote(password, safe='')}@{host}:{self.port}/0" + (query and "?" + query)


def world():
    if not _world:
        _world["ours"], _world["shown"] = certificates.servers("redis-")
        _world["good"] = Guarded(_world["ours"], _world["shown"]["good"])
        _world["kafka"] = harness.Kafka()
    return _world


def lists(url, words, **how):
    """`skillstream release list` must be refused."""
    return refused([PROGRAM["skillstream"], "release", "list"], words, env=environment(SKILLSTREAM_REDIS=url), **how)


def worker_refused(url, words):
    kafka = world()["kafka"]
    file = config_file("refused.conf", redis=url, bootstrap=kafka.bootstrap)
    refused([PROGRAM["skillstream-worker"], "--config", file, "--http", "off", "--log-format", "json", "--instance", "refused"],
            words)


def over_tls_with_a_user_a_worker_works():
    """A release is pushed, fetched (tens of MB over TLS), followed; sentences are cached; no secret is seen."""
    w = world()
    redis, kafka = w["good"], w["kafka"]
    topics = kafka.create_all(prefix="tls-")
    env = {"SKILLSTREAM_REDIS": redis.at()}
    push = [PROGRAM["skillstream"], "release", "push"]
    first = harness.run(*push, harness.release("a"), env=environment(**env)).stdout.split()[0]
    worker = Daemon("skillstream-worker", "--bootstrap", kafka.bootstrap, "--instance", "tls", "--threads", 1,
                    "--poll-release", "200ms", *topics.options, env=env).ready()
    kafka.publish(topics.ads, [harness.short_ad(f"ad-{n}", n) for n in range(3)])
    for message in kafka.read(topics.records, 3):
        record = harness.parse_record(message.value())
        assert record.release == first
        harness.check_skills(record, int(record.ad_id.split("-")[1]))
    assert worker.metrics()["skillstream_redis_up"] == 1
    second = harness.run(*push, harness.release("b"), env=environment(**env)).stdout.split()[0]
    harness.until(lambda: any(second in name for name in worker.metrics()), "the worker follows the release in use")
    cached = harness.run("redis-cli", "-h", "127.0.0.1", "-p", str(redis.port), "--tls", "--cacert", redis.ours.file, "--user",
                         "worker", "--no-auth-warning", "--scan", "--pattern", "skillstream:sentence:*",
                         env={**os.environ, "REDISCLI_AUTH": REDIS_PASSWORD}).stdout.split()
    assert len(cached) > 3, "no sentence was cached over TLS"
    securing.nothing_leaks(worker)
    assert worker.terminate()[0] == 0, harness.tail(worker.log)
    securing.no_secret(open(worker.log).read(), worker.log)


def a_name_is_as_good_as_an_address():
    harness.run(PROGRAM["skillstream"], "release", "list", env=environment(SKILLSTREAM_REDIS=world()["good"].at(host="localhost")))


def a_server_that_goes_away_comes_back_over_tls():
    """The worker goes on without it and is connected again by itself."""
    w = world()
    redis, kafka = Guarded(w["ours"], w["shown"]["good"]), w["kafka"]
    topics = kafka.create_all(prefix="away-")
    worker = Daemon("skillstream-worker", "--bootstrap", kafka.bootstrap, "--instance", "away", "--threads", 1, "--release",
                    harness.release("a"), *topics.options, env={"SKILLSTREAM_REDIS": redis.at()}).ready()
    kafka.publish(topics.ads, [harness.short_ad("ad-0", 0)])
    kafka.read(topics.records, 1)
    redis.kill()
    kafka.publish(topics.ads, [harness.short_ad("ad-1", 1)])
    kafka.read(topics.records, 2)
    assert worker.metrics()["skillstream_redis_up"] == 0
    redis.start()

    def again():
        again.count += 1
        kafka.publish(topics.ads, [harness.short_ad(f"ad-{again.count}", again.count)])
        return worker.metrics()["skillstream_redis_up"] == 1
    again.count = 1
    harness.until(again, "Redis is up again", 30, 0.5)
    assert worker.terminate()[0] == 0, harness.tail(worker.log)


def a_wrong_password_is_told_at_once():
    redis = world()["good"]
    lists(redis.at(REDIS_WRONG), ["WRONGPASS"])
    worker_refused(redis.at(REDIS_WRONG), ["WRONGPASS"])
    lists(f"rediss://127.0.0.1:{redis.port}/0?ca={redis.ours.file}", ["NOAUTH"])


def a_wrong_certificate_is_told_at_once():
    w = world()
    for case, words in (("expired", ["expired", "renew"]), ("elsewhere", ["mismatch", "URL"]), ("stranger", ["issuer", r"ca=FILE"])):
        redis = Guarded(w["ours"], w["shown"][case])
        lists(redis.at(), ["certificate is refused", *words])
        worker_refused(redis.at(), ["certificate is refused", *words])
        redis.kill()
    lists(w["good"].at(ca=False), ["certificate is refused", r"ca=FILE"])
    lists(w["good"].at(ca=False) + "?ca=/no/such.pem", ["/no/such.pem"], code=78)


def a_client_certificate_where_the_server_wants_one():
    w = world()
    redis, mine = Guarded(w["ours"], w["shown"]["good"], clients="yes"), w["ours"].issue("client")
    harness.run(PROGRAM["skillstream"], "release", "list",
                env=environment(SKILLSTREAM_REDIS=redis.at(cert=mine.file, key=mine.key)))
    lists(redis.at(), ["client's certificate", "cert=FILE"])
    lists(redis.at(cert=mine.file, key=w["shown"]["good"].key), ["key"], code=78)
    redis.kill()


def tls_where_there_is_none_and_none_where_there_is():
    w = world()
    plain = harness.Redis()
    lists(f"rediss://127.0.0.1:{plain.port}/0", ["TLS"], limit=60)
    lists(w["good"].at(scheme="redis", ca=False), ["redis://worker"], limit=60)


harness.main(over_tls_with_a_user_a_worker_works, a_name_is_as_good_as_an_address, a_server_that_goes_away_comes_back_over_tls,
             a_wrong_password_is_told_at_once, a_wrong_certificate_is_told_at_once,
             a_client_certificate_where_the_server_wants_one, tls_where_there_is_none_and_none_where_there_is)
