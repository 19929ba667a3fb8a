"""The checkers of the deployment files: where each is, or why it cannot be had.

  usage: tools.py         gets all of them (ctest's deploy.tools); prints one line each

Go tools are built by `go install` at pinned versions (helm takes minutes, once), Python packages come by hash, promtool and
mandoc are taken out of Debian's packages without installing those (the package prometheus would start a server). What KEDA
and the Prometheus operator define for Kubernetes comes out of their own Go modules, by hash. Everything is kept in
${XDG_CACHE_HOME:-~/.cache}/skillstream/tools. A tool on the PATH is used as it is.
"""
import glob
import hashlib
import json
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
HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "requirements.txt")
GO = {"helm": ("helm.sh/helm/v3/cmd/helm@v3.17.3", "helm"),
      "compose-config": ("github.com/compose-spec/compose-go/v2/cmd@v2.4.9", "cmd")}
SOURCES = {"dashboard-schema": "dashboard_schema"}  # Go programs of this folder
# module and version -> its hash, and the files wanted of it. The oldest that the chart promises to work with, and a recent one.
KEDA, OPERATOR = "github.com/kedacore/keda/v2@", "github.com/prometheus-operator/prometheus-operator@"
KEDA_FILES = ["config/crd/bases/keda.sh_scaledobjects.yaml", "config/crd/bases/keda.sh_triggerauthentications.yaml"]
OPERATOR_FILES = [f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
                  for kind in ("podmonitors", "prometheusrules", "servicemonitors")]
DEFINITIONS = {
    KEDA + "v2.12.0": ("h1:yvonNclPzmqIW9S9/aVMjeBnCsS6a85MXtXrK9nma9M=", KEDA_FILES),
    KEDA + "v2.21.0": ("h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=", KEDA_FILES + ["schema/generated/scalers-schema.json"]),
    OPERATOR + "v0.70.0": ("h1:kMufKWvqJl08Kh0oue3VLmTsowYKKqCQJa7tqXo+DJI=", OPERATOR_FILES),
    OPERATOR + "v0.85.0": ("h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=", OPERATOR_FILES),
}
DEBIAN = {"prometheus": ("promtool", "prometheus"), "mandoc": ("mandoc",)}  # package -> programs
PYTHON = ("buf", "kubernetes-validate")


def need(name):
    """Path of a tool. Skip with the reason when it is not there; deploy.tools has tried to get it."""
    for path in (shutil.which(name), os.path.join(BIN, name), os.path.join(VENV, "bin", name)):
        if path and os.access(path, os.X_OK):
            return path
    raise _missing(name)


def definitions():
    """Folders of DEFINITIONS' files, one per module and version."""
    folders = [_definitions_of(module) for module in DEFINITIONS]
    if not all(map(os.path.isdir, folders)):
        raise _missing("definitions")
    return folders


def _missing(name):
    try:
        why = open(os.path.join(HOME, name + ".missing")).read().strip()
    except OSError:
        why = "run tests/deploy/tools.py, or tests/run"
    return h.Skip(f"{name} is missing: {why}")


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


def _lacks_go():
    go = shutil.which("go")
    if not go:
        return "it is got by go (1.23 or newer), which is not installed"
    version = re.search(r"go1\.(\d+)", h.run(go, "version").stdout)
    if version and int(version.group(1)) < 23:
        return f"it is got by go 1.23 or newer, this is {version.group(0)}"
    return None


def _go(name):
    go, lack = shutil.which("go"), _lacks_go()
    if lack:
        return lack
    module, program = GO[name]
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        failure = _attempt("nice", go, "install", module, env=dict(os.environ, GOBIN=folder, GOFLAGS="-trimpath"))
        if not failure:
            os.replace(os.path.join(folder, program), os.path.join(BIN, name))
        return failure and f"go install {module}: {failure}"


def _source(name):
    """Builds a program of this folder; the dependencies' hashes are in its go.sum."""
    lack, folder = _lacks_go(), os.path.join(HERE, SOURCES[name])
    new = os.path.join(BIN, name + ".new")
    failure = lack or _attempt("nice", "go", "build", "-trimpath", "-mod=readonly", "-o", new, ".", cwd=folder)
    if not failure:
        os.replace(new, os.path.join(BIN, name))
    return failure


def _is_newest(name):
    """The program is younger than its sources."""
    path, sources = os.path.join(BIN, name), glob.glob(os.path.join(HERE, SOURCES[name], "*"))
    return os.path.exists(path) and os.path.getmtime(path) > max(map(os.path.getmtime, sources))


def _definitions_of(module):
    mark = hashlib.sha256(repr(DEFINITIONS[module]).encode()).hexdigest()[:8]
    return os.path.join(HOME, "definitions", module.removeprefix("github.com/").replace("/", "-") + "-" + mark)


def _definitions(module):
    """The module by `go mod download`, checked against our hash as well as Go's; the files wanted go to a folder of their own."""
    lack, target = _lacks_go(), _definitions_of(module)
    if lack or os.path.isdir(target):
        return lack
    want, names = DEFINITIONS[module]
    done = h.run("go", "mod", "download", "-json", module, check=False, timeout=300, cwd=HOME)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        told = {"Error": done.stderr.strip() or "no answer"}
    if told.get("Error") or told["Sum"] != want:
        return f"go mod download {module}: {told.get('Error') or 'another hash than the one pinned'}"
    shutil.rmtree(target + ".new", ignore_errors=True)
    os.makedirs(target + ".new")
    for name in names:
        shutil.copyfile(os.path.join(told["Dir"], name), os.path.join(target + ".new", os.path.basename(name)))
    os.rename(target + ".new", target)
    return None


def _debian(package):
    """All of DEBIAN's programs of a package."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return f"it comes out of Debian's package {package}, and this is no Debian"
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        os.chmod(folder, 0o755)
        failure = _attempt("apt-get", "-q", "download", package, cwd=folder)
        found = glob.glob(os.path.join(folder, "*.deb"))
        if failure or not found:
            return f"apt-get download {package}: {failure}"
        failure = _attempt("dpkg-deb", "-x", found[0], folder)
        for name in DEBIAN[package] if not failure else ():
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
    failures = [failure for failure in map(_definitions, DEFINITIONS) if failure]
    _say("definitions", failures[0] if failures else None)
    for name in SOURCES:
        _say(name, None if _is_newest(name) else _source(name))
    for package, names in DEBIAN.items():
        failure = None if all(map(_is_there, names)) else _debian(package)
        for name in names:
            _say(name, failure)
    for name in GO:
        _say(name, None if _is_there(name) else _go(name))


def _is_there(name):
    return shutil.which(name) or os.path.exists(os.path.join(BIN, name))


if __name__ == "__main__":
    get_all()
