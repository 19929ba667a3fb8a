"""Renews compose/grafana/dashboard.png from a real run, by hand: Kafka, Redis, two workers, a trainer on the tests' tiny
encoder, a producer whose language model is the tests' stand-in, and a Prometheus that scrapes them as docker-compose.yml's.

  usage: picture_run.py ADS.jsonl OUT.png [--minutes 8] [--release FILE]
  needs: tests/run, tests/deploy/tools.py, and pip install matplotlib for the Python that runs it; SKILLSTREAM_TINY_MODEL, the
         program trainer_tiny_model of the build

Ads come in bursts, a few of them broken; half-way a second release (the same encoder, fewer skills) is put into use, and one
that is damaged is offered, which workers refuse. The workers' own release is the file given, or the tests' small one.
"""
import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("support", "trainer", "producer"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))

import fake_llm  # noqa: E402
import harness as h  # noqa: E402
import producing  # noqa: E402
import tiny  # noqa: E402
import tools  # noqa: E402
import trainer  # noqa: E402

PICTURE = os.path.join(h.TOP, "compose", "grafana", "picture.py")


def prometheus(targets):
    """targets: job -> {name: port}; names become the instances."""
    port, folder = h.free_port(), os.path.join(h.scratch(), "prometheus")
    os.makedirs(folder)
    with open(os.path.join(folder, "prometheus.yml"), "w") as out:
        out.write("global: {scrape_interval: 3s}\nscrape_configs:\n")
        for job, members in targets.items():
            out.write(f"  - job_name: skillstream-{job}\n    static_configs:\n")
            for name, at in members.items():
                out.write(f"      - {{targets: ['127.0.0.1:{at}'], labels: {{instance: {name}}}}}\n")
    h.spawn([tools.need("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f"http://127.0.0.1:{port}"


def train_and_produce(kafka):
    """A trainer with a Redis of its own (its releases are of the tiny encoder), and a producer; returns their targets."""
    world = tiny.World(os.path.join(h.scratch(), "world"), recipe=tiny.RECIPE.replace("epochs = 30", "epochs = 150"))
    trainer.create_topics(kafka)
    kafka.create("written-pairs")
    t = trainer.Trainer(world, kafka, world.path("state"), ["--train-after", 200], redis=h.Redis())
    skills, _ = producing.taxonomy(30)
    llm = fake_llm.FakeLlm(lambda number, _: "ok" if number % 7 else ("status", 500), delay=4.0)
    port = h.free_port()
    producing.Run("--http", f"127.0.0.1:{port}", "--concurrency", 1, "--price-in", 0.5, "--price-out", 1.5,
                  "--max-cost", 100, kafka=kafka, topic="written-pairs", llm=llm, skills=skills)
    return world, {"trainer": {"trainer-0": t.port}, "producer": {"producer-0": port}}


def bursts(kafka, topic, lines, minutes):
    """Publishes the next ads of `lines` for so many minutes: bursts of 20 to 60, calm between them, one in forty broken."""
    chance, end, sent = random.Random(7), time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end:
        batch = []
        for _ in range(chance.randint(20, 60)):
            line = next(lines)
            broken = chance.random()
            batch.append((None, line[:40] if broken < 0.017 else b'{"@type":"Person"}' if broken < 0.025 else line, None))
        sent += len(batch)
        kafka.publish(topic, batch)
        time.sleep(chance.uniform(2, 6))
    return sent


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("ads")
    options.add_argument("out")
    options.add_argument("--minutes", type=float, default=8)
    options.add_argument("--release")
    o = options.parse_args()
    with open(o.ads, "rb") as file:
        lines = itertools.cycle([line.strip() for line in file if line.strip()])
    kafka, redis = h.Kafka(), h.Redis()
    first = o.release or h.release("a")
    h.skillstream("release", "push", first, "--redis", redis.url)
    topics = kafka.create_all(partitions=6)
    workers = [h.Worker(kafka, topics, ["--batch-ads", 32], redis=redis, instance=f"worker-{n}").ready() for n in (0, 1)]
    world, targets = train_and_produce(kafka)
    url = prometheus({"worker": {f"worker-{n}": w.port for n, w in enumerate(workers)}, **targets})
    kafka.publish("training-pairs", trainer.messages(world.lines()[:250]))
    sent = bursts(kafka, topics.ads, lines, o.minutes / 2)
    h.push(redis, "a" if o.release else "b")
    kafka.publish("training-pairs", trainer.messages(world.lines()[250:]))
    sent += bursts(kafka, topics.ads, lines, o.minutes / 4)
    digest = h.skillstream("release", "push", h.release("b" if o.release else "a"), "--no-use", "--redis", redis.url).stdout.split()[0]
    redis.cli("set", f"skillstream:release:{digest}:manifest", "damaged")
    redis.cli("set", "skillstream:release:current", digest)
    redis.cli("publish", "skillstream:release", digest)
    sent += bursts(kafka, topics.ads, lines, o.minutes / 4)
    h.run(sys.executable, PICTURE, url, o.out, "--minutes", str(int(o.minutes) + 1))
    print(f"{sent} ads in {o.minutes:g} minutes; {o.out}")
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    if not shutil.which("java"):
        sys.exit("java is missing")
    main()
