"""What the build makes of the option tables: manual pages through mandoc, completions through the shells themselves."""
import glob
import os
import re
import shutil

import harness as h
import tools

PAGES = os.path.join(os.environ.get("SKILLSTREAM_BUILD") or os.path.join(h.TOP, "build"), "pages")


def each_manual_page_is_clean():
    pages = glob.glob(os.path.join(PAGES, "man1", "*.1.gz"))
    assert len(pages) >= 10, pages
    for page in pages:
        # without a date on purpose: the same sources give the same page
        done = h.run(tools.need("mandoc"), "-T", "lint", "-W", "warning", page, check=False)
        rest = [line for line in done.stdout.splitlines() if "missing date" not in line]
        assert not rest, rest


def each_command_has_a_page_with_all_its_options():
    words = re.findall(r"^  ([a-z]+) ", h.skillstream("--help").stdout.split("COMMANDS")[1].split("OTHER")[0], re.M)
    assert "extract" in words and "completion" in words
    for word in words:
        page = h.run(tools.need("mandoc"), "-T", "ascii", os.path.join(PAGES, "man1", f"skillstream-{word}.1.gz")).stdout
        page = re.sub(".\b", "", page)
        for option in re.findall(r"^ +(--[a-z-]+)", h.skillstream(word, "--help").stdout, re.M):
            assert option in page, f"skillstream-{word}(1) lacks {option}"


def shells_can_read_their_scripts():
    checked = []
    for shell, pattern in (("bash", "bash/*"), ("zsh", "zsh/*"), ("fish", "fish/*")):
        if not shutil.which(shell):
            continue
        for script in glob.glob(os.path.join(PAGES, pattern)):
            h.run(shell, "-n", script)
        checked.append(shell)
    print(f"        read by: {', '.join(checked)}")
    assert "bash" in checked


def bash_completes(line):
    words = line.split(" ")
    quoted = " ".join(f"'{w}'" for w in words)
    function = "_" + words[0].replace("-", "_")
    script = os.path.join(PAGES, "bash", words[0])
    return h.run("bash", "-c", f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; {function}; "
                 "printf '%s\\n' \"${COMPREPLY[@]}\"").stdout.split()


def bash_offers_what_the_programs_take():
    assert bash_completes("skillstream ex") == ["extract"]
    assert bash_completes("skillstream extract --input-format ") == ["jsonl", "text", "html"]
    assert "--threshold" in bash_completes("skillstream extract --th")
    assert bash_completes("skillstream-worker --framing c") == ["confluent"]
    assert bash_completes("skillstream-worker --no-f") == ["--no-follow"]


def fish_offers_what_the_programs_take():
    if not shutil.which("fish"):
        print("        fish is not installed: not tried")
        return
    done = h.run("fish", "-c", f"source {PAGES}/fish/skillstream.fish; complete -C 'skillstream extract --input-format '")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["html", "jsonl", "text"], done.stdout


def pages_are_there():
    if not os.path.isdir(PAGES):
        raise h.Skip("the build made no pages (target pages)")


h.main(pages_are_there, each_manual_page_is_clean, each_command_has_a_page_with_all_its_options, shells_can_read_their_scripts,
       bash_offers_what_the_programs_take, fish_offers_what_the_programs_take)
