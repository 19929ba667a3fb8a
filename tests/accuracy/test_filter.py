"""What the first stage does to records of real ads: it takes mentions of some sentences away and changes nothing else;
and how `eval` tells of it.

  usage: test_filter.py SKILLSTREAM ADS.jsonl      exit code 77: something is missing
The encoder is all-MiniLM-L6-v2 under SKILLSTREAM_MODELS, the taxonomy SKILLSTREAM_TAXONOMY, or where compose/get-model and
compose/get-taxonomy put them.
"""
import json
import os
import subprocess
import sys
import tempfile


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(77)


def extract(program, release, ads, *options):
    out = subprocess.run([program, "extract", "--release", release, *options, ads], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def by_sentence(record):
    found = {}
    for m in record.get("mentions", []):
        found.setdefault(m.get("sentenceIndex", 0), []).append(m)
    return found


def without(record, *names):
    return {k: v for k, v in record.items() if k not in names}


def check(program, release, ads):
    full = extract(program, release, ads, "--filter", "off")
    assert sum(len(r.get("mentions", [])) for r in full) > 100
    before = None
    for level in ("careful", "fast"):
        records = extract(program, release, ads, "--filter", level)
        kept = 0
        for all_of_it, record in zip(full, records):
            assert without(all_of_it, "mentions", "scoredSentenceCount", "optionsDigest") == without(record, "mentions", "scoredSentenceCount", "optionsDigest")
            assert all_of_it["optionsDigest"] != record["optionsDigest"], "the filter is told by the digest"
            of_all = by_sentence(all_of_it)
            for sentence, mentions in by_sentence(record).items():
                assert mentions == of_all[sentence], "a sentence keeps all its mentions or none"
            kept += len(record.get("mentions", []))
        scored = sum(r.get("scoredSentenceCount", 0) for r in records)
        of_all = sum(r.get("scoredSentenceCount", 0) for r in full)
        total = sum(len(r.get("mentions", [])) for r in full)
        assert scored < 0.85 * of_all and (before is None or scored < before), (level, scored, of_all)
        assert kept >= 0.95 * total, (level, kept, total)
        print(f"{level}: {scored} of {of_all} sentences scored, {kept} of {total} mentions kept")
        before = scored
        # Neither cache nor threads show in a record; the same ads three times make the cache answer.
        for options in (("--cache-memory", "0", "--threads", "1"), ("--cache-memory", "64M", "--threads", "2")):
            with tempfile.NamedTemporaryFile(suffix=".jsonl") as twice:
                twice.write(open(ads, "rb").read() * 3)
                twice.flush()
                assert extract(program, release, twice.name, "--filter", level, *options) == records * 3


def check_eval(program, release, folder):
    """Its figures with the filter, a label that the list has not, and JSON that is whole though a later file is missing."""
    path = os.path.join(folder, "judged.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("sentence,label\nWrite Java code.,Java (computer programming)\nWe offer equity and health insurance.,flying carpets\n")
    for options, figures in (((), {"unknown": 1, "dropped": 0}), (("--filter", "careful"), {"unknown": 1, "dropped": 1}),
                             (("--mentions",), {"unknown": 1, "sentences": 2, "gold": 2})):
        run = subprocess.run([program, "eval", "--release", release, "--json", *options, path, path + ".missing"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert run.returncode == 1 and "cannot open" in run.stderr, run.stderr
        judged = json.loads(run.stdout)["judged"]
        assert {k: judged[k] for k in figures} == figures, judged


def main():
    program, ads = sys.argv[1:3]
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "skillstream")
    model = os.path.join(os.environ.get("SKILLSTREAM_MODELS") or os.path.join(cache, "models"), "all-MiniLM-L6-v2")
    taxonomy = os.environ.get("SKILLSTREAM_TAXONOMY") or os.path.join(cache, "taxonomy", "esco-1.2.csv")
    for path, way in ((model, "get-model"), (taxonomy, "get-taxonomy")):
        if not os.path.exists(path):
            skip(f"{path} is missing; compose/{way} fetches it")
    with tempfile.TemporaryDirectory() as folder:
        release = os.path.join(folder, "r.release")
        subprocess.run([program, "index", "--encoder", model, "--taxonomy", taxonomy, "--precision", "int8", "--out", release],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check(program, release, ads)
        check_eval(program, release, folder)


if __name__ == "__main__":
    main()
