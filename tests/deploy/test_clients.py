"""The example clients against a live stream: a real Kafka, a real worker, the ads of compose/data."""
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types

import harness as h
import tools

CLIENTS = os.path.join(h.TOP, "compose", "clients")
ADS = os.path.join(h.TOP, "compose", "data", "ads.jsonl")
PYTHON_CLIENT = os.path.join(CLIENTS, "python")
AGGREGATOR = os.path.join(CLIENTS, "aggregator", "aggregate.py")
live = types.SimpleNamespace()


def start():
    """One stream for all cases: 40 ads, plain; and the same framed as Confluent's clients do."""
    h.protos()
    live.kafka, live.redis = h.Kafka(), h.Redis()
    h.push(live.redis)
    live.topics = live.kafka.create_all(partitions=3)
    framed = live.kafka.create_all(partitions=1, prefix="framed-")
    live.framed = framed.records
    workers = [h.Worker(live.kafka, live.topics, ["--threshold", 0], redis=live.redis).ready(),
               h.Worker(live.kafka, framed, ["--threshold", 0, "--group", "framed", "--framing", "confluent", "--schema-id", 7],
                        redis=live.redis).ready()]
    h.skillstream("publish", "--bootstrap", live.kafka.bootstrap, "--topic", live.topics.ads, ADS)
    h.skillstream("publish", "--bootstrap", live.kafka.bootstrap, "--topic", framed.ads, "--framing", "confluent",
                  "--schema-id", 3, ADS)
    live.records = [h.parse_record(m.value()) for m in live.kafka.read(live.topics.records, 40)]
    live.kafka.read(live.framed, 40)
    for worker in workers:
        assert worker.terminate()[0] == 0
    assert sum(len(r.mentions) for r in live.records) > 400, "too few skills to compare"


def python_environment():
    return dict(os.environ, PYTHONPATH=os.pathsep.join([os.path.join(h.scratch(), "python-protos"), PYTHON_CLIENT, tools.packages()]))


def lines_of(command, count, **options):
    """The first lines of a program that runs until it is told to stop; it must end in order."""
    process = h.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    found = []
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(90)
    while len(found) < count:
        line = process.stdout.readline()
        if not line:
            break
        found.append(line.rstrip("\n"))
    process.terminate()
    rest, errors = process.communicate(timeout=30)
    signal.alarm(0)
    assert len(found) == count and not rest, (len(found), errors[-2000:])
    return found


def expected():
    """ad id -> the label of its surest skill, or None."""
    return {r.ad_id: max(r.mentions, key=lambda m: m.probability).label if r.mentions else None for r in live.records}


def compare(lines):
    seen = {}
    for line in lines:
        ad, _, skills = line.split("\t")
        assert ad not in seen, f"{ad} came twice"
        seen[ad] = re.sub(r" \d\.\d\d$", "", skills.split(", ")[0]) or None
    assert seen.keys() == expected().keys()
    labels = {r.ad_id: {m.label for m in r.mentions} for r in live.records}
    for ad, label in seen.items():
        assert label is None if not labels[ad] else any(known.startswith(label) for known in labels[ad]), (ad, label)


def the_python_client_reads_every_record_once():
    for topic in (live.topics.records, live.framed):
        compare(lines_of([sys.executable, os.path.join(CLIENTS, "python", "consume.py"), live.kafka.bootstrap, topic], 40,
                         env=python_environment()))


def the_java_client_reads_every_record_once():
    for program in ("mvn", "javac"):
        if not shutil.which(program):
            print(f"        {program} is missing: not tried")
            return
    folder = os.path.join(h.scratch(), "java")
    shutil.copytree(os.path.join(CLIENTS, "java"), os.path.join(folder, "compose", "clients", "java"),
                    ignore=shutil.ignore_patterns("target"))
    shutil.copytree(os.path.join(h.TOP, "proto"), os.path.join(folder, "proto"))
    home = os.path.join(folder, "compose", "clients", "java")
    h.run("mvn", "-q", "-B", "package", cwd=home, timeout=400)
    for topic in (live.topics.records, live.framed):
        compare(lines_of(["java", "-cp", "target/classes:target/lib/*", "Consume", live.kafka.bootstrap, topic], 40, cwd=home))


def clients_are_short():
    for name in ("python/consume.py", "java/src/main/java/Consume.java"):
        with open(os.path.join(CLIENTS, name)) as file:
            assert len(file.readlines()) < 60, name


def counts_by_hand(times=1):
    """(week, region, skill) -> ads, from the records themselves."""
    import datetime
    counts = collections.Counter()
    for r in live.records:
        if not r.HasField("posted_at"):
            continue
        day = datetime.datetime.fromtimestamp(r.posted_at.seconds, datetime.timezone.utc).date()
        week = day - datetime.timedelta(days=day.weekday())
        for uri in {m.skill_uri for m in r.mentions}:
            counts[week, r.location or "unknown", uri] += times
    return counts


def counted(database):
    """What the aggregator has counted for ads with a date of their own, and how many ads in all."""
    sys.path.insert(0, tools.packages())
    import duckdb
    db = duckdb.connect(database, read_only=True)
    weeks = {key[0] for key in counts_by_hand()}
    rows = {(w, region, uri): n for w, region, uri, n in db.execute("SELECT week, region, skill_uri, ads FROM counts").fetchall()
            if w in weeks}
    total = db.execute("SELECT sum(ads) FROM totals").fetchone()[0]
    db.close()
    return rows, total


def aggregate(database, *options, **more):
    return h.run(sys.executable, AGGREGATOR, live.kafka.bootstrap, database, "--topic", live.topics.records, "--until-end", *options,
                 env=python_environment(), **more)


def weekly_counts_are_those_of_the_records():
    database = os.path.join(h.scratch(), "counts.duckdb")
    aggregate(database)
    rows, total = counted(database)
    assert total == 40, total
    assert rows == dict(counts_by_hand()), set(rows.items()) ^ set(counts_by_hand().items())
    aggregate(database)  # nothing new: nothing changes
    assert counted(database) == (rows, total)


def framed_records_count_as_plain_ones():
    plain, framed = (os.path.join(h.scratch(), name + ".duckdb") for name in ("plain", "framed"))
    aggregate(plain)
    aggregate(framed, "--topic", live.framed)
    assert counted(framed) == counted(plain)


def a_kill_at_any_moment_neither_loses_nor_doubles():
    database = os.path.join(h.scratch(), "killed.duckdb")
    for pause in (0.6, 1.2, 1.8, 2.4, 3.0, 4.0):
        process = h.spawn([sys.executable, AGGREGATOR, live.kafka.bootstrap, database, "--topic", live.topics.records,
                           "--group", f"killed-{pause}"], env=python_environment(), stderr=subprocess.DEVNULL)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    aggregate(database, "--group", "killed-last")
    rows, total = counted(database)
    assert total == 40 and rows == dict(counts_by_hand())


def a_second_process_that_is_behind_cannot_count():
    """The compare-and-set of the position: a zombie's transaction is rolled back as a whole."""
    sys.path[:0] = [os.path.dirname(AGGREGATOR), PYTHON_CLIENT, tools.packages()]
    import aggregate as program
    database = program.Database(os.path.join(h.scratch(), "zombie.duckdb"))
    messages = live.kafka.read(live.topics.records, 40)
    messages = [m for m in messages if m.partition() == messages[0].partition()]
    first = database.transaction(lambda run: program.count(run, {}, messages[:2]))
    try:
        database.transaction(lambda run: program.count(run, {}, messages[:2]))
        raise SystemExit("the same records were counted twice")
    except RuntimeError as refusal:
        assert "another process counts" in str(refusal)
    database.transaction(lambda run: program.count(run, first, messages[2:]))
    assert database.transaction(lambda run: run("SELECT sum(ads) FROM totals"))[0][0] == len(messages)


h.main(start, clients_are_short, the_python_client_reads_every_record_once, the_java_client_reads_every_record_once,
       weekly_counts_are_those_of_the_records, framed_records_count_as_plain_ones, a_kill_at_any_moment_neither_loses_nor_doubles,
       a_second_process_that_is_behind_cannot_count)
