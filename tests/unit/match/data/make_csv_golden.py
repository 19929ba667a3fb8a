#!/usr/bin/env python3
"""Writes csv_golden.json: what Python's csv module reads from every short text over  a , " LF CR.

    python3 make_csv_golden.py > csv_golden.json

Each case is [text, rows]; rows is null where a quoted field is not closed, which our reader refuses and Python accepts.
Blank lines, which csv.reader returns as [], are left out, as csv.DictReader leaves them out.
"""
import csv
import io
import itertools
import json


def rows(text):
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as e:
        if "unexpected end of data" in str(e):
            return None
    return [r for r in csv.reader(io.StringIO(text, newline="")) if r]


cases = []
for n in range(5):
    for t in itertools.product('a,"\n\r', repeat=n):
        text = "".join(t)
        cases.append([text, rows(text)])
print("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]")
