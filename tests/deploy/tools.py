"""The checkers of the deployment files: where each is, or why it cannot be had.

  usage: tools.py         gets all of them (ctest's deploy.tools); prints one line each

Go tools are built by `go install` at pinned versions (helm takes minutes, once), Python packages come by hash, promtool and
mandoc are taken out of Debian's packages without installing those (the package prometheus would start a server). Everything
is kept in ${XDG_CACHE_HOME:-~/.cache}/skillstream/tools. A tool on the PATH is used as it is.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import harness as h

HOME = os.path.join(h.CACHE, "tools")
BIN = os.path.join(HOME, "bin")
VENV = os.path.join(HOME, "venv")
REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements.txt")
GO = {"helm": ("helm.sh/helm/v3/cmd/helm@v3.17.3", "helm"),
      "compose-config": ("github.com/compose-spec/compose-go/v2/cmd@v2.4.9", "cmd")}
DEBIAN = {"promtool": "prometheus", "mandoc": "mandoc"}
PYTHON = ("buf", "kubernetes-validate")


def need(name):
    """Path of a tool. Skip with the reason when it is not there; deploy.tools has tried to get it."""
    for path in (shutil.which(name), os.path.join(BIN, name), os.path.join(VENV, "bin", name)):
        if path and os.access(path, os.X_OK):
            return path
    try:
        why = open(os.path.join(HOME, name + ".missing")).read().strip()
    except OSError:
        why = "run tests/deploy/tools.py, or tests/run"
    raise h.Skip(f"{name} is missing: {why}")


def packages():
    """The folder of the Python packages (duckdb, yaml), for sys.path or PYTHONPATH."""
    found = glob.glob(os.path.join(VENV, "lib", "python3*", "site-packages"))
    if not found:
        raise h.Skip("the Python packages of tests/deploy are missing: run tests/deploy/tools.py, or tests/run")
    return found[0]


def _attempt(*command, timeout=1500, **options):
    """None, or the last line of what a failed command said."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=timeout, **options)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return str(failure)
    return None if done.returncode == 0 else (done.stdout.strip().splitlines() or ["no output"])[-1]


def _go(name):
    go = shutil.which("go")
    if not go:
        return "it is built by go (1.23 or newer), which is not installed"
    version = re.search(r"go1\.(\d+)", h.run(go, "version").stdout)
    if version and int(version.group(1)) < 23:
        return f"it is built by go 1.23 or newer, this is {version.group(0)}"
    module, program = GO[name]
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        failure = _attempt("nice", go, "install", module, env=dict(os.environ, GOBIN=folder, GOFLAGS="-trimpath"))
        if not failure:
            os.replace(os.path.join(folder, program), os.path.join(BIN, name))
        return failure and f"go install {module}: {failure}"


def _debian(name):
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return f"it comes out of Debian's package {DEBIAN[name]}, and this is no Debian"
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        os.chmod(folder, 0o755)
        failure = _attempt("apt-get", "-q", "download", DEBIAN[name], cwd=folder)
        found = glob.glob(os.path.join(folder, "*.deb"))
        if failure or not found:
            return f"apt-get download {DEBIAN[name]}: {failure}"
        failure = _attempt("dpkg-deb", "-x", found[0], folder)
        if not failure:
            os.replace(os.path.join(folder, "usr", "bin", name), os.path.join(BIN, name))
        return failure


def _venv():
    mark, want = os.path.join(VENV, ".installed"), open(REQUIREMENTS).read()
    if os.path.exists(mark) and open(mark).read() == want:
        return None
    shutil.rmtree(VENV, ignore_errors=True)
    failure = _attempt(sys.executable, "-m", "venv", VENV) or _attempt(
        os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "-q", "--no-cache-dir", "--disable-pip-version-check",
        "--require-hashes", "--no-deps", "-r", REQUIREMENTS)
    if not failure:
        open(mark, "w").write(want)
    return failure and f"pip install: {failure}"


def _say(name, failure):
    mark = os.path.join(HOME, name + ".missing")
    if failure:
        open(mark, "w").write(failure)
    elif os.path.exists(mark):
        os.remove(mark)
    print(f"{name}: {failure or 'there'}", flush=True)


def get_all():
    os.makedirs(BIN, exist_ok=True)
    failure = _venv()
    for name in PYTHON:
        _say(name, failure)
    for names, get in ((DEBIAN, _debian), (GO, _go)):
        for name in names:
            there = shutil.which(name) or os.path.exists(os.path.join(BIN, name))
            _say(name, None if there else get(name))


if __name__ == "__main__":
    get_all()
