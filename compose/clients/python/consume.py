#!/usr/bin/env python3
"""Prints each ad's surest skills, as records arrive.

  usage: consume.py BOOTSTRAP [TOPIC [GROUP]]     (default: skill-records, example-python)
  needs: pip install confluent-kafka protobuf
         protoc --python_out=. -I ../../../proto skillstream/v1/skill_record.proto
"""
import signal
import sys

from confluent_kafka import Consumer, KafkaException
from skillstream.v1.skill_record_pb2 import SkillRecord


def plain(value):
    """Protobuf bytes without the header of Confluent's clients: 0, schema id (4), message indexes (varints, zigzag)."""
    if not value.startswith(b"\0"):  # no field of a message has tag 0
        return value
    at, count = 6, value[5] >> 1  # fewer than 64 indexes below 64: one byte each
    return value[at + count:]


def main():
    bootstrap, topic, group = (sys.argv[1:] + ["skill-records", "example-python"][len(sys.argv) - 2:])[:3]
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "isolation.level": "read_committed",  # only committed records: each ad once
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    consumer.subscribe([topic])
    try:
        while not stop:
            message = consumer.poll(0.5)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            record = SkillRecord.FromString(plain(message.value()))
            best = sorted(record.mentions, key=lambda m: -m.probability)[:3]
            skills = ", ".join(f"{m.label} {m.probability:.2f}" for m in best)
            print(f"{record.ad_id}\t{record.title}\t{skills}", flush=True)
            consumer.commit(message, asynchronous=True)  # after the work: at least once
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
