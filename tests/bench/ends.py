"""Both ends of the pipeline: a publisher that keeps pace and a read_committed reader that notes when each record arrived.

Shared by tests/bench/stream and tests/chaos/soak. Ids are told as they are sent and read, so that an hour can be watched.
"""
import json
import threading
import time


class Reader(threading.Thread):
    """Notes when the record of each ad arrived, as a read_committed consumer of the topic sees it."""

    def __init__(self, kafka, topic, partitions):
        from confluent_kafka import Consumer, TopicPartition
        super().__init__(daemon=True)
        self.arrived, self.count, self.stopping = {}, 0, False  # count: of records, those that came again too
        self.consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "bench", "enable.auto.commit": False,
                                  "isolation.level": "read_committed", "fetch.wait.max.ms": 5})
        self.consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
        self.start()

    def run(self):
        while not self.stopping:
            for message in self.consumer.consume(500, 0.02):
                if not message.error():
                    self.count += 1
                    self.arrived.setdefault(message.key().decode(), time.monotonic())
        self.consumer.close()

    def end(self):
        self.stopping = True
        self.join()


def publish(kafka, topic, ads, name, partitions, rate=None, sent=None):
    """Produces the ads under new ids, evenly over the partitions; with a rate at that many a second. {id: moment}, which
    another thread may watch when it gives `sent`."""
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 0 if rate else 5,
                         "queue.buffering.max.messages": 1000000})
    sent, start = {} if sent is None else sent, time.monotonic()
    for number, ad in enumerate(ads):
        ad_id = f"{name}-{number}"
        while rate and time.monotonic() < start + number / rate:
            producer.poll(max(0.0, start + number / rate - time.monotonic()))
        value = json.dumps({"id": ad_id, "html": ad})
        sent[ad_id] = time.monotonic()
        producer.produce(topic, key=ad_id, value=value, partition=number % partitions)
        producer.poll(0)
    assert producer.flush(60) == 0
    return sent
