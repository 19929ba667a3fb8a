"""Ads that are strange but ads: each gets its record (or, where a limit says so, its dead letter), and none is lost."""
import json

import harness as h

kafka, redis = None, None
LABEL = "project management"


def start():
    global kafka, redis
    h.release("a")
    kafka, redis = h.Kafka(), h.Redis()
    h.push(redis)


def field(number, value):
    """A length-delimited protobuf field, for bytes that stock protobuf refuses to write."""
    size, length = len(value), b""
    while size >= 0x80:
        length += bytes([size & 0x7f | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def short(ad_id, **fields):
    return json.dumps(dict(id=ad_id, **fields)).encode()


def odd_ads():
    """id -> value. All of them name LABEL, but for `blank` and `title-only`."""
    named = f"<p>{LABEL}</p>"
    return {
        "bad-utf8": field(1, b"bad-utf8") + field(3, b"Caf\xe9 \xff\xfe\xc3\n" + LABEL.encode() + b"\n\x80\x80 end"),
        "nul": field(1, b"nul") + field(3, b"a\0b\n" + LABEL.encode() + b"\n"),
        "nested": short("nested", html="<div>" * 10000 + named + "</div>" * 10000),
        "unclosed": short("unclosed", html=f"<ul><li><b>{LABEL}<li><i>and more<table><tr><td>x<p>y</ul></td>"),
        "torn": short("torn", html=f"<p>{LABEL}</p><p class='unfinished <br"),
        "scripts": short("scripts", html=f"<script>var x='<p>operate forklift</p>'</script><style>p{{}}</style>{named}"),
        "entities": short("entities", html=f"&nbsp;&#x26;&#99999999;&bogus;&amp;lt;{named}&copy"),
        "one-word": short("one-word", text=f"{LABEL}\n" + "x" * 100000),
        "no-stop": short("no-stop", text=f"{LABEL}\n" + "we work and we rest and " * 4000),
        "many-lines": short("many-lines", text=f"{LABEL}\n" + "\n" * 50000 + "- \n" * 20000),
        "emoji": short("emoji", text=f"\U0001f680\U0001f1e9\U0001f1ea\u200d\n{LABEL}\n\u0645\u0631\u062d\u0628\u0627 \u4f60\u597d"),
        "blank": short("blank", text=" \n\t \n", title="Blank"),
        "title-only": short("title-only", text="", title="Title only"),
    }


def strange_ads_get_their_record():
    topics = kafka.create_all(prefix="odd-")
    worker = h.Worker(kafka, topics, ["--group", "odd", "--with-text"], redis=redis).ready()
    ads = odd_ads()
    kafka.publish(topics.ads, [(key, value, None) for key, value in ads.items()])
    records = {r.ad_id: r for r in (h.parse_record(m.value()) for m in kafka.read(topics.records, len(ads), timeout=120))}
    assert sorted(records) == sorted(ads)
    assert not kafka.read(topics.letters)
    uri = h.labels()[LABEL]
    for ad_id in set(ads) - {"blank", "title-only"}:
        record, plain = records[ad_id], records[ad_id].text.encode()
        spans = [plain[m.begin:m.end].decode() for m in record.mentions if m.skill_uri == uri]
        assert LABEL in spans, f"{ad_id}: {spans}, text {record.text[:80]!r}"
    assert "forklift" not in records["scripts"].text
    assert records["bad-utf8"].text.startswith("Caf") and "\0" not in records["nul"].text
    assert records["one-word"].text.count("x") == 100000, "text was lost"
    assert records["no-stop"].text.count("we work") == 4000 and records["no-stop"].sentence_count > 80
    assert not records["blank"].mentions and records["blank"].scored_sentence_count <= 1
    assert worker.get("/live")[0] == 200
    assert worker.terminate()[0] == 0


def an_ad_of_5_mb_is_processed_and_one_past_a_limit_is_a_dead_letter():
    topics = kafka.create_all(prefix="large-")
    limits = ["--max-ad-bytes", "6M", "--max-sentences", "200000"]
    worker = h.Worker(kafka, topics, ["--group", "large"] + limits, redis=redis).ready()
    line = "The office is on the second floor of an old mill.\n"
    large = short("large", text=f"{LABEL}\n" + line * (5000000 // len(line)))
    too_large = short("too-large", text=line * (7000000 // len(line)))
    too_many = short("too-many", text="".join(f"Room {i}.\n\n" for i in range(200001)))
    kafka.publish(topics.ads, [h.short_ad("before", 1), ("large", large, None), ("too-large", too_large, None),
                               ("too-many", too_many, None), h.short_ad("after", 2)])
    messages = kafka.read(topics.records, 3, timeout=120)
    assert h.ids_of(messages) == ["after", "before", "large"]
    record = next(r for r in (h.parse_record(m.value()) for m in messages) if r.ad_id == "large")
    assert record.sentence_count >= 100000 and record.mentions[0].label == LABEL
    letters = {dict(m.headers())["skillstream-reason"]: m.value() for m in kafka.read(topics.letters, 2, timeout=60)}
    assert letters == {b"too-large": too_large, b"too-many-sentences": too_many}, list(letters)
    assert worker.terminate()[0] == 0


h.main(start, strange_ads_get_their_record, an_ad_of_5_mb_is_processed_and_one_past_a_limit_is_a_dead_letter)
