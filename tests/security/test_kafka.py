"""All programs against a real broker with SASL_SSL (SCRAM) and TLS: what is right works, what is wrong is told at once."""
import json
import os
import sys
import time

import harness
import securing
from securing import (KAFKA_CASES, PROGRAM, WRONG, Broker, Daemon, config_file, environment, librdkafka_version, refused,
                      scram_environment)

sys.path.insert(0, os.path.join(harness.TOP, "tests", "trainer"))
import trainer  # noqa: E402

TOPICS = ("job-ads", "skill-records", "job-ads.dlq", "training-pairs", "training-pairs.dlq")
WHY = {"expired": ["certificate", "expired", "renew"],
       "elsewhere": ["certificate", "(mismatch|names? them)"],
       "stranger": ["certificate", "issuer", "ssl.ca.location"]}
_broker = []


def broker():
    if not _broker:
        _broker.append(Broker())
        _broker[0].create(*TOPICS)
    return _broker[0]


def ads_file():
    path = os.path.join(harness.scratch(), "ads.jsonl")
    with open(path, "w") as out:
        for number in range(4):
            print(json.dumps({"id": f"ad-{number}", "title": "Vacancy", "text": harness.text_of(number)}), file=out)
    return path


def pairs_file():
    path = os.path.join(harness.scratch(), "pairs.jsonl")
    with open(path, "w") as out:
        for label in harness.SKILLS[:5]:
            print(json.dumps({"sentence": f"You {label} every day.", "skill": label}), file=out)
    return path


def commands(at, settings):
    """Each program, as it would be started by hand, with these settings: [program, argument...]."""
    kafka = [word for setting in settings for word in ("--kafka", setting)]
    folder = harness.scratch()
    return [
        [PROGRAM["skillstream"], "publish", "--bootstrap", at, *kafka, ads_file()],
        [PROGRAM["skillstream"], "tail", "--bootstrap", at, *kafka, "--max", "1"],
        [PROGRAM["skillstream-worker"], "--bootstrap", at, *kafka, "--release", harness.release("a"), "--http", "off",
         "--threads", "1", "--instance", "refused", "--log-format", "json"],
        [PROGRAM["skillstream-trainer"], "--bootstrap", at, *kafka, "--encoder", harness.MODEL, "--taxonomy",
         harness.TAXONOMY, "--state", os.path.join(folder, "refused-state"), "--http", "off", "--log-format", "json"],
        [PROGRAM["skillstream-producer"], "--bootstrap", at, *kafka, "--taxonomy", harness.TAXONOMY, "--replay",
         pairs_file(), "--http", "off", "--log-format", "json", "--report", os.path.join(folder, "report.html")],
    ]


def with_scram_ads_become_records_and_pairs_arrive():
    """Secrets in files; SCRAM-SHA-256 for the worker, SCRAM-SHA-512 for the others; nothing of them is seen anywhere."""
    b, at = broker(), broker().at("saslgood")
    env, strong = scram_environment(), b.settings(mechanism="SCRAM-SHA-512")
    file = config_file("worker.conf", bootstrap=at, kafka=b.settings(mechanism="SCRAM-SHA-256"), release=harness.release("a"))
    worker = Daemon("skillstream-worker", "--config", file, "--threads", 1, "--instance", "secure", env=env).ready()
    client = config_file("client.conf", bootstrap=at, kafka=strong)
    done = harness.skillstream("publish", "--config", client, ads_file(), env=environment(**env))
    assert "4 ads delivered" in done.stdout, done.stdout
    done = harness.skillstream("tail", "--config", client, "--from-beginning", "--max", 4, env=environment(**env))
    records = {record["adId"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert sorted(records) == [f"ad-{n}" for n in range(4)], sorted(records)
    for number in range(4):
        found = {mention["label"] for mention in records[f"ad-{number}"]["mentions"]}
        assert set(harness.skills_of(number)) <= found, (number, found)
    state = os.path.join(harness.scratch(), "state")
    learner = Daemon("skillstream-trainer", "--config", client, "--encoder", harness.MODEL, "--taxonomy", harness.TAXONOMY,
                     "--state", state, "--linger", "50ms", env=env).ready()
    harness.run(PROGRAM["skillstream-producer"], "--config", client, "--taxonomy", harness.TAXONOMY, "--replay", pairs_file(),
                "--http", "off", "--report", os.path.join(harness.scratch(), "report.html"), env=environment(**env))
    harness.until(lambda: len(trainer.pairs_of_log(state)) == 5, "the trainer has the pairs", 30)
    for daemon in (worker, learner):
        securing.nothing_leaks(daemon)
        assert daemon.terminate()[0] == 0, harness.tail(daemon.log)
        securing.no_secret(open(daemon.log, errors="replace").read(), daemon.log)


def a_librdkafka_that_is_too_old_for_scram_is_told():
    if librdkafka_version() < (2, 6, 1):
        refused(commands(broker().at("saslgood"), broker().settings(mechanism="SCRAM-SHA-512"))[0], ["2\\.6\\.1"])


def by_the_environment_and_by_a_mounted_certificate():
    """TLS without a password, SASL PLAIN, and a client's certificate where the broker wants one."""
    b = broker()
    tls = ";".join(b.settings(protocol="SSL"))
    harness.skillstream("publish", ads_file(),
                        env=environment(SKILLSTREAM_BOOTSTRAP=b.at("tlsgood"), SKILLSTREAM_KAFKA=tls))
    harness.skillstream("publish", ads_file(), "--config", config_file("plain.conf", kafka=b.settings()),
                        env=environment(SKILLSTREAM_BOOTSTRAP=b.at("saslgood")))
    ours = b.authority.issue("client")
    mutual = tls + f";ssl.certificate.location={ours.file};ssl.key.location={ours.key}"
    harness.skillstream("publish", ads_file(),
                        env=environment(SKILLSTREAM_BOOTSTRAP=b.at("mutual"), SKILLSTREAM_KAFKA=mutual))
    refused([PROGRAM["skillstream"], "publish", ads_file()], ["refuses", "ssl.certificate.location"],
            env=environment(SKILLSTREAM_BOOTSTRAP=b.at("mutual"), SKILLSTREAM_KAFKA=tls))


def a_wrong_password_ends_every_program_at_once():
    b, env = broker(), environment(**scram_environment())
    for command in commands(b.at("saslgood"), b.settings(password=WRONG, mechanism="SCRAM-SHA-512")):
        refused(command, ["refuses the credentials", "sasl.password"], env=env)
    for wrong in (b.settings(password=WRONG), b.settings(user="nobody"), b.settings(mechanism="SCRAM-SHA-1")):
        refused(commands(b.at("saslgood"), wrong)[0], ["refuses the credentials", "sasl.mechanism"])


def a_user_without_rights_is_told_which_topic():
    b = broker()
    for command in commands(b.at("saslgood"), b.settings(user="guest")):
        refused(command, ["authorization failed", "kafka-acls"])


def a_wrong_certificate_ends_every_program_at_once():
    b = broker()
    for case in KAFKA_CASES[1:]:
        for command in commands(b.at("tls" + case), b.settings(protocol="SSL")):
            refused(command, WHY[case])
        refused(commands(b.at("sasl" + case), b.settings())[0], WHY[case])
    refused(commands(b.at("saslgood"), b.settings(ca=False))[0], WHY["stranger"])


def a_certificate_that_expires_while_it_works_is_told_and_mended():
    """The worker stays, says in /ready and now and then in its log what is wrong, and goes on without a gap."""
    b, good = broker(), broker().environment["KAFKA_EXTRA"]
    topics = b.create_all(prefix="expires-")
    file = config_file("expires.conf", bootstrap=b.at("tlsgood"), kafka=b.settings(protocol="SSL"), release=harness.release("a"))
    worker = Daemon("skillstream-worker", "--config", file, "--threads", 1, "--instance", "expires", *topics.options).ready()

    def restart_with(extra):
        b.kill()
        b.environment["KAFKA_EXTRA"] = extra
        b.start()

    def publish(number):
        b.publish(topics.ads, [harness.short_ad(f"ad-{number}", number)])
    publish(0)
    assert harness.ids_of(b.read(topics.records, 1)) == ["ad-0"]
    own = "listener.name.tlsgood.ssl.keystore.location="
    restart_with(good.replace(own + b.shown["good"].both, own + b.shown["expired"].both))
    harness.until(lambda: worker.get("/ready")[0] == 503 and "certificate has expired" in worker.get("/ready")[1],
                  "/ready says that the certificate has expired", 60)
    assert worker.get("/live")[0] == 200
    time.sleep(10)
    told = open(worker.log).read().count("certificate has expired")
    assert 1 <= told <= 10, f"{told} lines"
    publish(1)
    restart_with(good)
    assert harness.ids_of(b.read(topics.records, 2, timeout=180)) == ["ad-0", "ad-1"]
    harness.until(lambda: worker.get("/ready")[0] == 200, "ready again", 60)
    assert worker.terminate()[0] == 0


def a_wrong_protocol_is_told():
    b = broker()
    refused(commands(b.at("tlsgood"), [])[0], ["no broker"])
    refused(commands(b.bootstrap, b.settings())[0], ["no broker"])


def settings_that_cannot_be_are_wrong_configuration():
    b = broker()
    command = commands(b.at("saslgood"), b.settings(ca=False) + ["ssl.ca.location=/no/such.pem"])[0]
    refused(command, ["/no/such.pem"], code=78)
    command = commands(b.at("saslgood"), b.settings() + ["security.protocol=SSSL"])[0]
    refused(command, ["security.protocol", "SSSL"], code=78)


harness.main(with_scram_ads_become_records_and_pairs_arrive, a_librdkafka_that_is_too_old_for_scram_is_told,
             by_the_environment_and_by_a_mounted_certificate, a_wrong_password_ends_every_program_at_once,
             a_user_without_rights_is_told_which_topic, a_wrong_certificate_ends_every_program_at_once, a_wrong_protocol_is_told,
             a_certificate_that_expires_while_it_works_is_told_and_mended,
             settings_that_cannot_be_are_wrong_configuration)
