"""compose/capacity.md says what its script computes."""
import os
import sys

import harness as h

FOLDER = os.path.join(h.TOP, "compose")


def the_table_is_what_the_script_prints():
    table = h.run(sys.executable, os.path.join(FOLDER, "capacity.py")).stdout.strip()
    with open(os.path.join(FOLDER, "capacity.md")) as file:
        assert table in file.read(), "renew the table in compose/capacity.md:\n" + table


def workers_never_exceed_partitions():
    sys.path.insert(0, FOLDER)
    import capacity
    for ads in (1, 1e5, 3e7, 1e9):
        o = capacity.options().parse_args([])
        n = capacity.need(ads, o)
        assert 2 <= n["workers"] <= n["partitions"] and n["cores"] * 1000 / o.cpu_ms >= n["peak"] * 0.8


h.main(the_table_is_what_the_script_prints, workers_never_exceed_partitions)
