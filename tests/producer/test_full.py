"""The whole of ESCO, ten sentences a skill, from a stand-in endpoint as fast as it goes: complete, and memory stays flat."""
import os
import time

import harness
import producing
from fake_llm import FakeLlm
from producing import Run


def full_taxonomy():
    harness.need_file(harness.TAXONOMY, "the taxonomy")
    kafka, llm = harness.Kafka(), FakeLlm()
    kafka.create("full", partitions=6)
    run = Run("--concurrency", 32, kafka=kafka, topic="full", llm=llm, skills=harness.TAXONOMY)
    peaks = []
    while run.process.poll() is None:
        try:
            status = open(f"/proc/{run.process.pid}/status").read()
            peaks.append(int(status.split("VmRSS:")[1].split()[0]) // 1024)
        except (OSError, IndexError):
            pass
        assert time.monotonic() - run.started < 850, harness.tail(run.log)
        time.sleep(0.5)
    run.ok()
    ended, counts, ids = run.ended(), {}, set()
    module = producing.pair_module()
    for message in kafka.read("full", timeout=120):
        pair = module.TrainingPair()
        pair.ParseFromString(message.value())
        counts[pair.skill_uris[0]] = counts.get(pair.skill_uris[0], 0) + 1
        ids.add(pair.id)
    total = sum(counts.values())
    print(f"        {total} pairs of {len(counts)} skills, {len(llm.requests)} requests, {ended['seconds']:.0f} s "
          f"({total / ended['seconds']:.0f} pairs/s), {max(peaks)} MB at most", flush=True)
    assert set(counts.values()) == {10} and len(ids) == total == ended["committed"]
    assert max(peaks) <= 200 or "asan" in os.path.basename(os.path.dirname(harness.BIN))
    llm.stop()


harness.main(full_taxonomy)
