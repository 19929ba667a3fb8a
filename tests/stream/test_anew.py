"""A topic that is deleted and made anew under a running worker: each ad of the new one comes once, wherever the old one ended.

The worker is stopped (SIGSTOP) while it happens, so that it cannot look before the new topic is as the case wants it; that
it is the same topic by name is all that librdkafka 2.0 can tell. See common/stream/kafka_commits.c.
"""
import signal

import harness as h

PARTITIONS = 2
kafka = None


def start():
    global kafka
    h.release("a")
    kafka = h.Kafka()


def publish(names, name, per_partition):
    """Ads name-0 ... as many in each partition; their ids."""
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    ids = [f"{name}-{number}" for number in range(PARTITIONS * per_partition)]
    for number, ad in enumerate(ids):
        producer.produce(names.ads, key=ad, value=h.short_ad(ad, number)[1], partition=number % PARTITIONS)
    assert producer.flush(30) == 0
    return ids


def make_anew(names):
    kafka.delete(names.ads)
    h.until(lambda: not kafka.exists(names.ads), "the topic is gone", 30)
    kafka.create(names.ads, partitions=PARTITIONS)
    h.until(lambda: kafka.exists(names.ads), "the topic is there", 30)


def worker_with_history(prefix, *options):
    """A worker that has committed 20 ads of each partition, in several transactions; its topics, the ids."""
    names = kafka.create_all(partitions=PARTITIONS, prefix=prefix)
    worker = h.Worker(kafka, names, ["--group", prefix, "--release", h.release("a"), *options]).ready()
    old = []
    for round_ in range(5):
        old += publish(names, f"old{round_}", 4)
        kafka.read(names.records, len(old))
    return worker, names, old


def made_anew_unseen(worker, names, count):
    """The topic is replaced and has so many ads before the worker can look; their ids."""
    worker.process.send_signal(signal.SIGSTOP)
    make_anew(names)
    new = publish(names, "new", count)
    worker.process.send_signal(signal.SIGCONT)
    return new


def check(worker, names, wanted):
    found = kafka.read(names.records, len(wanted), timeout=90, quiet=3)
    assert h.ids_of(found) == sorted(wanted), sorted(set(wanted) ^ set(h.ids_of(found))) or "twice"
    h.until(lambda: len(set(kafka.committed(names.ads.removesuffix("job-ads"), names.ads))) == 1, "all is committed", 30)
    assert "made anew" in open(worker.log).read()
    assert worker.terminate()[0] == 0


def one_that_ends_below_the_old_offsets():
    worker, names, old = worker_with_history("below-")
    make_anew(names)
    check(worker, names, old + publish(names, "new", 6))


def one_that_has_grown_past_the_old_offsets_before_the_worker_looks():
    worker, names, old = worker_with_history("past-")
    check(worker, names, old + made_anew_unseen(worker, names, 50))


def one_that_ends_exactly_at_the_old_offsets():
    """Nothing is to be read there, so no transaction finds it."""
    worker, names, old = worker_with_history("at-")
    check(worker, names, old + made_anew_unseen(worker, names, 20))


def one_that_is_replaced_under_a_batch_of_the_old():
    """The worker holds ads of the old topic that wait for more; they were not committed, and go with their topic."""
    worker, names, old = worker_with_history("batch-", "--batch-ads", 8, "--linger", "60s")
    publish(names, "held", 3)
    h.until(lambda: sum(v for k, v in worker.metrics().items() if k.startswith("skillstream_consumer_lag{")) == 6,
            "the worker has fetched the ads", 30)
    check(worker, names, old + made_anew_unseen(worker, names, 48))


def one_that_is_away_for_a_while():
    """The worker notices, waits, and reads the new one from its beginning."""
    worker, names, old = worker_with_history("away-")
    kafka.delete(names.ads)
    h.until(lambda: "rewinding" in open(worker.log).read(), "the worker notices", 30)
    kafka.create(names.ads, partitions=PARTITIONS)
    check(worker, names, old + publish(names, "new", 50))


def what_the_broker_does_with_offsets():
    """On which all this rests: a reader without isolation sees the last commit while a transaction is open, and a deleted topic
    takes its offsets along, those of the open transaction too."""
    from confluent_kafka import Consumer, Producer, TopicPartition
    kafka.create("offsets-in", "offsets-out")
    settings = {"bootstrap.servers": kafka.bootstrap, "group.id": "offsets", "enable.auto.commit": False}
    reader = Consumer(dict(settings, **{"isolation.level": "read_uncommitted"}))
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "offsets"})
    producer.init_transactions(30)

    def committed():
        return reader.committed([TopicPartition("offsets-in", 0)], 20)[0].offset

    def send(offset):
        producer.begin_transaction()
        producer.produce("offsets-out", b"x")
        producer.send_offsets_to_transaction([TopicPartition("offsets-in", 0, offset)], reader.consumer_group_metadata(), 30)
    send(10)
    producer.commit_transaction(30)
    h.until(lambda: committed() == 10, "the commit is seen", 20)
    send(20)
    assert committed() == 10
    kafka.delete("offsets-in")
    h.until(lambda: not kafka.exists("offsets-in"), "the topic is gone", 30)
    kafka.create("offsets-in")
    h.until(lambda: committed() < 0, "its commit is gone", 20)
    producer.commit_transaction(30)
    send(3)  # begins only after the one before is complete
    assert committed() < 0
    producer.abort_transaction(30)
    reader.close()


h.main(start, what_the_broker_does_with_offsets, one_that_ends_below_the_old_offsets,
       one_that_has_grown_past_the_old_offsets_before_the_worker_looks, one_that_ends_exactly_at_the_old_offsets,
       one_that_is_replaced_under_a_batch_of_the_old, one_that_is_away_for_a_while)
