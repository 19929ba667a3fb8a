"""Ads in all forms become records that stock protobuf and confluent-kafka read, with the right skills at the right places."""
import json
import os

import harness as h

kafka, redis, digest = None, None, None


def jobposting(ad_id, number):
    return {"@context": "https://schema.org", "@type": "JobPosting",
            "identifier": {"@type": "PropertyValue", "name": "Ostwind", "value": ad_id}, "title": f"Vacancy {number}",
            "datePosted": "2026-09-01", "hiringOrganization": {"@type": "Organization", "name": "Ostwind AG"},
            "jobLocation": {"@type": "Place", "address": {"@type": "PostalAddress", "addressLocality": "Kiel"}},
            "url": "https://ostwind.example/1", "description": h.html_of(number)}


def job_ad(ad_id, number, html=True):
    ad = h.protos()[0].JobAd(id=ad_id, title=f"Vacancy {number}", language="en", employer="Ostwind AG", location="Kiel",
                             body=h.html_of(number) if html else h.text_of(number),
                             source_url="https://ostwind.example/1", attributes={"channel": "feed", "batch": "7"})
    ad.body_format = ad.HTML if html else ad.TEXT
    ad.posted_at.FromJsonString("2026-09-01T00:00:00Z")
    return ad


def published_forms():
    """(key, value, headers) by ad id: every input form, with and without the header that names it."""
    proto, ld, plain = ({"content-type": kind} for kind in
                        ("application/x-protobuf", "application/ld+json", "application/json; charset=utf-8"))
    graph = {"@context": "https://schema.org", "@graph": [{"@type": "Organization", "name": "x"}, jobposting("graph", 6)]}
    short_html = {"id": "short-html", "title": "Vacancy 7", "html": h.html_of(7), "date": "2026-09-01"}
    short_text = {"id": "short-text", "title": "Vacancy 8", "text": h.text_of(8)}
    dumps = lambda value: json.dumps(value).encode()
    return {
        "proto-html": (1, job_ad("proto-html", 1).SerializeToString(), proto),
        "proto-text": (2, job_ad("proto-text", 2, html=False).SerializeToString(), proto),
        "proto-bare": (3, job_ad("proto-bare", 3).SerializeToString(), None),
        "ld": (4, dumps(jobposting("ld", 4)), ld),
        "ld-bare": (5, dumps(jobposting("ld-bare", 5)), None),
        "graph": (6, dumps(graph), ld),
        "short-html": (7, dumps(short_html), plain),
        "short-text": (8, dumps(short_text), None),
        "array": (9, dumps([jobposting("array", 9)]), ld),
        "framed": (10, b"\0\0\0\0\x07\0" + job_ad("framed", 10).SerializeToString(), proto),
        "framed-bare": (11, b"\0\0\0\0\x07\0" + job_ad("framed-bare", 11).SerializeToString(), None),
    }


def start():
    global kafka, redis, digest
    h.release("a")
    kafka, redis = h.Kafka(), h.Redis()
    digest = h.push(redis)


def every_form_gives_one_record_with_the_right_skills_and_spans():
    topics = kafka.create_all(partitions=2, prefix="forms-")
    worker = h.Worker(kafka, topics, ["--with-text", "--group", "forms"], redis=redis).ready()
    forms = published_forms()
    kafka.publish(topics.ads, [(ad_id, value, headers) for ad_id, (_, value, headers) in forms.items()])
    messages = kafka.read(topics.records, len(forms), quiet=1)
    assert h.ids_of(messages) == sorted(forms), h.ids_of(messages)
    assert worker.terminate()[0] == 0
    offsets = {(m.key()): (m.partition(), m.offset()) for m in kafka.read(topics.ads, len(forms))}
    for message in messages:
        record = h.parse_record(message.value())
        number = forms[record.ad_id][0]
        assert message.key().decode() == record.ad_id
        assert dict(message.headers())["content-type"] == b"application/x-protobuf"
        assert record.release == digest and record.taxonomy.name == "ESCO" and len(record.options_digest) == 64
        assert record.source.topic == topics.ads
        assert (record.source.partition, record.source.offset) == offsets[message.key()], record.source
        h.check_skills(record, number)
        check_places(record)


def check_places(record):
    plain = record.text.encode()
    assert "caf\u00e9" in record.text or "Vacancy" in record.text
    assert "<" not in record.text and "&amp;" not in record.text
    previous = (-1, 1.0)
    for m in record.mentions:
        assert m.sentence_begin <= m.begin < m.end <= m.sentence_end <= len(plain), m
        assert plain[m.begin:m.end].decode() == m.text, m
        assert 0 <= m.probability <= 1 and -1 <= m.score <= 1.0001
        assert m.sentence_index < record.sentence_count
        assert m.sentence_index > previous[0] or (m.sentence_index == previous[0] and m.probability <= previous[1] + 1e-6)
        previous = (m.sentence_index, m.probability)
    pairs = [(m.sentence_index, m.skill_uri) for m in record.mentions]
    assert len(pairs) == len(set(pairs)), "a skill twice in a sentence"
    assert record.scored_sentence_count <= record.sentence_count


def fields_of_the_ad_are_passed_through():
    topics = kafka.create_all(prefix="fields-")
    worker = h.Worker(kafka, topics, ["--group", "fields"], redis=redis).ready()
    kafka.publish(topics.ads, [("p", job_ad("p", 1).SerializeToString(), None), ("j", json.dumps(jobposting("j", 1)).encode(), None)])
    records = {r.ad_id: r for r in (h.parse_record(m.value()) for m in kafka.read(topics.records, 2))}
    worker.terminate()
    for record in records.values():
        assert (record.title, record.employer) == ("Vacancy 1", "Ostwind AG"), record
        assert "Kiel" in record.location and record.source_url == "https://ostwind.example/1"
        assert record.posted_at.ToJsonString() == "2026-09-01T00:00:00Z", record.posted_at
        assert record.text == "" and all(m.text == "" for m in record.mentions)
    assert records["p"].language == "en" and dict(records["p"].attributes) == {"channel": "feed", "batch": "7"}


def an_ad_without_id_is_named_by_key_or_place():
    topics = kafka.create_all(prefix="names-")
    worker = h.Worker(kafka, topics, ["--group", "names"], redis=redis).ready()
    value = json.dumps({"title": "t", "text": "project management"}).encode()
    kafka.publish(topics.ads, [("the-key", value, None), (None, value, None)])
    messages = kafka.read(topics.records, 2)
    worker.terminate()
    assert [m.key().decode() for m in messages] == ["the-key", f"{topics.ads}-0-1"], [m.key() for m in messages]


def records_can_carry_the_schema_registry_frame():
    topics = kafka.create_all(prefix="framed-")
    worker = h.Worker(kafka, topics, ["--group", "framed", "--framing", "confluent", "--schema-id", 258], redis=redis).ready()
    kafka.publish(topics.ads, [h.short_ad("a", 1)])
    (message,) = kafka.read(topics.records, 1)
    worker.terminate()
    assert message.value()[:6] == b"\0\0\0\x01\x02\0", message.value()[:6]
    record = h.parse_record(message.value()[6:])
    assert record.ad_id == "a"
    h.check_skills(record, 1)


def publish_and_tail_speak_to_the_same_topics():
    topics = kafka.create_all(partitions=3, prefix="tools-")
    path = os.path.join(h.scratch(), "ads.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        for i in range(20):
            file.write(h.short_ad(f"tool-{i}", i)[1].decode() + "\n")
    worker = h.Worker(kafka, topics, ["--group", "tools"], redis=redis).ready()
    for form in ("protobuf", "json"):
        h.skillstream("publish", "--bootstrap", kafka.bootstrap, "--topic", topics.ads, "--format", form, path)
    lines = h.skillstream("tail", "--bootstrap", kafka.bootstrap, "--topic", topics.records, "--from-beginning",
                          "--max", 40, timeout=60).stdout.splitlines()
    worker.terminate()
    records = [json.loads(line) for line in lines]
    assert sorted(r["adId"] for r in records) == sorted(2 * [f"tool-{i}" for i in range(20)])
    twice = {}
    for r in records:
        twice.setdefault(r["adId"], []).append([m["skillUri"] for m in r.get("mentions", [])])
    assert all(len(v) == 2 and v[0] == v[1] for v in twice.values()), "protobuf and JSON of one ad differ"


h.main(start, every_form_gives_one_record_with_the_right_skills_and_spans, fields_of_the_ad_are_passed_through,
       an_ad_without_id_is_named_by_key_or_place, records_can_carry_the_schema_registry_frame,
       publish_and_tail_speak_to_the_same_topics)
