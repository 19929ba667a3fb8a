"""How the programs are built, read off their ELF files: as installed, and as they lie in the build folder."""
import os
import platform
import re
import shutil

import harness

NAMES = ("skillstream", "skillstream-worker", "skillstream-trainer", "skillstream-producer")
BUILD = os.path.dirname(harness.BIN)
# Functions that FORTIFY_SOURCE has a checked form of, and that every program of ours calls with known sizes.
UNCHECKED = ("snprintf", "vsnprintf", "fprintf")


def elf(option, path):
    return harness.run("readelf", "-W", option, path).stdout


def programs():
    """Those of the build folder, and of an installation made from it where all of it is built."""
    if not shutil.which("readelf"):
        raise harness.Skip("readelf is missing; compose/install installs it")
    found = [os.path.join(harness.BIN, name) for name in NAMES]
    for path in found:
        harness.need_file(path, "a program")
    prefix = os.path.join(harness.scratch(), "installed")
    if os.path.exists(os.path.join(BUILD, "pages", "reference.md")):
        harness.run("cmake", "--install", BUILD, "--prefix", prefix)
        found += [os.path.join(prefix, "bin", name) for name in NAMES]
    return found


def addresses_are_random():
    """PIE: the program itself, not only its libraries, lies where nobody can tell."""
    for path in programs():
        assert re.search(r"Type:\s+DYN", elf("-h", path)) and "PIE" in elf("-d", path), path


def tables_are_read_only_from_the_start():
    """Full RELRO: every symbol is bound at start, then the tables are closed."""
    for path in programs():
        assert "GNU_RELRO" in elf("-l", path), path
        assert re.search(r"\(FLAGS_1\).*\bNOW\b", elf("-d", path)), path


def nothing_is_writable_and_executable():
    for path in programs():
        segments = elf("-l", path)
        (stack,) = re.findall(r"GNU_STACK.* ([R ][W ][E ]) ", segments)
        assert stack == "RW ", (path, stack)
        for flags in re.findall(r"\n  LOAD .* ([R ][W ][E ]) 0x", segments):
            assert flags in ("R  ", "R E", "RW "), (path, flags)
        assert "TEXTREL" not in elf("-d", path), path


def overflows_are_noticed():
    """Stack protector in each program; FORTIFY_SOURCE: the checked form of a function and not the plain one."""
    for path in programs():
        symbols = set(re.findall(r" UND (\w+)@", elf("--dyn-syms", path)))
        assert "__stack_chk_fail" in symbols, path
        assert any(name.endswith("_chk") and name != "__stack_chk_fail" for name in symbols), path
        for name in UNCHECKED:
            assert name not in symbols or f"__{name}_chk" in symbols, (path, name)


def jumps_land_where_they_may():
    """Where the compiler can: marks for indirect branch tracking and shadow stacks (x86)."""
    if platform.machine() != "x86_64":
        return
    for path in programs():
        marks = harness.run("objdump", "-d", "--no-show-raw-insn", "-j", ".text", path).stdout.count("\tendbr64")
        assert marks > 300, (path, marks)


def libraries_are_found_by_the_system_alone():
    """No RPATH or RUNPATH; one with an empty part would look into the current directory."""
    for path in programs():
        assert not re.search(r"\((RPATH|RUNPATH)\)", elf("-d", path)), path


harness.main(addresses_are_random, tables_are_read_only_from_the_start, nothing_is_writable_and_executable,
             overflows_are_noticed, jumps_land_where_they_may, libraries_are_found_by_the_system_alone)
