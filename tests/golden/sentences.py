"""Our sentence splitter beside pySBD on the golden rules and on the web texts of UD English EWT.

    sentences.py PRINT_SENTENCES_PROGRAM GOLDEN_RULES.jsonl [EWT.jsonl]

Prints documents that are right as a whole and F1 of the borders between sentences (counted in non-blank characters), and fails
if ours keeps fewer golden rules or has a lower F1 on EWT. Exit code 77 if the package `pysbd` (0.3.4 was used) is missing.
ICU is compared in tests/unit/text/test_sentence_oracle.c.
"""

import json
import pathlib
import subprocess
import sys


def dense(text):
    return len("".join(text.split()))


def borders(text, sentences):
    """Ends of sentences but the last, in non-blank characters from the beginning."""
    found, at = set(), 0
    for sentence in sentences:
        begin = text.find(sentence, at)
        if sentence and begin >= 0:
            at = begin + len(sentence)
            found.add(dense(text[:at]))
    return found - {dense(text)}


def score(documents, split):
    right = both = made = expected = 0
    for document, sentences in zip(documents, split, strict=True):
        gold, ours = borders(document["text"], document["sentences"]), borders(document["text"], sentences)
        right += gold == ours
        both, made, expected = both + len(gold & ours), made + len(ours), expected + len(gold)
    return right, 2 * both / (made + expected)


def split_by_us(program, documents):
    lines = "".join(json.dumps({"text": d["text"]}) + "\n" for d in documents)
    done = subprocess.run([program], input=lines, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    try:
        import pysbd
    except ImportError:
        print("skipped: the Python package pysbd is missing")
        return 77
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    segmenter = pysbd.Segmenter(language="en", clean=False)
    worse = False
    for number, path in enumerate(map(pathlib.Path, sys.argv[2:])):
        if not path.exists():
            print(f"skipped: {path} is not there")
            continue
        documents = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        ours = score(documents, split_by_us(sys.argv[1], documents))
        theirs = score(documents, [[s.strip() for s in segmenter.segment(d["text"])] for d in documents])
        print(f"{path.name}: {len(documents)} documents")
        for name, (right, f1) in (("skillstream", ours), ("pySBD", theirs)):
            print(f"  {name:12} {right:4} right, F1 of borders {f1:.4f}")
        worse |= ours[number > 0] < theirs[number > 0]
    return int(worse)


if __name__ == "__main__":
    sys.exit(main())
