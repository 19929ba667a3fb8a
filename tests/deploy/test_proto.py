"""The messages through buf: lint, and no breaking change against what was promised.

data/promised.binpb holds the messages of the last version that users have. A release renews it:
buf build proto --exclude-source-info -o tests/deploy/data/promised.binpb
"""
import os
import shutil

import harness as h
import tools

PROTO = os.path.join(h.TOP, "proto")
PROMISED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "promised.binpb")


def buf(*words, **options):
    return h.run(tools.need("buf"), *words, env=dict(os.environ, BUF_CACHE_DIR=os.path.join(h.scratch(), "buf")), **options)


def lint_finds_nothing():
    buf("lint", PROTO)


def nothing_breaks_readers_of_earlier_records():
    buf("breaking", PROTO, "--against", PROMISED)


def the_breaking_check_is_alive():
    changed = os.path.join(h.scratch(), "changed")
    shutil.copytree(PROTO, changed)
    path = os.path.join(changed, "skillstream", "v1", "skill_record.proto")
    text = open(path).read()
    with open(path, "w") as file:
        file.write(text.replace("float probability = 5;", "float probability = 15;"))
    done = buf("breaking", changed, "--against", PROTO, check=False)
    assert done.returncode != 0 and "SkillMention" in done.stdout, done.stdout


h.main(lint_finds_nothing, nothing_breaks_readers_of_earlier_records, the_breaking_check_is_alive)
