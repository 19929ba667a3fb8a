"""`skillstream inspect` over HTTP: what it finds is what extract finds, hostile requests are refused, hostile text stays
data, releases come from files and Redis, records from a real broker."""
import json
import os
import socket
import threading
import time

import harness as h
from inspecting import EVIL, EVIL_SKILLS, Inspector, evil_record, evil_release

ADS = os.path.join(h.TOP, "compose", "data", "ads.jsonl")
one = None


def start():
    global one
    one = Inspector("--release", h.release("a"), "--max-body", "20000")


def extracted(release, ads, *options):
    """Records of `skillstream extract`, by ad id."""
    path = os.path.join(h.scratch(), "ads.jsonl")
    with open(path, "w") as file:
        file.writelines(json.dumps(ad) + "\n" for ad in ads)
    lines = h.skillstream("extract", "--release", release, "--with-text", "--threads", 1, *options, path).stdout.splitlines()
    return [json.loads(line) for line in lines]


def key(mention):
    return mention.get("sentenceIndex", 0), mention["skillUri"]


def mentions_from_a_threshold_up_are_those_that_extract_keeps_there():
    ads = one.get("/api/ads")
    assert len(ads) == 40 and ads[0]["title"] == "Senior Backend Engineer (Go / Python)" and "<h2>" in ads[0]["body"]
    ads = ads[:6] + [{"id": "x", "title": "t", "html": h.html_of(3)}]
    found = [one.records(ad)[0] for ad in ads]
    own = one.get("/api/about")["releases"][0]["threshold"]
    seen = set()
    for options, threshold in (([], own), (["--threshold", 0], 0), (["--threshold", 0.02], 0.02), (["--threshold", 0.5], 0.5)):
        for mine, theirs in zip(found, extracted(h.release("a"), ads, *options), strict=True):
            for field in ("text", "title", "sentenceCount", "release"):
                assert mine.get(field) == theirs.get(field), field
            kept = [m for m in mine["mentions"] if m.get("probability", 0) >= threshold]
            assert kept == theirs.get("mentions", []), (threshold, mine["title"])
            seen.add((threshold, len(kept) > 0))
    assert (own, True) in seen and (0.5, False) in seen, seen  # the comparison was of something


def an_ad_may_be_any_of_the_json_forms():
    posting = {"@context": "https://schema.org", "@type": "JobPosting", "title": "x", "description": "<p>manage budgets</p>"}
    for ad in ({"text": "manage budgets"}, {"title": "x", "body": "manage budgets"}, posting, [posting], {"@graph": [posting]},
               {"title": "manage budgets"}):
        assert "manage budgets" in [m["label"] for m in one.records(ad)[0]["mentions"]], ad


def hostile_text_comes_back_as_data():
    inspector = Inspector("--release", evil_release())
    text = f"{EVIL} and \u2028 \"quotes\" \\ </script> manage \U0001f600 weld steel"
    status, headers, _ = inspector.ask("POST", "/api/extract", json.dumps({"title": EVIL, "text": text}).encode(),
                                       {"Content-Type": "application/json"})
    assert status == 200 and headers["Content-Type"].startswith("application/json"), headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    (record,) = inspector.records({"id": EVIL, "title": EVIL, "text": text})
    assert record["title"] == EVIL and record["adId"] == EVIL and EVIL in record["text"]
    assert {(m["skillUri"], m["label"]) for m in record["mentions"]} <= set(EVIL_SKILLS)
    plain = record["text"].encode()
    for mention in record["mentions"]:
        assert plain[mention.get("begin", 0):mention["end"]].decode() == mention["text"]
    assert inspector.get("/api/about")["releases"][0]["name"] == EVIL[:60]
    assert inspector.end() == 0


def bad_requests_are_refused_each_with_its_status():
    json_type = {"Content-Type": "application/json"}
    good = b'{"text":"manage budgets"}'
    cases = [("POST", "/api/extract", good, {}, 415), ("POST", "/api/extract", good, {"Content-Type": "text/plain"}, 415),
             ("POST", "/api/extract", b"x" * 20001, json_type, 413), ("POST", "/api/extract", b"{", json_type, 400),
             ("POST", "/api/extract", b"", json_type, 400), ("POST", "/api/extract", b'"text"', json_type, 400),
             ("POST", "/api/extract", b'{"a":1}', json_type, 400), ("POST", "/api/extract", b"[" * 10000, json_type, 400),
             ("POST", "/api/extract", b"\xff\xfe\x00", json_type, 400),
             ("GET", "/api/extract", None, {}, 405), ("PUT", "/api/extract", good, json_type, 405),
             ("OPTIONS", "/api/extract", None, {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}, 403),
             ("POST", "/", good, json_type, 405), ("DELETE", "/api/records", None, {}, 405), ("GET", "/api/none", None, {}, 404),
             ("GET", "/page.html", None, {}, 404), ("GET", "/../page.css", None, {}, 404), ("GET", "/ads.jsonl", None, {}, 404)]
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "169.254.169.254"):
        cases += [("GET", path, None, {"Host": host}, 403) for path in ("/", "/api/about", "/api/records", "/page.js", "/live")]
        cases.append(("POST", "/api/extract", good, {"Host": host, **json_type}, 403))
    cases += [("POST", "/api/extract", good, {"Origin": "http://evil.example", **json_type}, 403),
              ("POST", "/api/extract", good, {"Origin": "null", **json_type}, 403),
              ("POST", "/api/extract", good, {"Sec-Fetch-Site": "cross-site", **json_type}, 403),
              ("POST", "/api/extract", good, {"Origin": one.url[:-1], **json_type}, 200),
              ("POST", "/api/extract", good, json_type, 200), ("GET", "/", None, {"Host": f"localhost:{one.port}"}, 200)]
    for method, path, body, headers, expected in cases:
        status, answer, text = one.ask(method, path, body, headers)
        assert status == expected, (method, path, body and body[:40], headers, status, text[:200])
        assert not [name for name in answer if name.lower().startswith("access-control")], answer
        if status >= 400:
            assert answer["Content-Type"] == "text/plain; charset=utf-8" and "evil" not in text, (text, answer)
    chunked = (f"POST /api/extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               f"Transfer-Encoding: chunked\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", one.port), 20) as raw:
        raw.sendall(chunked + b"fffffff\r\n")
        assert b" 411 " in raw.recv(1000)


def the_page_allows_nothing_from_elsewhere():
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css"), ("/icon.svg", "image/svg")):
        status, headers, text = one.ask("GET", path)
        assert status == 200 and headers["Content-Type"].startswith(kind) and text, path
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" == policy["connect-src"]
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert "unsafe" not in headers["Content-Security-Policy"] and "*" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        for banned in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://", "style="):
            assert banned not in text, (path, banned)


def questions_at_once_get_the_answers_they_get_alone():
    ads = [{"id": str(i), "html": h.html_of(i)} for i in range(8)]
    alone = [one.records(ad) for ad in ads]
    together = [None] * len(ads)

    def visit(i):
        together[i] = [one.records(ads[i]) for _ in range(4)]
    visitors = [threading.Thread(target=visit, args=(i,)) for i in range(len(ads))]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(120)
    assert together == [[answer] * 4 for answer in alone]


def two_releases_answer_side_by_side():
    inspector = Inspector("--release", h.release("a"), "--compare", h.release("b"), "--threshold", 0.25, "--top", 3)
    about = inspector.get("/api/about")
    assert [r["name"] for r in about["releases"]] == ["test-a", "test-b"] and [r["threshold"] for r in about["releases"]] == [0.25] * 2
    ad = inspector.get("/api/ads")[1]
    for mine, name in zip(inspector.records(ad), ("a", "b"), strict=True):
        (theirs,) = extracted(h.release(name), [ad], "--threshold", 0, "--top", 3)
        assert mine["mentions"] == theirs["mentions"] and mine["release"] == theirs["release"]
    a, b = inspector.records(ad)
    assert a["release"] != b["release"] and set(map(key, a["mentions"])) != set(map(key, b["mentions"]))
    assert inspector.end() == 0


def releases_come_from_redis_as_well():
    redis = h.Redis()
    a, b = h.push(redis, "a"), h.push(redis, "b")  # b is in use
    for options, expected in (([], [b]), (["--release", a[:8]], [a]), (["--compare", a], [b, a]),
                              (["--release", h.release("a"), "--compare", "current"], [a, b])):
        inspector = Inspector("--redis", redis.url, *options)
        assert [r["digest"] for r in inspector.get("/api/about")["releases"]] == expected, options
        assert [r["release"] for r in inspector.records({"text": "manage budgets"})] == expected
        assert inspector.end() == 0
    for options, code in ((["--release", "0000"], 1), (["--release", h.release("a"), "--compare", "ffffffff"], 1)):
        done = h.skillstream("inspect", "--redis", redis.url, *options, check=False)
        assert done.returncode == code and "no release" in done.stderr, done.stderr


def files_of_ads_take_the_place_of_those_built_in():
    path = os.path.join(h.scratch(), "mine.jsonl")
    with open(path, "w") as file:
        file.write(json.dumps({"id": "m1", "title": EVIL, "text": "manage budgets"}) + "\nno ad\n" +
                   json.dumps({"id": "m2", "html": "<b>x</b>"}) + "\n")
    inspector = Inspector("--release", h.release("a"), path)
    assert [(ad["id"], ad.get("title")) for ad in inspector.get("/api/ads")] == [("m1", EVIL), ("m2", None)]
    assert "2" in open(inspector.errors).read()  # the bad line is named
    assert inspector.end() == 0


def wrong_calls_say_what_is_wrong():
    release = h.release("a")
    taken = f"127.0.0.1:{one.port}"
    for options, code, word in (([], 2, "--release"), (["--release", "/nowhere"], 1, "/nowhere"),
                                (["--release", release, "--http", "x"], 78, "HOST:PORT"),
                                (["--release", release, "--http", taken], 1, "in use"),
                                (["--release", release, "--treshold", "1"], 2, "'threshold'"),
                                (["--redis", f"redis://127.0.0.1:{h.free_port()}", "--patience", "300ms"], 1, "redis://")):
        done = h.skillstream("inspect", *options, check=False, timeout=60)
        assert done.returncode == code and word in done.stderr, (options, done.returncode, done.stderr)
    page = h.skillstream("inspect", "--help").stdout
    for word in ("--compare", "--bootstrap", "--max-body", "--allow-host", "127.0.0.1:8070", "EXAMPLES"):
        assert word in page, word
    for shell in ("bash", "zsh", "fish"):
        assert "inspect" in h.skillstream("completion", shell).stdout
    assert "## skillstream inspect" in h.skillstream("reference").stdout


def an_address_for_others_is_warned_of_and_further_names_are_given_by_option():
    inspector = Inspector("--release", h.release("a"), "--http", f"0.0.0.0:{h.free_port()}", "--allow-host", "inspect.example")
    assert "warning" in open(inspector.errors).read()
    for host, expected in (("inspect.example", 200), ("0.0.0.0:1", 200), ("other.example", 403)):
        assert inspector.ask("GET", "/api/about", None, {"Host": host})[0] == expected, host
    assert inspector.end() == 0
    assert "warning" not in open(one.errors).read()


def the_live_view_follows_a_real_topic():
    kafka = h.Kafka()
    kafka.create("live", partitions=2)
    kafka.publish("live", [("old", evil_record(0), None)])
    inspector = Inspector("--release", h.release("a"), "--bootstrap", kafka.bootstrap, "--topic", "live")
    first = h.until(lambda: (n := inspector.get("/api/records"))["state"] == "reading" and n, "the view reads the topic")
    assert first["records"] == [] and first["read"] == 0, first  # it begins with what is new
    time.sleep(1)  # the reader finds the partitions' ends after it is assigned them
    kafka.publish("live", [("1", evil_record(1), None), ("2", b"\xff\xffno record", None)])
    news = h.until(lambda: (n := inspector.get("/api/records"))["read"] + n["bad"] == 2 and n, "a record and a bad message")
    (seen,) = news["records"]
    assert seen["record"]["title"] == f"{EVIL} title 1" and news["bad"] == 1
    assert [(m["skillUri"], m["label"]) for m in seen["record"]["mentions"]] == EVIL_SKILLS
    assert inspector.get(f"/api/records?after={news['next']}")["records"] == []
    kafka.publish("live", [(str(i), evil_record(i), None) for i in range(2, 302)])
    h.until(lambda: inspector.get("/api/records")["read"] == 301, "all records")
    last = inspector.get("/api/records")
    titles = [r["record"]["title"] for r in last["records"]]
    assert len(titles) == 200 and last["next"] == 301 and f"{EVIL} title 1" not in titles, len(titles)
    assert len(inspector.get("/api/records?after=299")["records"]) == 2
    for odd in ("after=999999", "after=-1", "after=x", "after="):  # a number of another process: from the beginning
        assert len(inspector.get("/api/records?" + odd)["records"]) == 200, odd
    assert inspector.end() == 0
    everything = Inspector("--release", h.release("a"), "--bootstrap", kafka.bootstrap, "--topic", "live", "--from-beginning")
    h.until(lambda: everything.get("/api/records")["read"] == 302, "the old records")
    assert everything.end() == 0


def without_a_broker_the_live_view_says_so_and_the_rest_works():
    assert one.get("/api/records")["state"] == "off" and one.get("/api/about")["liveTopic"] is None
    inspector = Inspector("--release", h.release("a"), "--bootstrap", f"127.0.0.1:{h.free_port()}")
    news = h.until(lambda: (n := inspector.get("/api/records"))["detail"] != "connecting to Kafka" and n, "the reason", 30)
    assert news["state"] == "connecting" and "127.0.0.1" in news["detail"], news
    assert inspector.records({"text": "manage budgets"})[0]["mentions"]
    start_of_end = time.monotonic()
    assert inspector.end() == 0 and time.monotonic() - start_of_end < 10


h.main(start, mentions_from_a_threshold_up_are_those_that_extract_keeps_there, an_ad_may_be_any_of_the_json_forms,
       hostile_text_comes_back_as_data, bad_requests_are_refused_each_with_its_status, the_page_allows_nothing_from_elsewhere,
       questions_at_once_get_the_answers_they_get_alone, two_releases_answer_side_by_side, releases_come_from_redis_as_well,
       files_of_ads_take_the_place_of_those_built_in, wrong_calls_say_what_is_wrong,
       an_address_for_others_is_warned_of_and_further_names_are_given_by_option, the_live_view_follows_a_real_topic,
       without_a_broker_the_live_view_says_so_and_the_rest_works)
