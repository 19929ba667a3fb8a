#!/usr/bin/env python3
"""Is a model that we trained and saved the same model for sentence-transformers?   train_saved.py GOLDEN_TRAIN_SAVE RUN.json

Lets the program train a few steps and save, loads the folder with sentence-transformers, and compares the vectors of the
run's first batch. Exit code 77 without sentence-transformers or the model.
"""
import json, os, subprocess, sys, tempfile


def main():
    program, path = sys.argv[1:]
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    try:
        import numpy as np
        from sentence_transformers import SentenceTransformer
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    texts = [pair[side] for side in (0, 1) for pair in run["batches"][0]]
    with tempfile.TemporaryDirectory() as folder:
        status = subprocess.run([program, path, folder], check=False).returncode
        if status:
            return status
        ours = np.fromfile(os.path.join(folder, "vectors.bin"), dtype="<f4").reshape(len(texts), -1)
        model = SentenceTransformer(folder, device="cpu")
        model.max_seq_length = run["max_len"]
        theirs = model.encode(texts, batch_size=1, normalize_embeddings=True)
    difference = float(np.abs(ours - theirs).max())
    print(f"{len(texts)} vectors of the trained model: components differ by at most {difference:.1e}")
    return 0 if difference < 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
