"""Workers of one group share the ads; whatever is killed, each ad has exactly one committed record."""
import json
import time

import harness as h

ADS = 400
kafka, redis = None, None


def start():
    global kafka, redis
    h.release("a")
    kafka, redis = h.Kafka(), h.Redis()
    h.push(redis)


def ad_of(ad_id, number):
    """An ad with sentences of its own, so that the work takes long enough to be interrupted."""
    own = "".join(f"<p>Site {number} has building {i} with {number * i} seats and a door to the {i}th yard.</p>" for i in range(8))
    return ad_id, json.dumps({"id": ad_id, "title": f"Vacancy {number}", "html": h.html_of(number) + own}).encode(), None


def published(topics, prefix):
    ads = [ad_of(f"{prefix}-{i}", i) for i in range(ADS)]
    kafka.publish(topics.ads, ads)
    return sorted(key for key, _, _ in ads)


def wait_for_records(worker, at_least):
    h.until(lambda: worker.metrics()["skillstream_records_published_total"] >= at_least, f"{at_least} records", 120, pause=0.02)


def wait_for_shares(workers):
    """Each has half of the six partitions."""
    h.until(lambda: all(w.metrics().get("skillstream_assigned_partitions") == 3 for w in workers), "three partitions each", 60)


def two_workers_share_and_none_is_lost_or_doubled():
    topics = kafka.create_all(partitions=6, prefix="share-")
    workers = [h.Worker(kafka, topics, ["--group", "share", "--batch-ads", 8], redis=redis).ready() for _ in range(2)]
    wait_for_shares(workers)
    wanted = published(topics, "s")
    records = kafka.read(topics.records, ADS, timeout=120, quiet=3)
    assert h.ids_of(records) == wanted
    shares = [w.metrics()["skillstream_records_published_total"] for w in workers]
    assert sum(shares) == ADS and min(shares) > 0, shares
    for worker in workers:
        code, seconds = worker.terminate()
        assert code == 0 and seconds < 25, (code, seconds)
    for message in records[:20]:
        record = h.parse_record(message.value())
        h.check_skills(record, int(record.ad_id.split("-")[1]))


def a_worker_killed_and_restarted_loses_and_doubles_nothing():
    topics = kafka.create_all(partitions=6, prefix="kill-")
    options = ["--group", "kill", "--batch-ads", 8, "--kafka", "session.timeout.ms=6000", "--cache-memory", 0, "--no-redis-cache"]
    first = h.Worker(kafka, topics, options, redis=redis, instance="kill-0").ready()
    second = h.Worker(kafka, topics, options, redis=redis, instance="kill-1").ready()
    wait_for_shares([first, second])
    wanted = published(topics, "k")
    wait_for_records(first, 40)
    seen = sum(w.metrics()["skillstream_records_published_total"] for w in (first, second))
    first.kill()
    assert seen < ADS, "the kill came too late to prove anything"
    again = h.Worker(kafka, topics, options, redis=redis, instance="kill-0").ready()
    records = kafka.read(topics.records, ADS, timeout=180, quiet=3)
    assert h.ids_of(records) == wanted, (len(records), len(set(h.ids_of(records))))
    for worker in (second, again):
        code, seconds = worker.terminate()
        assert code == 0 and seconds < 25, (code, seconds)
    done, end = kafka.committed("kill", topics.ads)
    assert done == end == ADS, (done, end)


def sigterm_in_the_middle_drains_and_the_next_worker_goes_on():
    topics = kafka.create_all(partitions=2, prefix="drain-")
    options = ["--group", "drain", "--batch-ads", 8, "--cache-memory", 0, "--no-redis-cache"]
    worker = h.Worker(kafka, topics, options, redis=redis).ready()
    wanted = published(topics, "d")
    wait_for_records(worker, 40)
    code, seconds = worker.terminate()
    assert code == 0 and seconds < 25, (code, seconds)
    before = len(kafka.read(topics.records))
    assert before < ADS, "the signal came too late to prove anything"
    time.sleep(1)
    assert len(kafka.read(topics.records)) == before, "records after the end of the only worker"
    done, _ = kafka.committed("drain", topics.ads)
    assert done == before, (done, before)
    h.Worker(kafka, topics, options, redis=redis).ready()
    assert h.ids_of(kafka.read(topics.records, ADS, timeout=120, quiet=2)) == wanted


h.main(start, two_workers_share_and_none_is_lost_or_doubled, a_worker_killed_and_restarted_loses_and_doubles_nothing,
       sigterm_in_the_middle_drains_and_the_next_worker_goes_on)
