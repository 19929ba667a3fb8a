"""What is no ad becomes a dead letter: original bytes and headers, and why, in the transaction that commits its offset."""
import hashlib
import json

import harness as h

kafka, redis = None, None


def start():
    global kafka, redis
    h.release("a")
    kafka, redis = h.Kafka(), h.Redis()
    h.push(redis)


def good_protobuf():
    ad = h.protos()[0].JobAd(id="whole", title="Vacancy 1", body=h.html_of(1))
    return ad.SerializeToString()


def bad_messages():
    """key -> (value, headers, reason)."""
    ld, proto = {"content-type": "application/ld+json"}, {"content-type": "application/x-protobuf"}
    whole = good_protobuf()
    return {
        "cut-json": (b'{"id": "x", "text": "proj', None, "bad-json"),
        "not-json": (b"hello, is this the place?", {"content-type": "application/json"}, "bad-json"),
        "deep-json": (b'{"a":' * 10000 + b"1" + b"}" * 10000, ld, "bad-json"),
        "no-posting": (json.dumps({"@type": "Recipe", "name": "bread"}).encode(), ld, "not-a-job-posting"),
        "number": (b"[1, 2, 3]", None, "not-a-job-posting"),
        "cut-protobuf": (whole[:-7], proto, "bad-protobuf"),
        "cut-bare": (whole[:len(whole) // 2], None, "bad-protobuf"),
        "noise": (bytes(range(255, 1, -1)), proto, "bad-protobuf"),
        "empty": (b"", None, "empty"),
        "tombstone": (None, ld, "empty"),
        "no-text": (json.dumps({"id": "no-text"}).encode(), None, None),
    }


def each_bad_message_is_one_dead_letter_beside_the_good_ones_record():
    topics = kafka.create_all(partitions=2, prefix="bad-")
    worker = h.Worker(kafka, topics, ["--group", "bad"], redis=redis).ready()
    bad = bad_messages()
    messages = []
    for i, (key, (value, headers, _)) in enumerate(bad.items()):
        messages.append((key, value, dict(headers or {}, **{"trace": f"trace-{key}"})))
        messages.append(h.short_ad(f"good-{i}", i))
    kafka.publish(topics.ads, messages)
    letters = kafka.read(topics.letters, len(bad), quiet=1)
    records = kafka.read(topics.records, len(bad), quiet=1)
    assert h.ids_of(records) == sorted(f"good-{i}" for i in range(len(bad)))
    assert h.ids_of(letters) == sorted(bad), h.ids_of(letters)
    places = {m.key(): f"{m.topic()}/{m.partition()}/{m.offset()}" for m in kafka.read(topics.ads, len(messages))}
    for letter in letters:
        value, headers, reason = bad[letter.key().decode()]
        assert (letter.value() or b"") == (value or b""), f"{letter.key()}: the bytes changed"
        found = dict(letter.headers())
        for name, text in dict(headers or {}, trace=f"trace-{letter.key().decode()}").items():
            assert found[name] == text.encode(), f"{letter.key()}: header {name}"
        said = {name: found["skillstream-" + name].decode() for name in
                ("reason", "stage", "error", "attempt", "source", "program")}
        assert reason in (None, said["reason"]), f"{letter.key()}: {said}"
        assert said["stage"] == "decode" and said["attempt"] == "1" and said["source"] == places[letter.key()], said
        assert said["program"].startswith("skillstream-worker ") and " " not in said["reason"], said
        assert said["error"] and "proj" not in said["error"] and "bread" not in said["error"], said
    metrics = worker.metrics()
    counted = {k: v for k, v in metrics.items() if k.startswith("skillstream_dead_letters_total")}
    assert sum(counted.values()) == len(bad), counted
    assert metrics['skillstream_dead_letters_total{reason="bad-json"}'] == 3, counted
    assert metrics["skillstream_ads_consumed_total"] == 2 * len(bad)
    assert worker.terminate()[0] == 0


def a_letter_sent_round_counts_its_attempts():
    topics = kafka.create_all(prefix="round-")
    worker = h.Worker(kafka, topics, ["--group", "round"], redis=redis).ready()
    kafka.publish(topics.ads, [("x", b'{"cut', {"content-type": "application/json"})])
    (first,) = kafka.read(topics.letters, 1)
    kafka.publish(topics.ads, [(first.key(), first.value(), dict(first.headers()))])
    second = kafka.read(topics.letters, 2)[1]
    worker.terminate()
    names = [name for name, _ in second.headers()]
    assert len(names) == len(set(names)), names
    assert dict(second.headers())["skillstream-attempt"] == b"2"
    assert dict(second.headers())["skillstream-source"] == f"{topics.ads}/0/1".encode()
    assert dict(second.headers())["content-type"] == b"application/json" and second.value() == b'{"cut'


def unknown_protobuf_fields_are_no_fault():
    topics = kafka.create_all(prefix="unknown-")
    worker = h.Worker(kafka, topics, ["--group", "unknown"], redis=redis).ready()
    unknown = bytes([0xfa, 0x3e, 3]) + b"new" + bytes([0x80, 0x7d, 42])  # fields 1007 (bytes) and 2000 (varint)
    kafka.publish(topics.ads, [("u", good_protobuf() + unknown, {"content-type": "application/x-protobuf"}),
                               ("v", unknown + good_protobuf(), None)])
    records = [h.parse_record(m.value()) for m in kafka.read(topics.records, 2)]
    assert [r.ad_id for r in records] == ["whole", "whole"]
    h.check_skills(records[0], 1)
    assert not kafka.read(topics.letters, quiet=1)
    worker.terminate()


def a_record_too_large_for_its_topic_becomes_a_dead_letter():
    names = ["tight-job-ads", "tight-skill-records", "tight-job-ads.dlq"]
    kafka.create(names[0], names[2])
    kafka.create(names[1], config={"max.message.bytes": "20000"})
    topics = h.Topics(*names)
    worker = h.Worker(kafka, topics, ["--group", "tight", "--with-text"], redis=redis).ready()
    # words that do not compress (the limit is on what is sent) and that cost the encoder one token each
    text = "".join(f"{hashlib.sha512(str(i).encode()).hexdigest()}\n" for i in range(500))
    large = json.dumps({"id": "large", "text": text}).encode()
    kafka.publish(topics.ads, [h.short_ad("before", 1), ("large", large, None), h.short_ad("after", 2)])
    (letter,) = kafka.read(topics.letters, 1, timeout=90)
    assert letter.value() == large and dict(letter.headers())["skillstream-reason"] == b"record-too-large"
    assert h.ids_of(kafka.read(topics.records, 2, quiet=1)) == ["after", "before"]
    assert worker.terminate()[0] == 0


h.main(start, each_bad_message_is_one_dead_letter_beside_the_good_ones_record, a_letter_sent_round_counts_its_attempts,
       unknown_protobuf_fields_are_no_fault, a_record_too_large_for_its_topic_becomes_a_dead_letter)
