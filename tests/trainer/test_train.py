"""`skillstream train`: interrupted in every way it ends with the same bytes; what it says about itself is true."""
import glob
import html.parser
import json
import os
import random
import re
import signal
import subprocess
import time

import harness
import tiny

LONG = tiny.RECIPE.replace("epochs = 30", "epochs = 100") + """\
hard-negatives = 1
hard-every = 40
validate-every = 200
keep-best = true
"""
EPOCH = {"SOURCE_DATE_EPOCH": "1764115200"}  # the same release whenever it is built


def _environment():
    return dict(os.environ, **EPOCH)


def _command(world, out, *more):
    return [os.path.join(harness.BIN, "skillstream"), "train", *world.options(), "--out", out, *more, world.pairs]


def _train(world, out, *more, **options):
    return harness.run(*_command(world, out, *more), env=_environment(), **options)


def _long_world(name):
    return tiny.World(os.path.join(harness.scratch(), name), recipe=LONG)


_reference = {}


def _undisturbed():
    """The long training, run once without interruption: (world, its result, seconds)."""
    if not _reference:
        world = _long_world("undisturbed")
        start = time.monotonic()
        _train(world, world.path("out"))
        _reference.update(world=world, result=tiny.result(world.path("out")), seconds=time.monotonic() - start)
    return _reference["world"], _reference["result"], _reference["seconds"]


def _same(result, reference):
    for key in ("weights", "release", "data", "steps", "firstLoss", "lastLoss", "difference"):
        assert result[key] == reference[key], (key, result[key], reference[key])


def killed_ten_times_it_ends_with_the_same_bytes():
    world, reference, seconds = _undisturbed()
    out, chance, kills = world.path("killed"), random.Random(5), 0
    while kills < 10:
        process = harness.spawn(_command(world, out, "--resume"), env=_environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.05, seconds / 10))
        except subprocess.TimeoutExpired:
            pass
        if process.poll() is not None:
            assert process.returncode == 0, process.returncode
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills == 10, f"only {kills} kills before it was finished"
    if not os.path.exists(os.path.join(out, "result.json")):
        _train(world, out, "--resume")
    _same(tiny.result(out), reference)
    print(f"   killed {kills} times in a training of {seconds:.1f} s")


def asked_to_stop_it_writes_a_checkpoint_and_goes_on_later():
    world, reference, _ = _undisturbed()
    out, stops = world.path("stopped"), 0
    while True:
        process = harness.spawn(_command(world, out, "--resume", "--threads", str(1 + stops % 2)), env=_environment(),
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.6)
        process.send_signal(signal.SIGTERM)
        text = process.communicate(timeout=60)[1]
        if process.returncode == 0:
            break
        assert process.returncode == 1 and re.search(r"stopped after \d+ of \d+ steps", text) and "--resume" in text, text
        assert os.path.exists(os.path.join(out, "checkpoint"))
        stops += 1
        assert stops < 100
    assert stops >= 1
    _same(tiny.result(out), reference)


def a_damaged_checkpoint_gives_way_to_the_one_before():
    world, reference, seconds = _undisturbed()
    out = world.path("damaged")
    process = harness.spawn(_command(world, out), env=_environment(), stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    harness.until(lambda: os.path.exists(os.path.join(out, "checkpoint.previous")), "two checkpoints")
    process.kill()
    process.wait()
    path = os.path.join(out, "checkpoint")
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0xff]))
    text = _train(world, out, "--resume").stderr
    assert "checksum" in text and "the checkpoint before it" in text, text
    _same(tiny.result(out), reference)


def an_unfinished_training_is_not_overwritten_and_a_finished_one_not_repeated():
    world = tiny.World(os.path.join(harness.scratch(), "careful"))
    out = world.path("out")
    _train(world, out)
    again = _train(world, out, check=False)
    assert again.returncode == 2 and "finished" in again.stderr, again
    assert _train(world, out, "--resume").returncode == 0
    world, _, _ = _undisturbed()
    out = world.path("half")
    process = harness.spawn(_command(world, out), env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    harness.until(lambda: os.path.exists(os.path.join(out, "checkpoint")), "a checkpoint")
    process.kill()
    process.wait()
    refused = _train(world, out, check=False)
    assert refused.returncode == 2 and "--resume" in refused.stderr, refused
    other = _train(world, out, "--resume", "--lr", "1e-3", check=False)
    assert other.returncode == 78 and "lr=" in other.stderr, other
    with open(world.path("other.jsonl"), "w") as file:
        file.write("\n".join(world.lines()[:100]))
    command = _command(world, out, "--resume")
    command[-1] = world.path("other.jsonl")
    other = harness.run(*command, check=False)
    assert other.returncode == 78 and "other data" in other.stderr, other


def figures_before_and_after_are_those_of_eval():
    world = tiny.World(os.path.join(harness.scratch(), "figures"))
    out = world.path("out")
    _train(world, out)
    result = tiny.result(out)
    assert result["judged"] and result["better"] and not result["published"], result
    harness.skillstream("index", "--encoder", world.model, "--taxonomy", world.taxonomy, "--out", world.path("before.release"))
    for when, release in (("before", world.path("before.release")), ("after", os.path.join(out, "model.release"))):
        evaluated = json.loads(harness.skillstream("eval", "--json", "--release", release, world.validation).stdout)
        for figure in ("RP@1", "RP@5", "RP@10", "MRR"):
            assert abs(evaluated["validation"][figure] - result["sets"]["validation"][when][figure]) < 1e-3, (when, figure)
    # the exported folder is an encoder like any other, and the release holds the same one
    texts = world.path("texts.txt")
    with open(texts, "w") as file:
        file.write("\n".join(world.labels[:5]) + "\n")
    with open(texts) as a, open(texts) as b:
        from_folder = harness.skillstream("embed", "--encoder", os.path.join(out, "encoder"), stdin=a).stdout
        from_release = harness.skillstream("embed", "--release", os.path.join(out, "model.release"), stdin=b).stdout
    assert from_folder == from_release and from_folder.count("\n") == 5
    notes = _manifest(os.path.join(out, "model.release"))["notes"]
    assert notes["training.weights"] == result["weights"] and notes["training.data"] == result["data"]
    assert "RP@5" in notes["training.before"] and "RP@5" in notes["training.after"] and "lr=" in notes["training.recipe"]
    assert notes["training.curve"].split()[-1].startswith(f"{result['steps']}:")


def _manifest(path):
    with open(path, "rb") as file:
        head = file.read(80)
        return json.loads(file.read(int.from_bytes(head[12:16], "little")))


class _Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.outside, self.lines, self.text = [], [], 0, ""

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "link", "line", "polyline"):
            self.open.append(tag)
        self.lines += tag == "polyline"
        self.outside += [v for k, v in attributes if k in ("src", "href")] + [tag] * (tag in ("script", "link"))

    def handle_startendtag(self, tag, attributes):
        self.lines += tag == "polyline"

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data


def the_report_is_one_page_with_curve_and_table():
    world, reference, _ = _undisturbed()
    page = _Page()
    with open(world.path("out/report.html")) as file:
        page.feed(file.read())
    assert page.open == [] and page.outside == [], (page.open, page.outside)
    assert page.lines >= 5  # loss and accuracy twice, validation twice, learning rate
    with open(world.path("out/report.html")) as file:
        assert "nan" not in file.read()
    for wanted in (reference["weights"], reference["release"], "validation", "hard-negatives=1",
                   f"{reference['sets']['validation']['after']['RP@5']:.2f}"):
        assert wanted in page.text, wanted


def the_skill_matrix_and_prototypes_of_a_recipe_reach_the_release():
    world = tiny.World(os.path.join(harness.scratch(), "prototypes"),
                       recipe=tiny.RECIPE + "prototypes = label,alternatives\nscore = mean-label-best\nname = my-name\n")
    _train(world, world.path("out"))
    manifest = _manifest(world.path("out/model.release"))
    assert manifest["name"] == "my-name" and manifest["notes"]["score"] == "mean-label-best", manifest


def refused_pairs_are_listed_with_file_line_and_reason():
    world = tiny.World(os.path.join(harness.scratch(), "refused"))
    with open(world.pairs, "a") as file:
        file.write('{"sentence": "a", "skill": "http://example.org/none"}\n{"sentence": "", "skill": "x"}\nrubbish\n')
        file.write(json.dumps({"sentence": "b" * 5000, "skill": world.labels[0]}) + "\n" + world.lines()[0] + "\n")
    done = _train(world, world.path("out"))
    assert f"4 of {len(world.examples) + 5} pairs are refused" in done.stderr and "1 doubles" in done.stderr, done.stderr
    with open(world.path("out/refused.txt")) as file:
        rows = [line.split("\t") for line in file.read().splitlines()]
    first = len(world.examples) + 1
    assert [(int(row[0].rsplit(":", 1)[1]) - first, row[1]) for row in rows] == [
        (0, "unknown-skill"), (1, "bad-line"), (2, "bad-line"), (3, "long-sentence")], rows


def sentences_without_a_skill_make_a_gate():
    world = tiny.World(os.path.join(harness.scratch(), "gate"))
    none = ["Free parking on site.", "Founded in 1987.", "Salary paid monthly.", "Apply by Friday.", "We are a family firm."]
    with open(world.path("none.txt"), "w") as file:
        file.write("\n".join(none) + "\n")
    done = _train(world, world.path("out"), "--join-none", "0.5", world.path("none.txt"))
    assert "5 sentences without a skill" in done.stderr, done.stderr
    manifest = _manifest(world.path("out/model.release"))
    assert "gate" in [blob["name"] for blob in manifest["blobs"]] and ", 5 without" in manifest["notes"]["training.pairs"]
    with open(world.path("out/gate.csv")) as file:
        rows = file.read().splitlines()[1:]
    assert rows[-5:] == [f'"{sentence}",""' for sentence in none] and 5 <= len(rows) - 5 <= 11, rows
    _train(world, world.path("off"), "--gate", "off", world.path("none.txt"))
    assert "gate" not in [blob["name"] for blob in _manifest(world.path("off/model.release"))["blobs"]]


def a_training_that_teaches_nothing_is_kept_aside():
    world = tiny.World(os.path.join(harness.scratch(), "nothing"), recipe=tiny.RECIPE.replace("lr = 5e-3", "lr = 0"))
    out = _train(world, world.path("out")).stdout
    result = tiny.result(world.path("out"))
    assert "Kept aside, not surely better" in out and not result["better"] and result["difference"] == 0, (out, result)


def held_back_skills_make_a_validation_set():
    world = tiny.World(os.path.join(harness.scratch(), "held"), recipe=tiny.RECIPE + "hold-out = 0.2\n")
    _train(world, world.path("out"))
    result = tiny.result(world.path("out"))
    with open(world.path("out/held-out.csv")) as file:
        rows = file.read().splitlines()[1:]
    assert set(result["sets"]) == {"validation", "held-out"}
    assert result["pairs"] + len(rows) == len(world.examples) and rows
    kept_back = {row.rsplit(",", 1)[1].strip('"') for row in rows}
    trained = {world.labels[skill] for skill, _ in world.examples} - kept_back
    assert 4 <= len(kept_back) <= 24 and len(trained) + len(kept_back) == tiny.SKILLS


def wrong_input_is_told_before_anything_is_computed():
    world = tiny.World(os.path.join(harness.scratch(), "wrong"))
    cases = [(["--validate", "/no/such.csv"], 1, "/no/such.csv"), (["--calibrate", "/no/such.csv"], 1, "/no/such.csv"),
             (["--batch", "0"], 2, "batch"), (["--keep-best"], 78, "validate-every"),
             (["--alternative-positives", "0.7", "--description-positives", "0.7"], 78, "alternative-positives"),
             (["--encoder", world.folder], 1, "modules.json")]
    for number, (options, code, text) in enumerate(cases):
        done = _train(world, world.path(f"out{number}"), *options, check=False)
        assert done.returncode == code and text in done.stderr, (options, done.returncode, done.stderr)
    bad = world.path("bad.conf")
    with open(bad, "w") as file:
        file.write("bach = 3\n")
    done = _train(world, world.path("out"), "--recipe", bad, check=False)
    assert done.returncode == 78 and "bach" in done.stderr and "batch" in done.stderr, done
    lint = harness.skillstream("lint", "--program", "recipe", bad, check=False)
    assert lint.returncode == 78 and "batch" in lint.stdout, lint


def the_recipes_of_the_project_are_fine():
    for path in glob.glob(os.path.join(harness.TOP, "worker", "train", "recipes", "*.conf")):
        harness.skillstream("lint", "--program", "recipe", path)


def lint_knows_every_program():
    harness.scratch()
    path = os.path.join(harness.scratch(), "program.conf")
    for program, good, bad in (("skillstream-worker", "top = 3", "topp = 3"), ("skillstream-trainer", "batch = 32", "batch = many"),
                               ("skillstream-producer", "max-cost = 3", "max-cots = 3")):
        for line, code in ((good, 0), (bad, 78)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(line + "\n")
            done = harness.skillstream("lint", "--program", program, path, check=False)
            assert done.returncode == code and (code == 0 or line.split()[0] in done.stdout), (program, line, done)


def a_disk_without_room_for_checkpoints_is_told():
    """A limit on file size stands for the full disk; unit.trainer.session has the case with older checkpoints."""
    world, _, _ = _undisturbed()
    out = world.path("full")
    size = os.path.getsize(os.path.join(world.path("out"), "encoder", "model.safetensors"))
    limit = ["bash", "-c", f"ulimit -f {size * 2 // 1024}; trap '' XFSZ; exec \"$@\"", "bash"]
    done = harness.run(*limit, *_command(world, out), env=_environment(), check=False, timeout=300)
    assert done.returncode == 1 and "cannot write a checkpoint" in done.stderr and "goes on" in done.stderr, done
    assert not glob.glob(os.path.join(out, "checkpoint*"))


def sentence_transformers_gives_the_same_vectors():
    try:
        import sentence_transformers
    except ImportError:
        raise harness.Skip("sentence-transformers is not installed") from None
    world = tiny.World(os.path.join(harness.scratch(), "peer"))
    harness.need_file(os.path.join(harness.MODEL, "model.safetensors"), "the encoder all-MiniLM-L6-v2")
    out = world.path("out")
    _train(world, out, "--encoder", harness.MODEL, "--max-steps", "2", "--lr", "1e-4")
    texts = world.labels[:8] + ["A longer sentence about manual work, and some more."]
    with open(world.path("texts.txt"), "w") as file:
        file.write("\n".join(texts) + "\n")
    with open(world.path("texts.txt")) as file:
        ours = [json.loads(line) for line in
                harness.skillstream("embed", "--encoder", os.path.join(out, "encoder"), stdin=file).stdout.splitlines()]
    theirs = sentence_transformers.SentenceTransformer(os.path.join(out, "encoder"), device="cpu").encode(
        texts, normalize_embeddings=True)
    for a, b in zip(ours, theirs):
        assert sum(x * float(y) for x, y in zip(a, b)) > 0.99999


if __name__ == "__main__":
    cases = [killed_ten_times_it_ends_with_the_same_bytes, asked_to_stop_it_writes_a_checkpoint_and_goes_on_later,
             a_damaged_checkpoint_gives_way_to_the_one_before,
             an_unfinished_training_is_not_overwritten_and_a_finished_one_not_repeated,
             figures_before_and_after_are_those_of_eval, the_report_is_one_page_with_curve_and_table,
             the_skill_matrix_and_prototypes_of_a_recipe_reach_the_release,
             refused_pairs_are_listed_with_file_line_and_reason, sentences_without_a_skill_make_a_gate, a_training_that_teaches_nothing_is_kept_aside,
             held_back_skills_make_a_validation_set, wrong_input_is_told_before_anything_is_computed,
             the_recipes_of_the_project_are_fine, lint_knows_every_program, a_disk_without_room_for_checkpoints_is_told]
    try:
        import sentence_transformers  # noqa: F401
        cases.append(sentence_transformers_gives_the_same_vectors)
    except ImportError:
        print("   sentence-transformers is not installed: its comparison is left out")
    harness.main(*cases)
