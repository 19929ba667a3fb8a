"""skillstream-trainer on a real Kafka and a real Redis: from messages to a release that workers pick up."""
import json
import os
import time

import harness
import tiny
import trainer
from trainer import Trainer, create_topics, messages

_services = {}


def _kafka():
    if "kafka" not in _services:
        _services["kafka"] = harness.Kafka()
    return _services["kafka"]


def _redis():
    return harness.Redis()


def _world(name, recipe=tiny.RECIPE):
    return tiny.World(os.path.join(harness.scratch(), name), recipe=recipe)


def _tiny_release(world):
    """The release of the untrained encoder."""
    path = world.path("first.release")
    harness.skillstream("index", "--encoder", world.model, "--taxonomy", world.taxonomy, "--out", path)
    return path


def pairs_become_a_published_release_and_bad_ones_dead_letters():
    kafka, redis, world = _kafka(), _redis(), _world("publish")
    create_topics(kafka, "a-")
    first = harness.skillstream("release", "push", _tiny_release(world), "--redis", redis.url).stdout.split()[0]
    t = Trainer(world, kafka, world.path("state"), ["--train-after", len(world.examples)], redis, "a-").ready()
    bad = [(b'{"sentence":"x","skill":"http://example.org/none"}', "unknown-skill"), (b"\x00\xff rubbish", "bad-pair"),
           (json.dumps({"sentence": "y" * 9000, "skill": world.labels[0]}).encode(), "long-sentence"),
           (b'{"sentence":"z","kind":"IMPLIED"}', "no-skill"), (b"", "bad-pair")]
    lines = messages(world.lines())
    kafka.publish("a-training-pairs", lines[:100] + [(b"bad", value, {"h": b"1"}) for value, _ in bad] + lines[90:])
    result = t.result()
    assert result["better"] and result["published"] and result["logPairs"] == len(world.examples), result
    assert result["before"] == f"release {first[:12]} in use", result["before"]
    assert redis.cli("get", "skillstream:release:current") == result["release"] != first
    letters = kafka.read("a-training-pairs.dlq", len(bad), quiet=1)
    found = [(dict(m.headers() or [])["skillstream-reason"].decode(), m.value() or b"", m.key()) for m in letters]
    assert [(reason, value, b"bad") for value, reason in bad] == found, found
    for message in letters:
        headers = {name: value.decode() for name, value in message.headers()}
        assert headers["skillstream-source"].startswith("a-training-pairs/0/") and headers["h"] == "1", headers
    assert trainer.pairs_of_log(t.state) == [sentence for _, sentence in world.examples]
    m = t.metrics()
    assert m["skillstream_pairs_consumed_total"] == len(world.examples) + 10 + len(bad)
    assert m["skillstream_pairs_appended_total"] == m["skillstream_pair_log_pairs"] == len(world.examples)
    assert m["skillstream_pairs_repeated_total"] == 10
    assert m['skillstream_dead_letters_total{reason="bad-pair"}'] == 2
    assert m["skillstream_training_steps_total"] == result["steps"] and m["skillstream_training_running"] == 0
    assert m['skillstream_trainings_total{result="published"}'] == 1
    assert m['skillstream_validation{set="validation",figure="RP@5",when="after"}'] > 90
    code, seconds = t.terminate()
    assert code == 0 and seconds < 25, (code, seconds)
    # killed after publishing, before the result was written: the training is made again, its release is known again
    os.remove(os.path.join(t.state, "run-000001", "result.json"))
    t = Trainer(world, kafka, t.state, ["--train-after", len(world.examples)], redis, "a-")
    again = t.result()
    assert again["published"] and again["weights"] == result["weights"] and "before an interruption" in again["why"], again
    assert redis.cli("get", "skillstream:release:current") == result["release"]
    assert t.terminate()[0] == 0
    # the same training by hand, from the log: the same weights
    harness.skillstream("train", *world.options(), "--out", world.path("by-hand"), os.path.join(t.state, "pairs.log"))
    assert tiny.result(world.path("by-hand"))["weights"] == result["weights"]


def more_pairs_make_another_training_with_all_of_them():
    kafka, world = _kafka(), _world("again")
    create_topics(kafka, "b-", partitions=3)
    t = Trainer(world, kafka, world.path("state"), ["--train-after", "150", "--keep-runs", "1"], None, "b-").ready()
    lines = messages(world.lines())
    kafka.publish("b-training-pairs", lines[:150])
    assert t.result(1)["logPairs"] == 150
    kafka.publish("b-training-pairs", lines[150:200])
    t.until_metric("skillstream_pair_log_pairs", 200)
    time.sleep(1.5)
    assert not os.path.exists(os.path.join(t.state, "run-000002"))  # 50 are not enough
    kafka.publish("b-training-pairs", lines[200:320])
    result = t.result(2)
    assert 300 <= result["logPairs"] <= 320 and not result["published"] and result["better"], result
    assert "To publish it" in result["why"], result
    harness.until(lambda: not os.path.exists(os.path.join(t.state, "run-000001")), "the older training is removed")
    assert t.terminate()[0] == 0


def a_release_that_is_no_better_is_kept_aside_and_the_old_one_stays():
    kafka, redis, world = _kafka(), _redis(), _world("kept", tiny.RECIPE.replace("lr = 5e-3", "lr = 0"))
    create_topics(kafka, "c-")
    first = harness.skillstream("release", "push", _tiny_release(world), "--redis", redis.url).stdout.split()[0]
    t = Trainer(world, kafka, world.path("state"), ["--train-after", "100"], redis, "c-").ready()
    kafka.publish("c-training-pairs", messages(world.lines()[:100]))
    result = t.result()
    assert not result["better"] and not result["published"] and "not surely better" in result["why"], result
    assert redis.cli("get", "skillstream:release:current") == first
    assert os.path.exists(os.path.join(t.state, "run-000001", "model.release"))
    assert t.metrics()['skillstream_trainings_total{result="kept"}'] == 1
    assert t.terminate()[0] == 0


def a_worker_switches_to_the_trained_release_while_ads_flow():
    kafka, redis, world = _kafka(), _redis(), _world("switch")
    create_topics(kafka, "d-")
    topics = kafka.create_all(prefix="d-")
    first = harness.skillstream("release", "push", _tiny_release(world), "--redis", redis.url).stdout.split()[0]
    worker = harness.Worker(kafka, topics, ["--poll-release", "200ms", "--threshold", "0"], redis).ready()
    t = Trainer(world, kafka, world.path("state"), ["--train-after", len(world.examples)], redis, "d-").ready()
    kafka.publish("d-training-pairs", messages(world.lines()))
    ads, end = 0, time.monotonic() + 120
    while time.monotonic() < end:
        text = " ".join(f"{sentence.capitalize()}." for _, sentence in world.examples[ads % 50:ads % 50 + 3])
        kafka.publish(topics.ads, [(str(ads).encode(), json.dumps({"id": str(ads), "title": "t", "text": text}).encode(),
                                    {"content-type": "application/json"})])
        ads += 1
        release = [name for name in worker.metrics() if name.startswith("skillstream_release_info{")]
        if ads > 20 and release and first not in release[0]:
            break
        time.sleep(0.05)
    after = 20
    kafka.publish(topics.ads, [(str(ads + i).encode(), json.dumps(
        {"id": str(ads + i), "title": "t", "text": "You know it well."}).encode(), None) for i in range(after)])
    second = t.result()["release"]
    records = [harness.protos()[1].SkillRecord.FromString(m.value()) for m in kafka.read(topics.records, ads + after)]
    assert sorted(int(r.ad_id) for r in records) == list(range(ads + after))  # no gap, no double
    releases = [r.release for r in sorted(records, key=lambda r: r.source.offset)]
    change = releases.index(second)
    assert set(releases[:change]) == {first} and set(releases[change:]) == {second}, (change, set(releases))
    assert worker.terminate()[0] == 0 and t.terminate()[0] == 0


def when_redis_is_away_the_better_release_is_published_later():
    kafka, redis, world = _kafka(), _redis(), _world("late")
    create_topics(kafka, "e-")
    redis.kill()
    t = Trainer(world, kafka, world.path("state"), ["--train-after", len(world.examples)], redis, "e-").ready()
    kafka.publish("e-training-pairs", messages(world.lines()))
    result = t.result(timeout=180)
    assert result["better"] and not result["published"] and "not published" in result["why"], result
    redis.start()
    harness.until(lambda: redis.cli("get", "skillstream:release:current") == result["release"], "published later", 60)
    assert t.result()["published"] is True
    assert t.terminate()[0] == 0


def what_is_published_is_signed_and_a_planted_release_is_no_measure():
    kafka, redis, world = _kafka(), _redis(), _world("signed")
    create_topics(kafka, "f-")
    for name in ("ours", "theirs"):
        harness.skillstream("release", "keygen", "--out", world.path(name))
    ours = ["--sign-key", world.path("ours.key"), "--trusted-key", world.path("ours.pub")]
    planted = harness.skillstream("release", "push", _tiny_release(world), "--redis", redis.url, "--sign-key",
                                  world.path("theirs.key")).stdout.split()[0]
    t = Trainer(world, kafka, world.path("state"), ["--train-after", len(world.examples), *ours], redis, "f-").ready()
    kafka.publish("f-training-pairs", messages(world.lines()))
    result = t.result()
    assert result["published"] and result["before"] == "the untrained encoder", result
    assert any("not signed by a trusted key" in json.dumps(e) and planted[:12] in json.dumps(e) for e in t.events())
    assert redis.cli("get", "skillstream:release:current") == result["release"]
    said = harness.skillstream("release", "verify", "current", "--redis", redis.url, "--trusted-key", world.path("ours.pub"))
    assert result["release"] in said.stdout, said
    assert t.terminate()[0] == 0
    # by hand as well, with other weights; the signed release is the measure now
    harness.skillstream("train", *world.options(), "--out", world.path("by-hand"), "--redis", redis.url, *ours, "--seed", "2",
                        world.pairs)
    assert tiny.result(world.path("by-hand"))["before"] == f"release {result['release'][:12]} in use"
    # keys that cannot work are told at once
    for words, code, said in ((["--sign-key", world.path("ours.pub")], 78, "no private key"),
                              ([*ours[:3], world.path("theirs.pub")], 78, "none of the trusted keys")):
        t = Trainer(world, kafka, t.state, words, redis, "f-")
        assert t.wait() == code and said in harness.tail(t.log), harness.tail(t.log)
    t = Trainer(world, kafka, t.state, ours, None, "f-")
    assert t.wait() == 2 and "--redis" in harness.tail(t.log), harness.tail(t.log)


def a_broker_that_is_away_stops_nothing_and_a_deleted_topic_is_named():
    kafka, world = harness.Kafka(), _world("broker")
    create_topics(kafka)
    t = Trainer(world, kafka, world.path("state"), ["--train-after", "100"]).ready()
    lines = messages(world.lines())
    kafka.publish("training-pairs", lines[:60])
    t.until_metric("skillstream_pair_log_pairs", 60)
    kafka.kill()
    time.sleep(3)
    assert t.get("/live")[0] == 200
    kafka.start()
    kafka.publish("training-pairs", lines[60:120])
    assert t.result()["logPairs"] >= 100
    t.until_metric("skillstream_pair_log_pairs", 120)
    from confluent_kafka.admin import AdminClient
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for future in admin.delete_topics(["training-pairs"]).values():
        future.result(30)
    code = t.wait(120)
    # the last line names the topic: closing a consumer whose topic is gone did not get stuck
    said = harness.tail(t.log, 1)
    assert code == 1 and "topic 'training-pairs' does not exist" in said, (code, harness.tail(t.log))
    assert len(trainer.pairs_of_log(t.state)) == 120


def without_topics_or_with_wrong_paths_it_says_so_and_ends():
    kafka, world = _kafka(), _world("wrong")
    t = Trainer(world, kafka, world.path("state"), [], None, "missing-")
    assert t.wait() == 1 and "missing-training-pairs" in harness.tail(t.log), harness.tail(t.log)
    t = Trainer(world, kafka, world.path("state"), ["--validate", "/no/such.csv"], None, "missing-")
    assert t.wait() == 1 and "/no/such.csv" in harness.tail(t.log), harness.tail(t.log)
    t = Trainer(world, kafka, world.path("state"), ["--train-afer", "3"], None, "missing-")
    assert t.wait() == 2 and "train-after" in harness.tail(t.log), harness.tail(t.log)


if __name__ == "__main__":
    harness.main(pairs_become_a_published_release_and_bad_ones_dead_letters,
                 more_pairs_make_another_training_with_all_of_them,
                 a_release_that_is_no_better_is_kept_aside_and_the_old_one_stays,
                 a_worker_switches_to_the_trained_release_while_ads_flow,
                 when_redis_is_away_the_better_release_is_published_later,
                 what_is_published_is_signed_and_a_planted_release_is_no_measure,
                 a_broker_that_is_away_stops_nothing_and_a_deleted_topic_is_named,
                 without_topics_or_with_wrong_paths_it_says_so_and_ends)
