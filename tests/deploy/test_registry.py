"""The framing of Confluent's Schema Registry against a real registry (Apicurio, whose ccompat API is Confluent's).

The schema is registered as a client would do it, a worker frames its records with the id that came back, and readers find
the message by what stands in the bytes alone. Where confluent-kafka's own deserialiser can be imported, it reads them too.
"""
import glob
import json
import os
import shutil
import subprocess
import types
import urllib.request

import harness as h

VERSION = "2.5.11.Final"
HOME = os.path.join(h.CACHE, "tools", "apicurio-" + VERSION)
PROTO = os.path.join(h.TOP, "proto", "skillstream", "v1")
ADS = os.path.join(h.TOP, "compose", "data", "ads.jsonl")
live = types.SimpleNamespace()


def get_registry():
    """Its jars in the cache, by Maven."""
    if os.path.isdir(os.path.join(HOME, "lib")):
        return
    if not shutil.which("mvn") or not shutil.which("java"):
        raise h.Skip("the registry comes by Maven, which is not installed")
    new = HOME + ".new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    done = h.run("mvn", "-q", "-B", "dependency:copy", f"-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all",
                 f"-DoutputDirectory={new}", check=False, timeout=500)
    archives = glob.glob(os.path.join(new, "*.tar.gz"))
    if done.returncode or not archives:
        raise h.Skip("the registry could not be fetched: " + (done.stdout.strip().splitlines() or ["?"])[-1])
    h.run("tar", "-xzf", archives[0], "-C", new)
    os.remove(archives[0])
    os.replace(new, HOME)


def ask(path, body=None):
    request = urllib.request.Request(live.url + path, None if body is None else json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def register(name):
    """Registers a message file under the subject that Confluent's clients would use; returns the id."""
    with open(os.path.join(PROTO, name + ".proto")) as file:
        return ask(f"/subjects/{name}-value/versions", {"schemaType": "PROTOBUF", "schema": file.read()})["id"]


def start():
    get_registry()
    port = h.free_port()
    live.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    h.spawn(["java", "-Xmx256m", f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1", "-cp",
             f"{HOME}/*:{HOME}/lib/*", "io.apicurio.registry.RegistryQuarkusMain"], cwd=HOME,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        try:
            return ask("/subjects") == []
        except (OSError, ValueError):
            return False
    h.until(answers, "the registry answers", timeout=90, pause=0.5)
    live.ad, live.record = register("job_ad"), register("skill_record")
    h.protos()
    live.kafka, redis = h.Kafka(), h.Redis()
    h.push(redis)
    live.topics = live.kafka.create_all()
    worker = h.Worker(live.kafka, live.topics, ["--framing", "confluent", "--schema-id", live.record], redis=redis).ready()
    h.skillstream("publish", "--bootstrap", live.kafka.bootstrap, "--topic", live.topics.ads, "--framing", "confluent",
                  "--schema-id", live.ad, ADS)
    # ads without the framing are understood by the same worker
    live.kafka.publish(live.topics.ads, [h.short_ad("plain-json", 1)])
    plain = h.protos()[0].JobAd(id="plain-protobuf", title="Vacancy", body=h.text_of(2))
    live.kafka.publish(live.topics.ads, [("plain-protobuf", plain.SerializeToString(), None)])
    live.messages = live.kafka.read(live.topics.records, 42)
    assert worker.terminate()[0] == 0
    assert not live.kafka.read(live.topics.letters)


def varint(data, at):
    """(zigzag value, next position)"""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at


def a_reader_finds_schema_and_message_by_the_bytes():
    """Follows Confluent's wire format: 0, id (4 bytes, big endian), number of indexes, indexes, message."""
    schema = ask(f"/schemas/ids/{live.record}")
    names = [line.split()[1] for line in schema["schema"].splitlines() if line.startswith("message ")]
    for message in live.messages:
        value = message.value()
        assert value[0] == 0 and int.from_bytes(value[1:5], "big") == live.record
        count, at = varint(value, 5)
        indexes = []
        for _ in range(count):
            index, at = varint(value, at)
            indexes.append(index)
        assert names[(indexes or [0])[0]] == "SkillRecord", (names, indexes)
        assert h.parse_record(value[at:]).ad_id == message.key().decode()


def ads_carry_their_own_schema():
    for message in live.kafka.read(live.topics.ads, 42)[:40]:
        assert int.from_bytes(message.value()[1:5], "big") == live.ad
        # JobAd is the first message of its file: Confluent writes the one byte 0 for that
        assert message.value()[5] == 0


def confluents_own_deserialiser_reads_them():
    try:
        from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
        from confluent_kafka.serialization import MessageField, SerializationContext
    except ImportError as missing:
        print(f"        not tried: {missing}")
        return
    read = ProtobufDeserializer(h.protos()[1].SkillRecord, {"use.deprecated.format": False})
    for message in live.messages:
        context = SerializationContext(live.topics.records, MessageField.VALUE)
        assert read(message.value(), context).ad_id == message.key().decode()
    print(f"        {len(live.messages)} records read")


def the_same_text_is_the_same_schema():
    assert register("skill_record") == live.record != live.ad


h.main(start, a_reader_finds_schema_and_message_by_the_bytes, ads_carry_their_own_schema,
       confluents_own_deserialiser_reads_them, the_same_text_is_the_same_schema)
