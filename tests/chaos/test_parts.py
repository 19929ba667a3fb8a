"""The campaign's own parts: the proxy does what it says, and the judge finds each kind of wrong."""
import os
import socket
import sys
import threading
import time
from types import SimpleNamespace

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "trainer")]

import harness  # noqa: E402

for package in ("confluent_kafka", "google.protobuf"):
    try:
        harness.need_package(package)
    except harness.Skip as reason:
        print(f"SKIP: {reason}")
        sys.exit(77)

import faults  # noqa: E402
import judge  # noqa: E402
from cluster import _java_hash  # noqa: E402
from oracle import Sighting  # noqa: E402
from proxy import Proxy  # noqa: E402
from world import Ads, key_of  # noqa: E402


# ---- the proxy ----

def _echo():
    server = socket.create_server(("127.0.0.1", 0))

    def answer(s):
        with s:
            try:
                while data := s.recv(65536):
                    s.sendall(data)
            except OSError:
                pass

    def serve():
        while True:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def _ask(s, data):
    s.sendall(data)
    got = b""
    while len(got) < len(data):
        more = s.recv(len(data) - len(got))
        if not more:
            raise ConnectionResetError
        got += more
    return got


def _connect(proxy):
    s = socket.create_connection(("127.0.0.1", proxy.port), 5)
    s.settimeout(5)
    return s


def the_proxy_passes_everything_in_order():
    proxy, data = Proxy(_echo()), os.urandom(1 << 20)
    with _connect(proxy) as s:
        got = []
        reader = threading.Thread(target=lambda: got.append(_exactly(s, len(data))))
        reader.start()
        s.sendall(data)
        reader.join(20)
        assert got and got[0] == data


def _exactly(s, size):
    parts = b""
    while len(parts) < size:
        parts += s.recv(1 << 16)
    return parts


def the_proxy_cuts_and_comes_back():
    proxy = Proxy(_echo())
    with _connect(proxy) as s:
        assert _ask(s, b"before") == b"before"
        proxy.cut()
        for attempt in (s, _connect(proxy)):
            try:
                _ask(attempt, b"during")
                raise AssertionError("an answer through a cut proxy")
            except OSError:
                pass
    proxy.heal()
    with _connect(proxy) as s:
        assert _ask(s, b"after") == b"after"


def the_proxy_holds_and_delivers_late():
    proxy = Proxy(_echo())
    with _connect(proxy) as s:
        _ask(s, b"x")
        proxy.hold()
        s.sendall(b"held")
        s.settimeout(0.5)
        try:
            raise AssertionError(f"{s.recv(10)} through a proxy that holds")
        except TimeoutError:
            pass
        proxy.heal()
        s.settimeout(5)
        assert _exactly(s, 4) == b"held"


def the_proxy_delays():
    proxy = Proxy(_echo(), 0.05)
    with _connect(proxy) as s:
        start = time.monotonic()
        _ask(s, b"usual")
        usual = time.monotonic() - start
        proxy.delay(0.3)
        start = time.monotonic()
        _ask(s, b"slow")
        slow = time.monotonic() - start
    assert 0.1 <= usual < 0.5 and 0.6 <= slow < 2, (usual, slow)


# ---- the schedule ----

def the_same_seed_gives_the_same_schedule_with_each_kind():
    import random
    one, same, other = (faults.schedule(random.Random(seed), faults.KINDS, 60, 3) for seed in (5, 5, 6))
    assert one == same != other and {line[1] for line in one} == set(faults.KINDS)
    ads = Ads(5, ["sing", "dance"])
    values = {ads.message(n)[1] for n in range(2000)}
    assert len(values) > 1900 and ads.message(7) == Ads(5, ["sing", "dance"]).message(7)


def partitions_are_chosen_as_java_does():
    """The hashes are Java's own, known from its documentation and lore; the last one is Integer.MIN_VALUE."""
    assert [_java_hash(text) for text in ("", "a", "hello", "polygenelubricants")] == [0, 97, 99162322, 0]


# ---- the judge ----

COUNT = 300


def _record(number, label="x"):
    record = harness.protos()[1].SkillRecord(ad_id=key_of(number), release="digest-a")
    record.mentions.add(label=label, score=0.5)
    return record.SerializeToString()


def _message(topic, number, offset):
    return SimpleNamespace(topic=lambda: topic, partition=lambda: 0, offset=lambda: offset, key=lambda: key_of(number).encode())


def _verdict(change=lambda seen: None, later=lambda found: None, problem=""):
    """The judge's verdict on a campaign that never was: all is well, but for what the arguments change."""
    ads = Ads(1, ["sing", "dance"])

    def sightings():
        return {n: [Sighting("letters" if ads.is_broken(n) else "records", 0, n, 1.0,
                             ads.message(n)[1] if ads.is_broken(n) else _record(n), [("a", b"b")])] for n in range(COUNT)}
    seen, right = sightings(), sightings()
    read = {topic: [_message(topic, n, s.offset) for n, found in seen.items() for s in found if s.topic == topic]
            for topic in ("records", "letters")}
    read["ads"] = [_message("ads", n, n) for n in range(COUNT)]
    change(seen)
    later(read)
    world = SimpleNamespace(
        ads=ads, pupil=None, fleet=SimpleNamespace(problems=[], ended=[], started=3, slots={}),
        topics=harness.Topics("ads", "records", "letters"),
        cluster=SimpleNamespace(read=lambda topic, timeout: read[topic], bootstrap=""),
        releases=SimpleNamespace(exact=True, name_of=lambda digest: digest[-1] if digest == "digest-a" else None))
    campaign = SimpleNamespace(
        world=world, problems=[problem] if problem else [], happenings=[], given=SimpleNamespace(ads=COUNT, seed=1),
        feed=SimpleNamespace(failures=[], times={}, placed={}), start=0.0, oracle_seconds=1.0,
        oracle=SimpleNamespace(seen=seen, strange=[], error=None))
    judge.calm = lambda *_: {n: found[0]._replace(topic="calm-" + found[0].topic) for n, found in right.items()}
    judge.oracles.count_with_aborted = lambda _, topic: len(read[topic])
    return judge.Verdict(campaign)


def the_judge_is_content_when_all_is_well():
    verdict = _verdict()
    assert not verdict.problems, verdict.problems
    assert "as without faults" in verdict.text()


def the_judge_finds_each_kind_of_wrong():
    def double(seen):
        seen[5].append(seen[5][0]._replace(offset=9000))

    def alter(seen):
        seen[6][0] = seen[6][0]._replace(value=_record(6, "y"))

    def unknown_release(seen):
        value = harness.protos()[1].SkillRecord(ad_id=key_of(8), release="other").SerializeToString()
        seen[8][0] = seen[8][0]._replace(value=value)

    wrong = {
        "a lost one": (dict(change=lambda seen: seen.pop(4)), "1 ads are lost: [4]"),
        "a double": (dict(change=double), "1 ads came more than once: [5]"),
        "another record": (dict(change=alter), "1 records or letters are not those"),
        "a record of no release": (dict(change=unknown_release), "1 records or letters are not those"),
        "a letter instead of a record": (dict(change=lambda seen: seen[3].__setitem__(0, seen[3][0]._replace(topic="letters"))),
                                         "records where dead letters should be, or the reverse: [3]"),
        "a letter with other bytes": (dict(change=lambda seen: seen[13].__setitem__(0, seen[13][0]._replace(value=b"z"))),
                                      "1 records or letters are not those"),
        "one more for a later reader": (dict(later=lambda read: read["records"].append(_message("records", 5, 9000))),
                                        "a later reader sees 1 messages"),
        "an ad twice in the topic": (dict(later=lambda read: read["ads"].append(_message("ads", 5, 9000))), "the test's own publisher"),
        "a problem on the way": (dict(problem="lag is not 0"), "lag is not 0"),
    }
    for what, (change, said) in wrong.items():
        verdict = _verdict(**change)
        assert any(said in problem for problem in verdict.problems), (what, verdict.problems)
        assert "VERDICT: bad" in verdict.text(), what


if __name__ == "__main__":
    harness.main(the_proxy_passes_everything_in_order, the_proxy_cuts_and_comes_back, the_proxy_holds_and_delivers_late,
                 the_proxy_delays, the_same_seed_gives_the_same_schedule_with_each_kind, partitions_are_chosen_as_java_does,
                 the_judge_is_content_when_all_is_well, the_judge_finds_each_kind_of_wrong)
