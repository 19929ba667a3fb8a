"""What the benchmarks of this folder share: where things are, what is missing, interleaved runs, tables.

A benchmark prints Markdown tables (those of README.md are such output) and, with --json FILE, writes its figures. It exits
0, 1 when a ratio is under its --least, or 77 with a line "SKIP: reason" when something that it needs is not there.

Programs of both sides are timed by ../shared/peers/bench_encoder.py: every program is one long-lived process that makes a
pass when it is told to, one after the other in turns, so that a busy machine slows all of them; what counts are the ratios
pass by pass. Nothing here lowers the priority of what it times.

Environment: SKILLSTREAM_BUILD (build/ of this checkout), SKILLSTREAM_BIN (its bin/), SKILLSTREAM_MODELS, and of the peers
SKILLSTREAM_PEER_PYTHON (a Python that has their packages), SKILLSTREAM_PEER_MODELS (the ONNX and OpenVINO files).
"""
import argparse
import gzip
import importlib
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(TOP), "shared")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "skillstream")
BUILD = os.environ.get("SKILLSTREAM_BUILD") or os.path.join(TOP, "build")
BIN = os.environ.get("SKILLSTREAM_BIN") or os.path.join(BUILD, "bin")
MODELS = os.environ.get("SKILLSTREAM_MODELS") or os.path.join(CACHE, "models")
PEERS = os.path.join(SHARED, "peers")
DRIVER = os.path.join(PEERS, "bench_encoder.py")
CORPUS = os.path.join(PEERS, "corpus_sent.txt.gz")
ESCO = os.path.join(SHARED, "data", "esco", "skills_en.csv.gz")
ADS = os.path.join(SHARED, "data", "ads", "hn_hiring.jsonl.gz")
FOLDER = {"minilm": "all-MiniLM-L6-v2", "mpnet": "all-mpnet-base-v2"}
PEER_HOME = os.path.join(CACHE, "peers")


# ---- what is there ----

def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(77)


def need(path, what):
    if not os.path.exists(path):
        skip(f"{what} is missing ({path})")
    return path


def program(*place):
    """A program of the build: program("bin", "skillstream"), program("tests", "golden", "golden_speed")."""
    path = os.path.join(BIN, *place[1:]) if place[0] == "bin" else os.path.join(BUILD, *place)
    return need(path, f"the program {place[-1]} (build the tests, or set SKILLSTREAM_BUILD)")


def model_folder(model):
    need(os.path.join(MODELS, FOLDER[model], "model.safetensors"), f"the encoder {FOLDER[model]} (compose/get-model)")
    return os.path.join(MODELS, FOLDER[model])


def peer_python(set_up=False):
    """A Python that has torch, sentence-transformers, onnxruntime, OpenVINO, faiss, selectolax and blingfire."""
    python = os.environ.get("SKILLSTREAM_PEER_PYTHON") or os.path.join(PEER_HOME, "venv", "bin", "python")
    need(PEERS, "../shared/peers")
    if set_up and not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", os.path.join(PEER_HOME, "venv")], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-cache-dir", "-r",
                        os.path.join(PEERS, "requirements.txt")], check=True)
    if not os.path.exists(python):
        skip("no Python with the peers' packages: set SKILLSTREAM_PEER_PYTHON, or --set-up (10 GB)")
    return python


# What a peer runs of ../shared/peers/export_models.py's files; the others need none.
EXPORTED = {"ort": ".opt.onnx", "ort-int8": ".int8.onnx", "ov": ".onnx", "ov-int8": ".ov_int8.xml"}


def peer_models(model, engines, set_up=False):
    """The folder with the ONNX and OpenVINO files of the engines (names as in EXPORTED)."""
    folder = os.environ.get("SKILLSTREAM_PEER_MODELS") or os.path.join(PEER_HOME, "exp")
    wanted = [os.path.join(folder, model + EXPORTED[e]) for e in engines if e in EXPORTED]
    if set_up and not all(map(os.path.exists, wanted)):
        subprocess.run([peer_python(), os.path.join(PEERS, "export_models.py"), MODELS, folder, CORPUS, model], check=True,
                       env=offline())
    for path in wanted:
        need(path, "a peer's model file (set SKILLSTREAM_PEER_MODELS, or --set-up makes them)")
    return folder


def offline():
    return dict(os.environ, PYTHONDONTWRITEBYTECODE="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")


def release(model, taxonomy=ESCO, name=None, options=()):
    """A release of an encoder and a taxonomy, made anew when the program or the taxonomy is newer."""
    path = os.path.join(BUILD, f"bench-{name or model}.release")
    tool = program("bin", "skillstream")
    need(taxonomy, "the taxonomy")
    newest = max(os.path.getmtime(tool), os.path.getmtime(taxonomy))
    if not os.path.exists(path) or os.path.getmtime(path) < newest:
        subprocess.run([tool, "index", "--encoder", model_folder(model), "--taxonomy", taxonomy, "--out", path + ".new",
                        *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.rename(path + ".new", path)
    return path


def with_packages(*names):
    """Starts the program again with the Python of tests/run when this one has not all of the packages."""
    try:
        for name in names:
            importlib.import_module(name)
    except ImportError:
        python = os.environ.get("SKILLSTREAM_PYTHON") or os.path.join(CACHE, "venv", "bin", "python")
        if os.path.exists(python) and os.path.abspath(python) != sys.executable:
            os.execv(python, [python, *sys.argv])


# ---- options ----

def parser(description, **defaults):
    """Options that every benchmark has; `defaults` replaces theirs."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--repeats", type=int, default=defaults.get("repeats", 5), help="passes of each program, in turns")
    made.add_argument("--json", metavar="FILE", help="write the figures there")
    return made


def extract_options(made):
    made.add_argument("--extract", default="", metavar="OPTIONS",
                      help="further options of skillstream extract, as in --extract='--filter off'")


# ---- interleaved runs ----

def interleave(python, what, engines, repeats, options=(), check=False):
    """Runs the engines of bench_encoder.py (`what`: run or ads) in turns and returns its result; rows in their order. Its
    own table goes to stderr."""
    with tempfile.TemporaryDirectory() as folder:
        result = os.path.join(folder, "result.json")
        command = [python, DRIVER, what, "--repeats", str(repeats), "--json", result, *map(str, options)]
        for engine in engines:
            command += ["--engine", engine]
        subprocess.run(command if check else command + ["--no-check"], check=True, env=offline(), stdout=sys.stderr)
        with open(result, encoding="utf-8") as file:
            found = json.load(file)
    missing = len(engines) - len(found["rows"])
    if missing:
        sys.exit(f"{sys.argv[0]}: {missing} of the programs did not start")
    return found


def ratio(base, other, of="wall"):
    """How many times faster `other` is than `base`: (median of the passes, least, most)."""
    found = sorted(b / max(o, 1e-9) for b, o in zip(base[of], other[of]))
    return statistics.median(found), found[0], found[-1]


def others(rows):
    """Cores that other processes took: mean over all passes."""
    return statistics.mean(x for row in rows for x in row["others"])


class Served:
    """One program of the line protocol by itself, where each has a file of its own (scale). Figures as in the rows above:
    self.row["wall"], ["cpu"] by pass, ["others"]."""

    def __init__(self, name, command):
        self.name, self.row = name, dict(wall=[], cpu=[], others=[])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"{sys.argv[0]}: {name} did not start")

    def go(self):
        cpu_start, busy, start = cpu_seconds(self.process.pid), busy_seconds(), time.perf_counter()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.row["tokens"] = int(self.process.stdout.readline())
        wall, used = time.perf_counter() - start, cpu_seconds(self.process.pid) - cpu_start
        self.row["wall"].append(wall)
        self.row["cpu"].append(used)
        self.row["others"].append(max(0.0, busy_seconds() - busy - used) / wall)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def in_turns(programs, repeats):
    """Passes of Served programs in turns; ends them."""
    try:
        for _ in range(repeats):
            for one in programs:
                one.go()
    finally:
        for one in programs:
            one.end()


def cpu_seconds(pid):
    """User and system time of a process, all threads."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    """MiB of the lines of /proc/PID/status that speak of memory."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return {key: int(kb) / 1024 for key, kb in re.findall(r"^(VmHWM|VmRSS|RssAnon|RssFile|RssShmem):\s+(\d+) kB", file.read(), re.M)}


def busy_seconds():
    """Of all processors, since the start of the machine."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(x) for x in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


# ---- output ----

def commit():
    done = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or "unknown"


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        text = file.read()
    name = next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")), "?")
    flags = text.split("flags", 1)[-1].split("\n", 1)[0].split()
    widest = next((f for f in ("avx512_vnni", "avx512f", "avx_vnni", "avx2") if f in flags), "no AVX2")
    return f"{name}, {widest}, {os.cpu_count()} cores"


def heading(text):
    print(f"\n{text}; {time.strftime('%Y-%m-%d')}, {cpu()}, commit {commit()}\n", flush=True)


def table(columns, rows):
    """A Markdown table; cells are text or numbers."""
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        print("| " + " | ".join(cell if isinstance(cell, str) else figure(cell) for cell in row) + " |")
    print(flush=True)


def figure(value):
    """A number with three digits that count."""
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if size < 0.0005:
        return "0"
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.2g}"


def spread(values):
    """"4.10 (3.97 to 4.19)" of (median, least, most)."""
    return f"{values[0]:.2f} ({values[1]:.2f} to {values[2]:.2f})"


def write(path, figures):
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(dict(figures, date=time.strftime("%Y-%m-%d"), cpu=cpu(), commit=commit()), file, indent=1)


def lines_of(path, count=None):
    """The first lines of a file, gzip or not."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line in (itertools.islice(file, count) if count else file)]


def gzipped(path):
    """The same file as bench_encoder.py wants it, beside it; returns its path."""
    with open(path, "rb") as plain, gzip.open(path + ".gz", "wb", 1) as out:
        out.write(plain.read())
    return path + ".gz"
