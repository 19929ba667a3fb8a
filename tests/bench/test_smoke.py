"""Each benchmark runs and prints what it promises: tiny sizes, so the figures themselves mean nothing.

    test_smoke.py encoder|peer|product|tokenizer|scale|stream|train

Checked: the exit code; that there are as many rows in the tables as programs, sizes and settings were asked for, with every
cell filled; that rates, times and ratios are positive numbers. 77 when the benchmark skips itself.
"""
import json
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# name: (options, rows in the tables, the figures that must be positive, as a function of the JSON)
CASES = {
    "encoder": (["--n", "16", "--repeats", "1", "--threads", "1", "--peers", "ov,ov-int8"], 6,
                lambda j: [r[k] for r in j["rows"] for k in ("sentences_s", "tokens_s", "gflops", "cosine")]
                + [r[k] for r in j["limit"] for k in ("gflop", "product_gflops", "openblas_gflops", "share")]),
    "peer": (["--ads", "4", "--repeats", "1", "--encoder", "ov-int8", "--precision", "int8", "--cached"], 2,
             lambda j: [r["ads_s"] for r in j["rows"]]),
    "tokenizer": (["--megabytes", "0.1", "--repeats", "1"], 6, lambda j: [r[k] for r in j["rows"] for k in ("mb_s", "tokens_s")]),
    "scale": (["--skills", "60,120,240", "--length-skills", "240", "--lengths", "100,1000", "--kilobytes", "3", "--repeats", "1"], 7,
              lambda j: [r["ms"] for k in ("skills", "lengths", "threads") for r in j[k]]),
    "stream": (["--small", "--ads", "40", "--repeats", "1", "--seconds", "2"], 14,
               lambda j: [r["ads_s"] for r in j["throughput"]] + [r[k] for r in j["latency"] for k in ("p50", "p99")]
               + [s["ready"] for s in j["start"]] + [j["memory"]["peak"]]),
    "product": (["--repeats", "1", "--kernels", "avx2"], 9, lambda j: [r[k] for r in j["rows"] for k in ("ours", "theirs")]),
    "train": (["--steps", "1", "--batch", "4", "--repeats", "1", "--least", "0"], 0,
              lambda j: [r["s_step_median"] for side in ("theirs", "ours") for r in j[side]]),
}


def table_rows(text):
    """Cells of the tables' rows, without headings and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    heads = {number - 1 for number, line in enumerate(lines) if set(line) <= set("|- ")}
    return [[cell.strip() for cell in line.strip("|").split("|")] for number, line in enumerate(lines)
            if number not in heads and number - 1 not in heads]


def main():
    name = sys.argv[1]
    options, rows, figures = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        done = subprocess.run([sys.executable, os.path.join(HERE, name), *options, "--json", path], stdout=subprocess.PIPE, text=True,
                              check=False)
        print(done.stdout, flush=True)
        if done.returncode == 77:
            sys.exit(77)
        assert done.returncode == 0, done.returncode
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    told = table_rows(done.stdout)
    assert len(told) == rows and all(all(cells) for cells in told), (len(told), told)
    positive = figures(found)
    assert positive and all(isinstance(x, (int, float)) and math.isfinite(x) and x > 0 for x in positive), positive
    assert found["commit"] and found["cpu"]


main()
