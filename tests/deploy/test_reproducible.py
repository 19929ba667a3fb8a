"""The same sources give the same bytes: the container image's build step, run twice where everything that must not matter
differs (folders, time, umask, time zone, language, number of jobs), installs the same files."""
import hashlib
import os
import shutil
import subprocess

import harness as h

PARTS = ("CMakeLists.txt", "LICENSE", "README.md", "proto", "common", "worker", "producer", "compose/packages.txt",
         "compose/data/ads.jsonl", "compose/docker", "compose/package")  # what Dockerfile.dockerignore lets through
VERSION, COMMIT, EPOCH = "1.2.3", "0123456789", "1700000000"


def sources(folder):
    for part in PARTS:
        source, target = os.path.join(h.TOP, part), os.path.join(folder, part)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target, copy_function=shutil.copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def build(name, jobs, mask, **environment):
    """Returns name of each installed file -> (mode, SHA-256)."""
    place = os.path.join(h.scratch(), name)
    src, out = sources(os.path.join(place, "src")), os.path.join(place, "out")
    os.makedirs(os.path.join(place, "tmp"))
    h.run("bash", os.path.join(src, "compose", "docker", "image"), "build", src, out, timeout=1500, umask=mask,
          env=dict(os.environ, TMPDIR=os.path.join(place, "tmp"), VERSION=VERSION, COMMIT=COMMIT, SOURCE_DATE_EPOCH=EPOCH, JOBS=jobs,
                   **environment))
    found = {}
    for folder, _, files in os.walk(out):
        for file in files:
            path = os.path.join(folder, file)
            with open(path, "rb") as content:
                digest = hashlib.sha256(content.read()).hexdigest()
            found[os.path.relpath(path, out)] = (oct(os.stat(path).st_mode), digest)
    return place, found


def two_builds_in_different_places_give_the_same_bytes():
    one, first = build("a", "1", 0o022, TZ="UTC", LC_ALL="C")
    two, second = build("another-place", "2", 0o027, TZ="Asia/Kathmandu", LC_ALL="C.UTF-8")
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    assert not different, [(name, first.get(name), second.get(name)) for name in different]
    programs = [name for name in first if name.startswith("usr/bin/")]
    assert len(programs) == 4 and len(first) > 20, sorted(first)
    for name in programs:  # nor does a program tell where it was built
        path = os.path.join(one, "out", name)
        with open(path, "rb") as content:
            assert one.encode() not in content.read(), f"{name} holds the name of its build folder"
        assert f"{VERSION} (commit {COMMIT}" in subprocess.check_output([path, "--version"], text=True)
    print(f"        {len(first)} files, {len(programs)} programs: {two} gave what {one} gave")


h.main(two_builds_in_different_places_give_the_same_bytes)
