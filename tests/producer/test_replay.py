"""`--replay`: existing pairs into a real Kafka: every form of line, each pair once, quickly, in little memory."""
import csv
import gzip
import json
import os
import random
import signal
import time

import harness
import producing
from fake_llm import WORDS
from producing import Run, check_unique, pairs

kafka = None


def broker():
    global kafka
    kafka = kafka or harness.Kafka()
    return kafka


def write(name, lines):
    path = os.path.join(harness.scratch(), name)
    with (gzip.open if name.endswith(".gz") else open)(path, "wt", encoding="utf-8") as out:
        out.writelines(line if line.endswith("\n") else line + "\n" for line in lines)
    return path


def forms_of_lines():
    skills, uris = producing.taxonomy(5)
    synthetic = write("synthetic.jsonl.gz", [json.dumps({"sentence": f"Sentence {i} über Öfen", "skill": uris[i % 5], "label": "x",
                                                         "kind": ["LITERAL", "IMPLIED", "MULTI"][i % 3]}) for i in range(30)])
    labels = write("labels.jsonl", ['{"sentence": "By label", "skill": "maintain oak barrels"}',
                                    '{"sentence": "By label too", "label": "maintain oak barrels"}',
                                    '{"sentence": "No skill", "kind": "NONE"}'])
    proto = write("proto.jsonl", [json.dumps({"id": "my-own-id", "sentence": "Proto3 JSON", "skillUris": [uris[0], uris[1]],
                                              "kind": "MULTI", "language": "en", "model": "m", "promptVersion": "p.1", "rank": 4,
                                              "createdAt": "2026-11-26T00:36:39.500Z"})])
    table = os.path.join(harness.scratch(), "pairs.csv")
    with open(table, "w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["sentence", "skill"], ["From a table, with a comma", uris[2]],
                                   ['A "quoted"\nline break', "maintain night trains"], ["No skill at all", ""]])
    broker().create("forms", partitions=2)
    run = Run("--replay", synthetic, "--replay", labels, proto, table, kafka=kafka, topic="forms", skills=skills).ok()
    found = pairs(kafka, "forms")
    check_unique(found)
    assert len(found) == 37 and run.ended()["committed"] == 37
    by_sentence = {p.sentence: (p, m) for p, m in found}
    assert by_sentence["By label"][0].skill_uris == [uris[1]] and by_sentence["By label too"][0].skill_uris == [uris[1]]
    none, message = by_sentence["No skill"]
    assert none.kind == 4 and not none.skill_uris and message.key().decode() == none.id
    own, _ = by_sentence["Proto3 JSON"]
    assert (own.id, own.kind, own.model, own.prompt_version, own.rank, list(own.skill_uris)) == \
        ("my-own-id", 3, "m", "p.1", 4, uris[:2]) and own.created_at.ToJsonString() == "2026-11-26T00:36:39.500Z"
    assert by_sentence['A "quoted"\nline break'][0].skill_uris == [uris[2]]
    assert by_sentence["Sentence 4 über Öfen"][0].kind == 2
    # Once more: nothing new.
    again = Run("--replay", synthetic, labels, proto, table, kafka=kafka, topic="forms", skills=skills).ok()
    assert again.ended()["present"] == 37 and again.ended()["pairs"] == 0 and len(pairs(kafka, "forms")) == 37


def bad_lines():
    skills, uris = producing.taxonomy(5)
    good = json.dumps({"sentence": "A good one", "skill": uris[0]})
    bad = write("bad.jsonl", [good, "not json", "[]", '{"skill": "x"}', '{"sentence": "x", "skill": "no such skill"}',
                              '{"sentence": "x", "skill": 5}', json.dumps({"sentence": "x", "skill": uris[0], "kind": "ODD"}),
                              '{"sentence": "' + "x" * 70000 + '"}', "", good.replace("good", "better")])
    broker().create("bad")
    run = Run("--replay", bad, kafka=kafka, topic="bad", skills=skills).fails(1)
    assert {p.sentence for p, _ in pairs(kafka, "bad")} == {"A good one", "A better one"}
    assert "bad.jsonl:2:" in run.text() and run.ended()["rejects"] == 7, run.text()
    Run("--replay", "/nowhere/pairs.jsonl", kafka=kafka, topic="bad", skills=skills).fails(1)


def large_set(count=138910):
    """As many pairs as the paper has: at least 20,000 a second, at most 200 MB; killed on the way and started again."""
    dice = random.Random(1)
    lines = [json.dumps({"sentence": " ".join(dice.choice(WORDS) for _ in range(14)) + f" {i}.", "kind": "LITERAL",
                         "skill": f"http://data.europa.eu/esco/skill/{i % 13891:08x}-0000-4000-8000-000000000000"})
             for i in range(count)]
    path = write("large.jsonl.gz", lines)
    broker().create("large", "large-killed", partitions=6)
    run = Run("--replay", path, kafka=kafka, topic="large")
    peak = 0
    while run.process.poll() is None:
        try:
            status = open(f"/proc/{run.process.pid}/status").read()
            peak = max(peak, int(status.split("VmHWM:")[1].split()[0]) // 1024)
        except (OSError, IndexError):
            pass
        time.sleep(0.02)
    run.ok()
    ended = run.ended()
    rate = count / ended["seconds"]
    print(f"        {count} pairs in {ended['seconds']:.1f} s ({rate:.0f}/s) start and end included, {peak} MB at most", flush=True)
    assert ended["committed"] == count and (peak <= 200 or "asan" in harness.BIN), (ended, peak)
    assert rate >= 20000 / 2, rate  # half of what an idle machine must do: tests run side by side
    for _ in range(3):
        run = Run("--replay", path, kafka=kafka, topic="large-killed")
        time.sleep(1.5 + dice.random())
        run.process.send_signal(signal.SIGKILL)
        run.process.wait(10)
    Run("--replay", path, kafka=kafka, topic="large-killed").ok()
    ids = {}
    for topic in ("large", "large-killed"):
        module, ids[topic] = producing.pair_module(), []
        for message in kafka.read(topic):
            pair = module.TrainingPair()
            pair.ParseFromString(message.value())
            ids[topic].append(pair.id)
        assert len(ids[topic]) == len(set(ids[topic])) == count, (len(ids[topic]), len(set(ids[topic])))
    assert set(ids["large"]) == set(ids["large-killed"])


def the_carried_set():
    """../shared/data/synthetic, where it is: all 41,668 pairs."""
    path = os.path.join(harness.TOP, "..", "shared", "data", "synthetic", "pairs.jsonl.gz")
    if not os.path.exists(path):
        print("        not here: ../shared/data/synthetic", flush=True)
        return
    with gzip.open(path, "rt", encoding="utf-8") as file:
        wanted = {(json.loads(line)["sentence"].strip(), json.loads(line)["skill"]) for line in file}
    broker().create("carried")
    run = Run("--replay", path, kafka=kafka, topic="carried").ok()
    found = pairs(kafka, "carried")
    check_unique(found)
    assert {(p.sentence, p.skill_uris[0]) for p, _ in found} == wanted, (len(found), len(wanted))
    print(f"        {len(found)} pairs, {run.ended()['seconds']:.1f} s", flush=True)


broker()
harness.main(forms_of_lines, bad_lines, large_set, the_carried_set)
