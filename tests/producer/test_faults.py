"""Every fault of the endpoint, one by one and all mixed: no pair lost, none twice, the money and the rate within limits."""
import os
import random
import time

import harness
import producing
from fake_llm import FakeLlm
from producing import Run, check_complete, check_unique, pairs

kafka = None
QUICK = ("--retry-base", "10ms", "--retry-cap", "200ms", "--breaker-cool-down", "50ms")

# name -> action; each is tried on its own and in the mix
FAULTS = {
    "429 with Retry-After": ("status", (429, {"message": "slow"}, ["Retry-After: 1"])),
    "429 without": ("status", 429),
    "500": ("status", 500),
    "503": ("status", 503),
    "503 with Retry-After": ("status", (503, {"message": "busy"}, ["Retry-After: 1"])),
    "connection reset mid-body": "reset",
    "hang-up": "hang-up",
    "truncated JSON": "truncated",
    "wrong schema": "wrong-schema",
    "empty choices": "empty-choices",
    "finish_reason length": "length",
    "refusal": "refusal",
    "10 MB body": "huge",
    "invalid UTF-8": "bad-utf8",
    "chunked garbage": "bad-chunk",
    "not HTTP": "not-http",
    "empty body": ("body", b""),
    "HTML instead of JSON": ("body", b"<html>gateway time-out</html>"),
    "deep JSON": ("body", b"[" * 100000),
    "content is prose": ("content", "Of course! I would be glad to help you with that."),
    "content is half a list": ("content", '{"sentences": ["We look for'),
    "content has a wrong item": ("content", '{"sentences": ["A good sentence for the crew", 5]}'),
    "error in a 200": ("body", b'{"error": {"code": 502, "message": "upstream"}}'),
}


def broker():
    global kafka
    kafka = kafka or harness.Kafka()
    return kafka


def each_fault_alone():
    """Each skill's first request meets the fault; in the end everything is there, and nothing twice."""
    skills, uris = producing.taxonomy(4)
    for name, action in FAULTS.items():
        seen = set()

        def script(number, request, action=action):
            key = (request.user, request.n)
            if key in seen or len(seen) >= 6:
                return "ok"
            seen.add(key)
            return action
        llm = FakeLlm(script)
        topic = "fault-" + str(list(FAULTS).index(name))
        broker().create(topic)
        run = Run(*QUICK, kafka=kafka, topic=topic, llm=llm, skills=skills).ok(60)
        found = pairs(kafka, topic)
        check_complete(found, uris)
        assert {p.sentence for p, _ in found} <= set(llm.given), name
        print(f"        {name}: {len(llm.requests)} requests, {run.seconds:.1f} s", flush=True)
        llm.stop()


def all_faults_mixed():
    """Half of all answers are faults, at random."""
    skills, uris = producing.taxonomy(60)
    dice = random.Random(5)
    actions = list(FAULTS.values())
    llm = FakeLlm(lambda n, r: dice.choice(actions) if dice.random() < 0.5 else dice.choice(["ok", "fenced", "list"]))
    broker().create("mixed", partitions=4)
    run = Run(*QUICK, "--max-attempts", 30, "--concurrency", 16, kafka=kafka, topic="mixed", llm=llm, skills=skills).ok(120)
    found = pairs(kafka, "mixed")
    check_complete(found, uris)
    # What was paid for and passed is there: nothing that came in a good answer was lost.
    lost = set(llm.given) - {p.sentence for p, _ in found}
    assert len(lost) == run.ended()["rejects"] == 0, (len(lost), run.ended())
    print(f"        {len(llm.requests)} requests for 600 pairs, {run.seconds:.1f} s", flush=True)
    llm.stop()


def slow_and_silent():
    skills, uris = producing.taxonomy(2)
    for word in ("drip", "silent"):
        llm = FakeLlm(lambda n, r, word=word: (word, 20) if n < 2 else "ok")
        topic = "slow-" + word
        broker().create(topic)
        run = Run(*QUICK, "--request-timeout", "1500ms", kafka=kafka, topic=topic, llm=llm, skills=skills).ok(30)
        check_complete(pairs(kafka, topic), uris)
        assert run.seconds < 15, run.seconds
        llm.stop()


def stalled_stream():
    skills, uris = producing.taxonomy(2)
    llm = FakeLlm(lambda n, r: ("silent", 20) if n < 2 else "stream")
    broker().create("stalled")
    run = Run(*QUICK, "--stream", "--stall-timeout", "1s", kafka=kafka, topic="stalled", llm=llm, skills=skills).ok(30)
    check_complete(pairs(kafka, "stalled"), uris)
    llm.stop()


def fatal_answers():
    """Wrong key, no money, no such model: the run ends at once, says why, and what came before is kept."""
    skills, uris = producing.taxonomy(40)
    cases = {
        "unauthorised": (401, {"message": "Incorrect API key provided", "code": "invalid_api_key"}, ()),
        "quota": (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, ()),
        "model": (404, {"message": "The model 'fake-1' does not exist", "code": "model_not_found"}, ()),
    }
    for name, answer in cases.items():
        llm = FakeLlm(lambda n, r, a=answer: "ok" if n < 10 else ("status", a))
        topic = "fatal-" + name
        broker().create(topic)
        run = Run("--concurrency", 2, kafka=kafka, topic=topic, llm=llm, skills=skills).fails(1, 30)
        assert answer[1]["message"][:20] in run.text(), run.text()
        assert len(llm.requests) <= 12, len(llm.requests)
        found = pairs(kafka, topic)
        check_unique(found)
        assert {p.sentence for p, _ in found} == set(llm.given)
        llm.stop()


def refused_requests():
    """400 for one skill: skipped, named, the others are done. 400 for all: the run ends soon."""
    skills, uris = producing.taxonomy(30)
    llm = FakeLlm(lambda n, r: ("status", (400, {"message": "bad words in prompt"}, ())) if "\nmaintain oak barrels\n" in r.user else "ok")
    broker().create("refused", "refused-all")
    run = Run("--mix", "literal", kafka=kafka, topic="refused", llm=llm, skills=skills).fails(1)
    found = pairs(kafka, "refused")
    assert len(found) == 290 and "bad words" in run.text()
    llm.stop()
    llm = FakeLlm(lambda n, r: ("status", (400, {"message": "unknown field max_tokens"}, ())))
    run = Run(kafka=kafka, topic="refused-all", llm=llm, skills=skills).fails(78)
    assert len(llm.requests) <= 30 and "unknown field" in run.text()
    llm.stop()


def no_structured_output():
    skills, uris = producing.taxonomy(4)

    def script(number, request):
        if "response_format" in request.json:
            return "status", (400, {"message": "'response_format' of type 'json_schema' is not supported"}, ())
        return "list"
    llm = FakeLlm(script)
    broker().create("unstructured")
    Run(kafka=kafka, topic="unstructured", llm=llm, skills=skills).ok()
    check_complete(pairs(kafka, "unstructured"), uris)
    assert sum("response_format" in r.json for r in llm.requests) <= 8
    llm.stop()


def outage():
    """The endpoint is away for some seconds: the breaker lets few requests through, and nothing is given up."""
    skills, uris = producing.taxonomy(20)
    start = time.monotonic()
    llm = FakeLlm(lambda n, r: ("status", 500) if 0.5 < time.monotonic() - start < 6 else "ok", delay=0.02)
    broker().create("outage")
    start = time.monotonic()
    Run("--max-retries", 2, "--breaker-cool-down", "500ms", kafka=kafka, topic="outage", llm=llm, skills=skills).ok(60)
    check_complete(pairs(kafka, "outage"), uris)
    failed = len(llm.requests) - 60
    assert failed <= 30, failed
    llm.stop()
    # Away for good: --give-up ends the run.
    llm = FakeLlm(lambda n, r: "hang-up")
    run = Run(*QUICK, "--give-up", "2s", "--sentences", 20, kafka=kafka, topic="outage", llm=llm, skills=skills).fails(1, 30)
    assert "away" in run.text()
    llm.stop()


def budget():
    """Whatever the answers cost, and in whatever order they come, the sum stays within the limit."""
    skills, uris = producing.taxonomy(60)
    dice = random.Random(9)
    for number, (limit, actions) in enumerate([
            (0.05, ["ok"]), (0.05, ["ok", "length", "refusal", "wrong-schema", "truncated", ("status", 500)]),
            (0.02, ["no-usage", "reset"]), (0.0, ["ok"])]):
        llm = FakeLlm(lambda n, r, a=actions: dice.choice(a), tokens=(300, 30), delay=0.01)
        topic = f"budget-{number}"
        broker().create(topic)
        run = Run(*QUICK, "--max-cost", limit, "--price-in", 2, "--price-out", 6, "--concurrency", 12, kafka=kafka,
                  topic=topic, llm=llm, skills=skills).ok()
        cost = (2 * llm.billed_in + 6 * llm.billed_out) / 1e6
        assert cost <= limit and run.ended()["cost"] <= limit + 1e-12, (cost, run.ended())
        assert run.ended()["why"] == "budget", run.ended()
        if actions == ["ok"] and limit:
            assert run.ended()["cost"] > limit * 0.7, "the budget is used, not only kept"
            assert abs(run.ended()["cost"] - cost) < 1e-9
        assert {p.sentence for p, _ in pairs(kafka, topic)} <= set(llm.given)
        llm.stop()


def rate():
    """No window of any length holds more requests than the limit allows."""
    skills, uris = producing.taxonomy(100)
    llm = FakeLlm(lambda n, r: "ok" if n % 5 else ("status", 500))
    broker().create("rate")
    run = Run(*QUICK, "--rpm", 600, "--concurrency", 50, kafka=kafka, topic="rate", llm=llm, skills=skills)
    time.sleep(15)
    run.process.terminate()
    run.ok(30)
    times = [r.time for r in llm.requests]
    assert len(times) > 100, len(times)
    for window in (0.5, 1, 2, 5, 10):
        most, begin = 0, 0
        for end, t in enumerate(times):
            while t - times[begin] > window:
                begin += 1
            most = max(most, end - begin + 1)
        assert most <= window * 10 + 2, (window, most)  # 10 a second; 1 for the edge, 1 for the wire's jitter
    llm.stop()


def token_rate():
    skills, uris = producing.taxonomy(50)
    llm = FakeLlm(tokens=(100, 20))
    broker().create("tokens")
    run = Run("--tpm", 60000, "--concurrency", 50, kafka=kafka, topic="tokens", llm=llm, skills=skills)
    time.sleep(12)
    run.process.terminate()
    run.ok(30)
    spent = llm.billed_in + llm.billed_out
    seconds = llm.requests[-1].time - llm.requests[0].time
    assert len(llm.requests) > 10 and spent <= 1000 * seconds + 2000, (spent, seconds)
    llm.stop()


def concurrency():
    skills, uris = producing.taxonomy(30)
    llm = FakeLlm(delay=0.05)
    broker().create("concurrency")
    Run("--concurrency", 5, kafka=kafka, topic="concurrency", llm=llm, skills=skills).ok()
    assert llm.busiest == 5, llm.busiest
    llm.stop()


def key_and_certificates():
    """The key is in no output; a certificate that is not trusted is refused; a redirect is not followed with the key."""
    skills, uris = producing.taxonomy(2)
    folder, secret = harness.scratch(), "sk-very-secret-value"
    certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    harness.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    llm = FakeLlm(tls=(certificate, key))
    broker().create("tls", "redirect")
    run = Run(*QUICK, "--give-up", "1s", "--log-level", "debug", kafka=kafka, topic="tls", llm=llm, skills=skills, key=secret).fails(1, 30)
    assert not llm.requests and secret not in run.text(), run.text()
    path = os.path.join(folder, "key.txt")
    open(path, "w").write(secret + "\n")
    run = Run("--ca-file", certificate, "--llm-key-file", path, "--log-level", "debug", kafka=kafka, topic="tls", llm=llm,
              skills=skills, key=None).ok()
    assert llm.requests[0].headers["authorization"] == "Bearer " + secret
    assert secret not in run.text() + open(run.report).read()
    check_complete(pairs(kafka, "tls"), uris)
    llm.stop()
    broker().create("keyless")
    llm = FakeLlm()  # an empty file is no key, as compose has it for a model on the same machine
    Run(*QUICK, "--llm-key-file", os.devnull, kafka=kafka, topic="keyless", llm=llm, skills=skills, key=None).ok()
    assert llm.requests and not any("authorization" in r.headers for r in llm.requests)
    llm.stop()
    other = FakeLlm()
    llm = FakeLlm(lambda n, r: ("redirect", other.url + "/v1/chat/completions"))
    Run(kafka=kafka, topic="redirect", llm=llm, skills=skills, key=secret).fails(1)
    assert not other.requests
    llm.stop()
    other.stop()


broker()
harness.main(each_fault_alone, all_faults_mixed, slow_and_silent, stalled_stream, fatal_answers, refused_requests,
             no_structured_output, outage, budget, rate, token_rate, concurrency, key_and_certificates)
