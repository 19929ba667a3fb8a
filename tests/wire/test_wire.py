"""Wire formats against google.protobuf: the same JSON as MessageToJson, the same message after a round trip, and bytes
that Python accepts from whatever an ad was made of. Random messages from a fixed seed. usage: test_wire.py WIRE_TOOL"""
import json
import random
import struct
import subprocess
import sys

from google.protobuf import json_format
from skillstream.v1 import job_ad_pb2, skill_record_pb2

random.seed(20260101)
TEXTS = ["", "plain", "na\u00efve \u20ac \U0001f600", 'quote " back \\ tab \t line \n', "\u2028\u007f\u0001", "x" * 300]
FLOATS = [0.0, -0.0, 1.0, 0.1, 0.7251, 1 / 3, 1e-7, 3.4e38, 1.17549435e-38, 1e-45, 16777217.0, -0.5, float("inf")]
failures = 0


def check(ok, what):
    global failures
    if not ok:
        failures += 1
        print("FAILED:", what[:2000])


def ask(requests):
    lines = "".join(f"{verb} {data.hex()}\n" for verb, data in requests)
    done = subprocess.run([sys.argv[1]], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = done.stdout.decode().split("\n")[:-1]
    assert len(answers) == len(requests), (len(answers), len(requests))
    return answers


def text():
    return random.choice(TEXTS)


def number(bits):
    return random.choice([0, 1, 127, 128, 300, 2 ** (bits - 1) - 1, random.randrange(2 ** (bits - 1))])


def real():
    if random.random() < 0.5:
        return random.choice(FLOATS)
    return struct.unpack("<f", struct.pack("<I", random.randrange(0x7F7FFFFF)))[0]


def instant(timestamp):
    timestamp.seconds = random.choice([0, -1, 1545907817, -62135596800, 253402300799, random.randrange(-10**10, 10**10)])
    timestamp.nanos = random.choice([0, 1, 1000, 500000000, 123456789, 120000])


def random_record():
    r = skill_record_pb2.SkillRecord(ad_id=text(), release=text(), options_digest=text(), title=text(), language=text(),
                                     employer=text(), location=text(), source_url=text(), text=text(),
                                     sentence_count=number(32), scored_sentence_count=number(32))
    if random.random() < 0.7:
        r.source.topic = "job-ads"
        r.source.partition = random.choice([0, 1, -1, 2**31 - 1, -(2**31)])
        r.source.offset = random.choice([0, 1, 2**63 - 1, -1])
    if random.random() < 0.7:
        r.taxonomy.name, r.taxonomy.version = "ESCO", text()
    if random.random() < 0.7:
        instant(r.posted_at)
    for i in range(random.choice([0, 0, 1, 5])):
        r.attributes[f"k{i}" + text()] = text()
    for _ in range(random.choice([0, 1, 3, 20])):
        r.mentions.add(skill_uri=text(), label=text(), skill_type=text(), score=real(), probability=real(), text=text(),
                       sentence_index=number(32), sentence_begin=number(32), sentence_end=number(32), begin=number(32),
                       end=number(32))
    return r


def random_ad():
    ad = job_ad_pb2.JobAd(id=text() or "i", title=text(), body=text(), body_format=random.randrange(3), language=text(),
                          employer=text(), location=text(), source_url=text())
    if random.random() < 0.7:
        instant(ad.posted_at)
    for i in range(random.choice([0, 0, 1, 5])):
        ad.attributes[f"k{i}" + text()] = text()
    return ad


def same_json(ours, message):
    """Python prints a float with the digits of its single precision; both must read back as the same floats."""
    theirs = json.loads(json_format.MessageToJson(message))
    parsed = json.loads(ours)
    return parsed == theirs


def test_records():
    records = [random_record() for _ in range(1500)]
    for record, answer in zip(records, ask([("record-json", r.SerializeToString()) for r in records])):
        check(same_json(answer, record), f"JSON of a record\n ours   {answer}\n theirs {json_format.MessageToJson(record)}")
    for record, answer in zip(records, ask([("record-bytes", r.SerializeToString()) for r in records])):
        back = skill_record_pb2.SkillRecord.FromString(bytes.fromhex(answer))
        check(back == record, f"record after a round trip: {record}")


def test_ads():
    ads = [random_ad() for _ in range(1500)]
    for ad, answer in zip(ads, ask([("ad-bytes", a.SerializeToString()) for a in ads])):
        check(job_ad_pb2.JobAd.FromString(bytes.fromhex(answer)) == ad, f"ad after a round trip: {ad}")
    as_json = [json_format.MessageToJson(a).encode() for a in ads]
    for ad, answer in zip(ads, ask([("ad-bytes", j) for j in as_json])):
        if not ad.title and not ad.body:
            continue  # without any text it is no ad in JSON form
        ours = job_ad_pb2.JobAd.FromString(bytes.fromhex(answer))
        for side in (ours, ad):  # white space around one-line fields is not kept from JSON
            for field in ("id", "title", "language", "employer", "location", "source_url"):
                setattr(side, field, getattr(side, field).strip())
        check(ours == ad, f"ad from proto3 JSON: {ad}\n ours {ours}")
    for ad, answer in zip(ads, ask([("ad-json", a.SerializeToString()) for a in ads])):
        check(same_json(answer, ad), f"JSON of an ad\n ours   {answer}\n theirs {json_format.MessageToJson(ad)}")


def test_bytes_of_any_kind():
    """Whatever the tool makes of damaged input, Python must be able to read; and what Python refuses as no protobuf must
    be refused (Python also refuses broken UTF-8, which we repair)."""
    requests, damaged = [], []
    for _ in range(3000):
        data = bytearray(random_record().SerializeToString() or b"\n\0")
        for _ in range(random.choice([1, 1, 3])):
            data[random.randrange(len(data))] = random.randrange(256)
        keep = random.randrange(1, len(data) + 1) if random.random() < 0.3 else len(data)
        damaged.append(bytes(data[:keep]))
        requests.append(("record-bytes", damaged[-1]))
    taken = 0
    for data, answer in zip(damaged, ask(requests)):
        if answer.startswith("error"):
            try:
                skill_record_pb2.SkillRecord.FromString(data)
            except Exception:
                continue
            groups = any(byte & 7 in (3, 4) for byte in data)  # skipped by Python, refused by us
            check(data[:1] == b"\0" or groups, f"refused, but Python reads it: {data.hex()}")
        else:
            taken += 1
            skill_record_pb2.SkillRecord.FromString(bytes.fromhex(answer))
    check(taken > 500, f"only {taken} damaged records were readable")


test_records()
test_ads()
test_bytes_of_any_kind()
print("failed:" if failures else "ok:", failures, "failures")
sys.exit(1 if failures else 0)
