"""Releases in Redis: push, list, show, use, rollback, gc; workers follow without a restart and refuse a broken one."""
import hashlib
import json
import os
import shutil
import signal
import socket
import threading
import time

import harness as h

kafka, redis = None, None


def start():
    global kafka
    h.release("a"), h.release("b")
    kafka = h.Kafka()


def release(store, *words, **options):
    return h.skillstream("release", *words, "--redis", store.url, **options)


def listed(store):
    return [json.loads(line) for line in release(store, "list", "--json").stdout.splitlines()]


def the_registry_pushes_lists_uses_rolls_back_and_collects():
    store = h.Redis()
    assert listed(store) == []
    a = h.push(store, "a")
    b = h.push(store, "b", "--no-use")
    assert a != b and len(a) == len(b) == 64
    assert {e["digest"]: (e["current"], e["complete"]) for e in listed(store)} == {a: (True, True), b: (False, True)}
    assert store.cli("GET", "skillstream:release:current") == a
    shown = json.loads(release(store, "show", b[:12]).stdout)
    assert shown["name"] == "test-b" and shown["blobs"]
    release(store, "use", b[:12])
    assert store.cli("GET", "skillstream:release:current") == b
    assert a in release(store, "rollback").stdout and store.cli("GET", "skillstream:release:current") == a
    release(store, "gc", "--keep", "1")
    assert [e["digest"] for e in listed(store)] == [a]
    assert not store.keys(f"skillstream:release:{b}:*") and store.keys(f"skillstream:release:{a}:*")


def a_first_release_that_is_pushed_again_does_not_displace_a_newer_one():
    """What compose and the chart do at each start and upgrade."""
    store = h.Redis()
    a = h.push(store, "a", "--use-if-none")
    assert store.cli("GET", "skillstream:release:current") == a
    b = h.push(store, "b")
    again = release(store, "push", h.release("a"), "--use-if-none").stdout
    assert again.split()[0] == a and f"{b[:12]} stays in use" in again, again
    assert store.cli("GET", "skillstream:release:current") == b
    assert "is in use" in release(store, "push", h.release("b"), "--use-if-none").stdout
    assert a in release(store, "rollback").stdout  # the history is as it was


def wrong_words_are_told_apart():
    store = h.Redis()
    a = h.push(store, "a")
    cases = [(("use", "0" * 64), 1, "0000"), (("show", "ffff"), 1, "ffff"), (("rollback",), 1, ""), (("pusj",), 2, "push"),
             (("use",), 2, "argument"), (("push", "/nowhere/x.release"), 1, "/nowhere/x.release")]
    for words, code, said in cases:
        done = release(store, *words, check=False)
        assert done.returncode == code and said in done.stderr, (words, done)
    assert store.cli("GET", "skillstream:release:current") == a


def records_since(topics, seen, ad_ids):
    """Digest by ad id, for ads that were published after `seen` records."""
    messages = kafka.read(topics.records, seen + len(ad_ids))
    records = [h.parse_record(m.value()) for m in messages]
    found = {r.ad_id: r.release for r in records if r.ad_id in ad_ids}
    assert sorted(found) == sorted(ad_ids)
    return found


def follows(worker, digest):
    h.until(lambda: any(f'digest="{digest}"' in name for name in worker.metrics()
                        if name.startswith("skillstream_release_info")), f"release {digest[:12]} in use", 30)


def a_running_worker_switches_without_loss_and_back():
    store = h.Redis()
    a = h.push(store, "a")
    topics = kafka.create_all(partitions=2, prefix="swap-")
    worker = h.Worker(kafka, topics, ["--group", "swap", "--poll-release", "200ms", "--batch-ads", 4], redis=store).ready()
    wanted, seen = [], 0
    b = h.push(store, "b", "--no-use")
    for digest, words in ((a, None), (b, ("use", b)), (a, ("rollback",))):
        if words:
            # ads are under way while the release changes
            under_way = [h.short_ad(f"{len(wanted) + i}-under-way", i) for i in range(40)]
            kafka.publish(topics.ads, under_way)
            release(store, *words)
            follows(worker, digest)
            found = records_since(topics, seen, [key for key, _, _ in under_way])
            assert set(found.values()) <= {a, b}
            seen += len(under_way)
            wanted += [key for key, _, _ in under_way]
        ads = [h.short_ad(f"{len(wanted) + i}-after", i) for i in range(20)]
        kafka.publish(topics.ads, ads)
        found = records_since(topics, seen, [key for key, _, _ in ads])
        assert set(found.values()) == {digest}, set(found.values())
        seen += len(ads)
        wanted += [key for key, _, _ in ads]
    assert h.ids_of(kafka.read(topics.records, len(wanted), quiet=2)) == sorted(wanted)
    assert worker.metrics()["skillstream_release_swaps_total"] == 2
    assert worker.terminate()[0] == 0


def a_broken_release_in_redis_is_refused_and_the_old_one_stays():
    store = h.Redis()
    a = h.push(store, "a")
    b = h.push(store, "b", "--no-use")
    chunk = max(store.keys(f"skillstream:release:{b}:*"), key=lambda key: int(store.cli("STRLEN", key)))
    store.cli("SETRANGE", chunk, 5000, "broken")
    topics = kafka.create_all(prefix="broken-")
    worker = h.Worker(kafka, topics, ["--group", "broken", "--poll-release", "200ms"], redis=store).ready()
    release(store, "use", b)
    h.until(lambda: worker.metrics().get("skillstream_release_refused_total") == 1, "the release is refused", 30)
    kafka.publish(topics.ads, [h.short_ad(f"ad-{i}", i) for i in range(10)])
    assert {h.parse_record(m.value()).release for m in kafka.read(topics.records, 10)} == {a}
    assert worker.get("/ready")[0] == 200
    refused = [e for e in worker.events() if b in json.dumps(e)]
    assert refused, "the log does not name the refused release"
    assert worker.terminate()[0] == 0
    # a worker that starts now has nothing to start with: it waits, and says why
    waiting = h.Worker(kafka, topics, ["--group", "broken-2"], redis=store)
    h.until(lambda: waiting.get("/ready")[0] == 503, "not ready", 20)
    h.until(lambda: waiting.process.poll() is not None or "release" in waiting.get("/ready")[1], "a reason", 20)
    release(store, "use", a)
    if waiting.process.poll() is None:
        waiting.ready(40)
    else:
        assert waiting.process.returncode == 1, waiting.process.returncode


def a_broken_release_file_is_refused():
    good = h.release("a")
    content = open(good, "rb").read()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    variants = {"cut": content[:len(content) // 3], "short": content[:20], "flipped": bytes(flipped), "empty": b"",
                "text": b"not a release at all, but long enough to look\n" * 100}
    for name, data in variants.items():
        path = os.path.join(h.scratch(), name + ".release")
        with open(path, "wb") as file:
            file.write(data)
        done = h.skillstream("extract", "--release", path, check=False)
        assert done.returncode == 1 and path in done.stderr and not done.stdout, (name, done)
        worker = h.Worker(kafka, None, ["--release", path])
        assert worker.wait(30) == 1 and path in h.tail(worker.log), (name, h.tail(worker.log))
    copy = os.path.join(h.scratch(), "copy.release")
    shutil.copy(good, copy)
    h.skillstream("extract", "--release", copy)


def names_of_others_are_printed_as_text():
    store = h.Redis()
    name, created = 'a "quote" \\ and \x1b[31m red\x9b', '2026\n"'
    text = json.dumps({"name": name, "createdAt": created, "blobs": [{"name": "x"}]})
    digest = hashlib.sha256(text.encode()).hexdigest()
    store.cli("SET", f"skillstream:release:{digest}:manifest", text)
    entry, = listed(store)
    assert (entry["name"], entry["createdAt"]) == (name, created), entry
    plain = release(store, "list").stdout
    assert 'a "quote" \\ and ?[31m red?' in plain and plain.rstrip("\n").isprintable(), plain
    # the same for the names of files that are evaluated
    odd = 'bench "x"\n' + "\u00e9" * 70
    path = os.path.join(h.scratch(), odd + ".csv")
    with open(path, "w") as file:
        file.write(f"sentence,label\nYou {h.SKILLS[0]}.,{h.SKILLS[0]}\n")
    for more in ((), ("--mentions",)):
        report = json.loads(h.skillstream("eval", "--release", h.release("a"), "--json", *more, path).stdout)
        assert list(report) == [odd], report
        lines = h.skillstream("eval", "--release", h.release("a"), *more, path).stdout.splitlines()
        assert lines[-1].startswith('bench "x"?\u00e9'), lines


class Relay:
    """Passes everything on to a Redis; connections in which `cut` (bytes) is said are closed at that moment."""

    def __init__(self, port):
        self.port, self.cut, self.cuts = port, None, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.server.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client = self.server.accept()[0]
            redis = socket.create_connection(("127.0.0.1", self.port))
            for source, target in ((client, redis), (redis, client)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source, target):
        try:
            while piece := source.recv(65536):
                if self.cut and self.cut in piece:
                    self.cuts += 1
                    break
                target.sendall(piece)
        except OSError:
            pass
        for side in source, target:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def said(worker, message):
    return [e["why"] for e in worker.events() if e["message"] == message]


def a_fault_of_redis_while_fetching_is_not_held_against_the_release():
    store = h.Redis()
    h.push(store, "a")
    b = h.push(store, "b", "--no-use")
    relay = Relay(store.port)
    topics = kafka.create_all(prefix="fault-")
    worker = h.Worker(kafka, topics, ["--group", "fault", "--poll-release", "200ms"], redis=relay).ready()
    relay.cut = f"{b}:manifest".encode()
    release(store, "use", b)
    h.until(lambda: relay.cuts >= 5, "five attempts to fetch it", 60)
    late = "release not fetched yet, the old one stays"
    h.until(lambda: said(worker, late), "the log says that it is not there yet", 10)
    assert len(set(said(worker, late))) == len(said(worker, late)), said(worker, late)
    relay.cut = None
    follows(worker, b)
    assert worker.metrics()["skillstream_release_refused_total"] == 0
    assert not said(worker, "release refused, the old one stays")
    assert worker.terminate()[0] == 0


def an_outage_is_logged_once_and_the_next_one_too():
    store = h.Redis()
    h.push(store, "a")
    topics = kafka.create_all(prefix="outage-")
    worker = h.Worker(kafka, topics, ["--group", "outage", "--poll-release", "200ms"], redis=store).ready()
    away, before = "cannot ask Redis for the release in use", 0
    for _ in range(2):
        store.kill()
        h.until(lambda: len(said(worker, away)) > before, "the log says that Redis is away", 30)
        time.sleep(4)  # twenty polls
        told = said(worker, away)[before:]
        assert len(set(told)) == len(told) <= 3, told
        before += len(told)
        store.start()
        b = h.push(store, "b")
        h.push(store, "a")
        release(store, "use", b)
        follows(worker, b)
        release(store, "rollback")
        a = store.cli("GET", "skillstream:release:current")
        follows(worker, a)
    assert worker.terminate()[0] == 0


def a_worker_leaves_its_group_while_redis_hangs():
    store = h.Redis()
    h.push(store, "a")
    topics = kafka.create_all(prefix="hangs-")
    worker = h.Worker(kafka, topics, ["--group", "hangs", "--poll-release", "200ms", "--grace", "12s"], redis=store).ready()
    kafka.publish(topics.ads, [h.short_ad("ad", 1)])
    kafka.read(topics.records, 1)
    store.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(1)  # the follower has asked, and would wait for 15 s
        assert worker.terminate()[0] == 0, h.tail(worker.log)
    finally:
        store.process.send_signal(signal.SIGCONT)


h.main(start, the_registry_pushes_lists_uses_rolls_back_and_collects,
       a_first_release_that_is_pushed_again_does_not_displace_a_newer_one, wrong_words_are_told_apart,
       names_of_others_are_printed_as_text,
       a_running_worker_switches_without_loss_and_back, a_broken_release_in_redis_is_refused_and_the_old_one_stays,
       a_fault_of_redis_while_fetching_is_not_held_against_the_release, an_outage_is_logged_once_and_the_next_one_too,
       a_worker_leaves_its_group_while_redis_hangs, a_broken_release_file_is_refused)
