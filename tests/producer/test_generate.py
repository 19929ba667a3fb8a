"""skillstream-producer against a stand-in endpoint and a real Kafka: what it writes, and that it asks for nothing twice."""
import json
import os
import re
import urllib.request

import harness
import producing
from fake_llm import FakeLlm
from producing import Run, check_complete, pairs

kafka = None


def broker():
    global kafka
    kafka = kafka or harness.Kafka()
    return kafka


def plain_run():
    skills, uris = producing.taxonomy(20)
    llm = FakeLlm()
    broker().create("plain", partitions=3)
    run = Run("--price-in", 1, "--price-out", 2, kafka=kafka, topic="plain", llm=llm, skills=skills).ok()
    found = pairs(kafka, "plain")
    check_complete(found, uris)
    assert len(llm.requests) == 60, len(llm.requests)
    for pair, message in found:
        assert message.key().decode() == pair.skill_uris[0]
        assert dict(message.headers())["content-type"] == b"application/x-protobuf"
        assert pair.sentence in llm.given and pair.language == "en" and pair.model == "fake-1" and pair.created_at.seconds
        assert re.fullmatch(r"(literal|implied|multi)-[a-z]+\.1", pair.prompt_version), pair.prompt_version
        assert len(pair.skill_uris) == (3 if pair.kind == 3 else 1) and len(set(pair.skill_uris)) == len(pair.skill_uris)
        assert re.fullmatch("[0-9a-f]{32}", pair.id)
    assert len({pair.prompt_version for pair, _ in found}) >= 4
    ended = run.ended()
    assert (ended["pairs"], ended["committed"], ended["rejects"]) == (200, 200, 0), ended
    assert abs(ended["cost"] - (llm.billed_in + 2 * llm.billed_out) / 1e6) < 1e-9, (ended, llm.billed_in, llm.billed_out)
    report = open(run.report).read()
    assert "20 of 20" in report and "<svg" in report and "http" not in report.replace("http://www.w3.org", ""), "report"
    before = len(llm.requests)
    again = Run(kafka=kafka, topic="plain", llm=llm, skills=skills).ok()
    assert len(llm.requests) == before and again.ended()["pairs"] == 0
    # Twice as many wanted: only the difference is asked for.
    Run("--sentences", 20, kafka=kafka, topic="plain", llm=llm, skills=skills).ok()
    check_complete(pairs(kafka, "plain"), uris, 20, (8, 8, 4))
    llm.stop()


def what_is_sent():
    skills, _ = producing.taxonomy(2)
    llm = FakeLlm()
    broker().create("sent")
    Run("--temperature", 0.5, "--top-p", 0.9, "--seed", 7, "--header", "X-Team: tests", kafka=kafka, topic="sent",
        llm=llm, skills=skills).ok()
    for request in llm.requests:
        assert request.path == "/v1/chat/completions"
        assert request.headers["authorization"] == "Bearer sk-test-123456789" and request.headers["x-team"] == "tests"
        body = request.json
        assert body["model"] == "fake-1" and body["temperature"] == 0.5 and body["top_p"] == 0.9
        assert body["max_tokens"] == request.n * 64 + 128 and isinstance(body["seed"], int)
        schema = body["response_format"]["json_schema"]
        assert schema["strict"] is True and schema["schema"]["required"] == ["sentences"]
        assert [m["role"] for m in body["messages"]] == ["system", "user"] and "English" in body["messages"][0]["content"]
        assert "{" not in request.user
    assert llm.connections <= 8, "connections are kept"
    llm.stop()


def sentences_without_skill():
    skills, uris = producing.taxonomy(1)
    llm = FakeLlm()
    broker().create("none")
    options = ("--none-sentences", 25, "--mix", "literal")
    Run(*options, kafka=kafka, topic="none", llm=llm, skills=skills).ok()
    found = pairs(kafka, "none")
    none = [(p, m) for p, m in found if p.kind == 4]
    assert len(none) == 25 and len(found) == 35
    assert all(not p.skill_uris and m.key().decode() == p.id for p, m in none)
    before = len(llm.requests)
    Run(*options, kafka=kafka, topic="none", llm=llm, skills=skills).ok()
    assert len(llm.requests) == before
    llm.stop()


def checks_and_reasons():
    """One answer for each reason; every good sentence is kept, every bad one is counted under its reason."""
    skills, uris = producing.taxonomy(1)
    good = "Our crew keeps the kilns at the right heat through every firing"
    bad = {
        "not-text": "Use **bold** for the kilns that need attention most",
        "too-short": "Kilns",
        "refusal": "As an AI language model I cannot write about glass kilns",
        "chatter": "Here are 4 sentences about glass kilns and their care",
        "language": "Wir suchen eine Person mit Erfahrung, die unsere Glasofen betreut und wartet",
        "prompt-leak": "Each one names the skill in natural words for the kilns",
        "duplicate": good.upper() + "!",
        "near-duplicate": "Our crew keeps the kilns at the right heat through every firings",
    }
    bad["prompt-leak"] = None
    sent = []

    def script(number, request):
        if not sent:
            leak = " ".join(request.user.split(". ")[-2].split()[:9])
            bad["prompt-leak"] = leak
            sent.append(1)
            return "text", [good] + [bad[r] for r in bad]
        return "ok"
    llm = FakeLlm(script)
    broker().create("checks")
    run = Run("--mix", "literal", "--concurrency", 1, kafka=kafka, topic="checks", llm=llm, skills=skills).ok()
    found = pairs(kafka, "checks")
    sentences = {p.sentence for p, _ in found}
    assert good in sentences and not sentences & set(bad.values()), (sentences, run.text(), re.findall("<td>[a-z-]*</td><td class=n>.*?<", open(run.report).read()))
    report = open(run.report).read()
    for reason in bad:
        assert re.search(rf"<td>{reason}</td><td class=n>1</td>", report), (reason, report)
    llm.stop()


def label_leak():
    skills, uris = producing.taxonomy(1)
    llm = FakeLlm(lambda n, r: ("text", ["You maintain glass kilns with a steady hand every single morning"]) if n == 0 else "ok")
    broker().create("leak")
    run = Run("--mix", "implied", "--concurrency", 1, kafka=kafka, topic="leak", llm=llm, skills=skills).ok()
    assert run.ended()["rejects"] == 1 and len(pairs(kafka, "leak")) == 10
    assert "label-leak" in open(run.report).read()
    llm.stop()


def short_and_surplus_answers():
    """Fewer sentences than wanted: asked for the rest. More: the rest is left."""
    skills, uris = producing.taxonomy(5)
    llm = FakeLlm(lambda n, r: ("ok", 1 + n % 7))
    broker().create("counts")
    Run(kafka=kafka, topic="counts", llm=llm, skills=skills).ok()
    check_complete(pairs(kafka, "counts"), uris)
    llm.stop()


def streamed_answers():
    skills, uris = producing.taxonomy(5)
    llm = FakeLlm(lambda n, r: "stream")
    broker().create("streamed")
    run = Run("--stream", kafka=kafka, topic="streamed", llm=llm, skills=skills).ok()
    check_complete(pairs(kafka, "streamed"), uris)
    assert llm.requests[0].json["stream"] is True and run.ended()["tokens_in"] == llm.billed_in
    llm.stop()


def raw_and_metrics():
    skills, uris = producing.taxonomy(3)
    llm = FakeLlm(delay=0.3)
    broker().create("raw")
    raw, port = os.path.join(harness.scratch(), "raw.jsonl"), harness.free_port()
    run = Run("--raw", raw, "--http", f"127.0.0.1:{port}", "--concurrency", 1, kafka=kafka, topic="raw", llm=llm,
              skills=skills)

    def page(path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).read().decode()
        except OSError:
            return ""
    text = harness.until(lambda: (t := page("/metrics")) and "skillstream_pairs_total" in t and t, "metrics")
    assert 'skillstream_llm_requests_total{verdict="ok"}' in text and "skillstream_skills 3" in text, text
    assert "skillstream_build_info" in text and page("/ready")
    run.ok()
    lines = [json.loads(line) for line in open(raw)]
    assert len(lines) == len(llm.requests) and {s for l in lines for s in json.loads(l["answer"])["sentences"]} == set(llm.given)
    llm.stop()


def skills_from_a_file_and_own_prompts():
    skills, uris = producing.taxonomy(10)
    chosen, prompts = os.path.join(harness.scratch(), "chosen.txt"), os.path.join(harness.scratch(), "prompts")
    open(chosen, "w").write(f"# two of them\n{uris[3]}\nmaintain bee hives\n")
    os.makedirs(prompts)
    open(os.path.join(prompts, "mine.txt"), "w").write(
        "version: mine.7\nkind: LITERAL\n---\nYou write.\n---\nWrite {n} lines about {label}.\nAlso: {alternatives}\n")
    llm = FakeLlm()
    broker().create("chosen")
    Run("--skills", chosen, "--prompts", prompts, "--mix", "literal", kafka=kafka, topic="chosen", llm=llm,
        skills=skills).ok()
    found = pairs(kafka, "chosen")
    assert {p.skill_uris[0] for p, _ in found} == {uris[3], uris[9]} and {p.prompt_version for p, _ in found} == {"mine.7"}
    llm.stop()


def ranks_and_meaning():
    """With a release: each pair has its skill's rank, strangers are flagged but kept, the same in other words is refused."""
    release = harness.release("a")
    skills = os.path.join(harness.FIXTURES, "a.csv")
    chosen = os.path.join(harness.scratch(), "one.txt")
    open(chosen, "w").write("operate forklift\n")
    good, same = "You operate a forklift in our warehouse every day", "Every day in our warehouse you operate a forklift"
    stranger = "Play the violin in a symphony orchestra on Sunday evenings"
    llm = FakeLlm(lambda n, r: ("text", [good, same, stranger]) if n == 0 else "ok")
    broker().create("ranked")
    run = Run("--release", release, "--threads", 1, "--skills", chosen, "--mix", "literal", "--concurrency", 1, "--sentences", 4,
              "--rank-top", 5, "--meaning", 0.93, kafka=kafka, topic="ranked", llm=llm, skills=skills).ok()
    ranks = {p.sentence: p.rank for p, _ in pairs(kafka, "ranked")}
    assert len(ranks) == 4 and ranks[good] == 1 and ranks[stranger] > 5 and same not in ranks, ranks
    report = open(run.report).read()
    assert "same-meaning</td><td class=n>1<" in report and "the skills nearest to them" in report
    assert re.search(r"ranked / flagged</td><td class=n>4 / [1-3]<", report), report
    llm.stop()


harness.main(plain_run, what_is_sent, sentences_without_skill, checks_and_reasons, label_leak, short_and_surplus_answers,
             streamed_answers, raw_and_metrics, skills_from_a_file_and_own_prompts, ranks_and_meaning)
