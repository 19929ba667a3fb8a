#!/usr/bin/env python3
"""Fits the first stage (common/match/first_stage.h): which words tell that a sentence asks for no skill.

  usage: fit.py teach --program skillstream --splitter golden_print_sentences --release FILE ADS.jsonl[.gz] > SENTENCES.jsonl
         fit.py fit --tool first_stage_tool --taxonomy ESCO.csv --data SHARED_DATA [--strength C] SENTENCES.jsonl ...
                    [--out common/match/first_stage_words.inc]

teach: works through the ads with a good release and the filter off, and prints for every sentence the probability of its
best candidate ([ad, sentence, probability], 0 when there is none above 0.005). Minutes for 10,000 ads.
fit: takes about a minute. A logistic regression with an L1 penalty (scikit-learn, liblinear) on tokens, pairs of tokens, length and overlaps, as
the program itself sees them. Positive: probability above 0.05, and the sentences of DATA/synthetic and DATA/skillskape's
train.csv (three times as heavy); negative: the others, and DATA/gate/none.txt. Sentences of ads that speak of what is
asked for ("you must be registered") are never negatives: whether that is a skill is the list's matter, and a better
model or another list may find one. A fifth of the ads is held out, and for each threshold it prints
what share of their text is dropped, what share of the sentences with a mention (of those with one above 0.2) is lost, and
how many sentences with a skill are lost of the validation sets, of SkillSkape dev and of gate/dev.tsv.
"""
import argparse
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import zlib
from collections import Counter

POSITIVE_FROM, MENTION_FROM, STRONG_FROM, LEAST_TEXTS, WRITTEN_WEIGHT = 0.05, 0.098, 0.2, 15, 3
REQUIREMENT = re.compile(
    r"\b(must|require[ds]?|requirements?|expect(ed)? (you|to|that you)|experience[ds]?|ability|able to|knowledge|skills?|skilled|"
    r"competen\w+|proficien\w+|familiar\w*|degree|qualif\w+|certif\w+|registered|registration|licen[cs]\w+|"
    r"you (must|should|need|have|are|possess|bring|know|understand)|applicants?|candidates?|desire)\b", re.I)
STEP, MOST_STEPS, MEAN_STEPS, LENGTHS, KNOWN = 0.25, 13, 11, 8, 0.5


# ---- teach

def teach(a):
    command = [a.program, "extract", "--release", a.release, "--filter", "off", "--threshold", "0.005", "--top", "1", "--with-text"]
    records = [json.loads(line) for line in subprocess.run(command + a.files, stdout=subprocess.PIPE, check=True).stdout.splitlines()]
    texts = "".join(json.dumps({"text": r.get("text", "")}) + "\n" for r in records)
    split = subprocess.run([a.splitter], input=texts.encode(), stdout=subprocess.PIPE, check=True).stdout.splitlines()
    for record, line in zip(records, split):
        text, best = record.get("text", "").encode(), {}
        for m in record.get("mentions", []):
            sentence = text[m.get("sentenceBegin", 0):m["sentenceEnd"]].decode()
            best[sentence] = max(best.get(sentence, 0), m["probability"])
        # The ad's own cut may differ from the splitter's at blocks of HTML: what overlaps with a scored one is left out.
        others = [s for s in json.loads(line) if s not in best and not any(s in b or b in s for b in best)]
        for sentence, probability in list(best.items()) + [(s, 0) for s in others]:
            print(json.dumps([record["adId"], sentence, probability]))


# ---- fit

class Features:
    """What the tool prints, as a sparse matrix: tokens and pairs (counted), then length, then steps of the overlaps."""

    def __init__(self, tool, taxonomy):
        self.tool, self.taxonomy, self.number = tool, taxonomy, {}

    def look(self, sentences):
        lines = "".join(" ".join(s.split()) + "\n" for s in sentences)
        out = subprocess.run([self.tool, self.taxonomy], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
        rows = [line.split("\t") for line in out.split("\n")[:-1]]
        assert len(rows) == len(sentences)
        return [(int(r[1]), float(r[2]), float(r[3]), r[6].split(" ") if r[6] else []) for r in rows]

    def learn(self, looks):
        texts = Counter()
        for _, _, _, tokens in looks:
            texts.update(set(tokens) | {a + " " + b for a, b in zip(tokens, tokens[1:])})
        self.names = sorted(t for t, n in texts.items() if n >= LEAST_TEXTS)
        self.number = {t: i for i, t in enumerate(self.names)}

    def matrix(self, looks):
        import numpy
        from scipy.sparse import csr_matrix
        ends, columns, n = [0], [], len(self.names)
        for _, most, mean, tokens in looks:
            columns += [self.number[t] for t in tokens + [a + " " + b for a, b in zip(tokens, tokens[1:])] if t in self.number]
            columns.append(n + min(len(tokens).bit_length(), LENGTHS - 1))
            columns += [n + LENGTHS + i for i in range(MOST_STEPS) if most >= STEP * (i + 1)]
            columns += [n + LENGTHS + MOST_STEPS + i for i in range(MEAN_STEPS) if mean >= STEP * (i + 1)]
            ends.append(len(columns))
        shape = (len(looks), n + LENGTHS + MOST_STEPS + MEAN_STEPS)
        return csr_matrix((numpy.ones(len(columns), numpy.float32), columns, ends), shape=shape)


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


def gold(data):
    """Sentences with a skill, of the sets on which levels are chosen."""
    sets = {}
    for name in ("tech_validation", "house_validation"):
        rows = rows_of(os.path.join(data, "validation", name + ".csv"))
        sets[name] = sorted({r["sentence"] for r in rows if r["label"].strip() not in ("", "LABEL NOT PRESENT", "UNDERSPECIFIED")})
    sets["skillskape_dev"] = [r["sentence"] for r in rows_of(os.path.join(data, "skillskape", "dev.csv")) if "UNK" not in r["skills"]]
    with open(os.path.join(data, "gate", "dev.tsv"), encoding="utf-8") as f:
        sets["gate_dev"] = [line.rstrip("\n").split("\t")[2] for line in f if line.startswith("1\t")]
    return sets


def written(data):
    """Sentences written for skills, and such without any."""
    with gzip.open(os.path.join(data, "synthetic", "pairs.jsonl.gz"), "rt", encoding="utf-8") as f:
        yes = [json.loads(line)["sentence"] for line in f]
    skape = rows_of(os.path.join(data, "skillskape", "train.csv"))
    with open(os.path.join(data, "gate", "none.txt"), encoding="utf-8") as f:
        no = f.read().split("\n")
    return yes + [r["sentence"] for r in skape if "UNK" not in r["skills"]], [s for s in no if s.strip()]


class Set:
    def __init__(self, features, sentences, probabilities):
        self.sentences, self.probabilities, self.looks = sentences, probabilities, features.look(sentences)


def train(a, features, teaching, texts):
    import numpy
    from sklearn.linear_model import LogisticRegression
    yes, no = texts
    taught = [(look, p > POSITIVE_FROM) for look, p, s in zip(teaching.looks, teaching.probabilities, teaching.sentences)
              if p > POSITIVE_FROM or not REQUIREMENT.search(s)]
    looks = [look for look, _ in taught] + features.look(yes) + features.look(no)
    wanted = [asks for _, asks in taught] + [True] * len(yes) + [False] * len(no)
    weights = [1.0] * len(taught) + [float(WRITTEN_WEIGHT)] * len(yes) + [1.0] * len(no)
    features.learn(looks)
    model = LogisticRegression(C=a.strength, penalty="l1", max_iter=100, solver="liblinear", random_state=1)
    return model.fit(features.matrix(looks), numpy.array(wanted), sample_weight=numpy.array(weights))


def is_letter(c):
    """As first_stage.c has it: ASCII letters, and what is not punctuation by its block of Unicode."""
    code = ord(c)
    return c.isascii() and c.isalpha() or 0xC0 <= code and code not in (0xD7, 0xF7) and not 0x2000 <= code < 0x2C00


class Table:
    """The model as it is written: whole hundredths, words without weight left out."""

    def __init__(self, model, features):
        n, weights = len(features.names), [round(100 * float(w)) for w in model.coef_[0]]
        self.words = {t: w for t, w in zip(features.names, weights) if w}
        self.lengths, rest = weights[n:n + LENGTHS], weights[n + LENGTHS:]
        self.most, self.mean, self.bias = rest[:MOST_STEPS], rest[MOST_STEPS:], round(100 * float(model.intercept_[0]))

    def logit(self, look):
        _, most, mean, tokens = look
        total = self.bias + sum(self.words.get(t, 0) for t in tokens + [a + " " + b for a, b in zip(tokens, tokens[1:])])
        total += self.lengths[min(len(tokens).bit_length(), LENGTHS - 1)]
        total += sum(w for i, w in enumerate(self.most) if most >= STEP * (i + 1))
        return total + sum(w for i, w in enumerate(self.mean) if mean >= STEP * (i + 1))

    def known(self, look):
        letters = [t for t in look[3] if is_letter(t[0])]
        return not letters or sum(t in self.words for t in letters if t[0].isascii()) > KNOWN * len(letters)

    def drops(self, look, level):
        return not look[0] and self.known(look) and self.logit(look) < level

    def write(self, path, a):
        lines = ["/* Made by tests/accuracy/first_stage/fit.py; see first_stage.h. Weights in hundredths: below 0 speaks against a skill. */"]
        lines += ["static const word_weight words[] = {"]
        quote = lambda t: json.dumps(t, ensure_ascii=False)
        lines += ["    {%s, %d}," % (quote(t), w) for t, w in sorted(self.words.items())]
        lines += ["};"]
        for name, values in (("lengths", self.lengths), ("most_steps", self.most), ("mean_steps", self.mean)):
            lines += ["static const short %s[] = {%s};" % (name, ", ".join(map(str, values)))]
        lines += ["enum { BIAS = %d, CAREFUL = %d, FAST = %d };" % (self.bias, a.careful, a.fast)]
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")


def report(table, held, sets):
    names = list(sets)
    print("level    " + "".join(f"{n:>34}" for n in held) + "".join(f"{n:>18}" for n in names))
    for level in range(-450, 101, 25):
        cells = []
        for s in held.values():
            drop = [table.drops(look, level) for look in s.looks]
            size = sum(map(len, s.sentences))
            lost = lambda least: sum(d for d, p in zip(drop, s.probabilities) if p > least) / max(1, sum(p > least for p in s.probabilities))
            cells.append(f"{sum(len(t) for t, d in zip(s.sentences, drop) if d) / size:14.1%} lost {lost(MENTION_FROM):.2%} {lost(STRONG_FROM):.2%}")
        for s in sets.values():
            cells.append(f"{sum(table.drops(look, level) for look in s.looks):10d} of {len(s.looks):4d}")
        print(f"{level:6d}   " + " ".join(cells), flush=True)


def fit(a):
    features = Features(a.tool, a.taxonomy)
    sentences, held = [], {}
    for path in a.files:
        with open(path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        sentences += [r for r in rows if zlib.crc32(r[0].encode()) % 5]
        out = [r for r in rows if not zlib.crc32(r[0].encode()) % 5]
        held[os.path.basename(path)] = Set(features, [r[1] for r in out], [r[2] for r in out])
    teaching = Set(features, [r[1] for r in sentences], [r[2] for r in sentences])
    table = Table(train(a, features, teaching, written(a.data)), features)
    print(f"{len(table.words)} words and pairs, bias {table.bias}, lengths {table.lengths}, steps {table.most} {table.mean}")
    report(table, held, {n: Set(features, s, [1] * len(s)) for n, s in gold(a.data).items()})
    if a.out:
        table.write(a.out, a)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["teach", "fit"])
    for option in ("program", "splitter", "release", "tool", "taxonomy", "data", "out"):
        parser.add_argument("--" + option)
    parser.add_argument("--strength", type=float, default=0.1, help="C of scikit-learn: less is fewer words")
    parser.add_argument("--careful", type=int, default=-125, help="level below which 'careful' drops, in hundredths")
    parser.add_argument("--fast", type=int, default=0, help="likewise 'fast'")
    parser.add_argument("files", nargs="+")
    a = parser.parse_args()
    (teach if a.what == "teach" else fit)(a)


if __name__ == "__main__":
    sys.exit(main())
