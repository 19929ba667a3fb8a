"""What the producer's tests share: a taxonomy of made-up skills, runs of skillstream-producer, the topic as pairs."""
import json
import os
import sys
import time

import harness

PROGRAM = os.path.join(harness.BIN, "skillstream-producer")

THINGS = """glass kilns|oak barrels|night trains|honey frames|salt ponds|tax ledgers|wind turbines|silk looms|church organs
|bee hives|ski lifts|ship hulls|street lamps|school timetables|blood samples|fish ladders|stage curtains|court records
|roof gutters|bread ovens|pump stations|map archives|dog kennels|chess clubs|crane cabins|fire doors|seed banks|ice rinks
|paper mills|radio masts""".replace("\n", "").split("|")


def taxonomy(count=20, name="skills.csv"):
    """A list of one's own with `count` skills; returns (path, URIs in order)."""
    harness.need_file(PROGRAM, "the program skillstream-producer")
    path, uris = os.path.join(harness.scratch(), name), []
    with open(path, "w", encoding="utf-8") as out:
        out.write("id,label,alternatives,description\n")
        for i in range(count):
            thing = THINGS[i % len(THINGS)] + (f" type {i // len(THINGS)}" if i >= len(THINGS) else "")
            uris.append(f"https://skills.example/{i}")
            out.write(f'{uris[-1]},maintain {thing},look after {thing}|care for {thing},"Keep {thing} in good order."\n')
    return path, uris


class Run:
    """One run of the program."""
    count = 0

    def __init__(self, *options, kafka=None, topic=None, llm=None, skills=None, environment=None, key="sk-test-123456789"):
        """key None: none in the environment."""
        Run.count += 1
        self.log = os.path.join(harness.scratch(), f"producer-{Run.count}.log")
        self.report = os.path.join(harness.scratch(), f"report-{Run.count}.html")
        self.command = [PROGRAM, "--log-format", "json", "--report", self.report, "--http", "off"]
        if kafka:
            self.command += ["--bootstrap", kafka.bootstrap, "--out", topic]
        if skills:
            self.command += ["--taxonomy", skills]
        if llm:
            self.command += ["--llm-url", llm.url, "--llm-model", "fake-1"]
        self.command += [str(o) for o in options]
        # What tests/run exports for the tests (SKILLSTREAM_TAXONOMY ...) would be options of the program.
        own = {name: value for name, value in os.environ.items() if not name.startswith("SKILLSTREAM_")}
        self.file = open(self.log, "wb")
        self.started = time.monotonic()
        self.process = harness.spawn(self.command, stdout=self.file, stderr=self.file,
                                     env={**own, **({"SKILLSTREAM_LLM_KEY": key} if key else {}), **(environment or {})})

    def wait(self, timeout=120):
        try:
            self.process.wait(timeout)
        except Exception:
            raise AssertionError(f"still running after {timeout} s\n{harness.tail(self.log)}") from None
        self.seconds = time.monotonic() - self.started
        return self.process.returncode

    def ok(self, timeout=120):
        code = self.wait(timeout)
        assert code == 0, f"exit code {code}\n{harness.tail(self.log)}"
        return self

    def fails(self, expected=1, timeout=120):
        code = self.wait(timeout)
        assert code == expected, f"exit code {code}, not {expected}\n{harness.tail(self.log)}"
        return self

    def text(self):
        return open(self.log, errors="replace").read()

    def events(self, message=None):
        found = []
        for line in open(self.log, errors="replace"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if message is None or event.get("message") == message:
                found.append(event)
        return found

    def ended(self):
        """The summary's fields."""
        events = self.events("run ended")
        assert events, self.text()
        return events[-1]


def pair_module():
    folder = os.path.join(harness.scratch(), "python-protos-pair")
    if not os.path.isdir(folder):
        if not harness.shutil.which("protoc"):
            raise harness.Skip("protoc is missing; tests/run installs it")
        os.makedirs(folder)
        source = os.path.join(harness.TOP, "proto")
        harness.run("protoc", "-I", source, "--python_out", folder,
                    os.path.join(source, "skillstream", "v1", "training_pair.proto"))
        sys.path.insert(0, folder)
    from skillstream.v1 import training_pair_pb2
    return training_pair_pb2


def pairs(kafka, topic):
    """All committed pairs, decoded by protobuf's own Python: (pair, message)."""
    module, found = pair_module(), []
    for message in kafka.read(topic):
        pair = module.TrainingPair()
        pair.ParseFromString(message.value())
        found.append((pair, message))
    return found


def check_unique(found):
    ids = [pair.id for pair, _ in found]
    assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} ids twice"


def check_complete(found, uris, each=10, mix=(4, 4, 2)):
    """Every skill has its sentences, in the mix of kinds, each once."""
    check_unique(found)
    by_skill = {uri: [] for uri in uris}
    for pair, _ in found:
        by_skill[pair.skill_uris[0]].append(pair)
    for uri, list_ in by_skill.items():
        assert len(list_) == each, f"{uri}: {len(list_)} of {each}"
        assert tuple(sum(p.kind == k for p in list_) for k in (1, 2, 3)) == mix, [p.kind for p in list_]
        assert len({p.sentence for p in list_}) == each, f"{uri}: a sentence twice"
