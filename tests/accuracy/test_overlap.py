"""Word overlap of ads' lines with ESCO, against the formula of overlap.h written down in Python with Python's own Snowball.

  usage: test_overlap.py OVERLAP_TOOL ADS.jsonl      exit code 77: something is missing
The taxonomy is SKILLSTREAM_TAXONOMY, or where compose/get-taxonomy puts it.
"""
import csv
import json
import math
import os
import re
import subprocess
import sys
import unicodedata

LINES = 150
WORD = re.compile(r"(?:[\w+#]|(?<=\w)\.(?=\w))+")


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(77)


def fold(text):
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))


def without_bracket(label):
    """The label without its final bracket, unless that is all there is."""
    label = label.rstrip(" ")
    if not label.endswith(")"):
        return label
    depth = 0
    for at in range(len(label) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(label[at], 0)
        if depth == 0:
            return label[:at] if at else label
    return label


def read_taxonomy(path, words):
    """Per skill (names as sets of words, all words)."""
    skills = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            names = [row["preferredLabel"]] + [a for a in row["altLabels"].split("\n") if a.strip()]
            names = [words(without_bracket(n)) for n in names]
            skills.append((names, set().union(*names, words(row["description"]))))
    return skills


def main():
    tool, ads = sys.argv[1:3]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    taxonomy = os.environ.get("SKILLSTREAM_TAXONOMY") or os.path.join(cache, "skillstream/taxonomy/esco-1.2.csv")
    try:
        import snowballstemmer
    except ImportError:
        skip("the Python package snowballstemmer is missing; tests/run installs it")
    if not os.path.exists(taxonomy):
        skip(f"the taxonomy is missing ({taxonomy}); compose/get-taxonomy gets it")
    stemmer, stems = snowballstemmer.stemmer("english"), {}

    def words(text):
        found = WORD.findall(fold(text))
        for word in found:
            if word not in stems:
                stems[word] = stemmer.stemWord(word)
        return {stems[word] for word in found}

    skills = read_taxonomy(taxonomy, words)
    having = {}
    for _, everything in skills:
        for word in everything:
            having[word] = having.get(word, 0) + 1
    weight = {word: math.log((len(skills) + 1) / (count + 1)) for word, count in having.items()}
    weight = {word: w if w >= 0.5 else 0.0 for word, w in weight.items()}

    def overlap(sentence, names):
        best = 0.0
        for name in names:
            mass = sum(weight[w] for w in name & sentence)
            if mass > 0:
                best = max(best, mass / sum(weight[w] for w in name) * math.sqrt(mass))
        return best

    lines = []
    with open(ads, encoding="utf-8") as file:
        for ad in map(json.loads, file):
            if not isinstance(ad, dict):
                continue
            text = re.sub(r"<[^>]*>", "\n", ad.get("html") or ad.get("text") or "")
            lines += [line.strip() for line in text.split("\n") if line.strip()]
    lines = (lines + ["C++ and C#, Node.js; .NET", "caf\u00e9 \u2013 Fran\u00e7ais", "the of and", ""])[-LINES:]
    done = subprocess.run([tool, taxonomy], input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    ours = [{} for _ in lines]
    for row in done.stdout.splitlines():
        line, skill, value = row.split("\t")
        ours[int(line)][int(skill)] = float(value)
    compared = 0
    for number, line in enumerate(lines):
        sentence = words(line)
        for skill, (names, _) in enumerate(skills):
            theirs = overlap(sentence, names)
            mine = ours[number].get(skill, 0.0)
            assert abs(mine - theirs) < 1e-4, (line, skill, names, mine, theirs)
            compared += theirs > 0
    assert compared > 1000, compared
    print(f"{len(lines)} lines, {compared} overlaps above 0: the same")


main()
