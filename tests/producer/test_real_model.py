"""Opt-in by `tests/run --llm`: a real language model on loopback (llama.cpp's server, a tiny base model whose sentences
are mostly nonsense), the producer, a real topic, the trainer's own reader.

It proves the wire, the structured output, the checks on real rubbish, and that each pair of the topic reaches the
trainer's pair log or is a dead letter with its reason, once; not that the sentences are good. SKILLSTREAM_TEST_LLM names
the folder that tests/support/llm/get-llm makes; or SKILLSTREAM_LLM_URL a server that runs already.
"""
import csv
import json
import os
import re
import sys

import harness
import producing
from producing import Run, check_unique, pairs

sys.path.insert(0, os.path.join(harness.TOP, "tests", "trainer"))
import trainer  # noqa: E402

URL, FOLDER = os.environ.get("SKILLSTREAM_LLM_URL"), os.environ.get("SKILLSTREAM_TEST_LLM")
TOPIC = trainer.IN
MODEL = "gemma-3-270m-q4_k_m.gguf"
SKILLS = ("operate forklift", "project management", "provide first aid")


class Served:
    """A server: the one that runs, or our own."""

    def __init__(self):
        if not URL and not FOLDER:
            raise harness.Skip("opt-in, a download of 290 MB: tests/run --llm")
        self.url = URL
        if not URL:
            self.start()

    def start(self):
        port, log = harness.free_port(), os.path.join(harness.scratch(), "llm.log")
        harness.need_file(os.path.join(FOLDER, MODEL), "the language model")
        with open(log, "wb") as file:
            process = harness.spawn([os.path.join(FOLDER, "venv", "bin", "python"),
                                     os.path.join(harness.SUPPORT, "llm", "serve.py"), os.path.join(FOLDER, MODEL), str(port)],
                                    stdout=file, stderr=file)

        def healthy():
            assert process.poll() is None, harness.tail(log)
            try:
                return harness.urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
            except OSError:
                return False
        harness.until(healthy, "the language model is loaded", 120, 0.5)
        self.url = f"http://127.0.0.1:{port}/v1"


class Reader(harness.Worker):
    """A skillstream-trainer that reads, and never has enough to train."""

    def __init__(self, kafka, taxonomy, name):
        self.state = os.path.join(harness.scratch(), name)
        self.letters = f"{name}.dlq"
        self.log, self.port = self.state + ".log", harness.free_port()
        kafka.create(self.letters)
        self.command = [os.path.join(harness.BIN, "skillstream-trainer"), "--bootstrap", kafka.bootstrap, "--group", name,
                        "--instance", "test", "--in", TOPIC, "--dead-letters", self.letters, "--state", self.state,
                        "--encoder", harness.MODEL, "--taxonomy", taxonomy, "--train-after", "1000000",
                        "--linger", "100ms", "--http", f"127.0.0.1:{self.port}", "--log-format", "json"]
        own = {name: value for name, value in os.environ.items() if not name.startswith("SKILLSTREAM_")}
        self.file = open(self.log, "wb")
        self.process = harness.spawn(self.command, stdout=self.file, stderr=self.file, env=own)


def produce(kafka, llm):
    folder = harness.scratch()
    skills, raw = os.path.join(folder, "skills.txt"), os.path.join(folder, "raw.jsonl")
    with open(skills, "w") as out:
        out.writelines(label + "\n" for label in SKILLS)
    options = ["--skills", skills, "--raw", raw, "--concurrency", 2, "--sentences", 4, "--none-sentences", 2,
               "--max-attempts", 2, "--max-tokens", 120, "--request-timeout", "10m", "--temperature", 0.9, "--seed", 1,
               "--release", harness.release("a"), "--threads", 1]
    run = Run(*options, kafka=kafka, topic=TOPIC, llm=llm, skills=harness.TAXONOMY).ok(1500)
    ended, report = run.ended(), open(run.report).read()
    answers = [json.loads(line) for line in open(raw)]
    print(f"        {len(answers)} answers, {ended['pairs']} pairs, {ended['rejects']} rejects, {ended['seconds']:.0f} s, "
          f"{ended['tokens_in']} + {ended['tokens_out']} tokens", flush=True)
    for kind in ("Sentences refused, by reason", "Requests and answers of no use, by reason"):
        part = report.split(kind)[-1].split("</table>")[0] if kind in report else ""
        print(f"        {kind}: " + ", ".join(f"{a} {b}" for a, b in re.findall(r"<td>([^<]*)</td><td class=n>(\d+)", part)))
    assert answers and ended["tokens_out"] > 0 and ended["committed"] == ended["pairs"]
    assert ended["rejects"], "a model of nonsense, and the checks refuse nothing"
    if os.environ.get("SKILLSTREAM_KEEP_REPORT"):
        open(os.environ["SKILLSTREAM_KEEP_REPORT"], "w").write(report)
    return ended


def without(path, label):
    """A copy of the taxonomy that lacks one skill; returns (its path, the URIs that it has)."""
    short = os.path.join(harness.scratch(), "without.csv")
    with open(path, newline="", encoding="utf-8") as source, open(short, "w", newline="", encoding="utf-8") as out:
        reader = csv.DictReader(source)
        rows = [row for row in reader if row["preferredLabel"] != label]
        writer = csv.DictWriter(out, reader.fieldnames)
        writer.writeheader()
        writer.writerows(rows)
    return short, {row["conceptUri"] for row in rows}


def check_reader(kafka, taxonomy, known, found, name):
    """Every pair of the topic is in the pair log as it was sent, or a dead letter with its reason, once."""
    reader = Reader(kafka, taxonomy, name).ready()
    harness.until(lambda: reader.metrics().get("skillstream_pairs_consumed_total", 0) >= len(found),
                  f"the trainer has read {len(found)} pairs", 60)
    letters = [pair for pair, _ in found if any(uri not in known for uri in pair.skill_uris)]
    refused = kafka.read(reader.letters, len(letters), quiet=1)
    code, _ = reader.terminate()
    assert code == 0, harness.tail(reader.log)
    module = producing.pair_module()
    stored = [module.TrainingPair.FromString(content) for content in trainer.messages_of_log(reader.state)]
    print(f"        {name}: {len(found)} pairs, {len(stored)} in the pair log, {len(refused)} dead letters", flush=True)
    assert [p.id for p in stored] == [p.id for p, _ in found if p not in letters], "the log is not the rest of the topic"
    assert [(p.sentence, list(p.skill_uris), p.kind) for p in stored] == \
        [(p.sentence.strip(), list(p.skill_uris), p.kind) for p, _ in found if p not in letters]
    sources = [f"{TOPIC}/{m.partition()}/{m.offset()}" for p, m in found if p in letters]
    headers = [{key: value.decode() for key, value in m.headers()} for m in refused]
    assert [h["skillstream-source"] for h in headers] == sources, (headers, sources)
    assert all(h["skillstream-reason"] == "unknown-skill" and h["skillstream-error"] for h in headers), headers
    assert [m.value() for m in refused] == [m.value() for p, m in found if p in letters]
    return len(stored), len(refused)


def real_model_to_the_trainers_log():
    llm, kafka = Served(), harness.Kafka()
    harness.need_file(harness.TAXONOMY, "the taxonomy")
    kafka.create(TOPIC)
    produce(kafka, llm)
    found = pairs(kafka, TOPIC)
    assert found, "no sentence of the model passed the checks"
    check_unique(found)
    for pair, _ in found[:12]:
        print(f"        {pair.kind} rank {pair.rank}: {pair.sentence[:150]}", flush=True)
    with open(harness.TAXONOMY, newline="", encoding="utf-8") as file:
        known = {row["conceptUri"] for row in csv.DictReader(file)}
    assert check_reader(kafka, harness.TAXONOMY, known, found, "all-skills") == (len(found), 0)
    # The skill of the topic's first pair with one is not in this trainer's list: its pairs must become dead letters.
    with open(harness.TAXONOMY, newline="", encoding="utf-8") as file:
        labels = {row["conceptUri"]: row["preferredLabel"] for row in csv.DictReader(file)}
    lost = next(labels[pair.skill_uris[0]] for pair, _ in found if pair.skill_uris)
    assert check_reader(kafka, *without(harness.TAXONOMY, lost), found, "one-skill-less")[1] > 0


harness.main(real_model_to_the_trainers_log)
