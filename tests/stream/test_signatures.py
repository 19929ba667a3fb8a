"""Signed releases: who can write to Redis can make a worker neither load, nor start with, a release of his own."""
import hashlib
import json
import os
import stat
import subprocess

import harness as h

kafka, keys = None, {}
PREFIX = "skillstream:release:"


def start():
    global kafka
    h.release("a"), h.release("b")
    kafka = h.Kafka()
    for name in ("ours", "next", "theirs"):
        keys[name] = keygen(name)


def path(name):
    return os.path.join(h.scratch(), name)


def keygen(name):
    """Makes NAME.key and NAME.pub; returns the fingerprint."""
    return h.skillstream("release", "keygen", "--out", path(name)).stdout.strip()


def release(store, *words, **options):
    return h.skillstream("release", *words, "--redis", store.url, **options)


def listed(store, *options):
    return {e["digest"]: e for e in map(json.loads, release(store, "list", "--json", *options).stdout.splitlines())}


def trusting(*names):
    return [word for name in names for word in ("--trusted-key", path(name + ".pub"))]


def signing(name):
    return ["--sign-key", path(name + ".key")]


def plant(store, digest):
    """What somebody who has only Redis can do."""
    store.cli("SET", PREFIX + "current", digest)


def until_refused(worker, times=1):
    h.until(lambda: worker.metrics().get("skillstream_release_refused_total") == times, f"{times} refused", 40)


def refusals(worker, digest):
    """Why the worker refused that release, as often as it said so."""
    return [e["why"] for e in worker.events() if e.get("digest") == digest and e.get("level") == "error"]


def uses(worker, digest):
    return any(f'digest="{digest}"' in name for name in worker.metrics())


def works_with(worker, topics, digest, seen):
    """The worker still works, and with this release; returns the number of records so far."""
    kafka.publish(topics.ads, [h.short_ad(f"ad-{seen + i}", i) for i in range(5)])
    records = [h.parse_record(m.value()) for m in kafka.read(topics.records, seen + 5)]
    assert {r.release for r in records[seen:]} == {digest}
    assert worker.get("/ready")[0] == 200
    return seen + 5


def keys_are_made_as_openssl_makes_them_and_never_overwritten():
    assert stat.S_IMODE(os.stat(path("ours.key")).st_mode) == 0o600
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", path("ours.pub"), "-outform", "DER"], capture_output=True,
                         check=True).stdout
    assert hashlib.sha256(der).hexdigest() == keys["ours"]
    of_private = h.run("openssl", "pkey", "-in", path("ours.key"), "-pubout").stdout
    assert of_private == open(path("ours.pub")).read()
    before = open(path("ours.key")).read()
    again = h.skillstream("release", "keygen", "--out", path("ours"), check=False)
    assert again.returncode == 1 and "never overwritten" in again.stderr and open(path("ours.key")).read() == before


def the_operator_signs_lists_and_verifies():
    store = h.Redis()
    a = h.push(store, "a", *signing("ours"))
    b = h.push(store, "b", "--no-use")
    assert {d: e["signers"] for d, e in listed(store).items()} == {a: [keys["ours"]], b: []}
    text = release(store, "list").stdout
    assert f"signed {keys['ours'][:16]}" in text and text.count("unsigned") == 1, text
    assert {d: e["trusted"] for d, e in listed(store, *trusting("ours")).items()} == {a: True, b: False}
    assert keys["ours"] in release(store, "verify", a[:12], *trusting("ours")).stdout
    for digest, key in ((a, "theirs"), (b, "ours")):
        refused = release(store, "verify", digest, *trusting(key), check=False)
        assert refused.returncode == 1 and "not signed by a trusted key" in refused.stderr, refused
    # signed later: by its file, by its whole digest; never by what Redis completes
    shortened = release(store, "sign", b[:12], *signing("ours"), check=False)
    assert shortened.returncode == 1 and not listed(store)[b]["signers"], shortened
    release(store, "sign", h.release("b"), *signing("ours"))
    release(store, "sign", b, *signing("next"))
    assert sorted(listed(store)[b]["signers"]) == sorted([keys["ours"], keys["next"]])
    # OpenSSL's own tool agrees about what was signed
    value = subprocess.run(["redis-cli", "-p", str(store.port), "GET", f"{PREFIX}{b}:signature:{keys['ours']}"],
                           capture_output=True, check=True).stdout[:-1]
    for name, content in (("message", f"skillstream release v1\n{b}\n".encode()), ("signature", value)):
        with open(path(name), "wb") as file:
            file.write(content)
    h.run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", path("ours.pub"), "-rawin", "-in", path("message"),
          "-sigfile", path("signature"))
    release(store, "gc", "--keep", "1")
    assert not store.keys(f"{PREFIX}{b}:*") and len(store.keys(f"{PREFIX}{a}:signature:*")) == 1


def wrong_calls_say_what_is_needed():
    store = h.Redis()
    a = h.push(store, "a")
    for words, said in ((("sign", a), "sign-key"), (("verify", a), "trusted-key"), (("keygen",), "out")):
        done = release(store, *words, check=False)
        assert done.returncode == 2 and said in done.stderr, (words, done)
    done = h.skillstream("release", "list", check=False)
    assert done.returncode == 2 and "--redis" in done.stderr, done
    with open(path("open.key"), "w") as file:
        file.write(open(path("ours.key")).read())
    os.chmod(path("open.key"), 0o644)
    done = release(store, "sign", a, *signing("open"), check=False)
    assert done.returncode == 78 and "chmod 600" in done.stderr and not listed(store)[a]["signers"], done


def use_and_rollback_can_insist_on_a_signature():
    store = h.Redis()
    a = h.push(store, "a", *signing("ours"))
    b = h.push(store, "b", "--no-use")
    refused = release(store, "use", b, *trusting("ours"), check=False)
    assert refused.returncode == 1 and "not signed" in refused.stderr and store.cli("GET", PREFIX + "current") == a
    release(store, "use", b)
    release(store, "use", a)
    refused = release(store, "rollback", *trusting("ours"), check=False)  # before a there is only b, and a itself
    assert refused.returncode == 1 and "trusted" in refused.stderr, refused
    assert store.cli("GET", PREFIX + "current") == a
    assert b in release(store, "rollback").stdout


def a_planted_release_is_refused_and_the_worker_goes_on():
    store = h.Redis()
    a = h.push(store, "a", *signing("ours"))
    topics = kafka.create_all(prefix="planted-")
    worker = h.Worker(kafka, topics, ["--group", "planted", "--poll-release", "200ms", *trusting("ours")], store).ready()
    seen = works_with(worker, topics, a, 0)
    # bytes that no parser should see: what is told is the missing signature, not the syntax
    rubbish = "{" * 1000
    digest = hashlib.sha256(rubbish.encode()).hexdigest()
    store.cli("SET", f"{PREFIX}{digest}:manifest", rubbish)
    plant(store, digest)
    until_refused(worker)
    said = refusals(worker, digest)
    assert len(said) == 1 and "not signed" in said[0] and "skillstream release sign" in said[0], said
    seen = works_with(worker, topics, a, seen)
    # a whole release, with another one's signature under our key's name; it is refused at once, the first one's pause is
    # not its own
    b = h.push(store, "b", "--no-use")
    store.cli("COPY", f"{PREFIX}{a}:signature:{keys['ours']}", f"{PREFIX}{b}:signature:{keys['ours']}")
    plant(store, b)
    h.until(lambda: refusals(worker, b), "the forged signature is refused", 5)
    assert "planted" in refusals(worker, b)[0]
    until_refused(worker, 2)
    seen = works_with(worker, topics, a, seen)
    # the operator signs it: it is taken
    release(store, "sign", h.release("b"), *signing("ours"))
    h.until(lambda: uses(worker, b), "the signed release is in use", 60)
    works_with(worker, topics, b, seen)
    assert worker.metrics()["skillstream_release_refused_total"] == 2
    assert worker.terminate()[0] == 0


def a_worker_that_starts_waits_for_a_signature():
    store = h.Redis()
    a = h.push(store, "a")
    topics = kafka.create_all(prefix="waiting-")
    worker = h.Worker(kafka, topics, ["--group", "waiting", *trusting("ours")], store)
    h.until(lambda: worker.get("/ready")[0] == 503 and "not signed" in worker.get("/ready")[1], "it waits and says why", 20)
    assert worker.process.poll() is None
    release(store, "sign", a, *signing("ours"))
    worker.ready(40)
    works_with(worker, topics, a, 0)
    assert worker.terminate()[0] == 0


def keys_can_be_rotated():
    """Both keys are trusted for a while, in one file; then the old one goes."""
    store = h.Redis()
    with open(path("both.pub"), "w") as out:
        out.write("# old\n" + open(path("ours.pub")).read() + "# new\n" + open(path("next.pub")).read())
    a = h.push(store, "a", *signing("ours"))
    topics = kafka.create_all(prefix="rotated-")
    worker = h.Worker(kafka, topics, ["--group", "rotated", "--poll-release", "200ms", *trusting("both")], store).ready()
    seen = works_with(worker, topics, a, 0)
    b = h.push(store, "b", *signing("next"))
    h.until(lambda: uses(worker, b), "the release of the new key is in use", 30)
    works_with(worker, topics, b, seen)
    assert worker.terminate()[0] == 0
    later = h.Worker(kafka, topics, ["--group", "rotated", *trusting("next")], store).ready()
    plant(store, a)
    until_refused(later)
    assert later.terminate()[0] == 0


def wrong_keys_end_a_worker_at_once():
    store = h.Redis()
    h.push(store, "a", *signing("ours"))
    with open(path("cut.pub"), "w") as out:
        out.write(open(path("ours.pub")).read()[:-30])
    for key, code, said in (("ours.key", 78, "private key"), ("cut.pub", 78, "cut off"), ("absent.pub", 1, "absent.pub")):
        worker = h.Worker(kafka, None, ["--trusted-key", path(key)], store)
        assert worker.wait(20) == code and said in h.tail(worker.log), (key, h.tail(worker.log))
    worker = h.Worker(kafka, None, ["--release", h.release("a"), *trusting("ours")])
    assert worker.wait(20) == 2 and "--release" in h.tail(worker.log), h.tail(worker.log)


h.main(start, keys_are_made_as_openssl_makes_them_and_never_overwritten, the_operator_signs_lists_and_verifies,
       wrong_calls_say_what_is_needed, use_and_rollback_can_insist_on_a_signature,
       a_planted_release_is_refused_and_the_worker_goes_on, a_worker_that_starts_waits_for_a_signature, keys_can_be_rotated,
       wrong_keys_end_a_worker_at_once)
