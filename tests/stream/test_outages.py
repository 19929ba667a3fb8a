"""Redis and the broker away, at start and later; topics missing; wrong credentials, options and configuration."""
import os
import re
import time

import harness as h

kafka, topics = None, None


def start():
    global kafka, topics
    h.release("a")
    kafka = h.Kafka()
    topics = kafka.create_all(partitions=2)


def redis_away_at_start_is_waited_for():
    names = kafka.create_all(prefix="late-redis-")
    redis = h.Redis(start=False)
    worker = h.Worker(kafka, names, ["--group", "late-redis"], redis=redis)
    h.until(lambda: worker.get("/ready")[0] == 503, "not ready", 20)
    assert worker.get("/live")[0] == 200 and str(redis.port) in worker.get("/ready")[1], worker.get("/ready")
    redis.start()
    h.until(lambda: "no release" in worker.get("/ready")[1], "it says that there is no release", 30)
    h.push(redis)
    worker.ready(40)
    kafka.publish(names.ads, [h.short_ad("a", 1)])
    assert h.ids_of(kafka.read(names.records, 1)) == ["a"]
    assert worker.terminate()[0] == 0


def a_worker_with_a_release_file_needs_no_redis():
    names = kafka.create_all(prefix="file-")
    for redis in (None, h.Redis(start=False)):
        worker = h.Worker(kafka, names, ["--group", f"file-{redis is None}", "--release", h.release("a")], redis=redis).ready()
        kafka.publish(names.ads, [h.short_ad("a", 1)])
        h.until(lambda: worker.metrics()["skillstream_records_published_total"] >= 1, "a record", 30)
        assert worker.terminate()[0] == 0


def redis_killed_while_running_costs_the_cache_and_nothing_else():
    names = kafka.create_all(partitions=2, prefix="lost-redis-")
    redis = h.Redis()
    h.push(redis)
    worker = h.Worker(kafka, names, ["--group", "lost-redis", "--cache-memory", 0, "--batch-ads", 8], redis=redis).ready()
    kafka.publish(names.ads, [h.short_ad(f"before-{i}", i) for i in range(30)])
    kafka.read(names.records, 30)
    assert worker.metrics()["skillstream_redis_up"] == 1
    redis.kill()
    kafka.publish(names.ads, [h.short_ad(f"during-{i}", i) for i in range(60)])
    assert len(set(h.ids_of(kafka.read(names.records, 90, quiet=1)))) == 90
    assert worker.metrics()["skillstream_redis_up"] == 0 and worker.get("/live")[0] == 200
    redis.start()  # empty: neither the release nor the sentences are there any more
    for round_ in range(20):
        kafka.publish(names.ads, [h.short_ad(f"after-{round_}-{i}", i) for i in range(5)])
        kafka.read(names.records, 90 + 5 * (round_ + 1))
        if worker.metrics()["skillstream_redis_up"] == 1:
            break
        time.sleep(0.5)
    assert worker.metrics()["skillstream_redis_up"] == 1, "the worker did not come back to Redis"
    assert worker.terminate()[0] == 0


def an_idle_worker_tells_whether_redis_is_there():
    names = kafka.create_all(prefix="idle-redis-")
    redis = h.Redis()
    h.push(redis)
    up = lambda worker: worker.metrics().get("skillstream_redis_up")  # noqa: E731
    without = h.Worker(kafka, names, ["--group", "no-redis-cache", "--no-redis-cache"], redis=redis).ready()
    worker = h.Worker(kafka, names, ["--group", "idle-redis"], redis=redis).ready()
    assert up(worker) == 1 and up(without) is None, (up(worker), up(without))
    redis.kill()
    h.until(lambda: up(worker) == 0, "the idle worker has seen that Redis is away", 30)
    assert any("without Redis" in e["message"] for e in worker.events())
    redis.start()
    h.until(lambda: up(worker) == 1, "and that it is back", 60)
    for one in (worker, without):
        assert one.terminate()[0] == 0
    # one that waits for its release: Redis is there, the release is not
    waiting = h.Worker(kafka, names, ["--group", "waits"], redis=redis)
    h.until(lambda: "no release" in waiting.get("/ready")[1], "it waits for a release", 30)
    assert up(waiting) == 1
    assert waiting.terminate()[0] == 0


def broker_away_at_start_and_killed_later_is_waited_for():
    own = h.Kafka()
    names = own.create_all(partitions=2)
    own.stop()
    worker = h.Worker(own, names, ["--release", h.release("a"), "--batch-ads", 8])
    h.until(lambda: "broker" in worker.get("/ready")[1] and worker.get("/ready")[0] == 503, "not ready", 30)
    assert worker.get("/live")[0] == 200
    own.start()
    worker.ready(60)
    own.publish(names.ads, [h.short_ad(f"first-{i}", i) for i in range(40)])
    own.read(names.records, 40)
    own.publish(names.ads, [h.short_ad(f"second-{i}", i) for i in range(200)])
    own.kill()
    time.sleep(3)
    assert worker.process.poll() is None and worker.get("/live")[0] == 200
    own.start()
    own.publish(names.ads, [h.short_ad(f"third-{i}", i) for i in range(20)])
    records = own.read(names.records, 260, timeout=150, quiet=3)
    wanted = [f"{w}-{i}" for w, n in (("first", 40), ("second", 200), ("third", 20)) for i in range(n)]
    assert h.ids_of(records) == sorted(wanted), (len(records), len(set(h.ids_of(records))))
    code, seconds = worker.terminate()
    assert code == 0 and seconds < 25, (code, seconds)


def sigterm_ends_a_worker_that_still_waits():
    for options, redis in ((["--release", h.release("a")], None), ([], h.Redis(start=False))):
        worker = h.Worker(None, None, options, redis=redis, bootstrap=f"127.0.0.1:{h.free_port()}")
        h.until(lambda: worker.get("/ready")[0] == 503, "not ready", 20)
        code, seconds = worker.terminate()
        assert code == 0 and seconds < 25, (code, seconds)


def refusals():
    """What the worker says and how it ends, for what waiting would not mend."""
    secret, file = h.Redis(options=["--requirepass", "right"]), h.release("a")
    config = os.path.join(h.scratch(), "wrong.conf")
    with open(config, "w", encoding="utf-8") as out:
        out.write("batch-adz = 8\n")
    nowhere = h.Topics("nowhere", topics.records, topics.letters)
    url = f"redis://:wrong@127.0.0.1:{secret.port}/0"
    free = f"127.0.0.1:{h.free_port()}"
    return [  # options, topics, exit code, what stands in the message
        (["--release", file], nowhere, 1, "nowhere"),
        (["--redis", url], topics, 1, f"127.0.0.1:{secret.port}"),
        (["--redis", secret.url], topics, 1, f"127.0.0.1:{secret.port}"),
        (["--release", file, "--redsi", "x"], topics, 2, "mean 'redis'"),
        (["--release", file, "--batch-ads", "many"], topics, 2, "batch-ads"),
        ([], topics, 2, "--redis"),
        (["--release", file, "--config", config], topics, 78, "batch-ads"),
        (["--release", file, "--config", config + ".none"], topics, 78, config + ".none"),
        (["--release", file, "--kafka", "no.such.setting=1"], topics, 78, "no.such.setting"),
        (["--release", file, "--kafka", "isolation.level=read_uncommitted"], topics, 78, "isolation.level"),
        (["--redis", "redis:/missing"], topics, 78, "redis://"),
        (["--release", file, "--http", "127.0.0.1:notaport"], topics, 78, "notaport"),
        (["--release", file, "--kafka", "security.protocol=SASL_PLAINTEXT", "--kafka", "sasl.mechanism=PLAIN",
          "--kafka", "sasl.username=u", "--kafka", "sasl.password=p4ss", "--wait-broker", "1s"], topics, 1, ""),
        (["--release", file, "--bootstrap", free, "--wait-broker", "2s"], topics, 1, free),
    ]


def what_waiting_would_not_mend_ends_at_once_with_a_message():
    wrong = []
    for options, names, code, said in refusals():
        worker = h.Worker(kafka, names, options)
        found = worker.wait(60)
        log = h.tail(worker.log, 50)
        if found != code or said not in log or re.search(r"p4ss|:wrong@", log):
            wrong.append(f"{options}: exit code {found} (expected {code}), expected to say {said!r}:\n{log}")
    assert not wrong, "\n".join(wrong)


def the_environment_is_read_and_checked():
    done = h.run(os.path.join(h.BIN, "skillstream-worker"), check=False,
                 env=dict(os.environ, SKILLSTREAM_BOOTSTRAP="127.0.0.1:1", SKILLSTREAM_BATCH_ADS="none", SKILLSTREAM_RELEASE="x"))
    assert done.returncode == 78 and "BATCH_ADS" in done.stderr.upper().replace("-", "_"), done


h.main(start, redis_away_at_start_is_waited_for, a_worker_with_a_release_file_needs_no_redis,
       redis_killed_while_running_costs_the_cache_and_nothing_else,
       an_idle_worker_tells_whether_redis_is_there, broker_away_at_start_and_killed_later_is_waited_for,
       sigterm_ends_a_worker_that_still_waits, what_waiting_would_not_mend_ends_at_once_with_a_message,
       the_environment_is_read_and_checked)
