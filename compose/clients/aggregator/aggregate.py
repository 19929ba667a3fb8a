#!/usr/bin/env python3
"""Weekly counts of ads per skill and region, exactly once: counts and offsets change in the same database transaction.

  usage: aggregate.py BOOTSTRAP DATABASE [--topic skill-records] [--group weekly-counts] [--until-end]
         DATABASE: a DuckDB file (one process) or postgresql://... (as many processes as partitions)
  needs: pip install confluent-kafka protobuf and duckdb or psycopg[binary]
         ../python on PYTHONPATH, with what protoc made there (README.md)

Kafka's own offsets are not used. Each batch moves a partition's position by compare-and-set in the transaction that
counts, so a process that was thought dead, or one killed between two steps, can neither lose nor double a record.
"""
import argparse
import collections
import datetime

from confluent_kafka import Consumer, KafkaException
from consume import plain
from skillstream.v1.skill_record_pb2 import SkillRecord

SCHEMA = ("CREATE TABLE IF NOT EXISTS positions (topic TEXT, partition INTEGER, next BIGINT, PRIMARY KEY (topic, partition))",
          "CREATE TABLE IF NOT EXISTS counts (week DATE, region TEXT, skill_uri TEXT, label TEXT, ads BIGINT, "
          "PRIMARY KEY (week, region, skill_uri))",
          "CREATE TABLE IF NOT EXISTS totals (week DATE, region TEXT, ads BIGINT, PRIMARY KEY (week, region))")


class Database:
    def __init__(self, where):
        if where.startswith("postgresql:"):
            import psycopg
            self.db, self.mark, self.begin = psycopg.connect(where), "%s", None  # psycopg begins by itself
        else:
            import duckdb
            self.db, self.mark, self.begin = duckdb.connect(where), "?", "BEGIN"
        self.transaction(lambda run: [run(statement) for statement in SCHEMA])

    def transaction(self, work):
        """Calls work(run), run(sql, values) -> rows; all of it or, when it raises, nothing."""
        def run(sql, values=()):
            cursor = self.db.execute(sql.replace("?", self.mark), values)
            return cursor.fetchall() if cursor.description else []
        try:
            if self.begin:
                self.db.execute(self.begin)
            result = work(run)
            self.db.commit()
            return result
        except BaseException:
            self.db.rollback()
            raise


def position(run, topic, partition):
    rows = run("SELECT next FROM positions WHERE topic = ? AND partition = ?", (topic, partition))
    return rows[0][0] if rows else None


def move(run, topic, partition, old, new):
    """The position goes from old to new, or this process is not the one that may count here."""
    moved = run("INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING next", (topic, partition, new)) \
        if old is None else run("UPDATE positions SET next = ? WHERE topic = ? AND partition = ? AND next = ? RETURNING next",
                                (new, topic, partition, old))
    if not moved:
        raise RuntimeError(f"another process counts {topic}/{partition}")


def week_of(record, message):
    seconds = record.posted_at.seconds if record.HasField("posted_at") else message.timestamp()[1] // 1000
    day = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).date()
    return day - datetime.timedelta(days=day.weekday())


def count(run, positions, messages):
    counts, totals, after, labels = collections.Counter(), collections.Counter(), {}, {}
    for m in messages:
        record = SkillRecord.FromString(plain(m.value()))
        cell = week_of(record, m), record.location or "unknown"
        totals[cell] += 1
        for uri in {mention.skill_uri for mention in record.mentions}:  # an ad counts once, however often it says it
            counts[cell + (uri,)] += 1
        labels.update((mention.skill_uri, mention.label) for mention in record.mentions)
        after[m.topic(), m.partition()] = m.offset() + 1
    for (topic, partition), new in after.items():
        move(run, topic, partition, positions.get((topic, partition)), new)
    for (week, region, uri), n in sorted(counts.items()):
        run("INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT (week, region, skill_uri) "
            "DO UPDATE SET ads = counts.ads + excluded.ads", (week, region, uri, labels[uri], n))
    for (week, region), n in sorted(totals.items()):
        run("INSERT INTO totals VALUES (?, ?, ?) ON CONFLICT (week, region) DO UPDATE SET ads = totals.ads + excluded.ads",
            (week, region, n))
    return after


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("bootstrap")
    options.add_argument("database")
    options.add_argument("--topic", default="skill-records")
    options.add_argument("--group", default="weekly-counts")
    options.add_argument("--until-end", action="store_true", help="stop when all partitions are read to their end")
    o = options.parse_args()
    database, positions, ended = Database(o.database), {}, set()
    consumer = Consumer({"bootstrap.servers": o.bootstrap, "group.id": o.group, "isolation.level": "read_committed",
                         "enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": True})

    def assigned(c, partitions):
        positions.clear()
        for p in partitions:
            old = database.transaction(lambda run: position(run, p.topic, p.partition))
            positions[p.topic, p.partition] = old
            if old is not None:
                p.offset = old
        c.assign(partitions)
    consumer.subscribe([o.topic], on_assign=assigned)
    try:
        while not (o.until_end and positions and len(ended) == len(positions)):
            messages = []
            for m in consumer.consume(500, timeout=1.0):
                if not m.error():
                    messages.append(m)
                    ended.discard(m.partition())
                elif m.error().code() == -191:  # the end of a partition
                    ended.add(m.partition())
                else:
                    raise KafkaException(m.error())
            if messages:
                positions.update(database.transaction(lambda run: count(run, positions, messages)))
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
