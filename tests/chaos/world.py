"""What a campaign works on: ads, two releases, and what an undisturbed run makes of them.

Ad n follows from the seed and n. Some are broken on purpose and must become dead letters. Two of an ad's sentences come from
a pool that all ads share (so the caches matter), the others are its own.
"""
import json
import os
import random

import harness
import tiny

POOL = 400
LIGHT, REAL = "light", "minilm"


def key_of(number):
    return f"ad-{number}"


def number_of(key):
    return int(key.rsplit(b"-", 1)[1])


class Ads:
    def __init__(self, seed, labels):
        self.seed, self.labels = seed, labels
        r = random.Random(f"{seed} pool")
        self.pool = [f"We offer {r.choice(labels)} and {r.choice(labels)} at desk {i}." for i in range(POOL)]

    def is_broken(self, number):
        return number % 97 == 13 or number % 211 == 7

    def message(self, number):
        """(key, value) of ad `number`."""
        key = key_of(number).encode()
        if number % 97 == 13:
            return key, b'{"id":"%s","title":' % key
        if number % 211 == 7:
            return key, b"\xff\xfe neither JSON nor protobuf"
        r = random.Random(f"{self.seed} {number}")
        lines = [r.choice(self.pool), r.choice(self.pool), f"You know {r.choice(self.labels)} well, as {number} others do.",
                 f"Daily work on {r.choice(self.labels)} in building {r.randrange(1000000)}."]
        r.shuffle(lines)
        return key, json.dumps({"id": key_of(number), "title": f"Vacancy {number}", "text": "\n".join(lines)}).encode()


class Releases:
    """Two releases, "a" and "b": files, digests once they are pushed, and which is in use."""

    def __init__(self, encoder):
        self.exact = encoder == LIGHT  # int8: the batch has no say in the result
        self.digests, self.current = {}, "a"
        if encoder == REAL:
            self.files = {name: harness.release(name) for name in "ab"}
            self.labels = harness.SKILLS
            return
        self.files, self.labels = {}, []
        for number, name in enumerate("ab", 1):
            world = tiny.World(os.path.join(harness.scratch(), "release-" + name), seed=number)
            self.files[name] = world.path(name + ".release")
            self.labels += world.labels
            harness.skillstream("index", "--encoder", world.model, "--taxonomy", world.taxonomy, "--precision", "int8",
                                "--name", name, "--out", self.files[name], "--threads", 1)

    def push(self, redis):
        """Both into an empty Redis, the current one in use."""
        for name in sorted(self.files, key=lambda name: name == self.current):
            done = harness.skillstream("release", "push", self.files[name], "--redis", redis.url)
            self.digests[name] = done.stdout.split()[0]

    def use(self, redis, name):
        self.current = name
        harness.skillstream("release", "use", self.digests[name], "--redis", redis.url)

    def other(self):
        return "b" if self.current == "a" else "a"

    def name_of(self, digest):
        return next((name for name, known in self.digests.items() if known == digest), None)
