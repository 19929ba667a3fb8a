"""The campaign's judge: another client library (confluent-kafka) that reads what is committed while everything happens.

Feed publishes the ads in order and knows what the brokers took. Oracle reads records and dead letters as read_committed,
keeps all it saw of each ad, and knows how far the ads are complete, which is what recovery is measured with.
"""
import logging
import threading
import time
from collections import namedtuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from world import number_of

Sighting = namedtuple("Sighting", "topic partition offset when value headers")
_quiet = logging.getLogger("confluent-kafka")


class Feed(threading.Thread):
    """Ads 0 to count-1: half of them evenly over `seconds`, the rest in bursts when told, all at the end."""

    def __init__(self, bootstrap, topic, ads, count, seconds):
        super().__init__(name="feed", daemon=True)
        self.topic, self.ads, self.count, self.seconds = topic, ads, count, seconds
        self.sent, self.placed, self.times, self.failures = 0, {}, {}, []
        self._extra, self._all = 0, False
        self.producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
                                  "delivery.timeout.ms": 600000, "partitioner": "murmur2_random",
                                  "socket.timeout.ms": 10000}, logger=_quiet)

    def burst(self, more):
        self._extra += more

    def all(self):
        self._all = True

    def run(self):
        started = time.monotonic()
        while self.sent < self.count:
            share = min(1.0, (time.monotonic() - started) / self.seconds)
            due = self.count if self._all else min(self.count, int(self.count * 0.5 * share) + self._extra)
            while self.sent < due:
                self._send()
            self.producer.poll(0.01)
        while self.producer.flush(1):
            pass

    def _send(self):
        key, value = self.ads.message(self.sent)
        self.times[self.sent] = time.monotonic()
        while True:
            try:
                self.producer.produce(self.topic, key=key, value=value, on_delivery=self._delivered)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.sent += 1
        self.producer.poll(0)

    def _delivered(self, error, message):
        if error:
            self.failures.append((message.key(), str(error)))
        else:
            self.placed[number_of(message.key())] = (message.partition(), message.offset())


class Oracle(threading.Thread):
    def __init__(self, bootstrap, records, letters):
        super().__init__(name="oracle", daemon=True)
        self.records, self.letters = records, letters
        self.seen = {}  # number -> [Sighting]
        self.doubles, self.low = [], 0  # all ads below `low` were seen
        self.strange = []  # keys that are no ad of ours
        self.stopping = False
        self.error = None
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "oracle", "enable.auto.commit": False,
                                  "isolation.level": "read_committed", "auto.offset.reset": "earliest",
                                  "socket.timeout.ms": 10000}, logger=_quiet)
        everything = self.consumer.list_topics(timeout=30).topics
        self.consumer.assign([TopicPartition(topic, p, 0) for topic in (records, letters)
                              for p in everything[topic].partitions])

    def run(self):
        try:
            while not self.stopping:
                for message in self.consumer.consume(500, 0.1):
                    if not message.error():
                        self._take(message)
        except KafkaException as failure:
            self.error = str(failure)
        finally:
            self.consumer.close()

    def _take(self, message):
        try:
            number = number_of(message.key())
        except (ValueError, IndexError, TypeError):
            self.strange.append((message.topic(), message.partition(), message.offset(), message.key()))
            return
        found = self.seen.setdefault(number, [])
        found.append(Sighting(message.topic(), message.partition(), message.offset(), time.monotonic(), message.value(),
                              message.headers()))
        if len(found) > 1:
            self.doubles.append(number)
        while self.low in self.seen:
            self.low += 1

    def stop(self):
        self.stopping = True
        self.join(30)


def places(messages):
    """Where messages of a later reader stand: to compare with what was seen while it happened."""
    return {(m.topic(), m.partition(), m.offset(), m.key()) for m in messages}


def seen_places(oracle, topic):
    from world import key_of
    return {(s.topic, s.partition, s.offset, key_of(number).encode())
            for number, found in oracle.seen.items() for s in found if s.topic == topic}


def count_with_aborted(bootstrap, topic):
    """How many data messages stand in a topic, those of aborted transactions too."""
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "raw", "enable.auto.commit": False,
                       "isolation.level": "read_uncommitted", "enable.partition.eof": True}, logger=_quiet)
    try:
        partitions = reader.list_topics(topic, 30).topics[topic].partitions
        reader.assign([TopicPartition(topic, p, 0) for p in partitions])
        count, ended, end = 0, set(), time.monotonic() + 60
        while len(ended) < len(partitions) and time.monotonic() < end:
            for message in reader.consume(1000, 0.2):
                if message.error():
                    ended.add(message.partition())
                else:
                    count += 1
        return count
    finally:
        reader.close()
