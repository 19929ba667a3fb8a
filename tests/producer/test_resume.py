"""Stopped, killed, taken over, cut off from Kafka: nothing lost, nothing twice, nothing paid for twice."""
import json
import os
import random
import re
import signal
import time

import harness
import producing
from fake_llm import FakeLlm
from producing import Run, check_complete, check_unique, pairs

kafka = None


def broker():
    global kafka
    kafka = kafka or harness.Kafka()
    return kafka


def killed_twenty_times():
    """kill -9 at random moments until all is done: ids unique, nothing missing, and of the sentences that the endpoint
    gave only those of answers on the way at a kill are not on the topic."""
    skills, uris = producing.taxonomy(400)
    dice, concurrency = random.Random(3), 4
    llm = FakeLlm(delay=0.01)
    broker().create("killed", partitions=3)
    kills = 0
    while kills < 20:
        at = len(llm.requests)
        run = Run("--concurrency", concurrency, kafka=kafka, topic="killed", llm=llm, skills=skills)
        end = time.monotonic() + 20
        while len(llm.requests) == at and run.process.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(dice.random() * 0.5)
        if run.process.poll() is not None:
            break
        run.process.send_signal(signal.SIGKILL)
        run.process.wait(10)
        kills += 1
    assert kills == 20, f"done after {kills} kills: more skills are needed"
    Run("--concurrency", 8, kafka=kafka, topic="killed", llm=llm, skills=skills).ok()
    found = pairs(kafka, "killed")
    check_complete(found, uris)
    lost = set(llm.given) - {p.sentence for p, _ in found}
    print(f"        {kills} kills, {len(llm.given)} sentences paid for, {len(lost)} of them lost on the way", flush=True)
    assert len(lost) <= kills * concurrency * 4, len(lost)  # an answer has at most four
    assert max(llm.given.values()) == 1
    llm.stop()


def terminated():
    """SIGTERM: answers on the way are waited for and kept; exit 0."""
    skills, uris = producing.taxonomy(50)
    llm = FakeLlm(delay=1.0)
    broker().create("terminated")
    run = Run("--concurrency", 10, kafka=kafka, topic="terminated", llm=llm, skills=skills)
    harness.until(lambda: len(llm.requests) >= 10, "requests", 20)
    run.process.terminate()
    start = time.monotonic()
    run.ok(25)
    assert time.monotonic() - start < 10
    assert {p.sentence for p, _ in pairs(kafka, "terminated")} == set(llm.given) and len(llm.given) > 20
    assert run.ended()["why"] == "stopped"
    llm.stop()
    # Answers that do not come in time are left behind.
    llm = FakeLlm(delay=60)
    run = Run("--sentences", 20, "--grace", "6s", kafka=kafka, topic="terminated", llm=llm, skills=skills)
    harness.until(lambda: len(llm.requests) >= 8, "requests", 20)
    run.process.terminate()
    start = time.monotonic()
    run.ok(25)
    assert time.monotonic() - start < 6
    llm.stop()


def taken_over():
    """A second producer of the same name takes the topic over; the first one ends, and nothing is there twice."""
    skills, uris = producing.taxonomy(60)
    llm = FakeLlm(delay=0.1)
    broker().create("taken")
    first = Run("--concurrency", 2, kafka=kafka, topic="taken", llm=llm, skills=skills)
    harness.until(lambda: len(llm.requests) >= 10, "requests", 20)
    second = Run("--concurrency", 2, kafka=kafka, topic="taken", llm=llm, skills=skills)
    codes = [first.wait(90), second.wait(90)]
    assert 0 in codes and codes != [0, 0], codes
    loser = first if codes[0] else second
    assert "taken over" in loser.text(), loser.text()
    Run(kafka=kafka, topic="taken", llm=llm, skills=skills).ok()
    found = pairs(kafka, "taken")
    check_unique(found)
    assert len({p.skill_uris[0] for p, _ in found}) == 60
    llm.stop()


def broker_away():
    """The broker is killed in the middle and comes back: every pair is there, once."""
    skills, uris = producing.taxonomy(60)
    llm = FakeLlm(delay=0.05)
    own = harness.Kafka()
    own.create("away")
    run = Run("--concurrency", 4, kafka=own, topic="away", llm=llm, skills=skills)
    harness.until(lambda: len(llm.requests) >= 20, "requests", 30)
    own.kill()
    time.sleep(4)
    own.start()
    run.ok(120)
    found = pairs(own, "away")
    check_complete(found, uris)
    assert {p.sentence for p, _ in found} == set(llm.given)
    llm.stop()
    own.stop()


def batches():
    """Requests to a file, results from a file: in any order, twice, with failures among them."""
    skills, uris = producing.taxonomy(12)
    folder = harness.scratch()
    requests, results = os.path.join(folder, "requests.jsonl"), os.path.join(folder, "results.jsonl")
    llm = FakeLlm()  # only for its sentences
    broker().create("batch")
    dice, options = random.Random(4), ("--none-sentences", 15, "--llm-model", "fake-1")
    given = 0
    for turn in range(8):
        Run(*options, "--batch-out", requests, kafka=kafka, topic="batch", skills=skills).ok()
        asked = [json.loads(line) for line in open(requests)]
        if not asked:
            break
        assert len({a["custom_id"] for a in asked}) == len(asked)
        assert all(a["method"] == "POST" and a["url"] == "/v1/chat/completions" and len(a["custom_id"]) <= 64 for a in asked)
        dice.shuffle(asked)
        with open(results, "w") as out:
            for number, a in enumerate(asked):
                n = int(re.search(r"Write (\d+)", a["body"]["messages"][-1]["content"]).group(1))
                if turn == 0 and number % 4 == 0:
                    out.write(json.dumps({"custom_id": a["custom_id"], "response": None, "error": {"code": "expired"}}) + "\n")
                    continue
                sentences = [llm.sentence() for _ in range(n)]
                given += n
                body = {"choices": [{"message": {"content": json.dumps({"sentences": sentences})}, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 100, "completion_tokens": 50}}
                out.write(json.dumps({"id": "b", "custom_id": a["custom_id"],
                                      "response": {"status_code": 200, "body": body}, "error": None}) + "\n")
            out.write('{"custom_id": "ss1_0000000000000000_4_1", "response": {}}\nnot json\n')
        for _ in range(2):  # the second time everything is known
            Run(*options, "--batch-in", results, kafka=kafka, topic="batch", skills=skills).ok()
    found = pairs(kafka, "batch")
    check_complete([(p, m) for p, m in found if p.skill_uris], uris)
    none = [p for p, _ in found if p.kind == 4]
    assert len(none) == 15 and len({p.sentence for p in none}) == 15
    assert turn >= 2 and given == len(found) == 135, (turn, given, len(found))
    # Within a budget only what it allows is written.
    Run(*options, "--sentences", 20, "--batch-out", requests, "--max-cost", 0.01, "--price-in", 1, "--price-out", 1, kafka=kafka,
        topic="batch", skills=skills).ok()
    assert 1 <= len(open(requests).readlines()) < 20
    llm.stop()


def dry_run():
    skills, uris = producing.taxonomy(12)
    run = Run("--dry-run", "--price-in", 1, "--price-out", 2, skills=skills).ok()
    text = run.text()
    assert "requests           36" in text and "sentences          120" in text and "cost at worst" in text, text
    assert "maintain glass kilns" in text and "[system]" in text


broker()
harness.main(killed_twenty_times, terminated, taken_over, broker_away, batches, dry_run)
