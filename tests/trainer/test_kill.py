"""skillstream-trainer killed again and again: every pair once, every dead letter once, the same weights at the end."""
import os
import random
import time

import harness
import tiny
import trainer
from trainer import Trainer, create_topics, messages

LONG = tiny.RECIPE.replace("epochs = 30", "epochs = 100") + "hard-negatives = 1\nhard-every = 40\n"


def _stream(world):
    """All pairs, each tenth one twice, a bad one after each seventh; returns the messages and how many are bad."""
    out, bad = [], 0
    for i, message in enumerate(messages(world.lines())):
        out += [message] * (1 + (i % 10 == 0))
        if i % 7 == 0:
            out.append((b"bad", b'{"sentence":"bad %d","skill":"nobody knows"}' % i, None))
            bad += 1
    return out, bad


def killed_ten_times_nothing_is_lost_or_doubled_and_the_weights_are_the_same():
    kafka, chance = harness.Kafka(), random.Random(11)
    world = tiny.World(os.path.join(harness.scratch(), "kill"), recipe=LONG)
    create_topics(kafka)
    stream, bad = _stream(world)
    options = ["--train-after", len(world.examples), "--batch-pairs", "20", "--linger", "20ms", "--threads", "1"]
    state, kills, sent = world.path("state"), 0, 0
    result = os.path.join(state, "run-000001", "result.json")
    while kills < 10:
        t = Trainer(world, kafka, state, options)
        sent_now = stream[sent:sent + 120]
        if sent_now:
            kafka.publish("training-pairs", sent_now)
        sent += len(sent_now)
        time.sleep(chance.uniform(0.3, 2.5))
        if os.path.exists(result):
            break
        t.kill()
        kills += 1
    kafka.publish("training-pairs", stream[sent:]) if stream[sent:] else None
    t = Trainer(world, kafka, state, options)
    final = t.result(timeout=300)
    t.until_metric("skillstream_pair_log_pairs", len(world.examples))
    letters = kafka.read("training-pairs.dlq", bad, quiet=3)
    assert t.terminate()[0] == 0
    assert kills >= 5, kills
    stored = trainer.pairs_of_log(state)
    assert stored == [sentence for _, sentence in world.examples], (len(stored), len(set(stored)))
    assert len(letters) == len({m.value() for m in letters}) == bad, (len(letters), bad)
    harness.skillstream("train", *world.options(), "--out", world.path("undisturbed"), world.pairs, timeout=300)
    undisturbed = tiny.result(world.path("undisturbed"))
    for key in ("weights", "data", "steps", "firstLoss", "lastLoss"):
        assert final[key] == undisturbed[key], key
    print(f"   killed {kills} times; {len(stored)} pairs, {len(letters)} dead letters")


def stopped_in_a_training_it_leaves_a_checkpoint_in_time_and_goes_on():
    kafka = harness.Kafka()
    world = tiny.World(os.path.join(harness.scratch(), "stop"), recipe=LONG)
    create_topics(kafka)
    kafka.publish("training-pairs", messages(world.lines()))
    options, state = ["--train-after", len(world.examples)], world.path("state")
    run = os.path.join(state, "run-000001")
    steps = []
    for _ in range(3):
        t = Trainer(world, kafka, state, options).ready()
        t.until_metric("skillstream_training_steps_total", 30)
        code, seconds = t.terminate()
        assert code == 0 and seconds < 25, (code, seconds)
        if os.path.exists(os.path.join(run, "result.json")):
            break
        assert os.path.exists(os.path.join(run, "checkpoint")), harness.tail(t.log)
        steps += [e["what"] for e in t.events() if "going on after step" in str(e.get("what"))]
    t = Trainer(world, kafka, state, options)
    t.result(timeout=300)
    assert t.terminate()[0] == 0 and len(steps) >= 1, steps


if __name__ == "__main__":
    harness.main(killed_ten_times_nothing_is_lost_or_doubled_and_the_weights_are_the_same,
                 stopped_in_a_training_it_leaves_a_checkpoint_in_time_and_goes_on)
