"""What the stream tests share: processes that end with the test, a real Kafka, a real Redis, workers, messages.

A test script defines functions and ends with `harness.main(function, ...)`; each function is one case. It prints a line
per case and exits 0 (all right), 1 (a case failed) or 77 (something that it needs is not there: the last line says what).

Everything that is started listens on 127.0.0.1 at a port that was free, keeps its files in one temporary folder, and is
ended by its own pid: at the end, when the script fails, and (PR_SET_PDEATHSIG) when the script itself is killed.

Environment, as tests/run exports it; the defaults are what a script needs when it is started by hand after tests/run:
  SKILLSTREAM_BIN  SKILLSTREAM_MODELS  SKILLSTREAM_TAXONOMY  SKILLSTREAM_KAFKA_DIR
  SKILLSTREAM_TEST_THREADS: of each worker (1; the build for ThreadSanitizer takes more)
  SKILLSTREAM_TEST_PATIENCE: how many times as long to wait for anything (1; programs under ThreadSanitizer are slow)
"""
import atexit
import csv
import ctypes
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

SUPPORT = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(SUPPORT))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "skillstream")
BIN = os.environ.get("SKILLSTREAM_BIN") or os.path.join(TOP, "build", "bin")
MODEL = os.path.join(os.environ.get("SKILLSTREAM_MODELS") or os.path.join(CACHE, "models"), "all-MiniLM-L6-v2")
TAXONOMY = os.environ.get("SKILLSTREAM_TAXONOMY") or os.path.join(CACHE, "taxonomy", "esco-1.2.csv")
KAFKA_JARS = os.environ.get("SKILLSTREAM_KAFKA_DIR") or os.path.join(CACHE, "kafka")
FIXTURES = os.path.join(os.path.dirname(BIN), "stream-fixtures")
KAFKA_SH = os.path.join(SUPPORT, "kafka", "kafka.sh")
PATIENCE = float(os.environ.get("SKILLSTREAM_TEST_PATIENCE") or 1)
TOPICS = ("job-ads", "skill-records", "job-ads.dlq")


class Skip(Exception):
    """Something is missing that the test needs; the text is the reason."""


# ---- processes ----

_processes = []
_scratch = None


def scratch():
    """This script's temporary folder."""
    global _scratch
    if _scratch is None:
        _scratch = tempfile.mkdtemp(prefix="skillstream-test-")
        atexit.register(shutil.rmtree, _scratch, ignore_errors=True)
        atexit.register(_end_all)
    return _scratch


def _end_all():
    for process in reversed(_processes):
        if process.poll() is None:
            process.kill()
            process.wait()


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    os.setpgid(0, 0)  # a Ctrl-C is ours to handle


def spawn(command, **options):
    """Popen of a process that ends with this script at the latest."""
    scratch()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **options)
    _processes.append(process)
    return process


def run(*command, timeout=120, check=True, **options):
    """Runs a command to its end; returns the CompletedProcess with text output. check: a bad exit code is a failure."""
    done = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout * PATIENCE, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def skillstream(*arguments, **options):
    return run(os.path.join(BIN, "skillstream"), *map(str, arguments), **options)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(condition, what, timeout=30.0, pause=0.05):
    """Waits for condition() to be true and returns its value."""
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:.0f} s: {what}")
        time.sleep(pause)


def need_file(path, what):
    if not os.path.exists(path):
        raise Skip(f"{what} is missing ({path}); tests/run gets it")


def need_package(name):
    try:
        importlib.import_module(name)
    except ImportError:
        raise Skip(f"the Python package {name} is missing; tests/run installs it") from None


# ---- Kafka ----

class Kafka:
    """One real broker (KRaft), with room for large messages. A new one is empty; stop, kill and start keep its data."""

    def __init__(self, start=True, extra="", listeners="", scram=""):
        """extra, listeners, scram: KAFKA_EXTRA, KAFKA_LISTENERS, KAFKA_SCRAM of kafka.sh."""
        need_package("confluent_kafka")
        need_package("google.protobuf")
        need_file(os.path.join(KAFKA_JARS, "libs"), "Kafka")
        if not shutil.which("java"):
            raise Skip("java is missing; tests/run installs it")
        self.folder = tempfile.mkdtemp(prefix="kafka-", dir=scratch())
        self.port, self.controller = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.environment = dict(os.environ, KAFKA_JARS=KAFKA_JARS, KAFKA_HEAP="384m", KAFKA_LISTENERS=listeners,
                                KAFKA_SCRAM=scram,
                                KAFKA_EXTRA="message.max.bytes=16777216\nreplica.fetch.max.bytes=16777216\n" + extra)
        self.process = None
        if start:
            self.start()

    def start(self):
        log = os.path.join(self.folder, "node-1", "log")
        if os.path.exists(log):
            os.remove(log)
        self.process = spawn(["bash", KAFKA_SH, "run", self.folder, str(self.port), str(self.controller)],
                             env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def up():
            if self.process.poll() is not None:
                raise AssertionError("Kafka ended by itself:\n" + tail(log))
            return os.path.exists(log) and "Kafka Server started" in open(log, errors="replace").read()
        until(up, "Kafka is up", timeout=90, pause=0.2)

    def stop(self):
        """An orderly end."""
        self.process.terminate()
        self.process.wait(60)

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def create(self, *topics, partitions=1, config=None):
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        new = [NewTopic(t, num_partitions=partitions, replication_factor=1, config=config or {}) for t in topics]
        for future in admin.create_topics(new).values():
            future.result(30)

    def delete(self, *topics):
        from confluent_kafka.admin import AdminClient
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in admin.delete_topics(list(topics)).values():
            future.result(30)

    def exists(self, topic):
        from confluent_kafka.admin import AdminClient
        return topic in AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=20).topics

    def create_all(self, partitions=1, prefix=""):
        """The three topics of a worker; with a prefix, names that only one case uses. Returns the worker's options."""
        names = [prefix + topic for topic in TOPICS]
        self.create(*names, partitions=partitions)
        return Topics(*names)

    def publish(self, topic, messages):
        """messages: (key, value, headers) with headers a dict or None. Waits until the broker has them all."""
        from confluent_kafka import Producer
        producer = Producer({"bootstrap.servers": self.bootstrap, "message.max.bytes": 16777216, "linger.ms": 5,
                             "enable.idempotence": True})
        failures = []

        def delivered(error, _):
            if error:
                failures.append(error)
        for key, value, headers in messages:
            while True:
                try:
                    producer.produce(topic, key=key, value=value, headers=list((headers or {}).items()),
                                     on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(60) == 0 and not failures, failures[:3]

    def read(self, topic, count=None, timeout=60.0, quiet=0.0):
        """Committed messages of a topic from its beginning, in the order of arrival: at least `count` of them (fails when
        they do not come), then whatever else comes within `quiet` seconds. count None: what is there now."""
        from confluent_kafka import Consumer, KafkaError, TopicPartition
        timeout *= PATIENCE
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "reader", "enable.auto.commit": False,
                             "isolation.level": "read_committed", "enable.partition.eof": True,
                             "fetch.message.max.bytes": 16777216, "auto.offset.reset": "earliest"})
        try:
            partitions = consumer.list_topics(topic, 20).topics[topic].partitions
            consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
            found, at_end, end = [], set(), time.monotonic() + timeout
            calm = None
            while time.monotonic() < end:
                message = consumer.poll(0.1)
                if message is not None and not message.error():
                    found.append(message)
                    at_end.discard(message.partition())
                elif message is not None and message.error().code() == KafkaError._PARTITION_EOF:
                    at_end.add(message.partition())
                if len(at_end) == len(partitions) and len(found) >= (count or 0):
                    calm = calm or time.monotonic()
                    if time.monotonic() - calm >= quiet:
                        return found
            raise AssertionError(f"{topic}: {len(found)} of {count} messages within {timeout:.0f} s")
        finally:
            consumer.close()

    def committed(self, group, topic):
        """(committed, end) offsets of the group, summed over the partitions, transaction markers included in end."""
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False})
        try:
            partitions = [TopicPartition(topic, p) for p in consumer.list_topics(topic, 20).topics[topic].partitions]
            done = [max(p.offset, 0) for p in consumer.committed(partitions, 20)]
            ends = [consumer.get_watermark_offsets(p, 20)[1] for p in partitions]
            return sum(done), sum(ends)
        finally:
            consumer.close()


class Topics:
    """Names of a worker's topics."""

    def __init__(self, ads, records, letters):
        self.ads, self.records, self.letters = ads, records, letters
        self.options = ["--in", ads, "--out", records, "--dead-letters", letters]


# ---- Redis ----

class Redis:
    """One real Redis in memory. A new one is empty; kill and start lose the data, as a cache may."""

    def __init__(self, start=True, port=None, options=()):
        if not shutil.which("redis-server"):
            raise Skip("redis-server is missing; compose/install installs it")
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.options = list(options)
        self.process = None
        if start:
            self.start()

    def start(self):
        self.process = spawn(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                              "--appendonly", "no", "--dir", scratch()] + self.options,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def answers():
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        until(answers, "Redis answers", timeout=20)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def cli(self, *words):
        """redis-cli's answer, as text."""
        return run("redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *map(str, words)).stdout.strip()

    def keys(self, pattern):
        return [line for line in self.cli("--scan", "--pattern", pattern).splitlines() if line]


# ---- releases ----

# Skills that ads of these tests name word for word. All are ESCO labels, long enough not to stand in other sentences.
SKILLS = [
    "manage budgets", "provide first aid", "operate forklift", "create a financial report", "manage contracts",
    "install low voltage wiring", "conduct quality control analysis", "write technical reports", "project management",
    "perform customer management", "operate cash register", "contract law", "perform data analysis", "manage database",
    "translate texts", "update budget",
]


def labels():
    """Label -> URI of the skills in SKILLS that the taxonomy has (all of them in ESCO 1.2)."""
    need_file(TAXONOMY, "the taxonomy")
    with open(TAXONOMY, newline="", encoding="utf-8") as file:
        return {row["preferredLabel"]: row["conceptUri"] for row in csv.DictReader(file)
                if row["preferredLabel"] in SKILLS}


def _small_taxonomy(path, every):
    """SKILLS and each `every`-th skill besides: small, so that a release takes seconds."""
    with open(TAXONOMY, newline="", encoding="utf-8") as source, open(path, "w", newline="", encoding="utf-8") as out:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(out, reader.fieldnames)
        writer.writeheader()
        for number, row in enumerate(reader):
            if row["preferredLabel"] in SKILLS or number % every == 0:
                writer.writerow(row)


def release(name="a"):
    """A release file of a few hundred skills: "a", or "b", which has more skills and so another digest."""
    need_file(os.path.join(BIN, "skillstream"), "the program skillstream")
    need_file(os.path.join(BIN, "skillstream-worker"), "the program skillstream-worker")
    need_file(os.path.join(MODEL, "model.safetensors"), "the encoder all-MiniLM-L6-v2")
    need_file(TAXONOMY, "the taxonomy")
    os.makedirs(FIXTURES, exist_ok=True)
    path = os.path.join(FIXTURES, name + ".release")
    newest = max(os.path.getmtime(p) for p in (os.path.join(BIN, "skillstream"), TAXONOMY, __file__))
    if not os.path.exists(path) or os.path.getmtime(path) < newest:
        small = os.path.join(FIXTURES, name + ".csv")
        _small_taxonomy(small, {"a": 60, "b": 50}[name])
        skillstream("index", "--encoder", MODEL, "--taxonomy", small, "--name", "test-" + name, "--out", path + ".new",
                    "--threads", 1, timeout=300)
        os.rename(path + ".new", path)
    return path


def push(redis, name="a", *options):
    """Pushes a release; returns its digest."""
    return skillstream("release", "push", release(name), "--redis", redis.url, *options).stdout.split()[0]


# ---- the worker ----

_workers = []  # of the case at work


class Worker:
    """A skillstream-worker. Its log (JSON lines) is in self.log."""
    count = 0

    def __init__(self, kafka, topics=None, options=(), redis=None, instance=None, bootstrap=None):
        Worker.count += 1
        self.log = os.path.join(scratch(), f"worker-{Worker.count}.log")
        self.port = free_port()
        self.command = [os.path.join(BIN, "skillstream-worker"), "--bootstrap", bootstrap or kafka.bootstrap,
                        "--instance", instance or f"test-{Worker.count}", "--http", f"127.0.0.1:{self.port}",
                        "--log-format", "json", "--threads", os.environ.get("SKILLSTREAM_TEST_THREADS", "1"), *(topics.options if topics else []),
                        *(["--redis", redis.url] if redis else []), *map(str, options)]
        self.file = open(self.log, "wb")
        self.process = spawn(self.command, stdout=self.file, stderr=self.file)
        _workers.append(self)

    def get(self, path):
        """(status, text), or (0, reason) when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError as failure:
            return 0, str(failure)

    def ready(self, timeout=60):
        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the worker ended with {self.process.returncode}:\n{tail(self.log)}")
            return self.get("/ready")[0] == 200
        try:
            until(is_ready, "the worker is ready", timeout)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.get('/ready')}\n{tail(self.log)}") from None
        return self

    def metrics(self):
        """Sample name with its labels, as Prometheus prints it -> value."""
        status, text = self.get("/metrics")
        assert status == 200, (status, text)
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line and not line.startswith("#")}

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def terminate(self, timeout=40):
        """SIGTERM; returns (exit code, seconds)."""
        start = time.monotonic()
        self.process.terminate()
        code = self.wait(timeout)
        return code, time.monotonic() - start

    def wait(self, timeout=40):
        timeout *= PATIENCE
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker still runs after {timeout} s:\n{tail(self.log)}") from None

    def events(self):
        """The log's lines that are JSON, as dicts."""
        found = []
        for line in open(self.log, errors="replace"):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
        return found


def tail(path, lines=15):
    try:
        return "".join(open(path, errors="replace").readlines()[-lines:])
    except OSError as failure:
        return str(failure)


# ---- ads and records ----

def protos():
    """The modules that stock protoc makes of proto/: (job_ad_pb2, skill_record_pb2)."""
    folder = os.path.join(scratch(), "python-protos")
    if not os.path.isdir(folder):
        if not shutil.which("protoc"):
            raise Skip("protoc is missing; tests/run installs it")
        os.makedirs(folder)
        source = os.path.join(TOP, "proto")
        run("protoc", "-I", source, "--python_out", folder,
            *(os.path.join(source, "skillstream", "v1", name) for name in ("job_ad.proto", "skill_record.proto")))
        sys.path.insert(0, folder)
    from skillstream.v1 import job_ad_pb2, skill_record_pb2
    return job_ad_pb2, skill_record_pb2


def parse_record(value):
    """A SkillRecord from bytes."""
    record = protos()[1].SkillRecord()
    record.ParseFromString(value)
    return record


def skills_of(number, count=3):
    """Labels that ad `number` names."""
    return [SKILLS[(number * 5 + k * 3) % len(SKILLS)] for k in range(count)]


def html_of(number):
    items = "".join(f"<li>{label}</li>" for label in skills_of(number))
    return (f"<h2>Vacancy &amp; reference {number}</h2><p>We are a friendly company with {number + 2} employees "
            f"caf\u00e9 included.</p><ul>{items}</ul><p>Apply before noon.</p>")


def text_of(number):
    return "\n".join([f"Vacancy {number}", "We are a friendly company.", *(f"- {label}" for label in skills_of(number)),
                      "Apply before noon."])


def short_ad(ad_id, number):
    """The short JSON form, as a Kafka message without headers."""
    return ad_id, json.dumps({"id": ad_id, "title": f"Vacancy {number}", "html": html_of(number)}).encode(), None


def ids_of(messages):
    return sorted(message.key().decode() for message in messages)


def check_skills(record, number):
    """The record names every skill of ad `number`, with a span that holds exactly the label."""
    uris = labels()
    for label in skills_of(number):
        hits = [m for m in record.mentions if m.skill_uri == uris[label]]
        assert hits, f"{record.ad_id}: {label} not found among {[m.label for m in record.mentions]}"
        assert any(m.score > 0.9 and m.label == label for m in hits), f"{record.ad_id}: {label}: scores {[m.score for m in hits]}"
        if record.text:
            plain = record.text.encode()
            spans = [plain[m.begin:m.end].decode() for m in hits]
            assert label in [s.lower() for s in spans], f"{record.ad_id}: {label}: spans {spans}"


# ---- main ----

def _show_workers():
    """What a person needs who looks into a failed case: the end of each worker's log, and where it stands."""
    for worker in _workers:
        code = worker.process.poll()
        print(f"---- {os.path.basename(worker.log)}: " + (f"ended with {code}" if code is not None else "running"))
        print(tail(worker.log, 40), end="")
        if code is None:
            print("".join(line + "\n" for line in worker.get("/metrics")[1].splitlines()
                          if line.startswith("skillstream_") and "_bucket" not in line and re.search(r"partition|lag|batch|rewind|publish|rebalance", line)))
    sys.stdout.flush()


def main(*cases):
    failed = 0
    try:
        for case in cases:
            start = time.monotonic()
            _workers.clear()
            try:
                case()
            except Skip:
                raise
            except Exception:
                failed += 1
                print(f"FAILED  {case.__name__}  ({time.monotonic() - start:.1f} s)", flush=True)
                traceback.print_exc(file=sys.stdout)
                _show_workers()
                continue
            print(f"ok      {case.__name__}  ({time.monotonic() - start:.1f} s)", flush=True)
    except Skip as reason:
        print(f"SKIP: {reason}", flush=True)
        sys.exit(1 if failed else 77)
    sys.exit(1 if failed else 0)
