"""skillstream-producer over HTTPS against a stand-in for the endpoint: right and wrong certificates, right and wrong keys."""
import os
import re
import sys

import certificates
import harness
import securing
from securing import LLM_KEY

sys.path.insert(0, os.path.join(harness.TOP, "tests", "producer"))
import producing  # noqa: E402
from fake_llm import FakeLlm  # noqa: E402

QUICK = ["--sentences", 2, "--concurrency", 2, "--wait-broker", "20s"]
_kafka = []


def kafka(topic):
    if not _kafka:
        _kafka.append(harness.Kafka())
    _kafka[0].create(topic)
    return _kafka[0]


def https_with_the_right_certificate_and_key():
    """The key from a file and from the environment; it is in no output, no report and no process title."""
    ours, shown = certificates.servers()
    k, (skills, uris) = kafka("right"), producing.taxonomy(3)
    llm = FakeLlm(tls=(shown["good"].file, shown["good"].key), delay=0.3)
    llm.url = llm.url.replace("localhost", "127.0.0.1")
    path = os.path.join(harness.scratch(), "key.txt")
    with open(path, "w") as out:
        print(LLM_KEY, file=out)
    run = producing.Run(*QUICK, "--llm-key-file", path, "--ca-file", ours.file, "--log-level", "debug", kafka=k, topic="right",
                        llm=llm, skills=skills, key=None)
    harness.until(lambda: llm.requests, "a request has come")
    with open(f"/proc/{run.process.pid}/cmdline", "rb") as file:
        assert LLM_KEY.encode() not in file.read()
    run.ok()
    assert all(r.headers["authorization"] == "Bearer " + LLM_KEY for r in llm.requests)
    securing.no_secret(run.text() + open(run.report).read(), "the log or the report")
    producing.check_complete(producing.pairs(k, "right"), uris, each=2, mix=(1, 1, 0))
    llm.stop()
    k.create("again")
    llm = FakeLlm(tls=(shown["good"].file, shown["good"].key))
    llm.url = llm.url.replace("127.0.0.1", "localhost")  # a name as well as an address
    producing.Run(*QUICK, "--ca-file", ours.file, kafka=k, topic="again", llm=llm, skills=skills, key=LLM_KEY).ok()
    assert all(r.headers["authorization"] == "Bearer " + LLM_KEY for r in llm.requests)
    llm.stop()


def a_wrong_certificate_ends_the_run_and_nothing_is_sent():
    ours, shown = certificates.servers("llm")
    k, (skills, _) = kafka("wrong"), producing.taxonomy(3)
    for case, word in (("expired", "expired"), ("elsewhere", "no alternative|mismatch|does not match"), ("stranger", "issuer")):
        llm = FakeLlm(tls=(shown[case].file, shown[case].key))
        llm.url = llm.url.replace("localhost", "127.0.0.1")
        run = producing.Run(*QUICK, "--ca-file", ours.file, kafka=k, topic="wrong", llm=llm, skills=skills, key=LLM_KEY)
        told(run, "certificate", word)
        assert not llm.requests, "the key was sent to a stranger"
        llm.stop()
    llm = FakeLlm(tls=(shown["good"].file, shown["good"].key))
    told(producing.Run(*QUICK, kafka=k, topic="wrong", llm=llm, skills=skills, key=LLM_KEY), "certificate", "--ca-file")
    assert not llm.requests
    llm.stop()
    run = producing.Run(*QUICK, "--ca-file", "/no/such.pem", kafka=k, topic="wrong", llm=llm, skills=skills, key=LLM_KEY)
    run.fails(78, 30)
    assert "/no/such.pem" in run.text(), run.text()


def a_wrong_key_ends_the_run():
    ours, shown = certificates.servers("key")
    k, (skills, _) = kafka("key"), producing.taxonomy(3)
    llm = FakeLlm(lambda n, r: ("status", (401, {"message": "Incorrect API key provided"}, ())), tls=(shown["good"].file, shown["good"].key))
    llm.url = llm.url.replace("localhost", "127.0.0.1")
    told(producing.Run(*QUICK, "--ca-file", ours.file, kafka=k, topic="key", llm=llm, skills=skills, key=LLM_KEY),
         "not-authorised")
    llm.stop()


def told(run, *words):
    run.fails(1, 30)
    text = run.text()
    securing.no_secret(text, "the log")
    lines = [line for line in text.splitlines() if all(re.search(word, line) for word in words)]
    assert lines, (words, text)
    print(f"        exit 1 after {run.seconds:.1f} s: {securing.as_text(lines[-1])}", flush=True)


harness.main(https_with_the_right_certificate_and_key, a_wrong_certificate_ends_the_run_and_nothing_is_sent,
             a_wrong_key_ends_the_run)
