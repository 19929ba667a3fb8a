"""A world in which a training takes seconds: a tiny encoder, 60 skills, sentences that name them in words of their own.

Skill i has a label of two nonsense words. Its sentences use a third word that stands for it ("a pro of wazu is wanted"), so
an untrained encoder cannot know which skill is meant and a trained one can. Everything follows from a seed.
"""
import csv
import json
import os
import random

import harness

SKILLS = 60
RECIPE = """\
epochs = 30
batch = 20
lr = 5e-3
scale = 20
dropout = 0
join = 0.3
max-tokens = 48
checkpoint-every = 25
activation-memory = 16M
threads = 1
"""
FRAMES = ["a pro of {} is wanted", "you know {} well", "daily work on {}", "{} for our team", "we need {} skills",
          "good at {}", "lead the {} group", "{} and more of it"]


def _word(r):
    return "".join(r.choice("bdfgklmnprstvwz") + r.choice("aeiou") for _ in range(2))


class World:
    """Files in a folder: model/, taxonomy.csv, pairs.jsonl, validation.csv, recipe.conf."""

    def __init__(self, folder, seed=1, recipe=RECIPE):
        tool = os.environ.get("SKILLSTREAM_TINY_MODEL")
        if not tool or not os.path.exists(tool):
            raise harness.Skip("the program trainer_tiny_model is missing; ctest says where it is")
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.model, self.taxonomy = self.path("model"), self.path("taxonomy.csv")
        self.pairs, self.validation, self.recipe = map(self.path, ("pairs.jsonl", "validation.csv", "recipe.conf"))
        harness.run(tool, self.model, str(seed))
        r = random.Random(seed)
        labels, words = set(), set()
        while len(labels) < SKILLS:
            labels.add(f"{_word(r)} {_word(r)}")
        while len(words) < SKILLS:
            words.add(_word(r) + _word(r)[:1])
        self.labels, self.words = sorted(labels), sorted(words)
        r.shuffle(self.words)
        with open(self.taxonomy, "w") as out:
            print("id,label", file=out)
            for i, label in enumerate(self.labels):
                print(f"http://example.org/skill/{i},{label}", file=out)
        everything = [(i, frame.format(word)) for i, word in enumerate(self.words) for frame in FRAMES]
        r.shuffle(everything)
        self.examples, held_back = everything[60:], everything[:60]
        with open(self.pairs, "w") as out:
            for line in self.lines():
                print(line, file=out)
        with open(self.validation, "w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["sentence", "label"])
            for skill, sentence in held_back:
                writer.writerow([sentence, self.labels[skill]])
        with open(self.recipe, "w") as out:
            out.write(recipe)

    def path(self, name):
        return os.path.join(self.folder, name)

    def lines(self):
        """The pairs as JSON lines."""
        return [json.dumps({"sentence": sentence, "skill": f"http://example.org/skill/{skill}", "kind": "IMPLIED"})
                for skill, sentence in self.examples]

    def options(self):
        """Options of `skillstream train` and skillstream-trainer alike."""
        return ["--encoder", self.model, "--taxonomy", self.taxonomy, "--validate", self.validation, "--recipe", self.recipe]


def result(folder):
    with open(os.path.join(folder, "result.json")) as file:
        return json.load(file)
