#!/usr/bin/env python3
"""200 steps of training beside PyTorch.   train_long_curve.py GOLDEN_TRAIN_CURVE PAIRS.jsonl.gz [STEPS]

make_train.py makes the curve (a quarter of an hour on two cores), the program follows it. The model is looked for where
golden tests look for models. Exit code 77 without torch, the model or the pairs.
"""
import os, pathlib, subprocess, sys, tempfile


def model_folder(name):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(os.environ.get("SKILLSTREAM_MODELS") or os.path.join(cache, "skillstream", "models"), name)


def main():
    program, pairs = sys.argv[1:3]
    steps = sys.argv[3] if len(sys.argv) > 3 else "200"
    model = model_folder("all-MiniLM-L6-v2")
    for path in (pairs, os.path.join(model, "model.safetensors")):
        if not os.path.exists(path):
            print(f"skipped: no {path}")
            return 77
    with tempfile.TemporaryDirectory() as folder:
        curve = os.path.join(folder, "curve.json")
        script = pathlib.Path(__file__).with_name("make_train.py")
        threads = str(len(os.sched_getaffinity(0)))
        made = subprocess.run([sys.executable, script, model, pairs, curve, "--steps", steps, "--threads", threads],
                              check=False).returncode
        return made or subprocess.run([program, curve], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
