"""A few steps of the project's own recipe on the project's own pairs: all-MiniLM-L6-v2 gets better on skills it has not seen.

A sixteenth of the taxonomy and 30 steps, so that it takes a minute: the full run's figures are in worker/train/README.md.
"""
import os

import harness
import tiny

DATA = os.path.join(harness.TOP, "worker", "train", "data")
RECIPE = os.path.join(harness.TOP, "worker", "train", "recipes", "minilm.conf")


def thirty_steps_of_the_recipe_help_with_unseen_skills():
    harness.need_file(os.path.join(harness.MODEL, "model.safetensors"), "the encoder all-MiniLM-L6-v2")
    harness.need_file(harness.TAXONOMY, "the taxonomy")
    harness.scratch()
    small, out = os.path.join(harness.scratch(), "small.csv"), os.path.join(harness.scratch(), "short")
    harness._small_taxonomy(small, 16)
    harness.skillstream("train", "--encoder", harness.MODEL, "--taxonomy", small, "--recipe", RECIPE, "--out", out,
                        "--max-steps", 30, "--hold-out", "0.2", "--prototypes", "label", "--score", "best",
                        "--keep-best=false", "--patience", 0, "--validate-every", 0, "--first-stage", "none",
                        os.path.join(DATA, "pairs.jsonl.gz"), os.path.join(DATA, "none.txt"), timeout=580)
    result = tiny.result(out)
    print(f"   {result['why']}")
    assert result["lastLoss"] < result["firstLoss"] and result["better"], result


if __name__ == "__main__":
    harness.main(thirty_steps_of_the_recipe_help_with_unseen_skills)
