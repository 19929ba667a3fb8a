"""A skillstream-trainer under test, and pairs for it."""
import json
import os

import harness

IN, LETTERS = "training-pairs", "training-pairs.dlq"


class Trainer(harness.Worker):
    """As harness.Worker, for the other program. Its log (JSON lines) is in self.log."""

    def __init__(self, world, kafka, state, options=(), redis=None, prefix="", bootstrap=None, inside=()):
        """inside: a command that runs the trainer given behind it."""
        harness.Worker.count += 1
        self.state = state
        self.log = os.path.join(harness.scratch(), f"trainer-{harness.Worker.count}.log")
        self.port = harness.free_port()
        self.command = [*inside, os.path.join(harness.BIN, "skillstream-trainer"), "--bootstrap", bootstrap or kafka.bootstrap,
                        "--instance", "test", "--group", prefix + "trainer", "--in", prefix + IN,
                        "--dead-letters", prefix + LETTERS, "--state", state, "--http", f"127.0.0.1:{self.port}",
                        "--log-format", "json", *world.options(), *(["--redis", redis.url] if redis else []),
                        *map(str, options)]
        self.file = open(self.log, "ab")
        self.process = harness.spawn(self.command, stdout=self.file, stderr=self.file)

    def result(self, number=1, timeout=120):
        """result.json of a training, once it is there."""
        path = os.path.join(self.state, f"run-{number:06d}", "result.json")

        def there():
            if self.process.poll() is not None:
                raise AssertionError(f"the trainer ended with {self.process.returncode}:\n{harness.tail(self.log)}")
            return os.path.exists(path)
        harness.until(there, f"training {number} is finished\n{harness.tail(self.log)}", timeout)
        with open(path) as file:
            return json.load(file)

    def until_metric(self, name, value, timeout=60):
        harness.until(lambda: self.get("/metrics")[0] == 200 and self.metrics().get(name, 0) >= value,
                      f"{name} >= {value}", timeout)


def messages(lines, key=b"k"):
    return [(key, line.encode(), {"content-type": "application/json"}) for line in lines]


def create_topics(kafka, prefix="", partitions=1):
    kafka.create(prefix + IN, prefix + LETTERS, partitions=partitions)


def pairs_of_log(state):
    """(sentence, ...) of the committed pairs in STATE/pairs.log, in order."""
    return [_sentence(content) for content in messages_of_log(state)]


def messages_of_log(state):
    """The committed pairs in STATE/pairs.log, in order, as TrainingPair bytes; the format is that of pair_log.h."""
    with open(os.path.join(state, "pairs.log"), "rb") as file:
        data = file.read()
    assert data[:8] == b"SSPAIRS1"
    at, committed, batch = 8, [], []
    while at + 16 <= len(data):
        length, kind = int.from_bytes(data[at:at + 4], "little"), int.from_bytes(data[at + 4:at + 8], "little")
        content = data[at + 16:at + 16 + length]
        if len(content) < length:
            break
        if kind == 1:
            batch.append(content)
        else:
            committed += batch
            batch = []
        at += 16 + length
    return committed


def _sentence(content):
    """Field 2 of a TrainingPair."""
    at = 0
    while at < len(content):
        tag, length = content[at], content[at + 1]
        assert tag & 7 == 2, "only short texts stand before the sentence"
        at += 2
        if length & 0x80:
            length = (length & 0x7f) | content[at] << 7
            at += 1
        if tag >> 3 == 2:
            return content[at:at + length].decode()
        at += length
    raise AssertionError("a pair without a sentence")
