"""The metrics that the programs have, by the sources that make them."""
import os
import re

import harness as h

SOURCES = ("worker/extract/worker_metrics.c", "worker/train/trainer_metrics.c", "producer/producer_metrics.c")


def known():
    names = set()
    for source in SOURCES:
        with open(os.path.join(h.TOP, source)) as file:
            names.update(re.findall(r'"(skillstream_[a-z_]+)"', file.read()))
    return names


def unknown(text):
    """Names in PromQL that no program has; series of a histogram count as the histogram."""
    asked = set(re.findall(r"\b(skillstream_[a-z_]+)\b", text))
    return {name for name in asked if name not in known() and re.sub("_(bucket|sum|count)$", "", name) not in known()}
