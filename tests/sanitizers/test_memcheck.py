"""Whole programs under Valgrind's memcheck: no use of memory that is undefined, freed or not ours, and nothing lost at the end.

AddressSanitizer sees neither undefined values nor what libraries do to our memory; memcheck does both. It emulates a CPU with
AVX2 and says so in CPUID, so our kernels and OpenBLAS choose theirs for AVX2; those for AVX-512 are AddressSanitizer's alone.
It is some 50 times as slow: the encoder is a tiny one.
"""
import json
import os
import shutil
import sys
import tempfile

import harness as h

sys.path.insert(0, os.path.join(h.TOP, "tests", "trainer"))
import tiny  # noqa: E402

HTML = os.path.join(h.TOP, "tests", "fuzz", "corpus", "html")
MEMCHECK = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--num-callers=30",
            "--fair-sched=yes", "--trace-children=yes", "--trace-children-skip=*redis-server*,*/sh"]
ADS = 8
world = None


def checked(*words, expect=0):
    """Runs our command line under memcheck, with whatever it starts; what memcheck says of any process is a failure. Quiet,
    it says errors only. Returns stdout."""
    folder = tempfile.mkdtemp(prefix="memcheck-", dir=h.scratch())
    done = h.run(*MEMCHECK, f"--log-file={folder}/%p", os.path.join(h.BIN, "skillstream"), *map(str, words), timeout=900,
                 check=False)
    reports = [open(os.path.join(folder, name), errors="replace").read() for name in sorted(os.listdir(folder))]
    assert not any(reports), "\n".join(reports)[:20000]
    assert reports and done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def start():
    global world
    if not shutil.which("valgrind"):
        raise h.Skip("valgrind is missing; tests/run installs it")
    world = tiny.World(os.path.join(h.scratch(), "world"))
    world.ads = world.path("ads.jsonl")
    with open(world.ads, "w") as out:
        for i in range(ADS):
            items = "".join(f"<li>{world.labels[(i * 5 + k) % len(world.labels)]}</li>" for k in range(4))
            print(json.dumps({"id": f"ad-{i}", "title": f"Vacancy {i}", "html": f"<p>caf\u00e9 &amp; bar</p><ul>{items}</ul>"}),
                  file=out)
        print("{ no JSON", file=out)


def an_index_of_each_precision():
    for precision in ("fp32", "int8"):
        checked("index", "--encoder", world.model, "--taxonomy", world.taxonomy, "--precision", precision,
                "--out", f"{world.folder}/{precision}.release", "--threads", 2)


def ads_are_extracted():
    """The last line is no ad, so the exit code is 1; records of the others come all the same."""
    for precision in ("fp32", "int8"):
        out = checked("extract", "--release", f"{world.folder}/{precision}.release", "--threads", 2, "--with-text",
                      world.ads, expect=1)
        records = [json.loads(line) for line in out.splitlines()]
        assert len(records) == ADS and all(r["mentions"] for r in records), out


def hostile_html_is_extracted():
    """The seeds of the fuzz target: each becomes one record."""
    pages = [os.path.join(HTML, name) for name in sorted(os.listdir(HTML))]
    out = checked("extract", "--release", f"{world.folder}/fp32.release", "--threads", 1, "--input-format", "html", *pages)
    assert len(out.splitlines()) == len(pages), out


def an_encoder_is_trained():
    checked("train", "--encoder", world.model, "--taxonomy", world.taxonomy, "--recipe", world.recipe, "--epochs", 1,
            "--out", world.path("trained"), world.pairs)


def the_demo_with_broker_and_worker():
    """The worker is a child, checked as well; redis-server is not ours."""
    out = checked("demo", "--release", f"{world.folder}/int8.release", "--threads", 2, world.ads)
    assert f"{ADS} records ({ADS} with skills" in out, out


h.main(start, an_index_of_each_precision, ads_are_extracted, hostile_html_is_extracted, an_encoder_is_trained,
       the_demo_with_broker_and_worker)
