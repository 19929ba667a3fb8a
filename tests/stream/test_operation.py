"""What an operator sees: /live, /ready, /metrics that add up, logs without content, and a sentence cache that is true."""
import json
import re
import time

import harness as h

kafka, redis, digest = None, None, None
PROMISED = ["skillstream_ads_consumed_total", "skillstream_records_published_total", "skillstream_dead_letters_total{reason=",
            'skillstream_sentences_total{outcome="embedded"}', 'skillstream_sentences_total{outcome="cached"}',
            'skillstream_sentences_total{outcome="filtered"}', "skillstream_mentions_total",
            'skillstream_transactions_total{result="', 'skillstream_stage_seconds_bucket{stage="',
            'skillstream_consumer_lag{partition="', "skillstream_release_info{digest=", "skillstream_redis_up",
            "skillstream_build_info", 'skillstream_thread_seconds_total{thread="compute",state="redis"}']


def start():
    global kafka, redis, digest
    h.release("a")
    kafka, redis = h.Kafka(), h.Redis()
    digest = h.push(redis)


def metrics_are_the_promised_ones_and_agree_with_the_topics():
    topics = kafka.create_all(partitions=3, prefix="metrics-")
    worker = h.Worker(kafka, topics, ["--group", "metrics", "--batch-ads", 8], redis=redis).ready()
    kafka.publish(topics.ads, [h.short_ad(f"ad-{i}", i) for i in range(50)] + [("bad", b'{"cut', None), ("none", b"", None)])
    records = [h.parse_record(m.value()) for m in kafka.read(topics.records, 50)]
    kafka.read(topics.letters, 2)
    h.until(lambda: worker.metrics()["skillstream_ads_consumed_total"] == 52, "all ads are counted", 20)
    found = worker.metrics()
    missing = [name for name in PROMISED if not any(sample.startswith(name) for sample in found)]
    assert not missing, missing
    assert found["skillstream_records_published_total"] == 50
    assert found['skillstream_dead_letters_total{reason="bad-json"}'] == 1
    assert found['skillstream_dead_letters_total{reason="empty"}'] == 1
    assert found["skillstream_mentions_total"] == sum(len(r.mentions) for r in records)
    sentences = {k: v for k, v in found.items() if k.startswith("skillstream_sentences_total")}
    assert sum(sentences.values()) == sum(r.sentence_count for r in records), sentences
    assert found['skillstream_sentences_total{outcome="filtered"}'] == sum(r.sentence_count - r.scored_sentence_count for r in records)
    assert found['skillstream_transactions_total{result="committed"}'] >= 52 / 8
    (info,) = [name for name in found if name.startswith("skillstream_release_info")]
    assert f'digest="{digest}"' in info and "ESCO" in info and found[info] == 1
    lags = {k: v for k, v in found.items() if k.startswith("skillstream_consumer_lag")}
    assert len(lags) == 3 and all(0 <= v <= 1 for v in lags.values()), lags
    for stage in ("decode", "text", "embed", "match", "publish"):
        assert found[f'skillstream_stage_seconds_count{{stage="{stage}"}}'] > 0, stage
    assert worker.terminate()[0] == 0


def each_thread_accounts_for_all_of_its_time():
    topics = kafka.create_all(prefix="threads-")
    worker = h.Worker(kafka, topics, ["--group", "threads", "--batch-ads", 4, "--cache-memory", 0], redis=redis).ready()
    first, start = worker.metrics(), time.monotonic()
    kafka.publish(topics.ads, [h.short_ad(f"ad-{i}", i) for i in range(40)])
    kafka.read(topics.records, 40)
    last, passed = worker.metrics(), time.monotonic() - start
    spent = {}
    for name in last:
        if name.startswith("skillstream_thread_seconds_total"):
            thread, state = re.findall(r'"(\w+)"', name)
            spent.setdefault(thread, {})[state] = last[name] - first[name]
    assert set(spent) == {"poller", "compute", "publisher"} and set(spent["compute"]) == {"work", "redis", "ads", "commit"}
    for thread, states in spent.items():
        assert all(v >= 0 for v in states.values()) and abs(sum(states.values()) - passed) < 0.2, (thread, states, passed)
    stages = sum(last[f'skillstream_stage_seconds_sum{{stage="{s}"}}'] for s in
                 ("decode", "text", "lookup", "embed", "match", "mention", "encode"))
    at_work = spent["compute"]["work"] + spent["compute"]["redis"]
    assert stages <= at_work + 0.01 and at_work < stages + 0.2, (stages, spent)
    assert spent["compute"]["redis"] > 0 and spent["publisher"]["commit"] > 0, spent
    published = last['skillstream_stage_seconds_sum{stage="publish"}']
    assert abs(published - spent["publisher"]["commit"]) < 0.2, (published, spent)
    assert worker.terminate()[0] == 0


def the_metrics_page_is_valid_prometheus_text():
    topics = kafka.create_all(prefix="page-")
    worker = h.Worker(kafka, topics, ["--group", "page"], redis=redis).ready()
    _, page = worker.get("/metrics")
    helps, types, last = set(), {}, None
    for line in page.splitlines():
        if line.startswith("# HELP "):
            helps.add(line.split()[2])
        elif line.startswith("# TYPE "):
            types[line.split()[2]] = line.split()[3]
        else:
            name = line.split("{")[0].split(" ")[0]
            family = name
            for suffix in ("_bucket", "_sum", "_count"):
                if name.endswith(suffix) and types.get(name[:-len(suffix)]) == "histogram":
                    family = name[:-len(suffix)]
            assert family in types and family in helps, line
            assert types[family] != "counter" or family.endswith("_total"), family
            float(line.rsplit(" ", 1)[1])
            last = line
    assert last and page.endswith("\n")
    assert worker.get("/nowhere")[0] == 404 and worker.get("/")[0] == 200
    worker.terminate()


def logs_are_json_lines_without_content_of_ads():
    topics = kafka.create_all(prefix="logs-")
    worker = h.Worker(kafka, topics, ["--group", "logs", "--log-level", "debug"], redis=redis).ready()
    secret = "Zanzibarberry"
    kafka.publish(topics.ads, [("a", json.dumps({"id": "a", "text": f"{secret} project management"}).encode(), None),
                               ("b", f'{{"id": "{secret}'.encode(), None)])
    kafka.read(topics.records, 1)
    kafka.read(topics.letters, 1)
    worker.terminate()
    text = open(worker.log).read()
    assert secret not in text
    assert len(worker.events()) == len(text.splitlines()) > 3, text[:2000]
    assert any("port" in json.dumps(e) for e in worker.events())


def records_from_the_cache_say_the_same():
    topics = kafka.create_all(partitions=1, prefix="cache-")
    ads = [h.short_ad(f"ad-{i}", i) for i in range(40)]
    kafka.publish(topics.ads, ads)
    redis.cli("CONFIG", "RESETSTAT")
    runs = {}
    for name, options in (("none", ["--cache-memory", 0, "--no-redis-cache"]), ("fill", ["--cache-memory", 0]),
                          ("redis", ["--cache-memory", 0]), ("memory", ["--no-redis-cache", "--batch-ads", 5])):
        out = f"cache-out-{name}"
        kafka.create(out)
        names = h.Topics(topics.ads, out, topics.letters)
        worker = h.Worker(kafka, names, ["--group", "cache-" + name, "--with-text", *options], redis=redis).ready()
        messages = kafka.read(out, len(ads))
        found = h.until(lambda: worker.metrics() if worker.metrics()["skillstream_ads_consumed_total"] == 40 else None, "counted", 20)
        runs[name] = (messages, found)
        assert worker.terminate()[0] == 0
    plain = {m.key(): h.parse_record(m.value()) for m in runs["none"][0]}
    for name, (messages, found) in runs.items():
        for message in messages:
            record = h.parse_record(message.value())
            assert record == plain[message.key()], f"{name}: {record.ad_id} differs"
        embedded = found['skillstream_sentences_total{outcome="embedded"}']
        cached = found['skillstream_sentences_total{outcome="cached"}']
        if name == "redis":
            assert embedded == 0 and cached > 0 and found['skillstream_cache_lookups_total{result="redis"}'] > 0, (embedded, cached)
        if name == "memory":
            assert found['skillstream_cache_lookups_total{result="memory"}'] > 0
        if name == "none":
            assert embedded > 0
    keys = redis.keys(f"skillstream:sentence:{digest}:*")
    assert keys and 0 < int(redis.cli("TTL", keys[0])) <= 7 * 86400


def spoilt_values_in_the_cache_are_not_believed():
    topics = kafka.create_all(prefix="spoilt-")
    kafka.publish(topics.ads, [h.short_ad(f"ad-{i}", i) for i in range(10)])
    options = ["--cache-memory", 0]
    first = h.Worker(kafka, topics, ["--group", "spoilt-1", *options], redis=redis).ready()
    before = {m.key(): h.parse_record(m.value()) for m in kafka.read(topics.records, 10)}
    first.terminate()
    keys = redis.keys(f"skillstream:sentence:{digest}:*")
    for i, key in enumerate(keys):
        if i % 3 == 0:
            redis.cli("SETRANGE", key, int(redis.cli("STRLEN", key)) // 2, "\x7f\x01\x7f")
        elif i % 3 == 1:
            redis.cli("SET", key, "short")
    second = h.Worker(kafka, topics, ["--group", "spoilt-2", *options], redis=redis).ready()
    messages = kafka.read(topics.records, 20)
    for message in messages[10:]:
        assert h.parse_record(message.value()) == before[message.key()]
    found = h.until(lambda: second.metrics() if second.metrics()["skillstream_ads_consumed_total"] == 10 else None, "counted", 20)
    assert found["skillstream_cache_bad_values_total"] > 0
    second.terminate()


h.main(start, metrics_are_the_promised_ones_and_agree_with_the_topics, each_thread_accounts_for_all_of_its_time,
       the_metrics_page_is_valid_prometheus_text,
       logs_are_json_lines_without_content_of_ads, records_from_the_cache_say_the_same,
       spoilt_values_in_the_cache_are_not_believed)
