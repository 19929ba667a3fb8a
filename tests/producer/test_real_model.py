"""Opt-in: a real language model on loopback (llama.cpp's server, a tiny base model whose sentences are mostly nonsense).

It proves the wire, the structured output, the checks on real rubbish, the topic and the trainer's reader of it, not that
the sentences are good. SKILLSTREAM_LLM_URL names a server that runs; without it the test is skipped.
"""
import json
import os
import re

import harness
import producing
from producing import Run, check_unique, pairs

URL = os.environ.get("SKILLSTREAM_LLM_URL")


class Served:
    url = URL


def real_model():
    if not URL:
        raise harness.Skip("SKILLSTREAM_LLM_URL is not set: no language model to ask (tests/producer/README.md)")
    harness.need_file(harness.TAXONOMY, "the taxonomy")
    folder, kafka = harness.scratch(), harness.Kafka()
    kafka.create("real")
    skills, raw = os.path.join(folder, "five.txt"), os.path.join(folder, "raw.jsonl")
    open(skills, "w").write("operate forklift\nproject management\n")
    options = ["--skills", skills, "--raw", raw, "--concurrency", 2, "--sentences", 4, "--none-sentences", 2, "--max-attempts", 2,
               "--max-tokens", 120, "--request-timeout", "10m", "--temperature", 0.9, "--seed", 1]
    try:
        options += ["--release", harness.release("a"), "--threads", 1]
    except harness.Skip as reason:
        print(f"        without a reference release: {reason}", flush=True)
    run = Run(*options, kafka=kafka, topic="real", llm=Served, skills=harness.TAXONOMY).ok(840)
    answers = [json.loads(line) for line in open(raw)]
    found = pairs(kafka, "real")
    check_unique(found)
    ended, report = run.ended(), open(run.report).read()
    print(f"        {len(answers)} answers, {ended['pairs']} pairs, {ended['rejects']} rejects, {ended['seconds']:.0f} s, "
          f"{ended['tokens_in']} + {ended['tokens_out']} tokens", flush=True)
    for kind in ("Sentences refused, by reason", "Requests and answers of no use, by reason"):
        part = report.split(kind)[-1].split("</table>")[0] if kind in report else ""
        print(f"        {kind}: " + ", ".join(f"{a} {b}" for a, b in re.findall(r"<td>([^<]*)</td><td class=n>(\d+)", part)))
    for pair, _ in found[:12]:
        print(f"        {pair.kind} rank {pair.rank}: {pair.sentence[:150]}", flush=True)
    assert answers and ended["tokens_out"] > 0 and len(found) == ended["committed"] == ended["pairs"]
    if os.environ.get("SKILLSTREAM_KEEP_REPORT"):
        open(os.environ["SKILLSTREAM_KEEP_REPORT"], "w").write(report)


harness.main(real_model)
