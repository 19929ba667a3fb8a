#!/usr/bin/env python3
"""A run of training as PyTorch makes it, for golden_train_curve to follow.

  make_train.py MODEL_DIR PAIRS OUT.json [--batch 16] [--steps 10] [--max-len 64] [--lr 2e-5]
                [--threads 1] [--double] [--gradients]

PAIRS: JSON lines with "sentence" and "label" (plain or gzip); every n-th is taken, so that they are spread over the
file, labels distinct within a batch. The loss is sentence-transformers' MultipleNegativesRankingLoss (scale 20, cosine),
dropout off, gradients clipped to norm 1, torch.optim.AdamW with one group. With --double all of it in double precision,
so that what differs is the follower's rounding alone (the gradient norm that torch computes in single precision is 7e-5
off for mpnet).
OUT.json: options, pairs of each step, and for each step the loss, the gradient norm before clipping, and the L2 norm of
all weights afterwards. With --gradients also, for each tensor's gradient in the first step, its norm and its products
with PROJECTIONS vectors of signs: the mean square of their differences estimates the squared distance of two gradients
without storing one. The sign of element i in vector k is bit k of splitmix64(crc32(name) * 2^32 + i).
Needs torch and sentence-transformers; exit code 77 without them.
"""
import argparse, gzip, json, os, sys, zlib

PROJECTIONS = 16


def read_pairs(path, count):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    step = max(1, len(rows) // (2 * count))
    if step % 3 == 0:  # three sentences a skill lie behind each other: take one of each kind in turn
        step += 1
    return [(row["sentence"], row["label"]) for row in rows[::step]]


def cut_batches(pairs, batch, steps):
    batches, current = [], []
    for sentence, label in pairs:
        if any(label == other for _, other in current):
            continue
        current.append((sentence, label))
        if len(current) == batch:
            batches.append(current)
            current = []
        if len(batches) == steps:
            return batches
    sys.exit(f"only {len(batches)} batches in the file")


def signs(name, count):
    """(PROJECTIONS, count) of +-1; the output function of splitmix64 on a counter."""
    import numpy as np
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()) << 32)
        z += np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    for k in range(PROJECTIONS):
        yield 1.0 - 2.0 * ((z >> np.uint64(k)) & np.uint64(1)).astype(np.float64)


def describe(name, gradient):
    flat = gradient.detach().double().numpy().ravel()
    return dict(norm=float((flat @ flat) ** 0.5), projections=[float(flat @ s) for s in signs(name, flat.size)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("out")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--max-len", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--gradients", action="store_true")
    args = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    try:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.losses import MultipleNegativesRankingLoss
    except ImportError as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    batches = cut_batches(read_pairs(args.pairs, args.batch * args.steps), args.batch, args.steps)
    model = SentenceTransformer(args.model, device="cpu")
    model.max_seq_length = args.max_len
    model.eval()  # no dropout; gradients all the same
    if args.double:
        model.double()
    transformer = model[0].model if hasattr(model[0], "model") else model[0].auto_model
    loss_of = MultipleNegativesRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    tokenize = model.preprocess if hasattr(model, "preprocess") else model.tokenize
    run = dict(model=os.path.basename(args.model.rstrip("/")), max_len=args.max_len, lr=args.lr, betas=[0.9, 0.999],
               eps=1e-8, weight_decay=0.01, clip=1.0, scale=20.0, torch=torch.__version__, double=args.double, loss=[], grad_norm=[],
               weight_norm=[])
    for number, batch in enumerate(batches):
        loss = loss_of([tokenize([pair[side] for pair in batch]) for side in (0, 1)], None)
        loss.backward()
        if number == 0 and args.gradients:
            run["gradients"] = {name: describe(name, p.grad) for name, p in transformer.named_parameters()
                                if p.grad is not None}
        run["loss"].append(float(loss.detach()))
        run["grad_norm"].append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.step()
        optimizer.zero_grad()
        squares = sum((p.detach().double() ** 2).sum() for p in model.parameters())
        run["weight_norm"].append(float(torch.sqrt(squares)))
    run["batches"] = batches
    with open(args.out, "w", encoding="ascii") as file:
        json.dump(run, file, indent=0, ensure_ascii=True)


if __name__ == "__main__":
    main()
