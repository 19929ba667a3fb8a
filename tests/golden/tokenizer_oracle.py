"""Our token ids against the Python package `tokenizers`, live, on seeded random text.

    tokenizer_oracle.py PRINT_IDS_PROGRAM [MODEL_FOLDER ...] [--count N] [--seed N] [--characters]

Random texts are drawn from every script, combining marks, control characters, added tokens (written fully, in other
case, and broken), long words and pieces of the vocabulary. --characters also asks for every single character of
Unicode between two letters. Exit code 77 if the package or the models are missing.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys

MODELS = ("all-MiniLM-L6-v2", "all-mpnet-base-v2")
LIMIT = 128


def model_folders():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    root = pathlib.Path(os.environ.get("SKILLSTREAM_MODELS") or pathlib.Path(cache) / "skillstream" / "models")
    return [root / name for name in MODELS if (root / name / "tokenizer.json").exists()]


def any_character(rng):
    blocks = [(0x20, 0x7E)] * 6 + [(0, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x370, 0x52F)] + [
        (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0xEFF), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F),
        (0x2070, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE00, 0xFFFD),
        (0x1D100, 0x1D1FF), (0x1F300, 0x1FAFF), (0x20000, 0x2FFFF), (0, 0x10FFFF)]
    while True:
        c = rng.randint(*rng.choice(blocks))
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def piece(rng, words, added):
    kind = rng.randrange(8)
    if kind < 2:
        return "".join(any_character(rng) for _ in range(rng.randint(1, 12)))
    if kind < 5:
        word = rng.choice(words)
        word = word[2:] if word.startswith("##") and rng.random() < 0.9 else word
        return rng.choice((word, word.upper(), word.title(), word + rng.choice(words)))
    if kind == 5:
        token = rng.choice(added)
        at = rng.randrange(len(token))
        return rng.choice((token, token.upper(), token.lower(), token[:at], token[:at] + any_character(rng) + token[at:]))
    if kind == 6:
        return rng.choice("ab1é界") * rng.randint(95, 105)
    return "".join(rng.choice("aeiouAEIOUnIİςΣßǅ") + "".join(chr(rng.randint(0x300, 0x36F)) for _ in range(rng.randint(0, 3)))
                   for _ in range(rng.randint(1, 6)))


def texts_for(rng, count, words, added):
    for _ in range(count):
        parts = [piece(rng, words, added) for _ in range(rng.choice((0, 1, 2, 5, 20, 200)))]
        yield "".join(part + rng.choice((" ", "", "\t", "\u00a0", ", ")) for part in parts)


def check(program, folder, options):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words = sorted(tokenizer.get_vocab(with_added_tokens=False))
    added = [token["content"] for token in json.loads((folder / "tokenizer.json").read_text())["added_tokens"]]
    texts = list(texts_for(random.Random(options.seed), options.count, words, added))
    if options.characters:
        texts += ["a" + chr(c) + "b " + chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    ours = subprocess.run([program, str(folder), str(LIMIT)], input="".join(json.dumps(t) + "\n" for t in texts),
                          capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(ours) == len(texts), f"{len(ours)} lines for {len(texts)} texts"
    wrong, tokens = 0, 0
    for text, line in zip(texts, ours):
        full, *ids = map(int, line.split())
        theirs = tokenizer.encode(text).ids
        expected = theirs if len(theirs) <= LIMIT else theirs[:LIMIT - 1] + theirs[-1:]
        tokens += len(theirs)
        if ids != expected or full != len(theirs):
            wrong += 1
            if wrong <= 5:
                print(f"  {text[:60]!a}: {ids[:16]} instead of {expected[:16]}; {full} of {len(theirs)}")
    print(f"{folder.name}: {len(texts)} texts, {tokens} tokens, {wrong} texts differ")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--characters", action="store_true")
    options = parser.parse_args()
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        print("skipped: the Python package 'tokenizers' is not installed")
        return 77
    folders = options.models or model_folders()
    if not folders:
        print("skipped: no models; set SKILLSTREAM_MODELS to their folder")
        return 77
    return 1 if sum([check(options.program, folder, options) for folder in folders]) else 0


if __name__ == "__main__":
    sys.exit(main())
