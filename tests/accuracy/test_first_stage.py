"""The first stage's logit and verdict on ads' lines, against the formula of first_stage.h written down in Python.

  usage: test_first_stage.py FIRST_STAGE_TOOL WORDS.inc ADS.jsonl      exit code 77: something is missing
Named skills and overlaps are taken from the tool: test_overlap.py and unit tests have them. The taxonomy is
SKILLSTREAM_TAXONOMY, or where compose/get-taxonomy puts it.
"""
import json
import os
import re
import subprocess
import sys

URL, MAIL = r"(?P<url>(?i:https?://|www\.)[^\s\u200b\ufeff]*)", r"(?P<mail>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]+)"
TOKEN = re.compile(URL + "|" + MAIL + r"|[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9\u200b\ufeff]")
ODD = ["", " ", "a", "Z9z", "C++ & C#!", "we\u2019re \u2014 10,000 users\u2026", "na\u00efve \u00c5ngstr\u00f6m", "\u6211\u4eec", "x" * 200,
       "\u00a0tabs\tand\u2003spaces\u00a0", "50 % of 3.5m \u20ac", "We are a startup. " * 40, "see (HTTP://a.b/c?d=\u00e9) or www.x.org.",
       "mail a.b+c@x-y.org, or a@", "@home a@b@c 9@9", "x" * 65 + "@y.org", "a." * 200, "www", "http:/"]


ASKS = ["You will design and test embedded software for machines.", "Experience in writing technical documentation is required.",
        "Ability to communicate clearly with customers and colleagues.", "You must be a registered surgeon."]


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(77)


def read_table(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    words = {json.loads(t): int(w) for t, w in re.findall(r'^    \{("(?:[^"\\]|\\.)*"), (-?\d+)\},$', text, re.M)}
    rows = {n: [int(x) for x in v.split(",")] for n, v in re.findall(r"short (\w+)\[\] = \{([^}]*)\}", text)}
    levels = {n: int(v) for n, v in re.findall(r"(\w+) = (-?\d+)", text)}
    assert len(words) == text.count("\n    {") and len(words) > 1000, "every line of the table is understood"
    return words, rows, levels


def tokens_of(line):
    found = [(m.lastgroup, m.group()) for m in TOKEN.finditer(line)]
    return [f"<{kind}>" if kind else "0" if t[0] in "0123456789" else t[:31].lower() if t.isascii() else t for kind, t in found]


def is_letter(c):
    code = ord(c)
    return c.isascii() and c.isalpha() or 0xC0 <= code and code not in (0xD7, 0xF7) and not 0x2000 <= code < 0x2C00


def steps(weights, x):
    return sum(w for i, w in enumerate(weights) if x >= 0.25 * (i + 1))


def strings(value):
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)


def main():
    tool, table, ads = sys.argv[1:4]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    taxonomy = os.environ.get("SKILLSTREAM_TAXONOMY") or os.path.join(cache, "skillstream/taxonomy/esco-1.2.csv")
    if not os.path.exists(taxonomy):
        skip(f"{taxonomy} is missing; compose/get-taxonomy fetches it")
    words, rows, levels = read_table(table)
    with open(ads, encoding="utf-8") as f:
        lines = [line for ad in f for text in strings(json.loads(ad)) for line in re.split(r"<[^>]*>|\n|(?<=[.!?]) ", text)]
    lines = [" ".join(line.split()) for line in lines] + ODD + ASKS
    out = subprocess.run([tool, taxonomy], input="".join(l + "\n" for l in lines).encode(), stdout=subprocess.PIPE, check=True)
    answers = [line.split("\t") for line in out.stdout.decode().split("\n")[:-1]]
    assert len(answers) == len(lines)
    dropped = 0
    for line, (logit, named, most, mean, careful, fast, tokens) in zip(lines, answers):
        want = tokens_of(line)
        assert tokens.split(" ") == want or (not tokens and not want), (line, tokens, want)
        total = levels["BIAS"] + sum(words.get(t, 0) for t in want + [f"{a} {b}" for a, b in zip(want, want[1:])])
        total += rows["lengths"][min(len(want).bit_length(), len(rows["lengths"]) - 1)]
        total += steps(rows["most_steps"], float(most)) + steps(rows["mean_steps"], float(mean))
        assert float(logit) * 100 == total or abs(float(logit) * 100 - total) < 1e-6, (line, logit, total)
        letters = [t for t in want if is_letter(t[0])]
        known = not letters or 2 * sum(t.isascii() and t in words for t in letters) > len(letters)
        for passes, level in ((careful, "CAREFUL"), (fast, "FAST")):
            assert (passes == "0") == (named == "0" and known and total < levels[level]), (line, level)
        dropped += careful == "0"
        assert careful == "1" or line not in ASKS, line
    assert 30 < dropped < len(lines) - 30, "both kinds of sentence were among the lines"
    print(f"{len(lines)} lines, {dropped} dropped: all as by the formula")


if __name__ == "__main__":
    main()
